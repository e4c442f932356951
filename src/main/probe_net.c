/* Probes of what goes out to the network and comes back: addresses, event streams and WebSockets.
 */
#include "base/conf.h"
#include "base/jw.h"
#include "http/forwarded.h"
#include "main/probe.h"
#include "net/guard.h"
#include "net/sse.h"
#include "net/ws_codec.h"

#include <curl/curl.h>
#include <netdb.h>

/* One part of a URL as libcurl has it, which makes the connection; empty when there is none. */
static struct str url_part(struct probe *p, CURLU *url, CURLUPart part)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT)) {
        return STR("");
    }
    const struct str s = str_dup(p->cx.arena, str_of(text));
    curl_free(text);
    return s;
}

/* Why the guard says what it says, by asking again without the operator's exceptions. */
static const char *reason_of(struct str address, bool allowed)
{
    struct str bad;
    must(guard_set_exceptions(STR(""), &bad));
    const bool is_public = guard_allows_text(address);
    must(guard_set_exceptions(str_of(conf.outgoing_allow), &bad));
    if (is_public) {
        return "a public address";
    }
    return allowed ? "not public, but in METACHAT_OUTGOING_ALLOW"
                   : "not a public address: private, loopback, link-local, reserved or mapped";
}

static void add_verdict(struct probe *p, struct str address, bool *all_allowed)
{
    const bool allowed = guard_allows_text(address);
    *all_allowed = *all_allowed && allowed;
    jw_open(&p->out, '{');
    jw_member_str(&p->out, "address", address);
    jw_member_bool(&p->out, "allowed", allowed);
    jw_member_str(&p->out, "reason", str_of(reason_of(address, allowed)));
    jw_close(&p->out, '}');
}

/* Each address of host; a name only with --resolve. */
static enum err add_addresses(struct probe *p, struct str host, struct str port, bool *all_allowed)
{
    const bool resolve = p->options[PROBE_RESOLVE] != NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = resolve ? 0 : AI_NUMERICHOST};
    struct addrinfo *all = NULL;
    char text[64];
    jw_key(&p->out, "addresses");
    jw_open(&p->out, '[');
    const int e = getaddrinfo(host.p, port.p, &hints, &all);
    for (const struct addrinfo *a = e ? NULL : all; a; a = a->ai_next) {
        if (!getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST)) {
            add_verdict(p, str_of(text), all_allowed);
        }
    }
    jw_close(&p->out, ']');
    if (!e) {
        freeaddrinfo(all);
    }
    return e && resolve ? cx_fail(&p->cx, CODE_EXTERNAL_SERVICE_ERROR,
                                  "the name has no address: %s", gai_strerror(e))
                        : ERR_OK;
}

static enum err show_url(struct probe *p, CURLU *url)
{
    bool all_allowed = true;
    struct str host = url_part(p, url, CURLUPART_HOST);
    const struct str port = url_part(p, url, CURLUPART_PORT);
    jw_member_str(&p->out, "url", url_part(p, url, CURLUPART_URL));
    jw_member_str(&p->out, "scheme", url_part(p, url, CURLUPART_SCHEME));
    jw_member_str(&p->out, "host", host);
    jw_member_raw(&p->out, "port", port);
    if (host.n > 2 && host.p[0] == '[') {
        host = str_dup(p->cx.arena, str_sub(host, 1, host.n - 2));
    }
    TRY(add_addresses(p, host, port, &all_allowed));
    return all_allowed ? ERR_OK
                       : cx_fail(&p->cx, CODE_VALIDATION_ERROR,
                                 "the address guard lets nobody connect to such an address");
}

static enum err probe_url(struct probe *p)
{
    const struct str text = probe_line(p);
    if (!guard_url_ok(text)) {
        return cx_fail(&p->cx, CODE_VALIDATION_ERROR,
                       "must be an http or https URL with a host, without user and password");
    }
    CURLU *url = curl_url();
    must(url);
    const CURLUcode bad = curl_url_set(url, CURLUPART_URL, str_dup(p->cx.arena, text).p, 0);
    const enum err e = bad ? cx_fail(&p->cx, CODE_VALIDATION_ERROR, "%s", curl_url_strerror(bad))
                           : show_url(p, url);
    curl_url_cleanup(url);
    return e;
}

static enum err probe_networks(struct probe *p)
{
    struct str rest = probe_line(p);
    struct str part;
    if (!guard_set_exceptions(rest, &part)) {
        return cx_fail(&p->cx, CODE_VALIDATION_ERROR,
                       "'" STR_FMT "' is no network, or one too many", STR_ARG(part));
    }
    jw_key(&p->out, "networks");
    jw_open(&p->out, '[');
    while (rest.n && str_split(&rest, ',', &part)) {
        jw_str(&p->out, str_trim(part));
    }
    jw_close(&p->out, ']');
    return ERR_OK;
}

/* Lines of the header, as the proxy that connected to us sent them; its address is the first of the
 * listed ones. */
