#include "base/id.h"

#include "base/clock.h"
#include "base/death_fixture.h"

#include <pthread.h>
#include <setjmp.h>

#include <cmocka.h>

enum {
    THREADS = 4,
    EACH = 5000,
};

static struct uuid made[THREADS][EACH];

static void *make_many(void *arg)
{
    struct uuid *out = arg;
    for (int i = 0; i < EACH; i++) {
        out[i] = uuid_new();
    }
    return NULL;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

static void ids_of_threads_rise_and_differ(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, made[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        for (int at = 1; at < EACH; at++) {
            assert_true(memcmp(made[i][at - 1].b, made[i][at].b, 16) < 0);
        }
    }
    struct uuid *all = &made[0][0];
    qsort(all, (size_t)THREADS * EACH, sizeof(*all), by_bytes);
    for (size_t i = 1; i < (size_t)THREADS * EACH; i++) {
        assert_false(uuid_eq(all[i - 1], all[i]));
    }
}

static void the_form_is_version_7(void **state)
{
    (void)state;
    const struct uuid u = uuid_new();
    assert_int_equal(u.b[6] >> 4, 7);
    assert_int_equal(u.b[8] >> 6, 2);
    int64_t ms = 0;
    for (int i = 0; i < 6; i++) {
        ms = ms << 8 | u.b[i];
    }
    /* The tests before may have pushed the time ahead by what the counter could not hold. */
    assert_in_range(ms - clock_wall_us() / 1000 + 1000, 0, 2000);
}

static void text_and_back(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct uuid u;
    assert_true(uuid_parse(STR("0123abcd-4567-89ab-cdef-fedcba987654"), &u));
    assert_string_equal(uuid_text(a, u).p, "0123abcd-4567-89ab-cdef-fedcba987654");
    assert_int_equal(uuid_text(a, u).n, UUID_TEXT);
    assert_int_equal(u.b[0], 0x01);
    assert_int_equal(u.b[15], 0x54);
    struct uuid upper;
    assert_true(uuid_parse(STR("0123ABCD-4567-89AB-CDEF-FEDCBA987654"), &upper));
    assert_true(uuid_eq(u, upper));
    assert_false(uuid_is_nil(u));
    assert_true(uuid_parse(STR("00000000-0000-0000-0000-000000000000"), &u));
    assert_true(uuid_is_nil(u));
    arena_free(&a);
}

static void refused(void **state)
{
    (void)state;
    static const struct str rows[] = {
        {NULL, 0},
        STR(""),
        STR("0123abcd-4567-89ab-cdef-fedcba98765"),
        STR("0123abcd-4567-89ab-cdef-fedcba9876545"),
        STR("0123abcd-4567-89ab-cdef-fedcba98765g"),
        STR("0123abcd04567-89ab-cdef-fedcba987654"),
        STR("0123abcd-4567089ab-cdef-fedcba987654"),
        STR("0123abcd-4567-89ab0cdef-fedcba987654"),
        STR("0123abcd-4567-89ab-cdef0fedcba987654"),
        STR("-123abcd-4567-89ab-cdef-fedcba987654"),
        STR("0123abcd-4567-89ab-cdef--edcba987654"),
        STR("{123abcd-4567-89ab-cdef-fedcba98765}"),
        STR("0123abcd456789abcdeffedcba987654"),
        STR("0123abcd-4567-89ab-cdef-fedcba98765\0"),
        STR("urn:uuid:0123abcd-4567-89ab-cdef-fed"),
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct uuid u = {{42}};
        if (uuid_parse(rows[i], &u) || u.b[0] != 42) {
            fail_msg("row %zu: " STR_FMT, i, STR_ARG(rows[i]));
        }
    }
}

static void random_numbers_stay_below(void **state)
{
    (void)state;
    int seen[7] = {};
    for (int i = 0; i < 2000; i++) {
        seen[rand_below(7)]++;
    }
    for (size_t i = 0; i < COUNT(seen); i++) {
        assert_true(seen[i] > 100);
    }
    assert_int_equal(rand_below(1), 0);
    unsigned char big[1000] = {};
    rand_bytes(big, sizeof(big)); /* more than the kernel gives at once */
    int zeros = 0;
    for (size_t i = 900; i < sizeof(big); i++) {
        zeros += !big[i];
    }
    assert_true(zeros < 50);
}

static void nothing_is_below_zero(void *arg)
{
    (void)arg;
    (void)rand_below(0);
}

static void an_empty_range_is_a_bug(void **state)
{
    (void)state;
    assert_true(dies(nothing_is_below_zero, NULL, "below > 0"));
}

static void ids_go_on_above_the_newest(void **state)
{
    (void)state;
    struct uuid ahead = uuid_new();
    ahead.b[4]++; /* some minutes */
    uuid_after(ahead);
    for (int i = 0; i < 3; i++) {
        const struct uuid next = uuid_new();
        assert_true(memcmp(next.b, ahead.b, sizeof(next.b)) > 0);
        assert_int_equal(next.b[6] >> 4, 7);
        uuid_after((struct uuid){});
        ahead = next;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_of_threads_rise_and_differ),
        cmocka_unit_test(the_form_is_version_7),
        cmocka_unit_test(ids_go_on_above_the_newest),
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(refused),
        cmocka_unit_test(random_numbers_stay_below),
        cmocka_unit_test(an_empty_range_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
