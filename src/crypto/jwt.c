/* Order of the checks: size, three parts, header (our algorithm, our type, nothing else, a key that
 * we hold), signature, and only then the claims. The header chooses a key from the ring, never an
 * algorithm. */
#include "crypto/jwt.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/jw.h"
#include "base/mem.h"
#include "crypto/hash.h"

static const char issuer[] = "metachat";

static bool signature(struct cx *cx, const struct keyring *k, struct uuid key_id,
                      const char *audience, struct str text, uint8_t ret[HASH_BYTES])
{
    uint8_t key[KEYRING_KEY_BYTES];
    if (!keyring_derive(k, key_id, str_fmt(cx->arena, "jwt/%s", audience), key)) {
        return false;
    }
    hmac_sha256((struct str){(const char *)key, sizeof(key)}, text, ret);
    mem_wipe(key, sizeof(key));
    return true;
}

static struct str encoded(struct cx *cx, const struct buf *json)
{
    must(!json->full);
    return base64_text(cx->arena, BASE64_URL, json->p, json->n);
}

static struct str header_text(struct cx *cx, struct uuid key_id)
{
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    jw_open(&b, '{');
    jw_member_str(&b, "alg", STR("HS256"));
    jw_member_id(&b, "kid", key_id);
    jw_member_str(&b, "typ", STR("JWT"));
    jw_close(&b, '}');
    return encoded(cx, &b);
}

static struct str payload_text(struct cx *cx, const char *audience, const struct jwt_claims *c)
{
    SCOPED(buf_fini) struct buf b = buf_make(8 * KB); /* every byte may become an escape of six */
    jw_open(&b, '{');
    jw_member_str(&b, "iss", str_of(issuer));
    jw_member_str(&b, "aud", str_of(audience));
    jw_member_str(&b, "sub", c->sub);
    jw_member_id(&b, "tenant", c->tenant.v);
    jw_member_str(&b, "kind", c->kind);
    if (!uuid_is_nil(c->key)) {
        jw_member_id(&b, "key", c->key);
    }
    if (c->origin.n) {
        jw_member_str(&b, "origin", c->origin);
    }
    if (c->ends_us) {
        jw_member_i64(&b, "ends", c->ends_us / SECOND_US);
    }
    jw_member_i64(&b, "exp", c->exp_us / SECOND_US);
    jw_member_id(&b, "jti", c->jti);
    jw_close(&b, '}');
    return encoded(cx, &b);
}

struct str jwt_sign(struct cx *cx, const struct keyring *k, const char *audience,
                    const struct jwt_claims *claims)
{
    const struct uuid key_id = keyring_newest(k);
    uint8_t mac[HASH_BYTES];
    must(claims->sub.n && claims->sub.n <= JWT_MAX_TEXT);
    must(claims->kind.n && claims->kind.n <= JWT_MAX_TEXT);
    must(claims->origin.n <= JWT_MAX_TEXT);
    must(claims->exp_us > 0 && !uuid_is_nil(claims->tenant.v) && !uuid_is_nil(claims->jti));
    const struct str text = str_fmt(cx->arena, "%s.%s", header_text(cx, key_id).p,
                                    payload_text(cx, audience, claims).p);
    must(signature(cx, k, key_id, audience, text, mac));
    const struct str token =
        str_fmt(cx->arena, "%s.%s", text.p, base64_text(cx->arena, BASE64_URL, mac, sizeof(mac)).p);
    must(token.n <= JWT_MAX_BYTES);
    return token;
}

static enum err refuse(struct cx *cx)
{
    return cx_fail(cx, CODE_INVALID_TOKEN, "the token is not valid");
}

static enum err part_json(struct cx *cx, struct str part, json_t **ret)
{
    const size_t max = base64_bytes(part.n);
    char *text = arena_alloc(cx->arena, max + 1);
    size_t n = 0;
    if (!base64_decode(BASE64_URL, part, text, max, &n) ||
        json_parse(cx, (struct str){text, n}, ret) || !json_is_object(*ret)) {
        return refuse(cx);
    }
    return ERR_OK;
}

static bool split(struct str token, struct str ret_parts[3])
{
    return str_split(&token, '.', &ret_parts[0]) && str_split(&token, '.', &ret_parts[1]) &&
           str_split(&token, '.', &ret_parts[2]) && !token.p;
}

static bool get_id(const json_t *o, const char *name, struct uuid *ret)
{
    return uuid_parse(json_get_str(o, name), ret) && !uuid_is_nil(*ret);
}

