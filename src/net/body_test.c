#include "net/body.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { MARK = 100, SPOOL_MAX = 1000 };

static char dir[] = "/tmp/metachat-body-XXXXXX";
static struct body_rules rules = {.max_memory = MARK};

static int setup(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(spool_open(dir, SPOOL_MAX, &rules.spool, &why), ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    spool_close(&rules.spool);
    return rmdir(dir);
}

static int open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d)) {
        n++;
    }
    (void)closedir(d);
    return n;
}

/* Adds n bytes that count on from those before. */
static void add(struct body *b, size_t n)
{
    char part[2 * SPOOL_MAX];
    for (size_t i = 0; i < n; i++) {
        part[i] = (char)(b->n + i);
    }
    body_add(b, part, n);
}

static void assert_holds(const struct body *b, size_t n)
{
    const struct extent e = body_extent(b);
    char got[2 * SPOOL_MAX];
    assert_int_equal(b->fault, BODY_OK);
    assert_int_equal(e.n, n);
    assert_true(extent_read(&e, 0, got, n));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got[i], (char)i);
    }
}

static void goes_to_a_file_behind_the_mark(void **state)
{
    (void)state;
    const int before = open_files();
    struct body b;
    body_init(&b, &rules, 500);
    add(&b, MARK - 1);
    add(&b, 1);
    assert_false(b.in_file);
    assert_holds(&b, MARK);
    add(&b, 1);
    assert_true(b.in_file);
    assert_holds(&b, MARK + 1);
    add(&b, 300);
    assert_holds(&b, MARK + 301);
    assert_int_equal(open_files(), before + 1);
    body_fini(&b);
    assert_int_equal(open_files(), before);
    assert_true(spool_has_room(rules.spool, SPOOL_MAX));
}

static void is_bounded(void **state)
{
    (void)state;
    struct body b;
    for (size_t max = 10; max < 400; max += 300) {
        body_init(&b, &rules, max);
        add(&b, max);
        assert_holds(&b, max);
        add(&b, 1);
        assert_int_equal(b.fault, BODY_TOO_LARGE);
        body_fini(&b);
    }
    body_init(&b, &rules, 10);
    body_expect(&b, 11);
    assert_int_equal(b.fault, BODY_TOO_LARGE);
    body_fini(&b);
    b = (struct body){};
    body_add(&b, "x", 1);
    assert_int_equal(b.fault, BODY_TOO_LARGE);
}

static void all_files_together_are_bounded(void **state)
{
    (void)state;
    struct body one;
    struct body two;
    body_init(&one, &rules, SPOOL_MAX);
    body_init(&two, &rules, SPOOL_MAX);
    add(&one, SPOOL_MAX - 150);
    add(&two, MARK);
    assert_holds(&two, MARK);
    body_expect(&two, 151);
    assert_int_equal(two.fault, BODY_NO_ROOM);
    two.fault = BODY_OK;
    add(&two, 51);
    assert_int_equal(two.fault, BODY_NO_ROOM);
    body_fini(&two);
    body_init(&two, &rules, SPOOL_MAX);
    add(&two, 150);
    assert_holds(&two, 150);
    body_fini(&one);
    body_fini(&two);
    assert_true(spool_has_room(rules.spool, SPOOL_MAX));
    assert_false(spool_has_room(rules.spool, SPOOL_MAX + 1));
}

static void stays_in_memory_without_a_spool(void **state)
{
    (void)state;
    struct body b;
    body_init(&b, &(struct body_rules){}, 400);
    add(&b, 400);
    assert_false(b.in_file);
    assert_holds(&b, 400);
    body_fini(&b);
}

/* The file may not grow: what a full disk does, too. */
static void a_file_that_cannot_be_written_is_a_fault(void **state)
{
    (void)state;
    struct rlimit before;
    struct body b;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small = {.rlim_cur = MARK + 20, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    body_init(&b, &rules, SPOOL_MAX);
    add(&b, MARK + 10);
    assert_holds(&b, MARK + 10);
    add(&b, 20);
    assert_int_equal(b.fault, BODY_BROKEN);
    body_fini(&b);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(spool_has_room(rules.spool, SPOOL_MAX));
}

static void a_spool_begins_empty(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    struct spool *other = NULL;
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/left-behind", dir);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    (void)fclose(f);
    assert_int_equal(spool_open(dir, 1, &other, &why), ERR_OK);
    assert_int_equal(access(path, F_OK), -1);
    spool_close(&other);
    assert_int_equal(spool_open(path, 1, &other, &why), ERR_OK); /* made */
    spool_close(&other);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(spool_open("/nowhere/at/all", 1, &other, &why), ERR_UNAVAILABLE);
    assert_true(why.n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_to_a_file_behind_the_mark),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(all_files_together_are_bounded),
        cmocka_unit_test(stays_in_memory_without_a_spool),
        cmocka_unit_test(a_file_that_cannot_be_written_is_a_fault),
        cmocka_unit_test(a_spool_begins_empty),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
