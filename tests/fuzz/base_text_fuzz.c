/* fuzz: base */
/* The small readers of base, over any bytes: ids, times, numbers, Base64, UTF-8. What is accepted
 * is the same after writing and reading it again. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_id_and_time(struct arena *a, struct str in)
{
    struct uuid id;
    struct uuid id_again;
    int64_t us = 0;
    int64_t us_again = 0;
    if (uuid_parse(in, &id)) {
        must(uuid_parse(uuid_text(a, id), &id_again) && uuid_eq(id, id_again));
        must(str_eq_nocase(in, uuid_text(a, id)));
    }
    if (clock_parse_rfc3339(in, &us) && us >= -62167219200000000 && us < 253402300800000000) {
        must(clock_parse_rfc3339(clock_rfc3339(a, us), &us_again));
        must(us - us_again >= 0 && us - us_again < MS_US);
    }
}

static void check_numbers(struct arena *a, struct str in)
{
    int64_t i = 0;
    int64_t i_again = 0;
    double f = 0;
    if (str_to_i64(in, INT64_MIN, INT64_MAX, &i)) {
        must(str_to_i64(str_fmt(a, "%" PRId64, i), INT64_MIN, INT64_MAX, &i_again));
        must(i == i_again);
    }
    must(!str_to_f64(in, -1, 1, &f) || (f >= -1 && f <= 1));
}

static void check_base64(struct arena *a, struct str in)
{
    char *out = arena_alloc(a, base64_bytes(in.n) + 1);
    size_t n = 0;
    for (enum base64 form = BASE64_URL; form <= BASE64_PLAIN; form++) {
        const struct str text = base64_text(a, form, in.p, in.n);
        char *back = arena_alloc(a, in.n + 1);
        must(base64_decode(form, text, back, in.n, &n) && str_eq(in, (struct str){back, n}));
        if (base64_decode(form, in, out, base64_bytes(in.n), &n)) {
            must(str_eq(in, base64_text(a, form, out, n)));
        }
    }
}

static void check_utf8(struct str in)
{
    if (!utf8_valid(in)) {
        must(!utf8_is_text(in));
        return;
    }
    size_t count = 0;
    for (size_t at = 0; at < in.n; count++) {
        must(utf8_floor(in, at) == at && utf8_next(in, &at) <= 0x10ffff);
        must(at <= in.n);
    }
    must(count == utf8_count(in));
    for (size_t i = 0; i <= in.n; i++) {
        must(utf8_prefix(in, i).n <= i && utf8_valid(utf8_prefix(in, i)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct str in = {(const char *)data, n};
    struct arena *a = arena_new();
    struct str rest = in;
    struct str part;
    size_t parts = 0;
    size_t bytes = 0;
    while (str_split(&rest, ',', &part)) {
        parts++;
        bytes += part.n;
        (void)str_trim(part);
    }
    must(!in.p || bytes + parts == in.n + 1);
    check_id_and_time(a, in);
    check_numbers(a, in);
    check_base64(a, in);
    if (n < 4096) {
        check_utf8(in);
    }
    arena_free(&a);
    return 0;
}
