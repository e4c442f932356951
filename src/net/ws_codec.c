#include "net/ws_codec.h"

enum {
    FINAL_BIT = 0x80,
    RESERVED_BITS = 0x70,
    OPCODE_BITS = 0x0f,
    CONTROL_BIT = 0x08, /* of an opcode */
    MASK_BIT = 0x80,
    LENGTH_BITS = 0x7f,
    LENGTH_16 = 126, /* the length stands in the next two bytes */
    LENGTH_64 = 127, /* in the next eight */
    FIRST_HEAD = 2,  /* bytes of a head before its extended length */
};

void ws_codec_fini(struct ws_codec *c)
{
    buf_fini(&c->message);
}

static bool fail(struct ws_codec *c, int code, const char *why)
{
    c->fault = (struct ws_fault){code, why};
    return false;
}

static bool broken(struct ws_codec *c, const char *why)
{
    return fail(c, WS_PROTOCOL_ERROR, why);
}

static bool is_control(const struct ws_codec *c)
{
    return c->opcode & CONTROL_BIT;
}

static bool take_first(struct ws_codec *c, uint8_t b)
{
    c->opcode = b & OPCODE_BITS;
    c->final = b & FINAL_BIT;
    if (b & RESERVED_BITS) {
        return broken(c, "A reserved bit is set.");
    }
    switch (c->opcode) {
    case WS_CLOSE:
    case WS_PING:
    case WS_PONG:
        return c->final || broken(c, "A control frame is fragmented.");
    case WS_TEXT:
    case WS_BINARY:
        if (c->kind) {
            return broken(c, "A message begins before the one before it has ended.");
        }
        c->kind = c->opcode;
        c->message = buf_make(c->max_message);
        return true;
    case WS_CONTINUATION:
        return c->kind || broken(c, "A continuation of no message.");
    default:
        return broken(c, "The opcode is reserved.");
    }
}

/* Looks at the length as far as it has come: between the least and the most that it can become. */
static bool check_length(struct ws_codec *c)
{
    const int bits = 8 * c->length_left;
    const uint64_t least = c->left << bits;
    const uint64_t most = least | ((UINT64_C(1) << bits) - 1);
    const uint64_t shorter = c->length_size == 2 ? LENGTH_16 - 1 : UINT16_MAX;
    if (least >> 63) {
        return broken(c, "The length has its highest bit set.");
    }
    if (c->length_size && most <= shorter) {
        return broken(c, "The length is not in its shortest form.");
    }
    if (!is_control(c) && least > c->max_message - c->message.n) {
        return fail(c, WS_TOO_LARGE, "The message is larger than allowed here.");
    }
    return true;
}

static bool take_second(struct ws_codec *c, uint8_t b)
{
    const uint8_t length = b & LENGTH_BITS;
    if (!(b & MASK_BIT)) {
        return broken(c, "The frame is not masked.");
    }
    if (is_control(c) && length > WS_MAX_CONTROL) {
        return broken(c, "A control frame has more than 125 bytes.");
    }
    if (c->opcode == WS_CLOSE && length == 1) {
        return broken(c, "A close frame has half a code.");
    }
    c->length_size = length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
    c->length_left = c->length_size;
    c->left = c->length_size ? 0 : length;
    return c->length_size || check_length(c);
}

static bool take_head(struct ws_codec *c, uint8_t b)
{
    const uint8_t at = c->head_n++;
    if (at == 0) {
        return take_first(c, b);
    }
    if (at < FIRST_HEAD) {
        return take_second(c, b);
    }
    if (c->length_left) {
        c->length_left--;
        c->left = c->left << 8 | b;
        return check_length(c);
    }
    c->mask[c->mask_n++] = b;
    c->in_payload = c->mask_n == sizeof(c->mask);
    return true;
}

static void unmask(struct ws_codec *c, char *p, size_t n)
{
    uint64_t eight = 0;
    size_t i = 0;
    for (size_t k = 0; k < sizeof(eight); k++) {
        ((uint8_t *)&eight)[k] = c->mask[(c->turn + k) % sizeof(c->mask)];
    }
    for (uint64_t part; i + sizeof(part) <= n; i += sizeof(part)) {
        memcpy(&part, p + i, sizeof(part));
        part ^= eight;
        memcpy(p + i, &part, sizeof(part));
    }
    for (; i < n; i++) {
        p[i] = (char)((uint8_t)p[i] ^ ((const uint8_t *)&eight)[i % sizeof(eight)]);
    }
    c->turn = (uint8_t)((c->turn + n) % sizeof(c->mask));
}

/* The next part of the payload, in clear. */
static struct str take_part(struct ws_codec *c, struct ws_bytes *rest)
{
    const size_t n = c->left < rest->n ? (size_t)c->left : rest->n;
    char *p = rest->p;
    unmask(c, p, n);
    c->left -= n;
    rest->p += n;
    rest->n -= n;
    return (struct str){p, n};
}

