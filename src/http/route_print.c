/* The table of `metachat routes`. */
#include "base/jw.h"

#include "http/route.h"

static void print_json_row(struct buf *out, const struct route *r)
{
    jw_open(out, '{');
    jw_member_str(out, "method", str_of(method_name(r->method)));
    jw_member_str(out, "path", str_of(r->path));
    jw_member_str(out, "who", str_of(who_name(r->who)));
    jw_member_bool(out, "visitorsOnly", r->visitors_only);
    jw_key(out, "scope");
    if (r->scope) {
        jw_str(out, str_of(r->scope));
    } else {
        jw_null(out);
    }
    jw_member_str(out, "rate", str_of(rate_name(r->rate)));
    jw_member_str(out, "lane", str_of(lane_name(r->lane)));
    jw_member_i64(out, "status", (r->status ? r->status : 200));
    jw_member_i64(out, "maxBody", (int64_t)route_max_body(r));
    jw_member_i64(out, "maxMultipart", (int64_t)route_max_multipart(r));
    jw_member_bool(out, "list", r->is_list);
    jw_member_bool(out, "multipart", r->takes_multipart);
    jw_member_bool(out, "streams", r->streams);
    jw_member_bool(out, "creates", r->creates);
    jw_member_bool(out, "paramsText", r->params_text);
    jw_member_bool(out, "raw", r->raw);
    jw_key(out, "body");
    if (r->body) {
        field_schema(out, r->body, true);
    } else {
        jw_null(out);
    }
    jw_key(out, "query");
    if (r->query) {
        field_schema(out, r->query, true);
    } else {
        jw_null(out);
    }
    jw_member_str(out, "summary", str_of(r->summary));
    jw_close(out, '}');
}

void router_print(const struct router *r, bool as_json, struct buf *out)
{
    size_t count = 0;
    const struct route *const *rows = router_rows(r, &count);
    if (as_json) {
        jw_open(out, '[');
    }
    for (size_t i = 0; i < count; i++) {
        if (as_json) {
            print_json_row(out, rows[i]);
        } else {
            buf_fmt(out, "%-6s %-44s %-8s %-20s %-7s %-6s %s\n", method_name(rows[i]->method),
                    rows[i]->path, who_name(rows[i]->who), rows[i]->scope ? rows[i]->scope : "-",
                    rate_name(rows[i]->rate), lane_name(rows[i]->lane), rows[i]->summary);
        }
    }
    if (as_json) {
        jw_close(out, ']');
        buf_char(out, '\n');
    }
}
