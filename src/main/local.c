#include "main/local.h"

#include "base/clock.h"
#include "base/jw.h"
#include "base/mem.h"
#include "main/runtime.h"
#include "net/client.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct local {
    struct cx cx;
    struct net_client *client;
    struct str socket;
    struct runtime *own; /* NULL: somebody else's server answers */
    pthread_t thread;
};

static bool server_answers(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(path) >= sizeof(to.sun_path)) {
        return false;
    }
    memcpy(to.sun_path, path, strlen(path));
    const bool ok = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
    (void)close(fd);
    return ok;
}

static void *run_own(void *rt)
{
    runtime_run(rt);
    return NULL;
}

enum exit_code local_open(struct local **ret)
{
    struct local *l = mem_new(struct local);
    cx_begin(&l->cx, NULL);
    l->socket = data_path(l->cx.arena, "admin.sock");
    if (!server_answers(l->socket.p)) {
        const struct runtime_options options = {.migrate = true, .workers = true};
        const enum exit_code code = runtime_start(&options, &l->own);
        if (code) {
            local_close(&l);
            return code;
        }
        must(pthread_create(&l->thread, NULL, run_own, l->own) == 0);
    }
    l->client = net_client_new();
    *ret = l;
    return EXIT_OK;
}

void local_close(struct local **l)
{
    if (!*l) {
        return;
    }
    net_client_free(&(*l)->client);
    if ((*l)->own) {
        runtime_stop((*l)->own);
        (void)pthread_join((*l)->thread, NULL);
        runtime_free(&(*l)->own);
    }
    cx_end(&(*l)->cx);
    mem_free(*l);
    *l = NULL;
}

struct arena *local_arena(struct local *l)
{
    return l->cx.arena;
}

static void complain_reply(const json_t *reply, int status)
{
    const json_t *error = json_object_get(reply, "error");
    const json_t *details = json_object_get(error, "details");
    const char *message = json_string_value(json_object_get(error, "message"));
    complain("%s", message ? message : "the server refused");
    size_t i = 0;
    const json_t *d = NULL;
    json_array_foreach (details, i, d) {
        const struct str field = json_get_str(d, "field");
        const struct str words = json_get_str(d, "message");
        (void)fprintf(stderr, "  " STR_FMT ": " STR_FMT "\n", STR_ARG(field), STR_ARG(words));
    }
    if (!error) {
        (void)fprintf(stderr, "  (status %d)\n", status);
    }
}

static enum err exchange(struct local *l, const struct local_call *call, int *ret_status,
                         struct str *ret_body)
{
    struct arena *a = l->cx.arena;
    SCOPED(net_call_end) struct net_call *nc = NULL;
    const struct str headers[] = {
        str_fmt(a, "Content-Type: %s",
                call->content_type ? call->content_type : "application/json"),
        str_fmt(a, "Authorization: Bearer " STR_FMT, STR_ARG(call->token)),
    };
    const struct net_call_spec spec = {
        .method = call->method,
        .url = str_fmt(a, "http://metachat" STR_FMT, STR_ARG(call->path)),
        .headers = headers,
        .header_count = call->token.n ? 2 : 1,
        .body = call->body,
        .connect_timeout_us = 5 * SECOND_US,
        .stall_timeout_us = 60 * SECOND_US,
        .max_bytes = 16 * MB,
        .unix_path = l->socket.p,
    };
    TRY(net_call_begin(&l->cx, l->client, &spec, &nc));
    *ret_status = net_call_status(nc);
    return net_call_read_all(&l->cx, nc, ret_body);
}

enum exit_code local_run(struct local *l, const struct local_call *call, json_t **ret)
{
    int status = 0;
    struct str body = {};
    json_t *reply = NULL;
    if (exchange(l, call, &status, &body) || (body.n && json_parse(&l->cx, body, &reply))) {
        return complain_cx(&l->cx);
    }
    if (status >= 300) {
        complain_reply(reply, status);
        return EXIT_FAILED;
    }
    if (ret) {
        *ret = call->whole ? reply : json_object_get(reply, "data");
    }
    return EXIT_OK;
}

enum exit_code local_act(struct local *l, struct str tenant, const char *reason,
                         struct str *ret_token)
{
    struct uuid id;
    json_t *data = NULL;
    SCOPED(buf_fini) struct buf body = buf_make(4 * KB);
    if (!uuid_parse(tenant, &id)) {
        complain("'" STR_FMT "' is not the id of a tenant; metachat tenant list shows them",
                 STR_ARG(tenant));
        return EXIT_USAGE;
    }
    jw_open(&body, '{');
    jw_member_str(&body, "reason", str_of(reason));
    jw_close(&body, '}');
    const struct local_call call = {
        .method = "POST",
        .path = str_fmt(l->cx.arena, "/api/v1/tenants/" STR_FMT "/act", STR_ARG(tenant)),
        .body = buf_view(&body),
    };
    const enum exit_code code = local_run(l, &call, &data);
    if (!code) {
        *ret_token = json_get_str(data, "token");
    }
    return code;
}