static void end_frame(struct ws_codec *c)
{
    c->in_payload = false;
    c->head_n = 0;
    c->mask_n = 0;
    c->turn = 0;
    c->control_n = 0;
}

/* Part of a message. A message that comes in one piece is lent where it stands. */
static bool take_data(struct ws_codec *c, struct ws_bytes *rest, struct ws_item *ret)
{
    const struct str part = take_part(c, rest);
    const bool whole = c->final && c->left == 0;
    if (c->kind == WS_TEXT && (!utf8_goes_on(&c->utf8, part) || (whole && c->utf8.due))) {
        return fail(c, WS_NOT_UTF8, "A text is not UTF-8.");
    }
    if (!whole || c->message.n) {
        buf_str(&c->message, part);
    }
    if (c->left == 0) {
        end_frame(c);
    }
    if (whole) {
        *ret = (struct ws_item){.opcode = c->kind,
                                .payload = c->message.n ? buf_view(&c->message) : part};
        c->kind = 0;
        c->given = true;
    }
    return true;
}

/* A close frame's code, and its reason, which may come cut within a code point. */
static bool take_close(struct ws_codec *c, struct ws_item *ret)
{
    const struct str body = {c->control, c->control_n};
    struct utf8_parts utf8 = {};
    if (body.n == 0) {
        ret->code = WS_NO_CODE;
        return true;
    }
    if (body.n < 2) {
        return true;
    }
    ret->code = (uint8_t)body.p[0] << 8 | (uint8_t)body.p[1];
    ret->payload = str_sub(body, 2, body.n);
    if (!net_ws_code_ok(ret->code)) {
        return broken(c, "The code of a close frame is not one that may be sent.");
    }
    if (!utf8_goes_on(&utf8, ret->payload) || (c->left == 0 && utf8.due)) {
        return fail(c, WS_NOT_UTF8, "The reason of a close frame is not UTF-8.");
    }
    return true;
}

static bool take_control(struct ws_codec *c, struct ws_bytes *rest, struct ws_item *ret)
{
    const struct str part = take_part(c, rest);
    if (part.n) {
        memcpy(c->control + c->control_n, part.p, part.n);
        c->control_n = (uint8_t)(c->control_n + part.n);
    }
    struct ws_item item = {.opcode = c->opcode, .payload = {c->control, c->control_n}};
    if (c->opcode == WS_CLOSE && !take_close(c, &item)) {
        return false;
    }
    if (c->left == 0) {
        c->closed = c->opcode == WS_CLOSE;
        *ret = item;
        end_frame(c);
    }
    return true;
}

/* The message that the last call lent is no longer looked at. */
static void take_back(struct ws_codec *c)
{
    if (c->given) {
        buf_fini(&c->message);
        c->given = false;
    }
}

void ws_give_up(struct ws_codec *c, int code, const char *why)
{
    (void)fail(c, code, why);
    buf_fini(&c->message);
}

enum ws_result ws_next(struct ws_codec *c, struct ws_bytes *rest, struct ws_item *ret)
{
    ret->opcode = WS_CONTINUATION;
    take_back(c);
    while (!c->fault.code && !c->closed && ret->opcode == WS_CONTINUATION) {
        if (c->in_payload && (rest->n || c->left == 0)) {
            (void)(is_control(c) ? take_control(c, rest, ret) : take_data(c, rest, ret));
        } else if (rest->n) {
            rest->n--;
            (void)take_head(c, (uint8_t)*rest->p++);
        } else {
            return WS_MORE;
        }
    }
    if (c->fault.code) {
        buf_fini(&c->message);
        return WS_BROKEN;
    }
    if (ret->opcode == WS_CONTINUATION) {
        rest->n = 0; /* behind the close frame */
        return WS_MORE;
    }
    return WS_ITEM;
}

bool net_ws_code_ok(int code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

size_t ws_head(char ret[WS_MAX_HEAD], int opcode, uint64_t n)
{
    const size_t bytes = n < LENGTH_16 ? 0 : n <= UINT16_MAX ? 2 : 8;
    ret[0] = (char)(FINAL_BIT | opcode);
    ret[1] = (char)(bytes == 0 ? n : bytes == 2 ? LENGTH_16 : LENGTH_64);
    for (size_t i = 0; i < bytes; i++) {
        ret[FIRST_HEAD + i] = (char)(n >> (8 * (bytes - 1 - i)));
    }
    return FIRST_HEAD + bytes;
}

size_t ws_head_size(struct str frame)
{
    const uint8_t length = (uint8_t)frame.p[1] & LENGTH_BITS;
    return length == LENGTH_64 ? FIRST_HEAD + 8 : length == LENGTH_16 ? FIRST_HEAD + 2 : FIRST_HEAD;
}
