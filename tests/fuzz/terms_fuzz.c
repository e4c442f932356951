/* fuzz: knowledge */
/* Any text in any language: search text of clean terms, the same again when asked again, and a
 * question whose words are found in its own search text. */
#include "base/utf8.h"
#include "domain/knowledge/fold.h"
#include "domain/knowledge/language.h"
#include "domain/knowledge/near.h"
#include "domain/knowledge/terms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_terms(struct str all)
{
    struct str term;
    while (all.n && str_split(&all, ' ', &term)) {
        must(term.n && term.n < FOLD_MAX && utf8_valid(term));
        for (size_t i = 0; i < term.n; i++) {
            const unsigned char c = (unsigned char)term.p[i];
            must(c >= 0x80 || c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'));
        }
        must(near_slips(term, term, 2) == (term.n > 64 ? 3 : 0));
    }
}

static bool has_term(struct str all, struct str wanted)
{
    struct str term;
    while (all.n && str_split(&all, ' ', &term)) {
        if (str_eq(term, wanted)) {
            return true;
        }
    }
    return false;
}

static void check_question(struct terms *t, struct arena *a, struct str text, struct str all)
{
    struct query_word *words;
    size_t count;
    terms_query(t, a, text, &words, &count);
    for (size_t i = 0; i < count && i < 200; i++) {
        must(words[i].start < words[i].end && words[i].end <= text.n);
        must(words[i].stop || words[i].alt_count);
        must(words[i].stop || has_term(all, words[i].alts[0]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const languages[] = {"en", "de", "fr", "es", "it", "pt",
                                            "nl", "pl", "hr", "ar", "zh", ""};
    const struct str text = {(const char *)data + 1, n ? n - 1 : 0};
    if (!n || !utf8_valid(text)) {
        return 0;
    }
    struct arena *a = arena_new();
    struct terms *t = terms_new(str_of(languages[data[0] % COUNT(languages)]));
    SCOPED(buf_fini) struct buf b = buf_make(64 * MB);
    (void)terms_index(t, text, &b);
    check_terms(buf_view(&b));
    check_question(t, a, text, buf_view(&b));
    (void)language_guess(text);
    terms_free(&t);
    arena_free(&a);
    return 0;
}
