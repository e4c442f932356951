#include "db/blob.h"

#include "base/clock.h"
#include "db/db_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
    struct db_fixture f; /* only its folder is used */
    char dir[80];
    struct blob_store *store;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    db_fixture_init(&s->f);
    (void)snprintf(s->dir, sizeof(s->dir), "%s/blobs", s->f.dir);
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    assert_int_equal(blob_open(s->dir, &s->store, &why), ERR_OK);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    blob_close(&s->store);
    db_fixture_fini(&s->f);
    free(s);
    return 0;
}

static enum err put(struct cx *cx, struct blob_store *store, struct str text, struct blob_name *ret)
{
    const struct extent bytes = extent_of(text);
    assert_int_equal(blob_name_of(cx, &bytes, ret), ERR_OK);
    return blob_put(cx, store, &bytes, *ret);
}

static enum err get(struct cx *cx, struct blob_store *store, struct blob_name name, struct str *ret)
{
    struct extent bytes;
    TRY(blob_get(cx, store, name, &bytes));
    assert_true(extent_take(cx->arena, &bytes, ret));
    (void)close(bytes.fd);
    return ERR_OK;
}

static int files_in_tmp(const struct scene *s)
{
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/tmp", s->dir);
    DIR *d = opendir(path);
    int n = 0;
    for (const struct dirent *e; (e = readdir(d));) {
        n += e->d_name[0] != '.';
    }
    (void)closedir(d);
    return n;
}

static void what_was_put_can_be_got(void **state)
{
    static const struct str texts[] = {{"", 0}, {"a\0b", 3}, {"hello", 5}};
    struct scene *s = *state;
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(&s->f, 1);
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct blob_name name;
        struct blob_name again;
        struct str got;
        assert_int_equal(put(&cx, s->store, texts[i], &name), ERR_OK);
        assert_int_equal(put(&cx, s->store, texts[i], &again), ERR_OK);
        assert_memory_equal(name.sha256, again.sha256, sizeof(name.sha256));
        assert_int_equal(get(&cx, s->store, name, &got), ERR_OK);
        assert_true(str_eq(got, texts[i]));
    }
    assert_int_equal(files_in_tmp(s), 0);
}

/* More than a window, out of the middle of a file. */
static void a_range_of_a_file_can_be_put(void **state)
{
    struct scene *s = *state;
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(&s->f, 1);
    enum { BYTES = 3 * EXTENT_WINDOW + 7, BEFORE = 13, ALL = BEFORE + BYTES + 5 };
    const int fd = memfd_create("bytes", MFD_CLOEXEC);
    char *p = arena_alloc(cx.arena, ALL);
    for (size_t i = 0; i < ALL; i++) {
        p[i] = (char)(i % 251);
    }
    assert_int_equal(write(fd, p, ALL), ALL);
    const struct extent bytes = extent_of_file(fd, BEFORE, BYTES);
    struct blob_name name;
    struct str got;
    assert_int_equal(blob_name_of(&cx, &bytes, &name), ERR_OK);
    assert_int_equal(blob_put(&cx, s->store, &bytes, name), ERR_OK);
    assert_int_equal(get(&cx, s->store, name, &got), ERR_OK);
    assert_true(str_eq(got, (struct str){p + BEFORE, BYTES}));

    /* A file that has become shorter is no blob. */
    assert_int_equal(ftruncate(fd, BYTES), 0);
    assert_int_equal(blob_name_of(&cx, &bytes, &name), ERR_UNAVAILABLE);
    name.sha256[0] ^= 1;
    assert_int_equal(blob_put(&cx, s->store, &bytes, name), ERR_UNAVAILABLE);
    assert_int_equal(get(&cx, s->store, name, &got), ERR_NOT_FOUND);
    assert_int_equal(files_in_tmp(s), 0);
    (void)close(fd);
}

static void a_tenant_has_files_of_its_own(void **state)
{
    struct scene *s = *state;
    SCOPED(cx_end) struct cx one = db_fixture_tenant(&s->f, 1);
    SCOPED(cx_end) struct cx two = db_fixture_tenant(&s->f, 2);
    struct blob_name name;
    struct str got;
    assert_int_equal(put(&one, s->store, STR("secret"), &name), ERR_OK);
    assert_int_equal(get(&two, s->store, name, &got), ERR_NOT_FOUND);
    assert_int_equal(put(&two, s->store, STR("secret"), &name), ERR_OK);
    assert_int_equal(blob_remove(&one, s->store, name), ERR_OK);
    assert_int_equal(blob_remove(&one, s->store, name), ERR_OK);
    assert_int_equal(get(&one, s->store, name, &got), ERR_NOT_FOUND);
    assert_int_equal(get(&two, s->store, name, &got), ERR_OK);
}

