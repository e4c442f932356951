#include "net/answer.h"
#include "net/loop.h"

enum {
    MAX_REQUEST_ID = 64,
    MAX_BODY = 16 * 1024,
};

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const bool alnum =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && c != '-' && c != '_' && c != '.') {
            return false;
        }
    }
    return s.n > 0 && s.n <= MAX_REQUEST_ID;
}

/* The id that the client chose, when it is fit to be repeated; else a new one in made. */
static struct str request_id(const struct net_req *req, char made[UUID_TEXT + 1])
{
    const struct str given = req ? net_req_header(req, "X-Request-Id") : STR("");
    if (is_plain(given)) {
        return given;
    }
    uuid_format(uuid_new(), made);
    return str_of(made);
}

static void refusal_head(struct buf *head, int status, struct str id, const char *content_type,
                         int retry_after_s)
{
    answer_begin(head, status);
    answer_header(head, STR("X-Request-Id"), id);
    answer_header(head, STR("Cache-Control"), STR("no-store"));
    if (content_type) {
        answer_header(head, STR("Content-Type"), str_of(content_type));
    }
    if (status == 426) { /* it must name what to upgrade to (RFC 9110, 15.5.22; RFC 6455, 4.2.2) */
        buf_cstr(head, "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\n");
    }
    if (retry_after_s > 0) {
        buf_fmt(head, "Retry-After: %d\r\n", retry_after_s);
    }
}

void conn_refuse(struct conn *c, struct refusal refusal, int retry_after_s, struct net_req *req)
{
    const struct net_callbacks *call = &c->loop->server->callbacks;
    SCOPED(buf_fini) struct buf body = buf_make(MAX_BODY);
    SCOPED(buf_fini) struct buf head = buf_make(ANSWER_MAX_HEAD);
    char made[UUID_TEXT + 1];
    const char *content_type = NULL;
    const struct str id = request_id(req, made);
    if (call->on_refusal) {
        call->on_refusal(call->arg, refusal.code, refusal.status, refusal.detail, id, &body,
                         &content_type);
    }
    refusal_head(&head, refusal.status, id, content_type, retry_after_s);
    for (size_t i = 0; i < call->refusal_header_count; i++) {
        answer_header(&head, call->refusal_headers[i].name, call->refusal_headers[i].value);
    }
    if (req && req->refuse_header.name.n) {
        answer_header(&head, req->refuse_header.name, req->refuse_header.value);
    }
    buf_fmt(&head, "Content-Length: %zu\r\n", body.n);
    /* Without the end of this request nobody knows where the next one begins. */
    const bool whole = req && req->http1.complete;
    c->closing = !whole || !req->http1.keep_alive || c->loop->draining;
    c->linger = !whole;
    const bool head_only = req && str_is(req->method, "HEAD");
    const int minor = req ? req->minor : 1;
    conn_answer(c, net_bytes_take(&head), head_only ? NULL : net_bytes_take(&body), minor);
    if (req) {
        request_free(req);
    }
}
