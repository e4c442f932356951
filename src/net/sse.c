#include "net/sse.h"

enum {
    FIELD_ROOM = 64, /* a line is a field's name and a part of its data */
};

struct sse sse_make(size_t max)
{
    return (struct sse){
        .line = buf_make(max + FIELD_ROOM),
        .data = buf_make(max),
        .event = buf_make(max),
    };
}

void sse_fini(struct sse *s)
{
    buf_fini(&s->line);
    buf_fini(&s->data);
    buf_fini(&s->event);
}

static struct str without_mark(struct sse *s, struct str line)
{
    const bool marked = !s->begun && str_starts(line, STR("\xef\xbb\xbf"));
    s->begun = true;
    return marked ? str_sub(line, 3, line.n) : line;
}

static void take_line(struct sse *s, struct str line)
{
    const ptrdiff_t colon = str_find_char(line, ':', 0);
    const struct str name = colon < 0 ? line : str_sub(line, 0, (size_t)colon);
    struct str value = colon < 0 ? STR("") : str_sub(line, (size_t)colon + 1, line.n);
    if (str_starts(value, STR(" "))) {
        value = str_sub(value, 1, value.n);
    }
    if (str_is(name, "data")) {
        if (s->had_data) {
            buf_char(&s->data, '\n');
        }
        s->had_data = true;
        buf_str(&s->data, value);
    } else if (str_is(name, "event")) {
        buf_reset(&s->event);
        buf_str(&s->event, value);
    }
}

/* Whether the empty line ends an event; one without data is none. The texts stay readable until the
 * next line is taken. */
static bool dispatch(struct sse *s, struct str *ret_event, struct str *ret_data)
{
    const bool whole = s->had_data;
    *ret_event = s->event.n ? buf_view(&s->event) : STR("message");
    *ret_data = buf_view(&s->data);
    s->had_data = false;
    s->event.n = 0;
    s->data.n = 0;
    return whole;
}

/* The next line, without its end; false when part is used up before. */
static bool next_line(struct sse *s, struct str part, struct str *ret)
{
    while (s->at < part.n) {
        const char c = part.p[s->at];
        const bool second = s->after_cr && c == '\n';
        s->after_cr = c == '\r';
        if (second) {
            s->at++;
            continue;
        }
        if (c == '\r' || c == '\n') {
            s->at++;
            *ret = without_mark(s, buf_view(&s->line));
            return true;
        }
        size_t end = s->at;
        while (end < part.n && part.p[end] != '\r' && part.p[end] != '\n') {
            end++;
        }
        buf_add(&s->line, part.p + s->at, end - s->at);
        s->at = end;
    }
    return false;
}

static bool is_full(const struct sse *s)
{
    return s->line.full || s->data.full || s->event.full;
}

enum sse_result sse_next(struct sse *s, struct str part, struct str *ret_event,
                         struct str *ret_data)
{
    struct str line;
    while (next_line(s, part, &line)) {
        if (is_full(s)) {
            return SSE_TOO_LONG;
        }
        const bool empty = line.n == 0;
        if (!empty) {
            take_line(s, line);
        }
        buf_reset(&s->line);
        if (is_full(s)) {
            return SSE_TOO_LONG;
        }
        if (empty && dispatch(s, ret_event, ret_data)) {
            return SSE_EVENT;
        }
    }
    s->at = 0;
    return is_full(s) ? SSE_TOO_LONG : SSE_MORE;
}
