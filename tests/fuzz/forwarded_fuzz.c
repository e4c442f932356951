/* fuzz: http */
/* Any two lines of the header, a zero byte between them: the walk ends, never crosses an address
 * that is no listed proxy, and what the proxy appended last decides. */
#include "http/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct cidr_list proxies;

static struct ip walk(enum forwarded_header header, struct str first, struct str second,
                      int *ret_hops)
{
    struct forwarded_walk w = {.proxies = &proxies, .header = header};
    must(ip_parse(STR("10.0.0.1"), &w.hop));
    if (forwarded_line(&w, second) && forwarded_line(&w, first)) {
        must(cidr_list_holds(&proxies, w.hop));
    }
    *ret_hops = w.hops;
    return w.hop;
}

static void check(enum forwarded_header header, struct str first, struct str second,
                  struct str appended)
{
    char text[IP_TEXT];
    struct ip want;
    int hops = 0;
    struct ip got = walk(header, first, second, &hops);
    ip_text(got, text);
    must(ip_parse(str_of(text), &want) && memcmp(&want, &got, sizeof(want)) == 0);
    must(hops <= 33);
    /* the client's own text, and behind it what a proxy of ours appended */
    SCOPED(arena_free) struct arena *a = arena_new();
    const struct str whole = str_fmt(a, STR_FMT ", " STR_FMT, STR_ARG(first), STR_ARG(appended));
    got = walk(header, STR("1.1.1.1"), whole, &hops);
    must(ip_parse(STR("203.0.113.7"), &want) && memcmp(&want, &got, sizeof(want)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct str all = {(const char *)data, n};
    const ptrdiff_t zero = str_find_char(all, '\0', 0);
    const struct str first = zero < 0 ? all : str_sub(all, 0, (size_t)zero);
    const struct str second = zero < 0 ? STR("") : str_sub(all, (size_t)zero + 1, n);
    struct str bad;
    must(cidr_list_parse(STR("10.0.0.0/8,fd00::/8"), &proxies, &bad));
    check(FORWARDED_X_FOR, first, second, STR("203.0.113.7"));
    check(FORWARDED_RFC7239, first, second, STR("for=\"203.0.113.7:80\";proto=https"));
    return 0;
}