static enum err probe_forwarded(struct probe *p)
{
    struct cidr_list *proxies = arena_one(p->cx.arena, struct cidr_list);
    struct forwarded_walk w = {.proxies = proxies};
    char client[IP_TEXT];
    struct str bad;
    if (!cidr_list_parse(str_of(conf.trusted_proxies), proxies, &bad) || !proxies->count ||
        !forwarded_header_parse(str_of(conf.forwarded_header), &w.header)) {
        return cx_fail(&p->cx, CODE_VALIDATION_ERROR,
                       "METACHAT_TRUSTED_PROXIES lists no proxy whose word counts");
    }
    w.hop = proxies->blocks[0].ip;
    const struct str rest = probe_line(p);
    size_t end = rest.n;
    for (bool goes_on = true; goes_on && end != SIZE_MAX;) {
        size_t from = end;
        while (from > 0 && rest.p[from - 1] != '\n') {
            from--;
        }
        goes_on = forwarded_line(&w, str_trim(str_sub(rest, from, end - from)));
        end = from ? from - 1 : SIZE_MAX;
    }
    ip_text(w.hop, client);
    jw_member_str(&p->out, "header", str_of(forwarded_header_name(w.header)));
    jw_member_str(&p->out, "client", str_of(client));
    jw_member_i64(&p->out, "hops", w.hops);
    return ERR_OK;
}

/* The events in their order; count is of all of them. */
static enum sse_result add_events(struct probe *p, struct sse *s, int64_t *count)
{
    enum sse_result r;
    struct str event;
    struct str data;
    while ((r = sse_next(s, p->input, &event, &data)) == SSE_EVENT) {
        if ((*count)++ < PROBE_ITEMS) {
            jw_open(&p->out, '{');
            jw_member_str(&p->out, "event", event);
            jw_member_str(&p->out, "data", data);
            jw_close(&p->out, '}');
        }
    }
    return r;
}

static enum err probe_sse(struct probe *p)
{
    SCOPED(sse_fini) struct sse s = sse_make((size_t)conf.llm_max_output);
    int64_t count = 0;
    jw_key(&p->out, "events");
    jw_open(&p->out, '[');
    const enum sse_result r = p->input.n ? add_events(p, &s, &count) : SSE_MORE;
    jw_close(&p->out, ']');
    jw_member_i64(&p->out, "count", count);
    return r == SSE_TOO_LONG
               ? cx_fail(&p->cx, CODE_PAYLOAD_TOO_LARGE, "an event has more than %" PRId64 " bytes",
                         conf.llm_max_output)
               : ERR_OK;
}

static const char *frame_name(int opcode)
{
    switch (opcode) {
    case WS_TEXT:
        return "text";
    case WS_BINARY:
        return "binary";
    case WS_PING:
        return "ping";
    case WS_PONG:
        return "pong";
    default:
        return "close";
    }
}

static void add_frame(struct probe *p, const struct ws_item *item)
{
    jw_open(&p->out, '{');
    jw_member_str(&p->out, "kind", str_of(frame_name(item->opcode)));
    jw_member_i64(&p->out, "bytes", (int64_t)item->payload.n);
    if (item->opcode == WS_TEXT) {
        jw_member_str(&p->out, "text", utf8_prefix(item->payload, PROBE_PREVIEW));
    } else if (item->opcode == WS_CLOSE) {
        jw_member_i64(&p->out, "code", item->code);
        jw_member_str(&p->out, "reason", item->payload);
    }
    jw_close(&p->out, '}');
}

/* What a client sends behind the handshake. */
static enum err probe_frames(struct probe *p)
{
    char *bytes = arena_dup(p->cx.arena, p->input.p, p->input.n);
    struct ws_codec c = {.max_message = (size_t)conf.socket_max_payload};
    struct ws_bytes rest = {bytes, p->input.n};
    struct ws_item item;
    enum ws_result r;
    int64_t count = 0;
    jw_key(&p->out, "messages");
    jw_open(&p->out, '[');
    while ((r = ws_next(&c, &rest, &item)) == WS_ITEM) {
        if (count++ < PROBE_ITEMS) {
            add_frame(p, &item);
        }
    }
    jw_close(&p->out, ']');
    jw_member_i64(&p->out, "count", count);
    const bool whole = c.closed || (!c.kind && !c.head_n);
    const struct ws_fault fault = c.fault;
    ws_codec_fini(&c);
    if (r == WS_BROKEN) {
        jw_member_i64(&p->out, "closeCode", fault.code);
        return cx_fail(&p->cx,
                       fault.code == WS_TOO_LARGE ? CODE_PAYLOAD_TOO_LARGE : CODE_MALFORMED_REQUEST,
                       "%s", fault.why);
    }
    return whole ? ERR_OK : cx_fail(&p->cx, CODE_REQUEST_TIMEOUT, "the last message is not whole");
}

const struct probe_row probe_net_rows[] = {
    {"url", "a URL that a tenant gives: its parts, and what the address guard says",
     1 << PROBE_RESOLVE, probe_url},
    {"networks", "a list of networks, as METACHAT_OUTGOING_ALLOW has it", 0, probe_networks},
    {"forwarded", "lines of the header in which proxies say who asks, the nearest proxy's last", 0,
     probe_forwarded},
    {"sse", "a stream of server-sent events", 0, probe_sse},
    {"ws-frames", "what a client sends on a WebSocket: frames, with their masks", 0, probe_frames},
    {},
};
