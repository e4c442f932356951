/* Text search in a tenant with many passages, or in many tenants: time of a question, and how often
 * the first ten are those that scoring every passage would give.
 *
 *     search_text [passages, default 100000] [questions, default 300] [TENANTS, default 1]
 *
 * The passages are shared out evenly among the tenants, who are asked in turn. Prints one line of
 * JSON: how long a question took at each hundredth of them, in ms, and the share that had the same
 * first ten.
 *
 * Passages have about 70 words drawn by Zipf's law from 50,000; questions have two to five words,
 * drawn alike over common and rare ones. */
#include "base/clock.h"
#include "base/conf.h"
#include "domain/knowledge/index.h"
#include "domain/knowledge/knowledge_fixture.h"
#include "domain/knowledge/rank.h"

#include <math.h>

enum {
    VOCABULARY = 50000,
    WORDS = 70,
    PER_DOCUMENT = 1000,
    TOP = 10,
    COMMON = 30, /* ranks that questions do not draw: stop words would stand there */
};

static uint64_t seed = 20261120;

static double uniform(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) / (double)(UINT64_C(1) << 53);
}

/* Rank by Zipf's law with exponent one: the logarithm is uniform. */
static int zipf(double from)
{
    return (int)(exp(log(from) + uniform() * log(VOCABULARY / from)));
}

/* A made-up word for a rank, of letters alone. */
static void put_word(struct buf *b, int rank)
{
    static const char consonants[] = "bcdfgklmnprtvz";
    static const char vowels[] = "aeiou";
    uint32_t n = (uint32_t)rank * 2654435761u >> 8;
    for (int i = 0; i < 4; i++) {
        buf_char(b, consonants[n % 14]);
        n /= 14;
        buf_char(b, vowels[n % 5]);
        n /= 5;
    }
    buf_char(b, consonants[(uint32_t)rank % 14]);
    buf_char(b, consonants[(uint32_t)rank / 14 % 14]);
}

static struct str make_text(struct arena *a, size_t words)
{
    SCOPED(buf_fini) struct buf b = buf_make(64 * MB);
    for (size_t i = 0; i < words; i++) {
        put_word(&b, zipf(1));
        buf_char(&b, ' ');
    }
    return str_dup(a, buf_view(&b));
}

/* One document of some passages, by way of the upload and its job. */
static void add_document(struct knowledge_fixture *f, size_t passages)
{
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
    SCOPED(buf_fini) struct buf b = buf_make(64 * MB);
    for (size_t i = 0; i < passages; i++) {
        buf_cstr(&b, "## ");
        buf_str(&b, make_text(cx.arena, 3));
        buf_cstr(&b, "\n\n");
        buf_str(&b, make_text(cx.arena, (size_t)(WORDS * (0.5 + uniform() / 2))));
        buf_cstr(&b, "\n\n");
    }
    struct document d;
    const struct document_id none = {};
    knowledge_fixture_check(
        &cx, knowledge_fixture_upload(f, &cx, "page.md", buf_view(&b), none, &d), "upload");
    (void)knowledge_fixture_work(f);
}

static struct str make_question(struct arena *a)
{
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    const int words = 2 + (int)(uniform() * 4);
    for (int i = 0; i < words; i++) {
        put_word(&b, zipf(COMMON));
        buf_char(&b, ' ');
    }
    return str_dup(a, buf_view(&b));
}

static int64_t time_search(struct cx *cx, struct str text)
{
    const struct search_query query = {.text = text, .language = STR("en"), .limit = TOP};
    struct search_result result;
    const int64_t start = clock_mono_us();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    knowledge_fixture_check(cx, db_begin_read(cx, &tx), "begin");
    knowledge_fixture_check(cx, search_text(tx, &query, &result), "search");
    return clock_mono_us() - start;
}

/* Whether the first ten of the candidates have the scores of the first ten of all. */
static bool same_as_exhaustive(struct cx *cx, struct str text)
{
    const struct search_query query = {.text = text, .language = STR("en"), .limit = TOP};
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct question q;
    struct ranking some;
    struct ranking all;
    knowledge_fixture_check(cx, db_begin_read(cx, &tx), "begin");
    knowledge_fixture_check(cx, question_read(tx, &query, &q), "question");
    knowledge_fixture_check(cx, rank(tx, &q, TOP, (size_t)conf.search_candidates, &some), "rank");
    knowledge_fixture_check(cx, rank(tx, &q, SIZE_MAX, INT32_MAX, &all), "rank");
    for (size_t i = 0; i < TOP && i < all.count; i++) {
        if (i >= some.count || fabs(some.best[i].score - all.best[i].score) > 1e-9) {
            return false;
        }
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static size_t argument(int argc, char **argv, int i, size_t fallback)
{
    int64_t n;
    return argc > i && str_to_i64(str_of(argv[i]), 1, 10000000, &n) ? (size_t)n : fallback;
}

/* times in us, sorted. */
static void print_result(const int64_t *times, size_t questions, size_t same)
{
    printf(", \"questions\": %zu, \"sameTop\": %.4f, \"ms\": [", questions,
           (double)same / (double)questions);
    for (size_t i = 0; i <= 100; i++) {
        const size_t at = questions * i / 100;
        printf("%s%.3f", i ? ", " : "",
               (double)times[at < questions ? at : questions - 1] / (double)MS_US);
    }
    puts("]}");
}

static void ask_all(struct knowledge_fixture *f, const struct tenant_id *tenants, size_t count,
                    size_t questions)
{
    SCOPED(cx_end) struct cx all = knowledge_fixture_cx(f);
    int64_t *times = arena_many(all.arena, int64_t, questions);
    size_t same = 0;
    for (size_t i = 0; i < questions; i++) {
        f->tenant = tenants[i % count];
        SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
        const struct str text = make_question(cx.arena);
        times[i] = time_search(&cx, text);
        same += same_as_exhaustive(&cx, text) ? 1 : 0;
    }
    qsort(times, questions, sizeof(*times), by_value);
    print_result(times, questions, same);
}

static void add_passages(struct knowledge_fixture *f, size_t passages)
{
    for (size_t done = 0; done < passages; done += PER_DOCUMENT) {
        add_document(f, passages - done < PER_DOCUMENT ? passages - done : PER_DOCUMENT);
    }
}

int main(int argc, char **argv)
{
    const size_t passages = argument(argc, argv, 1, 100000);
    const size_t questions = argument(argc, argv, 2, 300);
    const size_t count = argument(argc, argv, 3, 1);
    struct knowledge_fixture f;
    knowledge_fixture_init(&f);
    f.db.options.check_plans = false;
    struct cx all = knowledge_fixture_cx(&f);
    struct tenant_id *tenants = arena_many(all.arena, struct tenant_id, count);
    const int64_t start = clock_mono_us();
    for (size_t i = 0; i < count; i++) {
        tenants[i] = i ? knowledge_fixture_tenant(&f, "Bench") : f.tenant;
        f.tenant = tenants[i];
        add_passages(&f, passages / count);
    }
    const double seconds = (double)(clock_mono_us() - start) / (double)SECOND_US;
    printf("{\"tenants\": %zu, \"passages\": %" PRId64 ", \"writtenSeconds\": %.1f", count,
           db_fixture_number(&f.db, "SELECT count(*) FROM chunks"), seconds);
    ask_all(&f, tenants, count, questions);
    cx_end(&all);
    knowledge_fixture_fini(&f);
    return 0;
}
