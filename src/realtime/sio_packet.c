#include "realtime/sio_packet.h"

enum { MAX_DIGITS = 15 }; /* of an acknowledgement: what a client's number can hold exactly */

/* Those that Socket.IO emits itself, on either side. */
static const char *const reserved[] = {
    "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
};

/* Cuts leading digits off *rest; false when there are too many. No digits: ret is empty. */
static bool take_digits(struct str *rest, size_t max, struct str *ret)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9') {
        n++;
    }
    *ret = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->n);
    return n <= max;
}

static bool is_binary(enum sio_type type)
{
    return type == SIO_BINARY_EVENT || type == SIO_BINARY_ACK;
}

static bool take_attachments(struct str *rest, int max, int *ret)
{
    struct str digits;
    int64_t n;
    if (!take_digits(rest, MAX_DIGITS, &digits) || !str_to_i64(digits, 0, max, &n) ||
        !str_starts(*rest, STR("-"))) {
        return false;
    }
    *rest = str_sub(*rest, 1, rest->n);
    *ret = (int)n;
    return true;
}

static bool take_nsp(struct str *rest, struct str *ret)
{
    *ret = STR("/");
    if (!str_starts(*rest, STR("/"))) {
        return true;
    }
    const ptrdiff_t comma = str_find_char(*rest, ',', 0);
    *ret = str_sub(*rest, 0, comma < 0 ? rest->n : (size_t)comma);
    *rest = str_sub(*rest, ret->n + (comma >= 0), rest->n);
    return ret->n <= SIO_MAX_NSP;
}

static bool take_ack(struct str *rest, int64_t *ret)
{
    struct str digits;
    *ret = SIO_NO_ACK;
    return take_digits(rest, MAX_DIGITS, &digits) &&
           (!digits.n || str_to_i64(digits, 0, INT64_MAX, ret));
}

/* Which types may have an acknowledgement's id, and which must. */
static bool ack_fits(enum sio_type type, int64_t ack)
{
    switch (type) {
    case SIO_EVENT:
    case SIO_BINARY_EVENT:
        return true;
    case SIO_ACK:
    case SIO_BINARY_ACK:
        return ack != SIO_NO_ACK;
    case SIO_CONNECT:
    case SIO_DISCONNECT:
    case SIO_CONNECT_ERROR:
        break;
    }
    return ack == SIO_NO_ACK;
}

bool sio_head_parse(struct str text, int max_attachments, struct sio_head *ret)
{
    struct sio_head h = {};
    if (!text.n || text.p[0] < '0' || text.p[0] > '6' || text.p[0] == '4' ||
        memchr(text.p, '\0', text.n)) { /* JSON has none, but the reader passes over some */
        return false;
    }
    h.type = (enum sio_type)(text.p[0] - '0');
    struct str rest = str_sub(text, 1, text.n);
    if ((is_binary(h.type) && !take_attachments(&rest, max_attachments, &h.attachments)) ||
        !take_nsp(&rest, &h.nsp) || !take_ack(&rest, &h.ack) || !ack_fits(h.type, h.ack)) {
        return false;
    }
    h.json = rest;
    *ret = h;
    return true;
}

bool sio_name_ok(struct str name)
{
    for (size_t i = 0; i < COUNT(reserved); i++) {
        if (str_is(name, reserved[i])) {
            return false;
        }
    }
    return true;
}

static bool json_fits(enum sio_type type, const json_t *v)
{
    switch (type) {
    case SIO_CONNECT:
        return !v || json_is_object(v);
    case SIO_DISCONNECT:
    case SIO_CONNECT_ERROR:
        return !v;
    case SIO_ACK:
    case SIO_BINARY_ACK:
        return json_is_array(v);
    case SIO_EVENT:
    case SIO_BINARY_EVENT:
        break;
    }
    const json_t *name = json_array_get(v, 0);
    return json_is_string(name) &&
           sio_name_ok((struct str){json_string_value(name), json_string_length(name)});
}

/* The tree is at most JSON_MAX_DEPTH deep. */
static bool places_ok(const json_t *v, int attachments) // NOLINT(misc-no-recursion)
{
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_true(json_object_get(v, "_placeholder"))) {
        const json_t *num = json_object_get(v, "num");
        return json_is_integer(num) && json_integer_value(num) >= 0 &&
               json_integer_value(num) < attachments;
    }
    json_object_foreach ((json_t *)(uintptr_t)v, key, member) {
        if (!places_ok(member, attachments)) {
            return false;
        }
    }
    json_array_foreach (v, i, member) {
        if (!places_ok(member, attachments)) {
            return false;
        }
    }
    return true;
}

enum err sio_json_parse(struct cx *cx, const struct sio_head *head, json_t **ret)
{
    json_t *v = NULL;
    if (head->json.n) {
        TRY(json_parse(cx, head->json, &v));
    }
    if (!json_fits(head->type, v)) {
        return cx_fail(cx, CODE_VALIDATION_ERROR, "what it carries does not go with its type");
    }
    if (is_binary(head->type) && !places_ok(v, head->attachments)) {
        return cx_fail(cx, CODE_VALIDATION_ERROR, "a place names no attachment");
    }
    *ret = v;
    return ERR_OK;
}

struct str sio_values_text(struct str json)
{
    size_t at = (size_t)str_find_char(json, '"', 0) + 1;
    while (json.p[at] != '"') {
        at += json.p[at] == '\\' ? 2 : 1;
    }
    const struct str rest = str_trim(str_sub(json, at + 1, json.n)); /* ",1,2]" or "]" */
    return rest.n > 1 ? str_trim(str_sub(rest, 1, rest.n - 2)) : STR("");
}

void sio_head_print(struct buf *out, enum sio_type type, size_t attachments, struct str nsp,
                    int64_t ack)
{
    buf_u64(out, type);
    if (is_binary(type)) {
        buf_u64(out, attachments);
        buf_char(out, '-');
    }
    if (!str_is(nsp, "/")) {
        buf_str(out, nsp);
        buf_char(out, ',');
    }
    if (ack != SIO_NO_ACK) {
        buf_u64(out, (uint64_t)ack);
    }
}
