#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/metric.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

static struct cx cx;
static int fds[2];

static int begin(void **state)
{
    (void)state;
    cx_begin(&cx, NULL);
    log_set_level(LOG_INFO);
    if (pipe(fds)) {
        return -1;
    }
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    log_set_fd(fds[1]);
    return 0;
}

static int end(void **state)
{
    (void)state;
    log_set_fd(STDERR_FILENO);
    (void)close(fds[0]);
    (void)close(fds[1]);
    cx_end(&cx);
    return 0;
}

/* What was written since the last look. */
static struct str written(void)
{
    char *p = arena_alloc(cx.arena, 128 * KB);
    const ssize_t n = read(fds[0], p, 128 * KB);
    return (struct str){p, n > 0 ? (size_t)n : 0};
}

/* The one line that was written, as a tree. */
static json_t *line(void)
{
    struct str text = written();
    json_t *o = NULL;
    assert_true(text.n > 0 && text.p[text.n - 1] == '\n');
    text.n--;
    assert_int_equal(str_find_char(text, '\n', 0), -1);
    if (json_parse(&cx, text, &o)) {
        fail_msg("%s: " STR_FMT, cx.detail, STR_ARG(text));
    }
    return o;
}

static void assert_text(const json_t *o, const char *key, const char *want)
{
    if (!str_is(json_get_str(o, key), want)) {
        fail_msg("%s is " STR_FMT ", not %s", key, STR_ARG(json_get_str(o, key)), want);
    }
}

/* shows: OBS-2 */
static void a_line_has_time_level_event_and_typed_fields(void **state)
{
    (void)state;
    struct uuid id;
    int64_t at = 0;
    assert_true(uuid_parse(STR("0123abcd-4567-89ab-cdef-fedcba987654"), &id));
    log_ev(NULL, LOG_WARN, "it_happened", LOG_STR("s", STR("a\"b\n")), LOG_CSTR("c", NULL),
           LOG_I64("i", -3), LOG_F64("f", 0.5), LOG_ID("id", id), LOG_BOOL("b", true));
    const json_t *o = line();
    assert_text(o, "level", "warn");
    assert_text(o, "event", "it_happened");
    assert_text(o, "s", "a\"b\n");
    assert_text(o, "c", "");
    assert_text(o, "id", "0123abcd-4567-89ab-cdef-fedcba987654");
    assert_int_equal(json_get_i64(o, "i", 0), -3);
    assert_true(json_get_f64(o, "f", 0) > 0.49);
    assert_true(json_get_bool(o, "b", false));
    assert_true(clock_parse_rfc3339(json_get_str(o, "time"), &at));
    assert_true(clock_wall_us() - at < MINUTE_US);
    assert_int_equal(json_object_size(o), 9);
    log_ev(NULL, LOG_INFO, "bare");
    assert_int_equal(json_object_size(line()), 3);
}

static void request_and_tenant_come_from_the_work(void **state)
{
    (void)state;
    struct tenant_id tenant;
    assert_true(uuid_parse(STR("0123abcd-4567-89ab-cdef-fedcba987654"), &tenant.v));
    cx.request_id = STR("req-7");
    log_ev(&cx, LOG_INFO, "x");
    const json_t *o = line();
    assert_text(o, "requestId", "req-7");
    assert_null(json_object_get(o, "tenantId"));
    cx_for_tenant(&cx, tenant);
    log_ev(&cx, LOG_INFO, "x");
    assert_text(line(), "tenantId", "0123abcd-4567-89ab-cdef-fedcba987654");
    cx_for_platform(&cx);
    log_ev(&cx, LOG_INFO, "x");
    assert_null(json_object_get(line(), "tenantId"));
}

static void what_is_below_the_level_is_not_written(void **state)
{
    (void)state;
    log_ev(NULL, LOG_DEBUG, "quiet");
    assert_int_equal(written().n, 0);
    log_set_level(LOG_ERROR);
    log_ev(NULL, LOG_WARN, "quiet");
    assert_int_equal(written().n, 0);
    log_ev(NULL, LOG_ERROR, "loud");
    assert_text(line(), "event", "loud");
    log_set_level(LOG_DEBUG);
    log_ev(NULL, LOG_DEBUG, "loud");
    assert_text(line(), "level", "debug");
}

