/* Start: folder and lock → database, blobs → migrations → keys → leases of the last run freed, what
 * a crash left swept up → outgoing client → server (bound, not yet accepting) → hub, sockets,
 * workers, cron → listening to commits. Stop: no new requests → requests in hand → jobs → hub,
 * sockets → client → database, the writer last. */
#include "main/runtime.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/keyring.h"
#include "domain/account/tenant.h"
#include "domain/conversation/message.h"
#include "domain/knowledge/document.h"
#include "domain/ledger/event.h"
#include "jobs/cron.h"
#include "jobs/kinds.h"
#include "main/certificate.h"
#include "main/health.h"
#include "main/news.h"
#include "main/signals.h"
#include "net/client.h"
#include "net/guard.h"

#include <sys/resource.h>

struct runtime {
    struct app app;
    char *url; /* app.url */
    struct keyring *keys;
    struct http_server *http;
    struct worker *worker;
    struct cron *cron;
    struct live *live;
    struct job_env job_env;
    struct health health;
    bool runs_jobs;
    struct certificate *certificate; /* NULL: plain HTTP */
    struct signals *signals;
    bool running;
    int64_t started_us;
};

const struct route *const *runtime_routes(void)
{
    enum { MAX_GROUPS = 32 };
    static const struct route *all[MAX_GROUPS];
    size_t n = 0;
    all[n++] = http_system_routes;
    for (size_t i = 0; api_routes[i]; i++) {
        must(n + 1 < MAX_GROUPS);
        all[n++] = api_routes[i];
    }
    return all;
}

struct app *runtime_app(struct runtime *rt)
{
    return &rt->app;
}

static const char *scheme(const struct runtime *rt)
{
    return rt->certificate ? "https" : "http";
}

/* "http://127.0.0.1:3007", as the outside reaches it. */
static void find_url(struct runtime *rt, struct arena *a)
{
    const char *address = http_server_address(rt->http);
    struct str url = conf.public_url[0]
                         ? str_of(conf.public_url)
                         : str_fmt(a, "%s://%s", scheme(rt), *address ? address : conf.listen);
    while (str_ends(url, STR("/"))) {
        url.n--;
    }
    rt->url = mem_dup(url.p, url.n);
    rt->app.url = str_of(rt->url);
}

/* --- what the parts tell each other --- */

static void on_note(void *arg, const struct db_note *note)
{
    struct runtime *rt = arg;
    if (note->kind == NOTE_EVENT) {
        hub_notify(rt->app.hub, note->tenant, note->n);
    } else if (note->kind == NOTE_JOB && rt->runs_jobs) {
        worker_wake(rt->worker);
    }
}

static void run_turn(struct app *app, const struct job *job, const struct turn_sink *sink)
{
    struct runtime *rt = container_of(app, struct runtime, app);
    if (sink) {
        live_add(rt->live, job->id, sink);
    }
    worker_run_here(rt->worker, job);
    if (sink) {
        live_remove(rt->live, job->id);
    }
}

/* A turn on its way to a thread of its lane. */
struct errand {
    struct runtime *rt;
    struct arena *arena;
    struct job job;
};

static void run_errand(void *arg, bool dropped)
{
    struct errand *e = arg;
    if (dropped) {
        worker_give_back(e->rt->worker, &e->job);
    } else {
        worker_run_here(e->rt->worker, &e->job);
    }
    arena_free(&e->arena);
    mem_free(e);
}

static void start_turn(struct app *app, const struct job *job)
{
    struct errand *e = mem_new(struct errand);
    e->rt = container_of(app, struct runtime, app);
    e->arena = arena_new();
    e->job = job_copy(e->arena, job);
    if (!http_server_run_in(e->rt->http, LANE_TURN, run_errand, e)) {
        run_errand(e, true);
    }
}

/* --- start --- */

static enum exit_code check_schema(struct cx *cx, bool migrate)
{
    struct db_migrate_status st;
    int applied = 0;
    if (migrate && db_migrate_up(cx, &applied)) {
        return complain_cx(cx);
    }
    if (db_migrate_status(cx, &st)) {
        return complain_cx(cx);
    }
    if (st.unknown || st.edited) {
        complain("the database has %d migration(s) that this program does not know, or knows "
                 "differently; use the "
                 "metachat that made them, or metachat migrate status to see which",
                 st.unknown + st.edited);
        return EXIT_MIGRATE;
    }
    if (st.pending) {
        complain(
            "%d migration(s) are pending; run metachat migrate up, or metachat serve --migrate",
            st.pending);
        return EXIT_MIGRATE;
    }
    if (st.drift.n) {
        complain("the schema differs from what the migrations make:\n" STR_FMT, STR_ARG(st.drift));
        return EXIT_MIGRATE;
    }
    return EXIT_OK;
}

