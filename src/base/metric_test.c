#include "base/metric.h"

#include "base/death_fixture.h"

#include <pthread.h>
#include <setjmp.h>

#include <cmocka.h>

static struct buf out;

static void print(void)
{
    buf_reset(&out);
    metric_print(&out);
    assert_false(out.full);
}

static void shows(const char *lines)
{
    if (!strstr(out.p, lines)) {
        fail_msg("not shown: %s", lines);
    }
}

static void counters_and_gauges(void **state)
{
    (void)state;
    metric_add(METRIC_DB_COMMITS, NULL, 1);
    metric_add(METRIC_DB_COMMITS, NULL, 2);
    metric_set(METRIC_HTTP_CONNECTIONS, NULL, 7);
    metric_add(METRIC_HTTP_CONNECTIONS, NULL, -2);
    metric_add(METRIC_HTTP_REQUESTS, "200", 1);
    metric_add(METRIC_HTTP_REQUESTS, "404", 5);
    assert_int_equal(metric_value(METRIC_DB_COMMITS, NULL), 3);
    assert_int_equal(metric_value(METRIC_HTTP_CONNECTIONS, NULL), 5);
    assert_int_equal(metric_value(METRIC_HTTP_REQUESTS, "404"), 5);
    assert_int_equal(metric_value(METRIC_JOBS_DEAD, NULL), 0);
    print();
    shows("# HELP db_commits_total Durable commits, each of one or more write transactions.\n"
          "# TYPE db_commits_total counter\ndb_commits_total 3\n");
    shows("# TYPE http_connections gauge\nhttp_connections 5\n");
    shows("http_requests_total{status=\"200\"} 1\nhttp_requests_total{status=\"404\"} 5\n");
    shows("# TYPE events_total counter\nevents_total 0\n"); /* untouched, but there */
}

/* shows: OBS-11 */
static void histograms(void **state)
{
    (void)state;
    metric_seen(METRIC_RAG_DURATION, NULL, 0.0004);
    metric_seen(METRIC_RAG_DURATION, NULL, 0.001); /* the bound belongs to its bucket */
    metric_seen(METRIC_RAG_DURATION, NULL, 0.3);
    metric_seen(METRIC_RAG_DURATION, NULL, 61);
    metric_seen(METRIC_HTTP_DURATION, "/api/v1/chat", 0.02);
    assert_int_equal(metric_value(METRIC_RAG_DURATION, NULL), 4);
    print();
    shows("# TYPE rag_duration_seconds histogram\n"
          "rag_duration_seconds_bucket{le=\"0.0005\"} 1\n"
          "rag_duration_seconds_bucket{le=\"0.001\"} 2\n");
    shows("rag_duration_seconds_bucket{le=\"0.2\"} 2\n"
          "rag_duration_seconds_bucket{le=\"0.5\"} 3\n");
    shows("rag_duration_seconds_bucket{le=\"60\"} 3\n"
          "rag_duration_seconds_bucket{le=\"+Inf\"} 4\n"
          "rag_duration_seconds_sum 61.3014\nrag_duration_seconds_count 4\n");
    shows("http_request_duration_seconds_bucket{route=\"/api/v1/chat\",le=\"0.01\"} 0\n"
          "http_request_duration_seconds_bucket{route=\"/api/v1/chat\",le=\"0.025\"} 1\n");
    shows("http_request_duration_seconds_sum{route=\"/api/v1/chat\"} 0.02\n"
          "http_request_duration_seconds_count{route=\"/api/v1/chat\"} 1\n");
}

/* Every line is a comment or "name value" or "name{label} value", and every family has its TYPE. */
static void the_text_form_is_well_formed(void **state)
{
    (void)state;
    print();
    struct str rest = buf_view(&out);
    struct str line;
    int families = 0;
    while (str_split(&rest, '\n', &line)) {
        if (line.n == 0) {
            assert_null(rest.p);
            break;
        }
        families += str_starts(line, STR("# TYPE "));
        if (line.p[0] == '#') {
            continue;
        }
        const ptrdiff_t space = str_find_char(line, ' ', 0);
        double v = 0;
        assert_true(space > 0);
        assert_true(str_to_f64(str_sub(line, (size_t)space + 1, line.n), -1e18, 1e18, &v));
        const ptrdiff_t brace = str_find_char(line, '{', 0);
        assert_true(brace < 0 || line.p[space - 1] == '}');
    }
    assert_int_equal(families, METRIC_COUNT);
}

static void labels_are_bounded(void **state)
{
    (void)state;
    static char names[300][8];
    for (size_t i = 0; i < COUNT(names); i++) {
        (void)snprintf(names[i], sizeof(names[i]), "l%zu", i);
        metric_add(METRIC_JOBS, names[i], 1);
    }
    assert_int_equal(metric_value(METRIC_JOBS, "l0"), 1);
    assert_int_equal(metric_value(METRIC_JOBS, "l254"), 1);
    assert_int_equal(metric_value(METRIC_JOBS, "other"), 300 - 255);
    metric_add(METRIC_JOBS, "l0", 1);
    assert_int_equal(metric_value(METRIC_JOBS, "l0"), 2);
}

static void *count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        metric_add(METRIC_LLM_TOKENS, i % 2 ? "prompt" : "answer", 1);
        metric_seen(METRIC_JOB_WAIT, "x", 0.01);
    }
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    }
    print();
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(metric_value(METRIC_LLM_TOKENS, "prompt"), 2000);
    assert_int_equal(metric_value(METRIC_LLM_TOKENS, "answer"), 2000);
    assert_int_equal(metric_value(METRIC_JOB_WAIT, "x"), 4000);
}

static void forget_label(void *arg)
{
    (void)arg;
    metric_add(METRIC_HTTP_REQUESTS, NULL, 1);
}

static void a_missing_label_is_a_bug(void **state)
{
    (void)state;
    assert_true(dies(forget_label, NULL, "label"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_and_gauges),          cmocka_unit_test(histograms),
        cmocka_unit_test(the_text_form_is_well_formed), cmocka_unit_test(labels_are_bounded),
        cmocka_unit_test(threads_lose_nothing),         cmocka_unit_test(a_missing_label_is_a_bug),
    };
    out = buf_make(MB);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_fini(&out);
    return failed;
}
