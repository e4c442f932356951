/* fuzz: assistant */
/* A quote (the first line) in a text (the rest): what is found lies inside, on boundaries of code
 * points; and any words of the text itself are found. */
#include "base/utf8.h"
#include "domain/assistant/quote.h"
#include "ext/llm_sentence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_place(struct str text, struct quote_place p)
{
    must(p.start < p.end && p.end <= text.n);
    must(utf8_floor(text, p.start) == p.start);
    must(p.end == text.n || utf8_floor(text, p.end) == p.end);
    must(utf8_valid(str_sub(text, p.start, p.end - p.start)));
}

static void check_sentences(struct arena *a, struct str text)
{
    size_t count = 0;
    size_t last = 0;
    const struct llm_sentence *s = llm_sentences(a, text, &count);
    for (size_t i = 0; i < count; i++) {
        must(s[i].start >= last && s[i].start < s[i].end && s[i].end <= text.n);
        last = s[i].end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct str all = {(const char *)data, n};
    if (n < 2 || n > 8192 || !utf8_valid(all)) {
        return 0;
    }
    struct arena *a = arena_new();
    const ptrdiff_t nl = str_find_char(all, '\n', 0);
    const size_t cut = nl < 0 ? 0 : (size_t)nl;
    const struct str text = str_sub(all, nl < 0 ? 0 : cut + 1, n);
    struct quote_place p;
    if (quote_find(a, text, str_sub(all, 0, cut), &p)) {
        check_place(text, p);
    }
    if (quote_find(a, text, text, &p)) {
        check_place(text, p);
    }
    check_sentences(a, text);
    arena_free(&a);
    return 0;
}
