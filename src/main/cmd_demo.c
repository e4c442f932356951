/* demo: a shop that does not exist, to try everything on. The tenant, its documents and its key are
 * made once and found again by the next start; the key is kept in data/demo.key, since it cannot be
 * shown twice otherwise. */
#include "base/clock.h"
#include "base/conf.h"
#include "base/embed.h"
#include "base/jw.h"
#include "domain/account/apikey.h"
#include "domain/account/origin.h"
#include "domain/account/tenant.h"
#include "domain/account/widget.h"
#include "domain/ledger/event.h"
#include "main/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

extern const struct embed_file demo_files[];
extern const size_t demo_files_count;

static const char tenant_name[] = "Demo shop";

static enum err find_or_make_tenant(struct cx *cx, struct tenant *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx_for_platform(cx);
    TRY(db_begin_write(cx, &tx));
    const enum err e = tenant_find_by_name(tx, str_of(tenant_name), ret);
    if (e == ERR_NOT_FOUND) {
        TRY(tenant_create(tx, str_of(tenant_name), ret));
    } else if (e) {
        return e;
    }
    return db_commit(tx);
}

/* --- documents --- */

static enum err names_there(struct cx *cx, struct document **ret, size_t *ret_count)
{
    const struct document_filter all = {.limit = 1000};
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(document_list(tx, &all, ret, ret_count));
    return db_commit(tx);
}

static enum err add_document(struct cx *cx, struct blob_store *blobs, const struct embed_file *f)
{
    const struct document_in in = {
        .name = str_of(f->path),
        .mime_type = STR("text/markdown"),
        .bytes = extent_of((struct str){(const char *)f->bytes, f->size}),
    };
    struct document_upload up;
    struct document d;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(document_receive(cx, blobs, &in, &up));
    TRY(db_begin_write(cx, &tx));
    TRY(document_store(tx, &up, (struct document_id){}, &d));
    TRY(event_flush(tx, NULL));
    return db_commit(tx);
}

static bool is_there(const struct document *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(rows[i].name, name)) {
            return true;
        }
    }
    return false;
}

static enum err add_documents(struct cx *cx, struct blob_store *blobs)
{
    struct document *rows = NULL;
    size_t n = 0;
    TRY(names_there(cx, &rows, &n));
    for (size_t i = 0; i < demo_files_count; i++) {
        if (!is_there(rows, n, demo_files[i].path)) {
            TRY(add_document(cx, blobs, &demo_files[i]));
        }
    }
    return ERR_OK;
}

static enum err wait_until_read(struct cx *cx)
{
    for (const int64_t until = clock_mono_us() + MINUTE_US; clock_mono_us() < until;) {
        struct document *rows = NULL;
        size_t n = 0;
        size_t open = 0;
        TRY(names_there(cx, &rows, &n));
        for (size_t i = 0; i < n; i++) {
            open += str_is(rows[i].status, "pending") || str_is(rows[i].status, "processing");
        }
        if (open == 0) {
            return ERR_OK;
        }
        if (isatty(STDERR_FILENO)) {
            (void)fprintf(stderr, "\rreading the demo's documents: %zu of %zu ", n - open, n);
        }
        clock_sleep_us(20 * MS_US);
    }
    return cx_fail(cx, CODE_DEADLINE_EXCEEDED,
                   "the demo's documents were not read within a minute; the log says why");
}

/* --- the key --- */

static struct str read_key(struct arena *a)
{
    char text[128];
    const int fd = open(data_path(a, "demo.key").p, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return (struct str){};
    }
    const ssize_t n = read(fd, text, sizeof(text));
    (void)close(fd);
    return n > 0 ? str_dup(a, str_trim((struct str){text, (size_t)n})) : (struct str){};
}