static enum err read_header(struct cx *cx, struct str part, struct uuid *ret_key_id)
{
    json_t *o = NULL;
    TRY(part_json(cx, part, &o));
    if (json_object_size(o) != 3 || !str_is(json_get_str(o, "alg"), "HS256") ||
        !str_is(json_get_str(o, "typ"), "JWT") || !get_id(o, "kid", ret_key_id)) {
        return refuse(cx);
    }
    return ERR_OK;
}

static bool get_text(const json_t *o, const char *name, struct str *ret)
{
    *ret = json_get_str(o, name);
    return ret->n > 0 && ret->n <= JWT_MAX_TEXT;
}

static bool get_time(const json_t *o, const char *name, int64_t *ret)
{
    const int64_t s = json_get_i64(o, name, 0);
    *ret = s > 0 && s <= INT64_MAX / SECOND_US ? s * SECOND_US : 0;
    return *ret > 0;
}

static bool get_claims(const json_t *o, struct jwt_claims *c)
{
    return get_time(o, "exp", &c->exp_us) && get_text(o, "sub", &c->sub) &&
           get_text(o, "kind", &c->kind) && get_id(o, "tenant", &c->tenant.v) &&
           get_id(o, "jti", &c->jti) && (!json_object_get(o, "key") || get_id(o, "key", &c->key)) &&
           (!json_object_get(o, "origin") || get_text(o, "origin", &c->origin)) &&
           (!json_object_get(o, "ends") || get_time(o, "ends", &c->ends_us));
}

static enum err read_payload(struct cx *cx, const char *audience, struct str part, int64_t late_us,
                             struct jwt_claims *ret)
{
    struct jwt_claims c = {};
    json_t *o = NULL;
    TRY(part_json(cx, part, &o));
    if (!str_is(json_get_str(o, "iss"), issuer) || !str_is(json_get_str(o, "aud"), audience) ||
        !get_claims(o, &c)) {
        return refuse(cx);
    }
    if (cx->now_us >= c.exp_us && cx->now_us - c.exp_us >= late_us) {
        return cx_fail(cx, CODE_INVALID_TOKEN, "the token has expired");
    }
    *ret = c;
    return ERR_OK;
}

enum err jwt_verify(struct cx *cx, const struct keyring *k, const char *audience, struct str token,
                    struct jwt_claims *ret)
{
    return jwt_verify_late(cx, k, audience, token, 0, ret);
}

enum err jwt_verify_late(struct cx *cx, const struct keyring *k, const char *audience,
                         struct str token, int64_t late_us, struct jwt_claims *ret)
{
    struct str parts[3];
    struct uuid key_id;
    uint8_t want[HASH_BYTES];
    uint8_t got[HASH_BYTES];
    size_t n = 0;
    if (token.n > JWT_MAX_BYTES || !split(token, parts)) {
        return refuse(cx);
    }
    TRY(read_header(cx, parts[0], &key_id));
    const struct str text = {token.p, parts[0].n + 1 + parts[1].n};
    if (!base64_decode(BASE64_URL, parts[2], got, sizeof(got), &n) || n != sizeof(got) ||
        !signature(cx, k, key_id, audience, text, want) || !ct_equal(got, want, sizeof(got))) {
        return refuse(cx);
    }
    return read_payload(cx, audience, parts[1], late_us, ret);
}

const char *jwt_form(struct cx *cx, struct str token, struct str *ret_header,
                     struct str *ret_payload)
{
    struct str parts[3];
    struct uuid key_id;
    char mac[HASH_BYTES];
    size_t n = 0;
    json_t *header = NULL;
    json_t *payload = NULL;
    *ret_header = *ret_payload = STR("");
    if (token.n > JWT_MAX_BYTES) {
        return "it is longer than 4096 bytes";
    }
    if (!split(token, parts)) {
        return "it does not have three parts with a dot between";
    }
    const bool header_ok = !part_json(cx, parts[0], &header);
    const bool payload_ok = !part_json(cx, parts[1], &payload);
    *ret_header = header_ok ? json_text(cx->arena, header) : STR("");
    *ret_payload = payload_ok ? json_text(cx->arena, payload) : STR("");
    if (!header_ok || !payload_ok) {
        return header_ok ? "its payload is not a JSON object in base64url"
                         : "its header is not a JSON object in base64url";
    }
    if (read_header(cx, parts[0], &key_id)) {
        return "its header is not exactly alg HS256, typ JWT and a kid that is an id";
    }
    return base64_decode(BASE64_URL, parts[2], mac, sizeof(mac), &n) && n == sizeof(mac)
               ? NULL
               : "its signature is not 32 bytes in base64url";
}
