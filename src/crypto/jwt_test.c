#include "crypto/jwt.h"

#include "base/base64.h"
#include "base/clock.h"
#include "crypto/hash.h"
#include "crypto/keyring_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

#define TENANT "019a0000-0000-7000-8000-00000000000a"
#define KEY    "019a0000-0000-7000-8000-00000000000b"
#define JTI    "019a0000-0000-7000-8000-00000000000c"

enum { NOW_S = 1800000000 };

static struct ring_folder folder;
static struct keyring *ring;
static struct cx cx;

static int begin(void **state)
{
    (void)state;
    folder = ring_folder_make();
    ring = ring_of(&folder);
    cx_begin(&cx, NULL);
    cx.now_us = NOW_S * SECOND_US;
    return 0;
}

static int end(void **state)
{
    (void)state;
    cx_end(&cx);
    keyring_close(&ring);
    ring_folder_remove(&folder);
    return 0;
}

static struct uuid id(const char *text)
{
    struct uuid u;
    assert_true(uuid_parse(str_of(text), &u));
    return u;
}

static struct jwt_claims claims(void)
{
    return (struct jwt_claims){
        .sub = STR("contact-7"),
        .tenant = {id(TENANT)},
        .kind = STR("visitor"),
        .key = id(KEY),
        .origin = STR("https://shop.example"),
        .ends_us = (NOW_S + 900) * SECOND_US,
        .exp_us = (NOW_S + 60) * SECOND_US,
        .jti = id(JTI),
    };
}

static void what_was_signed_verifies(void **state)
{
    (void)state;
    struct jwt_claims in = claims();
    struct jwt_claims out = {};
    const struct str token = jwt_sign(&cx, ring, "chat", &in);
    assert_int_equal(jwt_verify(&cx, ring, "chat", token, &out), ERR_OK);
    assert_true(str_eq(out.sub, in.sub));
    assert_true(str_eq(out.kind, in.kind));
    assert_true(uuid_eq(out.tenant.v, in.tenant.v));
    assert_true(uuid_eq(out.key, in.key));
    assert_true(str_eq(out.origin, in.origin));
    assert_int_equal(out.ends_us, in.ends_us);
    assert_true(uuid_eq(out.jti, in.jti));
    assert_int_equal(out.exp_us, in.exp_us);

    in.key = (struct uuid){};
    in.origin = (struct str){};
    in.ends_us = 0;
    in.sub = STR("\"<ä>\\\n");
    assert_int_equal(jwt_verify(&cx, ring, "chat", jwt_sign(&cx, ring, "chat", &in), &out), ERR_OK);
    assert_true(uuid_is_nil(out.key) && !out.origin.n && !out.ends_us);
    assert_true(str_eq(out.sub, in.sub));
}

static void the_longest_texts_still_verify(void **state)
{
    (void)state;
    char text[JWT_MAX_TEXT];
    memset(text, '<', sizeof(text));
    struct jwt_claims in = claims();
    struct jwt_claims out = {};
    in.sub = in.kind = (struct str){text, sizeof(text)};
    assert_int_equal(jwt_verify(&cx, ring, "chat", jwt_sign(&cx, ring, "chat", &in), &out), ERR_OK);
    assert_true(str_eq(out.sub, in.sub));
}

static void refused(const char *name, const char *audience, struct str token)
{
    struct jwt_claims out = {.sub = STR("untouched")};
    if (jwt_verify(&cx, ring, audience, token, &out) != ERR_UNAUTHENTICATED ||
        cx.code != CODE_INVALID_TOKEN || !str_is(out.sub, "untouched")) {
        fail_msg("%s", name);
    }
}

/* shows: AUTH-6 */
static void it_expires_at_its_second(void **state)
{
    (void)state;
    const struct jwt_claims in = claims();
    struct jwt_claims out;
    const struct str token = jwt_sign(&cx, ring, "chat", &in);
    cx.now_us = in.exp_us - 1;
    assert_int_equal(jwt_verify(&cx, ring, "chat", token, &out), ERR_OK);
    cx.now_us = in.exp_us;
    refused("expired", "chat", token);
}

/* shows: AUTH-6 */
static void a_late_one_is_known_for_a_while(void **state)
{
    (void)state;
    const struct jwt_claims in = claims();
    const struct str token = jwt_sign(&cx, ring, "chat", &in);
    struct jwt_claims out;
    cx.now_us = in.exp_us + DAY_US - 1;
    refused("expired", "chat", token);
    assert_int_equal(jwt_verify_late(&cx, ring, "chat", token, DAY_US, &out), ERR_OK);
    assert_int_equal(jwt_verify_late(&cx, ring, "ticket", token, DAY_US, &out),
                     ERR_UNAUTHENTICATED);
    cx.now_us++;
    assert_int_equal(jwt_verify_late(&cx, ring, "chat", token, DAY_US, &out), ERR_UNAUTHENTICATED);
}