static void nobody_has_no_files(void **state)
{
    struct scene *s = *state;
    SCOPED(cx_end) struct cx cx = db_fixture_platform(&s->f);
    struct blob_name name = {};
    struct str got;
    assert_int_equal(put(&cx, s->store, STR("x"), &name), ERR_INTERNAL);
    assert_int_equal(get(&cx, s->store, name, &got), ERR_INTERNAL);
    assert_int_equal(blob_remove(&cx, s->store, name), ERR_INTERNAL);
}

static void path_of(const struct scene *s, struct cx *cx, struct blob_name name, char *ret,
                    size_t n)
{
    char tenant[UUID_TEXT + 1];
    uuid_format(cx->tenant.v, tenant);
    const struct str hex = str_hex(cx->arena, name.sha256, sizeof(name.sha256));
    (void)snprintf(ret, n, "%s/%s/%.2s/%s", s->dir, tenant, hex.p, hex.p + 2);
}

static void damage_and_size_are_noticed(void **state)
{
    struct scene *s = *state;
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(&s->f, 1);
    struct blob_name name;
    struct str got;
    char path[300];
    assert_int_equal(put(&cx, s->store, STR("twelve bytes"), &name), ERR_OK);
    assert_int_equal(get(&cx, s->store, name, &got), ERR_OK);

    path_of(s, &cx, name, path, sizeof(path));
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "T", 1, 0), 1);
    (void)close(fd);
    assert_int_equal(get(&cx, s->store, name, &got), ERR_INTERNAL);

    /* One that is short is written anew. */
    assert_int_equal(truncate(path, 3), 0);
    assert_int_equal(put(&cx, s->store, STR("twelve bytes"), &name), ERR_OK);
    assert_int_equal(get(&cx, s->store, name, &got), ERR_OK);
}

static void make_tmp(const struct scene *s, const char *name, int64_t age_us)
{
    char path[120];
    (void)snprintf(path, sizeof(path), "%s/tmp/%s", s->dir, name);
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    const struct timespec t = {.tv_sec = (clock_wall_us() - age_us) / SECOND_US};
    assert_int_equal(futimens(fd, (const struct timespec[]){t, t}), 0);
    (void)close(fd);
}

static void what_a_crash_left_is_swept(void **state)
{
    struct scene *s = *state;
    make_tmp(s, "old", 2 * HOUR_US);
    make_tmp(s, "new", 0);
    blob_sweep(s->store);
    assert_int_equal(files_in_tmp(s), 1);
}

static void a_disk_that_refuses_is_an_error(void **state)
{
    struct scene *s = *state;
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(&s->f, 1);
    struct blob_name name;
    char tmp[100];
    char away[100];
    (void)snprintf(tmp, sizeof(tmp), "%s/tmp", s->dir);
    (void)snprintf(away, sizeof(away), "%s/away", s->dir);
    assert_int_equal(rename(tmp, away), 0);
    assert_int_equal(put(&cx, s->store, STR("x"), &name), ERR_UNAVAILABLE);
    assert_int_equal(cx.code, CODE_DATABASE_ERROR);
    assert_int_equal(rename(away, tmp), 0);

    /* A file stands where the tenant's folder belongs. */
    char tenant[UUID_TEXT + 1];
    char path[200];
    uuid_format(cx.tenant.v, tenant);
    (void)snprintf(path, sizeof(path), "%s/%s", s->dir, tenant);
    (void)close(open(path, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(put(&cx, s->store, STR("x"), &name), ERR_UNAVAILABLE);
    assert_int_equal(files_in_tmp(s), 0);
}

static void a_folder_that_cannot_be_is_said(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    struct blob_store *store = NULL;
    assert_int_equal(blob_open("/proc/none/blobs", &store, &why), ERR_UNAVAILABLE);
    assert_true(str_find(buf_view(&why), STR("/proc/none/blobs"), 0) >= 0);
    assert_null(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_put_can_be_got, setup, teardown),
        cmocka_unit_test_setup_teardown(a_range_of_a_file_can_be_put, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tenant_has_files_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_has_no_files, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_and_size_are_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_crash_left_is_swept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_disk_that_refuses_is_an_error, setup, teardown),
        cmocka_unit_test(a_folder_that_cannot_be_is_said),
    };
    return cmocka_run_group_tests_name("blob", tests, NULL, NULL);
}