static void failures_of_ours_are_errors_and_those_of_callers_are_not(void **state)
{
    (void)state;
    static const struct {
        enum code code;
        const char *level;
    } rows[] = {
        {CODE_VALIDATION_ERROR, "info"}, {CODE_RATE_LIMITED, "info"},
        {CODE_CANCELLED, "info"},        {CODE_RERUN, "info"},
        {CODE_INTERNAL_ERROR, "error"},  {CODE_DATABASE_ERROR, "error"},
        {CODE_OVERLOADED, "error"},      {CODE_DEADLINE_EXCEEDED, "error"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const enum err e = cx_fail(&cx, rows[i].code, "because");
        log_failure(&cx, "it_failed", e);
        const json_t *o = line();
        assert_text(o, "level", rows[i].level);
        assert_text(o, "code", code_info(rows[i].code)->name);
        assert_text(o, "class", err_name(e));
        assert_text(o, "detail", "because");
    }
    /* A class that does not fit the last code stands for itself. */
    (void)cx_fail(&cx, CODE_CONFLICT, "old");
    log_failure(&cx, "it_failed", ERR_TIMEOUT);
    assert_text(line(), "code", "DEADLINE_EXCEEDED");
}

static void bytes_that_are_no_text_still_give_a_line(void **state)
{
    (void)state;
    log_ev(NULL, LOG_INFO, "x", LOG_STR("path", STR("/\xff\xfe\x1b[31m")));
    assert_text(line(), "event", "x");
}

static void too_many_bytes_cost_the_fields_not_the_event(void **state)
{
    (void)state;
    char *big = arena_alloc(cx.arena, 20000);
    memset(big, 'x', 20000);
    cx.request_id = STR("req-7");
    log_ev(&cx, LOG_INFO, "x", LOG_STR("big", ((struct str){big, 20000})));
    const json_t *o = line();
    assert_text(o, "requestId", "req-7");
    assert_true(json_get_bool(o, "fieldsTooLong", false));
    assert_null(json_object_get(o, "big"));
    log_ev(&cx, LOG_INFO, "x", LOG_STR("big", ((struct str){big, 3800})));
    assert_int_equal(json_get_str(line(), "big").n, 3800);
}

static void *log_many(void *arg)
{
    for (int i = 0; i < 50; i++) {
        log_ev(arg, LOG_INFO, "from_a_thread", LOG_I64("i", i));
    }
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, NULL), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    struct str rest = written();
    struct str one;
    int n = 0;
    while (str_split(&rest, '\n', &one) && one.n) {
        json_t *o = NULL;
        assert_int_equal(json_parse(&cx, one, &o), ERR_OK);
        n++;
    }
    assert_int_equal(n, 200);
}

static void a_full_pipe_costs_lines_and_holds_nobody_up(void **state)
{
    (void)state;
    const double before = metric_value(METRIC_LOG_DROPPED, NULL);
    for (int i = 0; i < 2000; i++) { /* more than a pipe holds */
        log_ev(NULL, LOG_INFO, "unread", LOG_I64("i", i), LOG_CSTR("words", "to fill the pipe up"));
    }
    assert_true(metric_value(METRIC_LOG_DROPPED, NULL) > before);
    assert_true(log_dropped_us() > 0);
    const struct str text = written();
    assert_true(text.n > 0 && text.p[text.n - 1] == '\n');
    log_ev(NULL, LOG_INFO, "read_again");
    assert_text(line(), "event", "read_again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_event_and_typed_fields, begin, end),
        cmocka_unit_test_setup_teardown(request_and_tenant_come_from_the_work, begin, end),
        cmocka_unit_test_setup_teardown(what_is_below_the_level_is_not_written, begin, end),
        cmocka_unit_test_setup_teardown(failures_of_ours_are_errors_and_those_of_callers_are_not,
                                        begin, end),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_text_still_give_a_line, begin, end),
        cmocka_unit_test_setup_teardown(too_many_bytes_cost_the_fields_not_the_event, begin, end),
        cmocka_unit_test_setup_teardown(lines_of_threads_do_not_mix, begin, end),
        cmocka_unit_test_setup_teardown(a_full_pipe_costs_lines_and_holds_nobody_up, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
