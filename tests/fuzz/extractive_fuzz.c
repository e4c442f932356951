/* fuzz: assistant */
/* The built-in answerer: a question (the first line) about a passage (the rest). Each quote that it
 * gives stands in the passage, and its pieces are the whole answer. */
#include "base/utf8.h"
#include "domain/assistant/markers.h"
#include "ext/llm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void on_piece(void *arg, struct str text)
{
    buf_str(arg, text);
}

/* Line ends are the only thing that a quote changes. */
static struct str on_one_line(struct arena *a, struct str text)
{
    const struct str copy = str_dup(a, text);
    for (size_t i = 0; i < copy.n; i++) {
        if (copy.p[i] == '\n') {
            ((char *)(uintptr_t)copy.p)[i] = ' ';
        }
    }
    return copy;
}

static void check_quotes(struct arena *a, struct str answer, struct str passage)
{
    SCOPED(markers_fini) struct marker_filter f = markers_make(a, answer.n + 1);
    const struct str line = on_one_line(a, passage);
    (void)markers_feed(&f, answer);
    (void)markers_end(&f);
    for (size_t i = 0; i < f.count; i++) {
        must(f.items[i].number == 1);
        must(str_find(line, str_trim(f.items[i].quote), 0) >= 0);
    }
}

static void run(struct cx *cx, struct str question, struct str passage)
{
    SCOPED(buf_fini) struct buf pieces = buf_make(MB);
    const struct llm_passage p = {.number = 1, .text = passage, .coverage = 1.0};
    const struct llm_request rq = {.passages = &p,
                                   .passage_count = 1,
                                   .question = question,
                                   .language = STR("en"),
                                   .known = true};
    struct llm_answer answer = {};
    must(!llm_extractive.answer(cx, NULL, &rq, on_piece, &pieces, &answer));
    must(str_eq(answer.text, buf_view(&pieces)) && utf8_valid(answer.text));
    must(answer.missed >= 0 && answer.missed <= 1);
    check_quotes(cx->arena, answer.text, passage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct str all = {(const char *)data, n};
    const ptrdiff_t end = str_find_char(all, '\n', 0);
    if (end <= 0 || n > 4096 || !utf8_is_text(all)) {
        return 0;
    }
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, NULL);
    run(&cx, str_sub(all, 0, (size_t)end), str_sub(all, (size_t)end + 1, n));
    return 0;
}
