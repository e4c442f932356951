#include "net/answer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"

#include <unistd.h>

enum { USUAL_HEAD = 1000 }; /* bytes that most heads fit into */

static const struct {
    int status;
    const char *text;
} reasons[] = {
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

/* The phrase is for people alone; a status without one has none. */
static const char *reason(int status)
{
    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "";
}

/* The Date line changes once a second; each thread that answers keeps its own. */
static struct str date_line(void)
{
    static _Thread_local int64_t second = -1;
    static _Thread_local char line[64];
    const int64_t now = clock_wall_us() / SECOND_US;
    if (now != second) {
        char date[30];
        clock_http_date(now * SECOND_US, date);
        (void)snprintf(line, sizeof(line), "Date: %s\r\n", date);
        second = now;
    }
    return str_of(line);
}

bool answer_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

void answer_begin(struct buf *b, int status)
{
    must(status == 101 || (status >= 200 && status <= 599));
    buf_cstr(b, "HTTP/1.1 ");
    buf_u64(b, (uint64_t)status);
    buf_char(b, ' ');
    buf_cstr(b, reason(status));
    buf_cstr(b, "\r\n");
    buf_str(b, date_line());
}

void answer_header(struct buf *b, struct str name, struct str value)
{
    buf_str(b, name);
    buf_cstr(b, ": ");
    char *room = buf_room(b, value.n);
    if (!room) {
        return;
    }
    for (size_t i = 0; i < value.n; i++) {
        const unsigned char c = (unsigned char)value.p[i];
        room[i] = (c < ' ' && c != '\t') || c == 0x7f ? ' ' : value.p[i];
    }
    buf_wrote(b, value.n);
    buf_cstr(b, "\r\n");
}

struct buf answer_head(int status, const struct net_header *headers, size_t count)
{
    struct buf b = buf_make(ANSWER_MAX_HEAD);
    (void)buf_room(&b, USUAL_HEAD);
    answer_begin(&b, status);
    for (size_t i = 0; i < count; i++) {
        answer_header(&b, headers[i].name, headers[i].value);
    }
    return b;
}

static void hand_over(struct net_req **r, enum post_kind kind, struct buf *head,
                      struct net_bytes *body, struct extent file, const struct net_stream_ops *ops)
{
    struct net_req *req = TAKE(*r);
    must(!head->full);
    req->post = (struct post){
        .kind = kind,
        .req = req,
        .ref = req->ref,
        .head = net_bytes_take(head),
        .bytes = body,
        .file = file,
        .ops = ops ? *ops : (struct net_stream_ops){},
    };
    loop_post(req->loop, &req->post);
}

void net_reply(struct net_req **r, int status, const struct net_header *headers, size_t count,
               struct net_bytes *body)
{
    struct buf b = answer_head(status, headers, count);
    if (answer_has_body(status)) {
        buf_cstr(&b, "Content-Length: ");
        buf_u64(&b, body ? net_bytes_view(body).n : 0);
        buf_cstr(&b, "\r\n");
    }
    if (!answer_has_body(status) || str_is((*r)->method, "HEAD")) {
        net_bytes_unref(body);
        body = NULL;
    }
    hand_over(r, POST_REPLY, &b, body, (struct extent){}, NULL);
}

void net_reply_file(struct net_req **r, int status, const struct net_header *headers, size_t count,
                    struct extent take)
{
    must(take.in_file && answer_has_body(status));
    struct buf b = answer_head(status, headers, count);
    buf_fmt(&b, "Content-Length: %" PRIu64 "\r\n", take.n);
    if (take.n == 0 || str_is((*r)->method, "HEAD")) {
        (void)close(take.fd);
        take = (struct extent){};
    }
    hand_over(r, POST_REPLY, &b, NULL, take, NULL);
}

struct net_ref net_stream_open(struct net_req **r, struct net_server *s, int status,
                               const struct net_header *headers, size_t count,
                               const struct net_stream_ops *ops)
{
    const struct net_ref ref = (*r)->ref;
    must((*r)->loop->server == s && answer_has_body(status));
    struct buf b = answer_head(status, headers, count);
    hand_over(r, POST_OPEN, &b, NULL, (struct extent){}, ops);
    return ref;
}

static void post_to(struct net_server *s, struct net_ref ref, enum post_kind kind,
                    struct net_bytes *bytes)
{
    struct post *p = mem_new(struct post);
    p->kind = kind;
    p->ref = ref;
    p->bytes = bytes;
    loop_post(&s->loops[ref.loop], p);
}

bool net_stream_send(struct net_server *s, struct net_ref ref, struct net_bytes *bytes)
{
    const bool open = server_has(s, ref);
    /* an empty chunk would end the answer */
    if (!open || net_bytes_view(bytes).n == 0) {
        net_bytes_unref(bytes);
        return open;
    }
    post_to(s, ref, POST_CHUNK, bytes);
    return true;
}

/* One message for the loop, with those of the references that are its own and current. */
static size_t post_many(struct net_server *s, uint32_t loop, const struct net_ref *refs,
                        size_t count, struct net_bytes *bytes)
{
    struct post *p = mem_alloc(1, sizeof(*p) + count * sizeof(*refs));
    p->kind = POST_MANY;
    p->many.refs = (struct net_ref *)(p + 1);
    for (size_t i = 0; i < count; i++) {
        if (refs[i].loop == loop && server_has(s, refs[i])) {
            p->many.refs[p->many.count++] = refs[i];
        }
    }
    const size_t sent = p->many.count;
    if (sent == 0) {
        mem_free(p);
        return 0;
    }
    p->bytes = net_bytes_ref(bytes);
    loop_post(&s->loops[loop], p);
    return sent;
}

size_t net_stream_send_many(struct net_server *s, const struct net_ref *refs, size_t count,
                            struct net_bytes *bytes)
{
    size_t sent = 0;
    for (int i = 0; i < s->loop_count && net_bytes_view(bytes).n; i++) {
        sent += post_many(s, (uint32_t)i, refs, count, bytes);
    }
    net_bytes_unref(bytes);
    return sent;
}

void net_stream_end(struct net_server *s, struct net_ref ref)
{
    if (server_has(s, ref)) {
        post_to(s, ref, POST_FINISH, NULL);
    }
}
