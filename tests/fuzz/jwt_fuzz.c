/* fuzz: crypto */
/* Tokens from outside. The input stands for a whole token, and for header and payload of one that
 * is signed with the right key, so that the readers behind the signature are reached too. Whatever
 * is accepted must be complete, and must be of our audience by its signature. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "crypto/jwt.h"
#include "crypto/keyring_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct keyring *ring;

static void open_ring(void)
{
    const struct ring_folder f = ring_folder_make();
    ring = ring_of(&f);
    ring_folder_remove(&f);
}

static bool try_token(struct cx *cx, struct str token)
{
    struct jwt_claims c = {};
    if (jwt_verify(cx, ring, "chat", token, &c)) {
        must(cx->code == CODE_INVALID_TOKEN && c.sub.n == 0);
        return false;
    }
    must(c.sub.n && c.kind.n && c.exp_us > cx->now_us);
    must(!uuid_is_nil(c.tenant.v) && !uuid_is_nil(c.jti));
    must(jwt_verify(cx, ring, "ticket", token, &c) == ERR_UNAUTHENTICATED);
    return true;
}

static struct str sign(struct cx *cx, struct str header, struct str payload)
{
    uint8_t key[KEYRING_KEY_BYTES];
    uint8_t mac[HASH_BYTES];
    must(keyring_derive(ring, keyring_newest(ring), STR("jwt/chat"), key));
    const struct str text =
        str_fmt(cx->arena, "%s.%s", base64_text(cx->arena, BASE64_URL, header.p, header.n).p,
                base64_text(cx->arena, BASE64_URL, payload.p, payload.n).p);
    hmac_sha256((struct str){(const char *)key, sizeof(key)}, text, mac);
    return str_fmt(cx->arena, "%s.%s", text.p,
                   base64_text(cx->arena, BASE64_URL, mac, sizeof(mac)).p);
}

/* What is accepted has no fault of form; what can be shown of any other is JSON. */
static void check_form(struct cx *cx, struct str token, bool accepted)
{
    struct str header;
    struct str payload;
    json_t *v = NULL;
    must(!jwt_form(cx, token, &header, &payload) || !accepted);
    must(!header.n || !json_parse(cx, header, &v));
    must(!payload.n || !json_parse(cx, payload, &v));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SCOPED(cx_end) struct cx cx;
    const struct str in = {(const char *)data, n};
    if (!ring) {
        open_ring();
    }
    cx_begin(&cx, NULL);
    cx.now_us = 1800000000 * SECOND_US;
    must(!try_token(&cx, in)); /* nobody guesses a signature */
    const struct str header =
        str_fmt(cx.arena, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
                uuid_text(cx.arena, keyring_newest(ring)).p);
    const struct str ours = sign(&cx, header, in);
    check_form(&cx, ours, try_token(&cx, ours));
    check_form(&cx, in, false);
    must(!try_token(&cx, sign(&cx, in, STR("{}"))));
    return 0;
}
