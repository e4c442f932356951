#include "http/places.h"

#include <setjmp.h>

#include <cmocka.h>

static struct uuid who(int n)
{
    struct uuid u = {};
    u.b[0] = (uint8_t)n;
    u.b[1] = (uint8_t)(n >> 8);
    return u;
}

static void each_has_its_number(void **state)
{
    (void)state;
    struct places *p = places_new(4, 2);
    assert_int_equal(places_take(p, who(1)), PLACE_TAKEN);
    assert_int_equal(places_take(p, who(1)), PLACE_TAKEN);
    assert_int_equal(places_take(p, who(1)), PLACE_NONE_LEFT_FOR);
    assert_int_equal(places_take(p, who(2)), PLACE_TAKEN);
    assert_int_equal(places_take(p, who(3)), PLACE_TAKEN);
    assert_int_equal(places_take(p, who(2)), PLACE_NONE_LEFT);
    assert_int_equal(places_take(p, who(4)), PLACE_NONE_LEFT);
    places_give(p, who(1));
    assert_int_equal(places_take(p, who(2)), PLACE_TAKEN);
    assert_int_equal(places_take(p, who(1)), PLACE_NONE_LEFT);
    places_give(p, who(3));
    assert_int_equal(places_take(p, who(1)), PLACE_TAKEN);
    for (int i = 0; i < 2; i++) {
        places_give(p, who(1));
        places_give(p, who(2));
    }
    places_free(&p);
    assert_null(p);
}

static void many_come_and_go(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct places *p = places_new(MANY, 1);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(places_take(p, who(i)), PLACE_TAKEN);
        }
        assert_int_equal(places_take(p, who(MANY)), PLACE_NONE_LEFT);
        assert_int_equal(places_take(p, who(7)), PLACE_NONE_LEFT_FOR);
        for (int i = MANY; i-- > 0;) {
            places_give(p, who(i));
        }
    }
    places_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_number),
        cmocka_unit_test(many_come_and_go),
    };
    return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
