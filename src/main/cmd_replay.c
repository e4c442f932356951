/* replay: reads the database beside a running server, and writes nothing. */
#include "base/jw.h"
#include "domain/assistant/turn.h"
#include "main/runtime.h"

static enum err replay_one(struct cx *cx, struct turn_id id, struct replay *ret)
{
    struct tenant_id tenant;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx_for_platform(cx);
    TRY(db_begin_read(cx, &tx));
    TRY(turn_find_tenant(tx, id, &tenant));
    TRY(db_commit(tx));
    db_tx_close(&tx);
    cx_for_tenant(cx, tenant);
    TRY(db_begin_read(cx, &tx));
    TRY(turn_replay(tx, id, ret));
    return db_commit(tx);
}

static enum exit_code tell(struct turn_id id, const struct replay *r, bool prompt)
{
    SCOPED(buf_fini) struct buf out = buf_make(16 * MB);
    char text[UUID_TEXT + 1];
    uuid_format(id.v, text);
    if (r->same) {
        buf_fmt(&out, "%s: the prompt was rebuilt byte for byte (%zu bytes)\n", text, r->prompt.n);
    } else {
        buf_fmt(&out, "%s: the prompt could not be rebuilt: " STR_FMT "\n", text, STR_ARG(r->why));
    }
    if (prompt) {
        buf_fmt(&out, STR_FMT "\n", STR_ARG(r->same ? r->prompt : r->rebuilt));
    }
    const enum exit_code code = print(&out);
    return code ? code : r->same ? EXIT_OK : EXIT_FAILED;
}

static enum exit_code replay_id(struct cx *cx, struct turn_id id, bool prompt)
{
    struct replay r = {};
    const enum err e = replay_one(cx, id, &r);
    return e ? complain_cx(cx) : tell(id, &r, prompt);
}

/* Every turn of every tenant, for whoever upgraded or restored. */
static enum exit_code replay_all(struct cx *cx)
{
    enum exit_code worst = EXIT_OK;
    struct turn_id after = {};
    for (;;) {
        struct turn_id *ids = NULL;
        size_t n = 0;
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        cx_for_platform(cx);
        if (db_begin_read(cx, &tx) || turn_list_all(tx, after, 100, &ids, &n) || db_commit(tx)) {
            return complain_cx(cx);
        }
        db_tx_close(&tx);
        for (size_t i = 0; i < n; i++) {
            after = ids[i];
            const enum exit_code code = replay_id(cx, after, false);
            worst = code ? code : worst;
        }
        if (n == 0) {
            return worst;
        }
        cx_again(cx);
    }
}

static enum exit_code replay(const struct args *args)
{
    struct turn_id id = {};
    struct db *db = NULL;
    struct cx cx;
    if (args->word_count != 1 && !args->options[1]) {
        complain("replay: takes the id of a turn, or --all");
        return EXIT_USAGE;
    }
    if (args->word_count == 1 && !uuid_parse(str_of(args->words[0]), &id.v)) {
        complain("replay: '%s' is not the id of a turn", args->words[0]);
        return EXIT_USAGE;
    }
    enum exit_code code = data_open(true, &db);
    if (code) {
        return code;
    }
    cx_begin(&cx, db);
    code = args->options[1] ? replay_all(&cx) : replay_id(&cx, id, args->options[0] != NULL);
    cx_end(&cx);
    db_close(&db);
    return code;
}

const struct command command_replay = {
    .name = "replay",
    .words = "[TURN]",
    .max_words = 1,
    .options = {{"prompt", NULL, "print the prompt too"},
                {"all", NULL, "every turn in the database"}},
    .help = "Rebuilds the prompt of a recorded turn and compares it byte for byte. Exit code 1 "
            "when it differs or "
            "when something it needs is gone.",
    .run = replay,
};
