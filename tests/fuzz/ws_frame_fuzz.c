/* fuzz: net */
/* WebSocket frames at once and in parts, which must say the same; what is said can be said again by
 * our own encoding. The first byte says how large the parts are, the second how large a message may
 * be. */
#include "base/mem.h"
#include "net/ws_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_item(const struct ws_codec *c, const struct ws_item *item)
{
    char head[WS_MAX_HEAD];
    const size_t size = ws_head(head, item->opcode, item->payload.n);
    must(ws_head_size((struct str){head, size}) == size);
    must(item->opcode < WS_CLOSE ? item->payload.n <= c->max_message
                                 : item->payload.n <= WS_MAX_CONTROL);
    must(item->opcode != WS_TEXT || utf8_valid(item->payload));
    must(item->opcode != WS_CLOSE ||
         (utf8_valid(item->payload) && (item->code == WS_NO_CODE || net_ws_code_ok(item->code))));
}

static void feed(struct ws_codec *c, struct ws_bytes rest, struct buf *log)
{
    struct ws_item item;
    enum ws_result r;
    while ((r = ws_next(c, &rest, &item)) == WS_ITEM) {
        check_item(c, &item);
        buf_fmt(log, "%d:%d:%zu:", item.opcode, item.code, item.payload.n);
        buf_str(log, item.payload);
    }
    must(r == WS_BROKEN || rest.n == 0);
    must(c->kind || !c->message.p); /* nothing is held between messages */
    if (r == WS_BROKEN) {
        must(net_ws_code_ok(c->fault.code) && c->fault.why);
        buf_fmt(log, "!%d", c->fault.code);
    }
}

static struct buf run(struct str bytes, size_t step, size_t max)
{
    struct buf log = buf_make(20 * bytes.n + 100);
    struct ws_codec c = {.max_message = max};
    for (size_t at = 0; at < bytes.n && !c.fault.code; at += step) {
        const struct str part = str_sub(bytes, at, step);
        char *copy = mem_dup(part.p, part.n);
        feed(&c, (struct ws_bytes){copy, part.n}, &log);
        mem_free(copy);
    }
    ws_codec_fini(&c);
    must(!log.full);
    return log;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 3) {
        return 0;
    }
    const struct str s = {(const char *)data + 2, n - 2};
    const size_t max = (size_t)data[1] * data[1];
    SCOPED(buf_fini) struct buf whole = run(s, s.n, max);
    SCOPED(buf_fini) struct buf parts = run(s, (size_t)data[0] + 1, max);
    SCOPED(buf_fini) struct buf bytes = run(s, 1, max);
    must(str_eq(buf_view(&whole), buf_view(&parts)));
    must(str_eq(buf_view(&whole), buf_view(&bytes)));
    return 0;
}
