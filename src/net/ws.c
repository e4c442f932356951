/* How a request becomes a WebSocket, and what other threads ask of one. */
#include "net/ws.h"

#include "net/answer.h"
#include "net/conn_ws.h"
#include "net/loop.h"

#include "base/base64.h"
#include "base/mem.h"
#include "crypto/hash.h"

enum {
    KEY_BYTES = 16,
    KEY_TEXT = 24, /* in base64, with its padding */
    HINT_LEAST_MS = 500,
    HINT_SPREAD_MS = 5000,
};

/* Whether one of the header's comma-separated words is this one, in any case. */
static bool names(const struct net_req *r, const char *header, const char *word)
{
    const size_t lines = net_req_header_count(r, header);
    for (size_t i = 0; i < lines; i++) {
        struct str rest = net_req_header_nth(r, header, i);
        struct str part;
        while (str_split(&rest, ',', &part)) {
            if (str_eq_nocase(str_trim(part), str_of(word))) {
                return true;
            }
        }
    }
    return false;
}

bool net_ws_asked(const struct net_req *r)
{
    return names(r, "Upgrade", "websocket") || net_req_header_count(r, "Sec-WebSocket-Key") > 0;
}

static bool key_ok(const struct net_req *r)
{
    const struct str key = net_req_header(r, "Sec-WebSocket-Key");
    uint8_t bytes[KEY_BYTES];
    size_t n = 0;
    return net_req_header_count(r, "Sec-WebSocket-Key") == 1 && key.n == KEY_TEXT &&
           str_ends(key, STR("==")) &&
           base64_decode(BASE64_PLAIN, str_sub(key, 0, KEY_TEXT - 2), bytes, sizeof(bytes), &n);
}

static struct refusal refusal_426(const char *detail)
{
    return (struct refusal){426, CODE_UPGRADE_REQUIRED, detail};
}

/* RFC 6455, 4.2.1; the Host has been checked with the head. */
static struct refusal check(const struct net_req *r)
{
    if (!names(r, "Upgrade", "websocket")) {
        return refusal_426("This address speaks WebSocket: the Upgrade header must name it.");
    }
    if (!str_is(r->method, "GET") || r->minor != 1) {
        return refusal_bad("A WebSocket begins with a GET request of HTTP/1.1.");
    }
    if (net_req_body(r).n || r->http1.chunked) {
        return refusal_bad("A request for a WebSocket has no body.");
    }
    if (!names(r, "Connection", "Upgrade")) {
        return refusal_bad("The Connection header of a request for a WebSocket must say Upgrade.");
    }
    if (net_req_header_count(r, "Sec-WebSocket-Version") != 1 ||
        !str_is(net_req_header(r, "Sec-WebSocket-Version"), "13")) {
        return refusal_426("Version 13 of WebSocket is spoken here.");
    }
    if (!key_ok(r)) {
        return refusal_bad("Sec-WebSocket-Key must be 16 bytes in base64, and be there once.");
    }
    return REFUSAL_NONE;
}

/* RFC 6455, 4.2.2 */
static void add_accept(struct buf *head, struct str key)
{
    SCOPED(arena_free) struct arena *a = arena_new();
    uint8_t digest[HASH_SHA1_BYTES];
    hash_sha1(str_fmt(a, STR_FMT "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", STR_ARG(key)), digest);
    const struct str text = base64_text(a, BASE64_PLAIN, digest, sizeof(digest));
    buf_fmt(head, "Sec-WebSocket-Accept: " STR_FMT "=\r\n", STR_ARG(text));
}

static void hand_over(struct net_req **r, struct post post)
{
    struct net_req *req = TAKE(*r);
    post.req = req;
    post.ref = req->ref;
    req->post = post;
    loop_post(req->loop, &req->post);
}

struct net_ref net_ws_open(struct net_req **r, struct net_server *s,
                           const struct net_header *headers, size_t count,
                           const struct net_ws_options *options, const struct net_ws_ops *ops)
{
    const struct net_ref ref = (*r)->ref;
    const struct refusal bad = check(*r);
    must((*r)->loop->server == s);
    if (bad.status) {
        hand_over(r, (struct post){.kind = POST_REFUSE, .refusal = bad});
        return (struct net_ref){};
    }
    struct buf head = answer_head(101, headers, count);
    buf_cstr(&head, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
    add_accept(&head, net_req_header(*r, "Sec-WebSocket-Key"));
    must(!head.full);
    hand_over(r, (struct post){
                     .kind = POST_WS, .head = net_bytes_take(&head), .ws = ws_new(options, ops)});
    return ref;
}

struct net_bytes *ws_frame(int opcode, struct str payload)
{
    char head[WS_MAX_HEAD];
    const size_t n = ws_head(head, opcode, payload.n);
    return net_bytes_pair((struct str){head, n}, payload);
}

struct net_bytes *net_ws_frame(enum ws_kind kind, struct str payload)
{
    return ws_frame((int)kind, payload);
}

struct str net_ws_payload(const struct net_bytes *frame)
{
    const struct str whole = net_bytes_view(frame);
    return str_sub(whole, ws_head_size(whole), whole.n);
}

static void post_to(struct net_server *s, struct net_ref ref, struct post post)
{
    if (!server_has(s, ref)) {
        net_bytes_unref(post.bytes);
        return;
    }
    struct post *p = mem_new(struct post);
    *p = post;
    p->ref = ref;
    loop_post(&s->loops[ref.loop], p);
}

void net_ws_close(struct net_server *s, struct net_ref ref, int code, struct str reason)
{
    must(net_ws_code_ok(code));
    post_to(s, ref,
            (struct post){.kind = POST_CLOSE, .code = code, .bytes = ws_close_frame(code, reason)});
}

void net_ws_pause(struct net_server *s, struct net_ref ref, bool paused)
{
    struct loop *l = server_has(s, ref) ? &s->loops[ref.loop] : NULL;
    if (l && paused && loop_is_here(l)) {
        struct conn *c = loop_find(l, ref);
        if (c && c->ws) {
            conn_ws_pause(c, true);
        }
        return;
    }
    post_to(s, ref, (struct post){.kind = POST_PAUSE, .paused = paused});
}

struct str net_ws_retry_hint(char ret[NET_WS_HINT])
{
    const int n = snprintf(ret, NET_WS_HINT, "retry in %d ms",
                           HINT_LEAST_MS + (int)rand_below(HINT_SPREAD_MS));
    return (struct str){ret, (size_t)n};
}
