#include "net/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>

#include <cmocka.h>

static uint64_t key_of(const char *text)
{
    struct sockaddr_storage a = {};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&a, &v4, sizeof(v4));
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        memcpy(&a, &v6, sizeof(v6));
    }
    return peer_key(&a);
}

/* shows: RATE-3, HTTP-10 */
static void counts_as_one_what_is_one(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},          {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},   {"2001:db8::1", "2001:db8::ffff:1", true},
        {"2001:db8::1", "2001:db8:0:1::1", false}, {"::1", "127.0.0.1", false},
        {"0:0:ffff::1", "192.0.2.1", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if ((key_of(rows[i].a) == key_of(rows[i].b)) != rows[i].same) {
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        }
    }
}

/* shows: HTTP-10 */
static void bounds_each_address(void **state)
{
    (void)state;
    struct peers p;
    peers_init(&p, 10, 2);
    for (int round = 0; round < 3; round++) {
        assert_true(peers_enter(&p, 1) && peers_enter(&p, 1) && peers_enter(&p, 2));
        assert_false(peers_enter(&p, 1));
        peers_leave(&p, 1);
        assert_true(peers_enter(&p, 1));
        peers_leave(&p, 1);
        peers_leave(&p, 1);
        peers_leave(&p, 2);
    }
    peers_fini(&p);
}

static void has_room_for_all_and_forgets_them(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    struct peers p;
    peers_init(&p, MANY, 1);
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < MANY; i++) {
            assert_true(peers_enter(&p, i));
        }
        for (uint64_t i = 0; i < MANY; i++) {
            assert_false(peers_enter(&p, i));
        }
        for (uint64_t i = 0; i < MANY; i++) {
            peers_leave(&p, (i * 7) % MANY);
        }
    }
    peers_fini(&p);
}

static void without_a_bound_counts_nothing(void **state)
{
    (void)state;
    struct peers p;
    peers_init(&p, 1, 0);
    for (uint64_t i = 0; i < 100; i++) {
        assert_true(peers_enter(&p, i));
    }
    peers_leave(&p, 1);
    peers_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_as_one_what_is_one),
        cmocka_unit_test(bounds_each_address),
        cmocka_unit_test(has_room_for_all_and_forgets_them),
        cmocka_unit_test(without_a_bound_counts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