/* shows: AUTH-6 */
static void another_audience_or_ring_refuses(void **state)
{
    (void)state;
    SCOPED(ring_folder_remove) struct ring_folder f = ring_folder_make();
    const struct jwt_claims in = claims();
    refused("other audience", "ticket", jwt_sign(&cx, ring, "chat", &in));
    SCOPED(keyring_close) struct keyring *other = ring_of(&f);
    refused("other ring", "chat", jwt_sign(&cx, other, "chat", &in));
}

/* Signs whatever it is given, with the key for a purpose. */
static struct str forge_for(const char *purpose, struct str header, struct str payload)
{
    uint8_t key[KEYRING_KEY_BYTES];
    uint8_t mac[HASH_BYTES];
    assert_true(keyring_derive(ring, keyring_newest(ring), str_of(purpose), key));
    const struct str text =
        str_fmt(cx.arena, "%s.%s", base64_text(cx.arena, BASE64_URL, header.p, header.n).p,
                base64_text(cx.arena, BASE64_URL, payload.p, payload.n).p);
    hmac_sha256((struct str){(const char *)key, sizeof(key)}, text, mac);
    return str_fmt(cx.arena, "%s.%s", text.p,
                   base64_text(cx.arena, BASE64_URL, mac, sizeof(mac)).p);
}

static struct str forge(struct str header, struct str payload)
{
    return forge_for("jwt/chat", header, payload);
}

/* %s stands for the key's id. */
#define GOOD_HEADER "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}"
#define PAYLOAD(iss, aud, sub, tenant, kind, exp, jti)                                             \
    "{\"iss\":" iss ",\"aud\":" aud ",\"sub\":" sub ",\"tenant\":" tenant ",\"kind\":" kind        \
    ",\"exp\":" exp ",\"jti\":" jti "}"
#define GOOD_PAYLOAD                                                                               \
    PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "1800000060",          \
            "\"" JTI "\"")

static struct str with_kid(const char *header)
{
    const struct str h = str_of(header);
    const ptrdiff_t at = str_find(h, STR("%s"), 0);
    if (at < 0) {
        return h;
    }
    return str_fmt(cx.arena, STR_FMT "%s%s", (int)at, header,
                   uuid_text(cx.arena, keyring_newest(ring)).p, header + at + 2);
}

/* Every row is signed with the right key: what is refused is what the token says. */
static const struct {
    const char *name;
    const char *header;
    const char *payload;
} forged[] = {
    {"alg none", "{\"alg\":\"none\",\"kid\":\"%s\",\"typ\":\"JWT\"}", GOOD_PAYLOAD},
    {"alg None", "{\"alg\":\"None\",\"kid\":\"%s\",\"typ\":\"JWT\"}", GOOD_PAYLOAD},
    {"alg lower", "{\"alg\":\"hs256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", GOOD_PAYLOAD},
    {"alg RS256", "{\"alg\":\"RS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", GOOD_PAYLOAD},
    {"alg HS512", "{\"alg\":\"HS512\",\"kid\":\"%s\",\"typ\":\"JWT\"}", GOOD_PAYLOAD},
    {"alg number", "{\"alg\":1,\"kid\":\"%s\",\"typ\":\"JWT\"}", GOOD_PAYLOAD},
    {"alg twice", "{\"alg\":\"HS256\",\"alg\":\"none\",\"kid\":\"%s\"}", GOOD_PAYLOAD},
    {"no alg", "{\"kid\":\"%s\",\"typ\":\"JWT\",\"x\":1}", GOOD_PAYLOAD},
    {"no kid", "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", GOOD_PAYLOAD},
    {"unknown kid", "{\"alg\":\"HS256\",\"kid\":\"" JTI "\",\"typ\":\"JWT\"}", GOOD_PAYLOAD},
    {"kid path", "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\",\"typ\":\"JWT\"}", GOOD_PAYLOAD},
    {"typ", "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWE\"}", GOOD_PAYLOAD},
    {"crit", "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"crit\":[\"x\"]}", GOOD_PAYLOAD},
    {"jwk", "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"jwk\":{}}", GOOD_PAYLOAD},
    {"header array", "[]", GOOD_PAYLOAD},
    {"header no JSON", "HS256", GOOD_PAYLOAD},
    {"header empty", "", GOOD_PAYLOAD},
    {"payload empty", GOOD_HEADER, ""},
    {"payload array", GOOD_HEADER, "[]"},
    {"payload null", GOOD_HEADER, "null"},
    {"payload bad UTF-8", GOOD_HEADER, "{\"iss\":\"\xff\"}"},
    {"no claims", GOOD_HEADER, "{}"},
    {"iss", GOOD_HEADER,
     PAYLOAD("\"other\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "1800000060",
             "\"" JTI "\"")},
    {"aud", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"ticket\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "1800000060",
             "\"" JTI "\"")},
    {"aud list", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "[\"chat\"]", "\"s\"", "\"" TENANT "\"", "\"k\"", "1800000060",
             "\"" JTI "\"")},
    {"sub empty", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"\"", "\"" TENANT "\"", "\"k\"", "1800000060",
             "\"" JTI "\"")},
    {"tenant", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"x\"", "\"k\"", "1800000060", "\"" JTI "\"")},
    {"tenant nil", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"00000000-0000-0000-0000-000000000000\"",
             "\"k\"", "1800000060", "\"" JTI "\"")},
    {"kind", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "1", "1800000060",
             "\"" JTI "\"")},
    {"expired", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "1799999999",
             "\"" JTI "\"")},
    {"exp text", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "\"1800000060\"",
             "\"" JTI "\"")},
    {"exp huge", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "9223372036854775807",
             "\"" JTI "\"")},
    {"exp below zero", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "-9223372036854775807",
             "\"" JTI "\"")},
    {"exp null", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "null",
             "\"" JTI "\"")},
    {"jti", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "1800000060", "\"\"")},
    {"key", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "1800000060",
             "\"" JTI "\",\"key\":\"x\"")},
    {"origin", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "1800000060",
             "\"" JTI "\",\"origin\":\"\"")},
    {"ends", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "1800000060",
             "\"" JTI "\",\"ends\":0")},
    {"exp twice", GOOD_HEADER,
     PAYLOAD("\"metachat\"", "\"chat\"", "\"s\"", "\"" TENANT "\"", "\"k\"", "1800000060",
             "\"" JTI "\",\"exp\":1900000000")},
};

