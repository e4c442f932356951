#include "domain/assistant/followup.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "domain/assistant/texts.h"
#include "ext/llm_words.h"

enum { SHORT_QUESTION = 4 }; /* content words up to which a pronoun needs what it stands for */

bool followup_is(struct arena *a, struct str question, struct str language)
{
    const struct str folded = llm_fold(a, question);
    const struct llm_words all = llm_words_of(a, folded);
    const struct llm_words content = llm_content_words(a, folded);
    if (!all.count || phrase_is(folded, PHRASES_GREETINGS) || phrase_is(folded, PHRASES_THANKS)) {
        return false;
    }
    if (!content.count || phrase_begins(folded, language, PHRASES_STARTERS)) {
        return true;
    }
    if (content.count <= SHORT_QUESTION && phrases_in(folded, language, PHRASES_PRONOUNS) > 0) {
        return true;
    }
    return content.count == 1 && all.count > 1 &&
           !str_eq(content.items[0], all.items[all.count - 1]);
}

struct str followup_whole(struct arena *a, struct str question, struct str language,
                          const struct str *earlier, size_t count)
{
    const struct str last = utf8_prefix(str_trim(question), FOLLOWUP_MAX);
    struct str lines[FOLLOWUP_BACK];
    size_t n = 0;
    struct str at = last;
    for (size_t i = 0; i < count && n < FOLLOWUP_BACK && followup_is(a, at, language); i++) {
        const struct str line = str_trim(earlier[i]);
        if (llm_content_words(a, llm_fold(a, line)).count) {
            lines[n++] = line;
            at = line;
        }
    }
    SCOPED(buf_fini) struct buf b = buf_make(2 * FOLLOWUP_MAX + 16);
    while (n > 0) {
        const struct str line = lines[--n];
        if (b.n + line.n + 1 + last.n <= FOLLOWUP_MAX) {
            for (size_t i = 0; i < line.n; i++) {
                buf_char(&b, line.p[i] == '\n' ? ' ' : line.p[i]);
            }
            buf_char(&b, '\n');
        }
    }
    for (size_t i = 0; i < last.n; i++) {
        buf_char(&b, last.p[i] == '\n' ? ' ' : last.p[i]);
    }
    return str_dup(a, buf_view(&b));
}
