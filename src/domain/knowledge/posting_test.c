/* What is answered from memory is what the database would answer, through every change of the
 * passages; and memory stays within its bound. */
#include "base/clock.h"
#include "base/conf.h"
#include "domain/knowledge/knowledge_fixture.h"
#include "domain/knowledge/posting_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { DOCUMENTS = 6, PASSAGES = 120, QUESTIONS = 60, TOP = 8 };

static struct knowledge_fixture f;
static uint32_t seed = 7;

static uint32_t dice(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

/* Words of which some stand everywhere, and some in few passages. */
static void put_words(struct buf *b, int count)
{
    static const char *const common[] = {"return", "delivery", "shipping", "refund", "Garantie"};
    for (int i = 0; i < count; i++) {
        if (dice(3) == 0) {
            buf_fmt(b, "%s ", common[dice(COUNT(common))]);
        } else {
            const uint32_t n = dice(20) * dice(20);
            buf_fmt(b, "w%c%cr%c ", 'a' + n % 26, 'a' + n / 26 % 26, 'a' + n % 7);
        }
    }
}

static struct str make_text(struct arena *a)
{
    SCOPED(buf_fini) struct buf b = buf_make(MB);
    for (int i = 0; i < PASSAGES; i++) {
        buf_cstr(&b, "## ");
        put_words(&b, 3);
        buf_cstr(&b, "\n\n");
        put_words(&b, 60);
        buf_cstr(&b, "\n\n");
    }
    return str_dup(a, buf_view(&b));
}

static struct document_id upload(const char *name, struct document_id replaced)
{
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(&f);
    struct document d;
    knowledge_fixture_check(
        &cx, knowledge_fixture_upload(&f, &cx, name, make_text(cx.arena), replaced, &d), "upload");
    return d.id;
}

static void forget(struct document_id id)
{
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(&f);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    knowledge_fixture_check(&cx, db_begin_write(&cx, &tx), "begin");
    knowledge_fixture_check(&cx, document_delete(tx, id), "delete");
    knowledge_fixture_check(&cx, db_commit(tx), "commit");
}

static bool is_held(bool reading)
{
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(&f);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    const struct postings *p;
    knowledge_fixture_check(&cx, reading ? db_begin_read(&cx, &tx) : db_begin_write(&cx, &tx),
                            "begin");
    knowledge_fixture_check(&cx, posting_cache_get(tx, 1, &p), "get");
    return p != NULL;
}

static void assert_same(const struct search_result *a, const struct search_result *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->candidates, b->candidates);
    assert_int_equal(a->known, b->known);
    assert_true(a->coverage == b->coverage && a->margin == b->margin);
    for (size_t i = 0; i < a->count; i++) {
        const struct passage *x = &a->passages[i];
        const struct passage *y = &b->passages[i];
        assert_true(uuid_eq(x->chunk, y->chunk) && uuid_eq(x->document.v, y->document.v));
        assert_true(x->score == y->score && x->coverage == y->coverage);
        assert_true(str_eq(x->text, y->text) && x->version == y->version);
    }
}

static void ask_both_ways(void)
{
    const int64_t memory = conf.search_memory;
    size_t found = 0;
    (void)is_held(true);
    assert_true(is_held(true));
    for (int i = 0; i < QUESTIONS; i++) {
        SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(&f);
        SCOPED(buf_fini) struct buf b = buf_make(KB);
        put_words(&b, 1 + (int)dice(5));
        const char *question = str_dup(cx.arena, buf_view(&b)).p;
        const struct search_result held = knowledge_fixture_search(&f, &cx, question, TOP);
        conf.search_memory = 0;
        const struct search_result read = knowledge_fixture_search(&f, &cx, question, TOP);
        conf.search_memory = memory;
        assert_same(&held, &read);
        found += held.count;
    }
    assert_true(found > 0);
}

static void test_same_through_changes(void **state)
{
    struct document_id ids[DOCUMENTS];
    (void)state;
    for (size_t i = 0; i < DOCUMENTS; i++) {
        const char name[] = {'a' + (char)i, '.', 'm', 'd', 0};
        ids[i] = upload(name, (struct document_id){});
    }
    (void)knowledge_fixture_work(&f);
    ask_both_ways();
    (void)upload("a.md", ids[0]); /* its first version is searched until the second is read */
    ask_both_ways();
    (void)knowledge_fixture_work(&f);
    ask_both_ways();
    forget(ids[1]); /* hidden at once, its passages are removed later */
    ask_both_ways();
    (void)knowledge_fixture_work(&f);
    ask_both_ways();
}

/* Who may write sees what may come to nothing. */
static void test_only_for_readers(void **state)
{
    (void)state;
    (void)is_held(true);
    assert_true(is_held(true));
    assert_false(is_held(false));
}

static void test_within_memory(void **state)
{
    const int64_t memory = conf.search_memory;
    const struct tenant_id first = f.tenant;
    (void)state;
    (void)is_held(true);
    assert_true(is_held(true));
    f.tenant = knowledge_fixture_tenant(&f, "second");
    (void)upload("a.md", (struct document_id){});
    (void)knowledge_fixture_work(&f);
    conf.search_memory = 600 * 1024; /* room for the second, not for both */
    (void)is_held(true);
    (void)is_held(true);
    assert_true(is_held(true));
    conf.search_memory = memory;
    f.tenant = first;
    assert_false(is_held(true)); /* it had to go; and is asked for once */
    conf.search_memory = 1024;   /* too little for any: each question reads them in vain */
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(&f);
    for (int i = 0; i < 3; i++) {
        assert_true(knowledge_fixture_search(&f, &cx, "return", TOP).count > 0);
    }
    conf.search_memory = memory;
    assert_true(is_held(true)); /* the second question that there was memory for */
}

static int setup(void **state)
{
    (void)state;
    knowledge_fixture_init(&f);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    knowledge_fixture_fini(&f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_through_changes),
        cmocka_unit_test(test_only_for_readers),
        cmocka_unit_test(test_within_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