/* shows: AUTH-6 */
static void forged_headers_and_claims(void **state)
{
    (void)state;
    struct jwt_claims out;
    const struct str good = forge(with_kid(GOOD_HEADER), str_of(GOOD_PAYLOAD));
    assert_int_equal(jwt_verify(&cx, ring, "chat", good, &out), ERR_OK);
    for (size_t i = 0; i < COUNT(forged); i++) {
        refused(forged[i].name, "chat",
                forge(with_kid(forged[i].header), str_of(forged[i].payload)));
    }
}

/* What is said is right in both, and the signature too; but it is not made for this. */
static void the_key_of_another_audience_and_a_great_token(void **state)
{
    (void)state;
    const struct str header = with_kid(GOOD_HEADER);
    const struct str good = str_of(GOOD_PAYLOAD);
    refused("key of another audience", "chat", forge_for("jwt/ticket", header, good));
    refused("key of another purpose", "chat", forge_for("seal", header, good));
    const struct str long_one =
        str_fmt(cx.arena, STR_FMT ",\"x\":\"%0*d\"}", (int)good.n - 1, good.p, JWT_MAX_BYTES, 1);
    refused("long", "chat", forge(header, long_one));
}

/* shows: AUTH-6 */
static void any_changed_sign_is_refused(void **state)
{
    (void)state;
    const struct jwt_claims in = claims();
    const struct str good = jwt_sign(&cx, ring, "chat", &in);
    for (size_t i = 0; i < good.n; i++) {
        const struct str bad = str_dup(cx.arena, good);
        char *p = (char *)(uintptr_t)bad.p;
        p[i] = p[i] == 'A' ? 'B' : 'A';
        refused("changed", "chat", bad);
        refused("truncated", "chat", str_sub(good, 0, i));
        refused("beheaded", "chat", str_sub(good, i + 1, good.n));
    }
}

static void forms_that_are_no_token(void **state)
{
    (void)state;
    const struct jwt_claims in = claims();
    const struct str good = jwt_sign(&cx, ring, "chat", &in);
    const struct str signed_part = str_sub(good, 0, good.n - 43);
    char *huge = arena_alloc(cx.arena, MB);
    memset(huge, 'A', MB);
    refused("NULL", "chat", (struct str){NULL, 0});
    refused("empty", "chat", STR(""));
    refused("dots", "chat", STR(".."));
    refused("no signature", "chat", signed_part);
    refused("extra part", "chat", str_fmt(cx.arena, "%s.AAAA", good.p));
    refused("extra dot", "chat", str_fmt(cx.arena, "%s.", good.p));
    refused("padding", "chat", str_fmt(cx.arena, "%s=", good.p));
    refused("space", "chat", str_fmt(cx.arena, " %s", good.p));
    refused("huge", "chat", (struct str){huge, MB});
    refused("long", "chat", str_fmt(cx.arena, "%s%.*s", good.p, JWT_MAX_BYTES, huge));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_signed_verifies, begin, end),
        cmocka_unit_test_setup_teardown(the_longest_texts_still_verify, begin, end),
        cmocka_unit_test_setup_teardown(it_expires_at_its_second, begin, end),
        cmocka_unit_test_setup_teardown(a_late_one_is_known_for_a_while, begin, end),
        cmocka_unit_test_setup_teardown(another_audience_or_ring_refuses, begin, end),
        cmocka_unit_test_setup_teardown(forged_headers_and_claims, begin, end),
        cmocka_unit_test_setup_teardown(the_key_of_another_audience_and_a_great_token, begin, end),
        cmocka_unit_test_setup_teardown(any_changed_sign_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(forms_that_are_no_token, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
