#include "crypto/keyring.h"

#include "crypto/keyring_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>

#include <cmocka.h>

static void write_file(const struct ring_folder *f, const char *name, const char *text, mode_t mode)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static int count_files(const struct ring_folder *f, mode_t *ret_mode)
{
    DIR *list = opendir(f->path);
    int n = 0;
    struct stat st;
    assert_non_null(list);
    for (const struct dirent *e = NULL; (e = readdir(list));) {
        if (e->d_name[0] != '.') {
            assert_int_equal(fstatat(dirfd(list), e->d_name, &st, 0), 0);
            *ret_mode = st.st_mode & 07777;
            n++;
        }
    }
    (void)closedir(list);
    return n;
}

static void the_first_start_makes_one_private_key(void **state)
{
    (void)state;
    SCOPED(ring_folder_remove) struct ring_folder f = ring_folder_make();
    mode_t mode = 0;
    assert_int_equal(rmdir(f.path), 0); /* the folder is made too */
    SCOPED(keyring_close) struct keyring *a = ring_of(&f);
    assert_int_equal(count_files(&f, &mode), 1);
    assert_int_equal(mode, 0600);
    struct stat st;
    assert_int_equal(stat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);

    SCOPED(keyring_close) struct keyring *b = ring_of(&f);
    char x[65];
    char y[65];
    keyring_fingerprint(a, x);
    keyring_fingerprint(b, y);
    assert_string_equal(x, y);
    assert_true(uuid_eq(keyring_newest(a), keyring_newest(b)));
    assert_int_equal(count_files(&f, &mode), 1);
}

static void without_keys_a_database_does_not_open(void **state)
{
    (void)state;
    SCOPED(ring_folder_remove) struct ring_folder f = ring_folder_make();
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    struct keyring *k = NULL;
    mode_t mode = 0;
    assert_int_equal(keyring_open(f.path, false, &k, &why), ERR_NOT_FOUND);
    assert_null(k);
    assert_non_null(strstr(why.p, "restore"));
    assert_int_equal(count_files(&f, &mode), 0);
    buf_reset(&why);
    assert_int_equal(keyring_open("/tmp/keyring-that-is-not-there", false, &k, &why),
                     ERR_NOT_FOUND);
    buf_reset(&why);
    assert_int_equal(keyring_open("/dev/null", true, &k, &why), ERR_UNAVAILABLE);
    assert_non_null(strstr(why.p, "/dev/null"));
}

#define HEX64   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER64 "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void files_that_are_no_keys_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        mode_t mode;
        const char *why;
    } rows[] = {
        {"019a0000-0000-7000-8000-000000000001.key", HEX64 "\n", 0640, "chmod"},
        {"019a0000-0000-7000-8000-000000000001.key", HEX64 "\n", 0604, "chmod"},
        {"019a0000-0000-7000-8000-000000000001.key", HEX64, 0600, "not a key"},
        {"019a0000-0000-7000-8000-000000000001.key", "", 0600, "not a key"},
        {"019a0000-0000-7000-8000-000000000001.key", HEX64 "x", 0600, "not a key"},
        {"019a0000-0000-7000-8000-000000000001.key", "zz" HEX64, 0600, "not a key"},
        {"019a0000-0000-7000-8000-00000000000z.key", HEX64 "\n", 0600, "not a key"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(ring_folder_remove) struct ring_folder f = ring_folder_make();
        SCOPED(buf_fini) struct buf why = buf_make(KB);
        struct keyring *k = NULL;
        write_file(&f, rows[i].name, rows[i].text, rows[i].mode);
        if (keyring_open(f.path, true, &k, &why) != ERR_INVALID || !strstr(why.p, rows[i].why)) {
            fail_msg("row %zu: %s", i, why.p ? why.p : "opened");
        }
        assert_null(strstr(why.p, "0001020304")); /* a key is never shown */
    }
}

static void a_link_is_not_followed(void **state)
{
    (void)state;
    SCOPED(ring_folder_remove) struct ring_folder f = ring_folder_make();
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    struct keyring *k = NULL;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/019a0000-0000-7000-8000-000000000001.key", f.path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_int_equal(keyring_open(f.path, true, &k, &why), ERR_UNAVAILABLE);
}

static void the_newest_key_leads_and_the_oldest_names_the_ring(void **state)
{
    (void)state;
    SCOPED(ring_folder_remove) struct ring_folder f = ring_folder_make();
    char before[65];
    char after[65];
    struct uuid newer;
    write_file(&f, "019a0000-0000-7000-8000-000000000001.key", HEX64 "\n", 0600);
    write_file(&f, "notes.txt", "not ours", 0644);
    write_file(&f, "unfinished.new", "what a crash left", 0600);
    SCOPED(keyring_close) struct keyring *one = ring_of(&f);
    keyring_fingerprint(one, before);
    write_file(&f, "019b0000-0000-7000-8000-000000000002.key", OTHER64 "\n", 0600);
    SCOPED(keyring_close) struct keyring *two = ring_of(&f);
    keyring_fingerprint(two, after);
    assert_string_equal(before, after);
    assert_true(uuid_parse(STR("019b0000-0000-7000-8000-000000000002"), &newer));
    assert_true(uuid_eq(keyring_newest(two), newer));
    assert_false(uuid_eq(keyring_newest(one), newer));

    uint8_t a[KEYRING_KEY_BYTES];
    uint8_t b[KEYRING_KEY_BYTES];
    assert_true(keyring_derive(two, keyring_newest(one), STR("x"), a));
    assert_true(keyring_derive(one, keyring_newest(one), STR("x"), b));
    assert_memory_equal(a, b, sizeof(a));
    assert_true(keyring_derive(two, keyring_newest(one), STR("y"), b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_false(keyring_derive(one, newer, STR("x"), a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_start_makes_one_private_key),
        cmocka_unit_test(without_keys_a_database_does_not_open),
        cmocka_unit_test(files_that_are_no_keys_are_refused),
        cmocka_unit_test(a_link_is_not_followed),
        cmocka_unit_test(the_newest_key_leads_and_the_oldest_names_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