static enum err keep_ids_rising(struct cx *cx)
{
    struct uuid newest;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(message_newest(tx, &newest));
    uuid_after(newest);
    return db_commit(tx);
}

/* When the clock was set back since the last run, what waits is moved with it. */
static enum err follow_clock(struct cx *cx)
{
    int64_t last_us = 0;
    int64_t moved = 0;
    TRY(cron_last_us(cx, &last_us));
    const int64_t step_us = cx->now_us - last_us;
    if (step_us > -2 * SECOND_US) {
        return ERR_OK;
    }
    log_ev(cx, LOG_WARN, "clock_jumped", LOG_I64("stepMs", step_us / MS_US));
    return job_shift(cx, step_us, &moved);
}

/* Under the lock nobody else can hold a lease: what the last run left is free at once. */
static enum exit_code sweep(struct cx *cx)
{
    int64_t freed = 0;
    if (job_free_leases(cx, true, &freed) || follow_clock(cx) || keep_ids_rising(cx) ||
        document_sweep(cx) || turn_sweep(cx)) {
        return complain_cx(cx);
    }
    if (freed) {
        log_ev(cx, LOG_INFO, "leases_freed", LOG_I64("jobs", freed));
    }
    return EXIT_OK;
}

/* Keys are made for an installation that holds nobody's secrets yet, and never again. */
static enum exit_code open_keys(struct runtime *rt, struct cx *cx)
{
    SCOPED(buf_fini) struct buf why = buf_make(4 * KB);
    struct tenant *tenants = NULL;
    size_t count = 0;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    if (db_begin_read(cx, &tx) || tenant_list(tx, (struct tenant_id){}, 1, &tenants, &count)) {
        return complain_cx(cx);
    }
    if (keyring_open(data_path(cx->arena, "keys").p, count == 0, &rt->keys, &why)) {
        complain(STR_FMT, STR_ARG(buf_view(&why)));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static enum exit_code prepare_database(struct runtime *rt, bool migrate)
{
    struct cx cx;
    cx_begin(&cx, rt->app.db);
    cx_for_platform(&cx);
    enum exit_code code = check_schema(&cx, migrate);
    if (!code) {
        code = open_keys(rt, &cx);
    }
    if (!code) {
        code = sweep(&cx);
    }
    cx_end(&cx);
    return code;
}

static enum exit_code open_data(struct runtime *rt)
{
    SCOPED(arena_free) struct arena *a = arena_new();
    SCOPED(buf_fini) struct buf why = buf_make(4 * KB);
    const enum exit_code code = data_open(false, &rt->app.db);
    if (code) {
        return code;
    }
    if (blob_open(data_path(a, "blobs").p, &rt->app.blobs, &why)) {
        complain(STR_FMT, STR_ARG(buf_view(&why)));
        return EXIT_FAILED;
    }
    blob_sweep(rt->app.blobs);
    return EXIT_OK;
}

static enum exit_code start_http(struct runtime *rt, const char *listen)
{
    SCOPED(arena_free) struct arena *a = arena_new();
    SCOPED(buf_fini) struct buf why = buf_make(4 * KB);
    const struct str admin = data_path(a, "admin.sock");
    const struct str spool = data_path(a, "spool");
    struct http_config config = {
        .routes = runtime_routes(),
        .db = rt->app.db,
        .listen = listen,
        .admin_socket = admin.p,
        .spool = spool.p,
        .tls = certificate_tls(rt->certificate),
        .authenticate = auth_principal,
        .user = &rt->app,
    };
    must(keyring_derive(rt->keys, keyring_newest(rt->keys), STR("cursor"), config.cursor_secret));
    const enum err e = http_server_new(&config, &rt->http, &why);
    mem_wipe(config.cursor_secret, sizeof(config.cursor_secret));
    if (e) {
        complain(STR_FMT, STR_ARG(buf_view(&why)));
        return e == ERR_CONFLICT ? EXIT_IN_USE : e == ERR_INVALID ? EXIT_CONFIG : EXIT_FAILED;
    }
    find_url(rt, a);
    rt->health = (struct health){.db = rt->app.db, .blobs = rt->app.blobs};
    health_add(rt->http, &rt->health);
    if (rt->certificate) {
        http_health_add(rt->http,
                        (struct health_part){"tls", false, certificate_check, rt->certificate});
    }
    return EXIT_OK;
}

static void start_parts(struct runtime *rt)
{
    rt->app.assistant.net = net_client_new();
    rt->app.assistant.keys = rt->keys;
    rt->app.assistant.stops = turn_stops_new();
    rt->app.run_turn = run_turn;
    rt->app.start_turn = start_turn;
    rt->live = live_new();
    rt->app.hub = hub_new(http_server_net(rt->http), rt->app.db, &news_source);
    rt->job_env = (struct job_env){.assistant = &rt->app.assistant,
                                   .blobs = rt->app.blobs,
                                   .live = rt->live,
                                   .say = news_say,
                                   .say_arg = rt->app.hub};
    rt->worker = worker_new(rt->app.db, job_kinds, &rt->job_env);
    rt->app.owner = worker_owner(rt->worker);
    rt->app.http = rt->http;
    rt->app.sockets = sockets_new(&rt->app, http_server_net(rt->http), rt->keys);
    auth_use_keyring(rt->keys);
    db_listen(rt->app.db, on_note, rt);
    if (rt->runs_jobs) {
        rt->health.worker = rt->worker;
        worker_start(rt->worker);
        rt->cron = cron_new(rt->app.db, cron_rows, &rt->job_env);
        cron_start(rt->cron);
    }
}

/* A connection is a file: as many as the system lets this user have. */
static void raise_file_limit(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
    }
}

static void announce_stop(void *arg)
{
    http_server_announce_stop(((struct runtime *)arg)->http);
}

static void stop_serving(void *arg, int64_t until_mono_us)
{
    struct runtime *rt = arg;
    hub_end_waits(rt->app.hub);
    sockets_drain(rt->app.sockets);
    http_server_stop(rt->http, until_mono_us);
}

static void tend_certificate(void *arg, bool asked)
{
    certificate_tend(((struct runtime *)arg)->certificate, asked);
}

static enum exit_code check_outgoing(void)
{
    struct str bad;
    if (!guard_set_exceptions(str_of(conf.outgoing_allow), &bad)) {
        complain("METACHAT_OUTGOING_ALLOW: '" STR_FMT "' is not a network like 10.1.0.0/16",
                 STR_ARG(bad));
        return EXIT_CONFIG;
    }
    return EXIT_OK;
}

enum exit_code runtime_start(const struct runtime_options *options, struct runtime **ret)
{
    signals_block();
    raise_file_limit();
    struct runtime *rt = mem_new(struct runtime);
    rt->started_us = clock_mono_us();
    rt->runs_jobs = options->workers;
    enum exit_code code = check_outgoing();
    if (!code) {
        code = certificate_open(&rt->certificate);
    }
    if (!code) {
        code = open_data(rt);
    }
    if (!code) {
        code = prepare_database(rt, options->migrate);
    }
    if (!code) {
        code = start_http(rt, options->listen);
    }
    if (code) {
        runtime_free(&rt);
        return code;
    }
    start_parts(rt);
    *ret = rt;
    return EXIT_OK;
}

void runtime_run(struct runtime *rt)
{
    const struct signals_ops ops = {rt, announce_stop, stop_serving, tend_certificate};
    rt->signals = signals_start(&ops);
    log_ev(NULL, LOG_INFO, "serving", LOG_CSTR("address", http_server_address(rt->http)),
           LOG_CSTR("scheme", scheme(rt)),
           LOG_I64("startMs", (clock_mono_us() - rt->started_us) / 1000));
    http_server_run(rt->http);
    sockets_stop(rt->app.sockets);
    log_ev(NULL, LOG_INFO, "stopped");
}

void runtime_stop(struct runtime *rt)
{
    stop_serving(rt, clock_mono_us() + conf.drain_timeout_ms * MS_US);
}

void runtime_free(struct runtime **rt)
{
    if (!*rt) {
        return;
    }
    struct runtime *p = *rt;
    signals_end(&p->signals);
    cron_free(&p->cron);
    if (p->worker) {
        worker_stop(p->worker, clock_mono_us() + conf.drain_timeout_ms * 1000);
    }
    if (p->app.db) {
        db_listen(p->app.db, NULL, NULL);
    }
    worker_free(&p->worker);
    hub_free(&p->app.hub);
    sockets_free(&p->app.sockets);
    http_server_free(&p->http);
    certificate_free(&p->certificate);
    net_client_free(&p->app.assistant.net);
    live_free(&p->live);
    turn_stops_free(&p->app.assistant.stops);
    blob_close(&p->app.blobs);
    db_close(&p->app.db);
    auth_use_keyring(NULL);
    keyring_close(&p->keys);
    mem_free(p->url);
    mem_free(p);
    *rt = NULL;
}
