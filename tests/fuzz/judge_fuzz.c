/* fuzz: assistant */
/* A model's answer (what stands behind the first empty line) to a question about a passage (what
 * stands before it): every citation is true, and the confidence is one. */
#include "base/utf8.h"
#include "domain/assistant/cite.h"
#include "domain/assistant/judge.h"
#include "domain/assistant/policy_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct judgement *j, struct str passage)
{
    must(j->confidence >= 0 && j->confidence <= 1 && j->action[0]);
    for (size_t i = 0; i < j->citation_count; i++) {
        const struct citation *c = &j->citations[i];
        must(c->start >= 0 && c->start < c->end && (size_t)c->end <= passage.n);
        must(str_eq(c->quote,
                    str_sub(passage, (size_t)c->start, (size_t)c->end - (size_t)c->start)));
    }
    for (size_t i = 0; i < j->signal_count; i++) {
        must(j->signals[i].value >= 0 && j->signals[i].value <= 1);
    }
}

static void run(struct arena *a, struct str passage, struct str raw)
{
    struct policy policy;
    struct passage p = {.document_name = STR("a.md"), .end = (int64_t)passage.n, .text = passage};
    SCOPED(markers_fini) struct marker_filter f = markers_make(a, raw.n + 1);
    (void)markers_feed(&f, raw);
    (void)markers_end(&f);
    policy_default(&policy);
    const struct judge_in in = {.policy = &policy,
                                .answer = buf_view(&f.visible),
                                .markers = f.items,
                                .marker_count = f.count,
                                .says_unknown = f.unknown,
                                .says_handover = f.handover,
                                .passages = &p,
                                .passage_count = 1,
                                .searched = true,
                                .coverage = 0.5,
                                .margin = 0.5,
                                .question = str_sub(passage, 0, utf8_floor(passage, 100)),
                                .language = STR("en"),
                                .finish_reason = STR("stop")};
    const struct judgement j = judge(a, &in);
    check(&j, passage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct str all = {(const char *)data, n};
    const ptrdiff_t end = str_find(all, STR("\n\n"), 0);
    if (end <= 0 || n > 8192 || !utf8_is_text(all)) {
        return 0;
    }
    SCOPED(arena_free) struct arena *a = arena_new();
    run(a, str_sub(all, 0, (size_t)end), str_sub(all, (size_t)end + 2, n));
    return 0;
}
