/* What goes with a reply, for those who show it: the action, and the citations as they were
 * verified. The messages table takes 64 KB; quotes are cut to fit, and then citations are left out.
 */
#include "base/jw.h"
#include "base/utf8.h"
#include "domain/assistant/turn_work.h"

enum {
    BYTES_MAX = 64 * 1024,
    QUOTE_MAX = 8 * 1024,
};

static void add_citation(struct buf *b, size_t number, const struct citation *c, size_t quote_max)
{
    jw_open(b, '{');
    jw_member_i64(b, "n", (int64_t)number);
    jw_member_id(b, "documentId", c->document.v);
    jw_member_str(b, "documentName", c->document_name);
    jw_member_i64(b, "version", c->version);
    jw_member_i64(b, "start", c->start);
    jw_member_i64(b, "end", c->end);
    jw_member_str(b, "quote", utf8_prefix(c->quote, quote_max));
    jw_close(b, '}');
}

static void write_metadata(struct buf *b, const struct turn *t, size_t count, size_t quote_max)
{
    jw_open(b, '{');
    jw_member_str(b, "action", t->action);
    jw_key(b, "citations");
    jw_open(b, '[');
    for (size_t i = 0; i < count; i++) {
        add_citation(b, i + 1, &t->citations[i], quote_max);
    }
    jw_close(b, ']');
    if (t->stopped) {
        jw_member_bool(b, "stopped", true);
    }
    jw_close(b, '}');
}

struct str turn_metadata(struct arena *a, const struct turn *t)
{
    SCOPED(buf_fini) struct buf b = buf_make(BYTES_MAX);
    size_t count = t->citation_count;
    size_t quote_max = QUOTE_MAX;
    write_metadata(&b, t, count, quote_max);
    while (b.full) {
        if (quote_max) {
            quote_max /= 2;
        } else {
            count /= 2;
        }
        buf_reset(&b);
        write_metadata(&b, t, count, quote_max);
    }
    return str_dup(a, buf_view(&b));
}
