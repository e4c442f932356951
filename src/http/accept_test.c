#include "http/accept.h"

#include <setjmp.h>

#include <cmocka.h>

static enum coding best(const char *line)
{
    struct accepted a = {};
    int best = 0;
    enum coding chosen = CODING_IDENTITY;
    if (line) {
        accept_line(&a, str_of(line));
    }
    for (size_t c = 0; c < CODING_COUNT; c++) {
        const int weight = accept_weight(&a, (enum coding)c);
        if (weight && weight >= best) {
            best = weight;
            chosen = (enum coding)c;
        }
    }
    return chosen;
}

static void weighs_codings(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum coding best;
    } cases[] = {
        {NULL, CODING_IDENTITY},
        {"", CODING_IDENTITY},
        {"gzip", CODING_GZIP},
        {"GZip", CODING_GZIP},
        {"x-gzip", CODING_GZIP},
        {"br", CODING_BROTLI},
        {"gzip, deflate, br, zstd", CODING_BROTLI},
        {"br;q=0.5, gzip;q=0.8", CODING_GZIP},
        {"br;q=0.5,gzip;q=0.8,identity", CODING_IDENTITY},
        {"identity;q=0.5, gzip;q=0.5", CODING_GZIP},
        {"gzip;q=0", CODING_IDENTITY},
        {"gzip;q=0.001", CODING_GZIP},
        {"gzip ; Q=1.000 , br ;q=0.999", CODING_GZIP},
        {"*", CODING_BROTLI},
        {"*, br;q=0", CODING_GZIP},
        {"gzip;q=0.5, *;q=0", CODING_GZIP},
        {"*;q=0", CODING_IDENTITY},
        {"deflate", CODING_IDENTITY},
        {"gzip;q=2", CODING_IDENTITY},
        {"gzip;q=0.1234", CODING_IDENTITY},
        {"gzip;q=-0", CODING_IDENTITY},
        {"gzip;level=9", CODING_IDENTITY},
        {"gzip;q=", CODING_IDENTITY},
        {",,gzip,,", CODING_GZIP},
        {"gz ip", CODING_IDENTITY},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (best(cases[i].line) != cases[i].best) {
            fail_msg("%s gives %s", cases[i].line, coding_name(best(cases[i].line)));
        }
    }
}

static void lines_add_up(void **state)
{
    (void)state;
    struct accepted a = {};
    accept_line(&a, STR("gzip;q=0.3"));
    accept_line(&a, STR("br;q=0.2"));
    assert_int_equal(accept_weight(&a, CODING_GZIP), 300);
    assert_int_equal(accept_weight(&a, CODING_BROTLI), 200);
    assert_int_equal(accept_weight(&a, CODING_IDENTITY), 1);
    accept_line(&a, STR("identity;q=0"));
    assert_int_equal(accept_weight(&a, CODING_IDENTITY), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighs_codings),
        cmocka_unit_test(lines_add_up),
    };
    return cmocka_run_group_tests_name("codings", tests, NULL, NULL);
}