static enum err write_key(struct cx *cx, struct str key)
{
    const struct str path = data_path(cx->arena, "demo.key");
    const int fd = open(path.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const bool ok = fd >= 0 && write(fd, key.p, key.n) == (ssize_t)key.n;
    const int why = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok ? ERR_OK
              : cx_fail(cx, CODE_DATABASE_ERROR, "%s cannot be written: %s", path.p, strerror(why));
}

static enum err find_or_make_key(struct cx *cx, struct tenant_id tenant, struct str *ret)
{
    struct apikey k;
    const struct str kept = read_key(cx->arena);
    cx->who = SCOPE_NONE;
    if (kept.n && apikey_verify(cx, kept, &k) == ERR_OK && uuid_eq(k.tenant.v, tenant.v)) {
        *ret = kept;
        return ERR_OK;
    }
    cx_for_tenant(cx, tenant);
    TRY(apikey_create(cx, STR("demo"), STR("*"), 0, &k, ret));
    return write_key(cx, *ret);
}

/* --- the widget --- */

/* How it looks, and where pages may show it: here, and on this machine, where people try it on
 * pages of their own. What was changed since stays. */
static enum err set_widget(struct db_tx *tx, struct str url)
{
    struct cx *cx = db_tx_cx(tx);
    const struct str local = STR("http://localhost:* http://127.0.0.1:*");
    struct widget w;
    TRY(widget_get(tx, &w));
    const bool fresh = !w.updated_us;
    if (fresh) {
        w.origins = local;
        w.title = STR("Kettle Lane");
        w.greeting = STR("Hello! Ask me anything about the shop.");
        w.color = STR("#0b5d57");
    }
    const bool adds = origin_ok(url) && !origin_allowed(w.origins, url);
    if (adds) {
        w.origins = w.origins.n
                        ? str_fmt(cx->arena, STR_FMT " " STR_FMT, STR_ARG(w.origins), STR_ARG(url))
                        : url;
    }
    return fresh || adds ? widget_put(tx, &w, &w) : ERR_OK;
}

static enum err prepare_widget(struct cx *cx, struct str url, struct str *ret_key)
{
    struct widget_key k;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(set_widget(tx, url));
    TRY(widget_key_get(tx, &k));
    TRY(db_commit(tx));
    *ret_key = k.key;
    return ERR_OK;
}

/* --- what is printed --- */

struct made {
    struct str url, key, widget_key;
    struct tenant_id tenant;
};

static void add_json(struct buf *out, const struct made *m)
{
    SCOPED(arena_free) struct arena *a = arena_new();
    jw_open(out, '{');
    jw_member_str(out, "url", m->url);
    jw_member_id(out, "tenantId", m->tenant.v);
    jw_member_str(out, "apiKey", m->key);
    jw_member_str(out, "widgetKey", m->widget_key);
    jw_member_str(out, "demoUrl", str_fmt(a, STR_FMT "/demo", STR_ARG(m->url)));
    jw_member_str(out, "docsUrl", str_fmt(a, STR_FMT "/docs", STR_ARG(m->url)));
    jw_close(out, '}');
    buf_char(out, '\n');
}

static void add_words(struct buf *out, const struct made *m)
{
    char id[UUID_TEXT + 1];
    uuid_format(m->tenant.v, id);
    buf_fmt(out,
            "\n  metachat is ready.\n\n"
            "  Demo page      " STR_FMT "/demo\n"
            "  API reference  " STR_FMT "/docs\n"
            "  Tenant         %s\n"
            "  API key        " STR_FMT "\n"
            "  Widget key     " STR_FMT "\n\n"
            "  Ask it something:\n\n"
            "    curl -s " STR_FMT "/api/v1/chat \\\n"
            "      -H 'Authorization: Bearer " STR_FMT "' \\\n"
            "      -H 'Content-Type: application/json' \\\n"
            "      -d '{\"message\":\"What are your opening hours?\"}'\n\n"
            "  Everything is kept in %s/. Ctrl-C stops; the next start finds it as it was.\n\n",
            STR_ARG(m->url), STR_ARG(m->url), id, STR_ARG(m->key), STR_ARG(m->widget_key),
            STR_ARG(m->url), STR_ARG(m->key), conf.data);
}

static enum err prepare(struct cx *cx, struct app *app, struct made *ret)
{
    struct tenant t;
    TRY(find_or_make_tenant(cx, &t));
    cx_for_tenant(cx, t.id);
    TRY(add_documents(cx, app->blobs));
    TRY(wait_until_read(cx));
    *ret = (struct made){.url = app->url, .tenant = t.id};
    TRY(prepare_widget(cx, app->url, &ret->widget_key));
    TRY(find_or_make_key(cx, t.id, &ret->key));
    app->demo = t.id;
    return ERR_OK;
}

static enum exit_code prepare_and_tell(struct runtime *rt, bool as_json)
{
    struct cx cx;
    struct made made;
    struct app *app = runtime_app(rt);
    cx_begin(&cx, app->db);
    enum exit_code code = EXIT_OK;
    if (prepare(&cx, app, &made)) {
        code = complain_cx(&cx);
    } else {
        SCOPED(buf_fini) struct buf out = buf_make(16 * KB);
        (as_json ? add_json : add_words)(&out, &made);
        code = print(&out);
    }
    cx_end(&cx);
    return code;
}

static enum exit_code demo(const struct args *args)
{
    const struct runtime_options options = {
        .listen = conf.listen, .migrate = true, .workers = true};
    struct runtime *rt = NULL;
    enum exit_code code = runtime_start(&options, &rt);
    if (code) {
        return code;
    }
    code = prepare_and_tell(rt, args->options[0] != NULL);
    if (!code) {
        runtime_run(rt);
    }
    runtime_free(&rt);
    return code;
}

const struct command command_demo = {
    .name = "demo",
    .options = {{"json", NULL, "print one JSON object instead of words"}},
    .help = "Serves a demo shop with documents, a page to ask it on, and an API key. Makes what is "
            "missing and finds "
            "what is there; needs no model, no key and no network.",
    .run = demo,
};
