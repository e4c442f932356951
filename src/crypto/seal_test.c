#include "crypto/seal.h"

#include "crypto/keyring_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

struct fixture {
    struct ring_folder folder;
    struct keyring *ring;
    struct cx cx;
    struct seal_place place;
};

static struct fixture fx;

static int begin(void **state)
{
    (void)state;
    fx = (struct fixture){.folder = ring_folder_make()};
    fx.ring = ring_of(&fx.folder);
    fx.place = (struct seal_place){{uuid_new()}, STR("channel.token")};
    cx_begin(&fx.cx, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    cx_end(&fx.cx);
    keyring_close(&fx.ring);
    ring_folder_remove(&fx.folder);
    return 0;
}

static struct str sealed(struct str plain)
{
    struct str s;
    assert_int_equal(seal_close(&fx.cx, fx.ring, fx.place, plain, &s), ERR_OK);
    assert_int_equal(s.n, plain.n + SEAL_OVERHEAD);
    return s;
}

static void what_was_sealed_opens(void **state)
{
    (void)state;
    const struct str rows[] = {STR(""), STR("x"), STR("a\0b"),
                               STR("a longer secret, over a block")};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct str a = sealed(rows[i]);
        const struct str b = sealed(rows[i]);
        struct str plain;
        assert_false(str_eq(a, b)); /* the nonces differ */
        assert_int_equal(seal_open(&fx.cx, fx.ring, fx.place, a, &plain), ERR_OK);
        assert_true(str_eq(plain, rows[i]));
    }
    assert_int_equal(str_find(sealed(STR("plain to see")), STR("plain"), 0), -1);
}

/* shows: CONF-7 */
static void any_changed_or_missing_byte_is_refused(void **state)
{
    (void)state;
    const struct str good = sealed(STR("the secret"));
    struct str plain = STR("untouched");
    for (size_t i = 0; i < good.n; i++) {
        struct str bad = str_dup(fx.cx.arena, good);
        ((char *)(uintptr_t)bad.p)[i] ^= 0x40;
        assert_int_equal(seal_open(&fx.cx, fx.ring, fx.place, bad, &plain), ERR_INVALID);
        assert_int_equal(seal_open(&fx.cx, fx.ring, fx.place, str_sub(good, 0, i), &plain),
                         ERR_INVALID);
        assert_int_equal(seal_open(&fx.cx, fx.ring, fx.place, str_sub(good, i + 1, good.n), &plain),
                         ERR_INVALID);
    }
    assert_true(str_is(plain, "untouched"));
}

/* shows: CONF-7 */
static void a_moved_value_is_refused(void **state)
{
    (void)state;
    const struct str good = sealed(STR("the secret"));
    struct seal_place other_field = fx.place;
    struct seal_place other_tenant = fx.place;
    struct str plain;
    other_field.field = STR("channel.tokem");
    other_tenant.tenant.v = uuid_new();
    assert_int_equal(seal_open(&fx.cx, fx.ring, other_field, good, &plain), ERR_INVALID);
    assert_int_equal(seal_open(&fx.cx, fx.ring, other_tenant, good, &plain), ERR_INVALID);
    assert_int_equal(seal_open(&fx.cx, fx.ring, fx.place, good, &plain), ERR_OK);
}

static void another_ring_does_not_open(void **state)
{
    (void)state;
    SCOPED(ring_folder_remove) struct ring_folder f = ring_folder_make();
    SCOPED(keyring_close) struct keyring *other = ring_of(&f);
    struct str plain;
    assert_int_equal(seal_open(&fx.cx, other, fx.place, sealed(STR("x")), &plain), ERR_INVALID);
}

/* The ring gets a newer key beside the old: both kinds of values open, new ones use the newer. */
/* shows: CONF-7 */
static void rotation_keeps_old_values_open(void **state)
{
    (void)state;
    SCOPED(ring_folder_remove) struct ring_folder f = ring_folder_make();
    const struct str old = sealed(STR("old"));
    SCOPED(keyring_close) struct keyring *newer = ring_of(&f);
    char id[UUID_TEXT + 1];
    char from[128];
    char to[128];
    uuid_format(keyring_newest(newer), id);
    (void)snprintf(from, sizeof(from), "%s/%s.key", f.path, id);
    (void)snprintf(to, sizeof(to), "%s/%s.key", fx.folder.path, id);
    assert_int_equal(rename(from, to), 0);
    keyring_close(&fx.ring);
    fx.ring = ring_of(&fx.folder);

    struct str plain;
    assert_int_equal(seal_open(&fx.cx, fx.ring, fx.place, old, &plain), ERR_OK);
    assert_true(str_is(plain, "old"));
    const struct str now = sealed(STR("new"));
    assert_int_equal(seal_open(&fx.cx, newer, fx.place, now, &plain), ERR_OK);
    assert_int_equal(seal_open(&fx.cx, newer, fx.place, old, &plain), ERR_INVALID);
}

static void too_large_is_refused(void **state)
{
    (void)state;
    const char *big = arena_alloc(fx.cx.arena, SEAL_MAX + 1);
    struct str s;
    assert_int_equal(seal_close(&fx.cx, fx.ring, fx.place, (struct str){big, SEAL_MAX + 1}, &s),
                     ERR_TOO_LARGE);
    assert_int_equal(seal_close(&fx.cx, fx.ring, fx.place, (struct str){big, SEAL_MAX}, &s),
                     ERR_OK);
    assert_int_equal(seal_open(&fx.cx, fx.ring, fx.place, s, &s), ERR_OK);
    assert_int_equal(s.n, SEAL_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_sealed_opens, begin, end),
        cmocka_unit_test_setup_teardown(any_changed_or_missing_byte_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_moved_value_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(another_ring_does_not_open, begin, end),
        cmocka_unit_test_setup_teardown(rotation_keeps_old_values_open, begin, end),
        cmocka_unit_test_setup_teardown(too_large_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
