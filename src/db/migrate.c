/* Migrations, forward and back.
 *
 * Table schema_versions has a row for each applied one: its number, name, the SHA-256 of the text
 * that was applied, when, and the text that takes it back, so that also a program which no longer
 * knows it can.
 *
 * Invariants:
 * 1. A migration and its row are one transaction: after a failure the old state stands.
 * 2. Nothing is applied or taken back while an applied one is unknown or was edited, for then
 *    nobody knows what the schema is; only the newest, unknown ones can be taken back, by their
 *    stored text. */
#include "db/migrate.h"

#include "base/clock.h"
#include "crypto/hash.h"
#include "db/driver.h"
#include "db/params.h"

static const struct db_stmt create_table =
    DB_PLATFORM_SQL("CREATE TABLE IF NOT EXISTS schema_versions ("
                    "version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, "
                    "checksum TEXT NOT NULL, applied_at BIGINT NOT NULL, way_back TEXT NOT NULL)");
static const struct db_stmt select_applied = DB_PLATFORM_SQL(
    "SELECT version, name, checksum, way_back FROM schema_versions ORDER BY version");
static const struct db_stmt insert_applied =
    DB_PLATFORM_SQL("INSERT INTO schema_versions (version, name, checksum, applied_at, way_back) "
                    "VALUES ($1, $2, $3, $4, $5)");
static const struct db_stmt delete_applied =
    DB_PLATFORM_SQL("DELETE FROM schema_versions WHERE version = $1");

enum { VERSION, NAME, CHECKSUM, WAY_BACK };

static struct str checksum(struct arena *a, const char *up)
{
    uint8_t sum[32];
    hash_sha256(up, strlen(up), sum);
    return str_hex(a, sum, sizeof(sum));
}

static const struct db_migration *find(struct migration_list list, int64_t version)
{
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].version == version) {
            /* cppcheck-suppress returnDanglingLifetime ; the items are not the list's own */
            return &list.items[i];
        }
    }
    return NULL;
}

static bool is_applied(const struct db_rows *applied, int version)
{
    for (size_t i = 0; i < applied->count; i++) {
        if (db_int(applied, i, VERSION) == version) {
            return true;
        }
    }
    return false;
}

static bool is_edited(struct arena *a, const struct db_migration *m, const struct db_rows *applied,
                      size_t row)
{
    return !str_eq(checksum(a, m->up), db_text(applied, row, CHECKSUM));
}

/* The rows, and whether the table is there at all, from one snapshot. */
static enum err read_state(struct cx *cx, struct db_rows *ret_applied, struct db_rows *ret_schema)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    bool is_there;
    TRY(tx->db->driver->has_versions(tx, &is_there));
    TRY(tx->db->driver->schema(tx, ret_schema));
    *ret_applied = (struct db_rows){};
    if (is_there) {
        TRY(db_query(tx, &select_applied, DB_NO_ARGS, ret_applied));
    }
    return db_commit(tx);
}

static void count_up(struct cx *cx, struct migration_list list, const struct db_rows *applied,
                     struct db_migrate_status *ret)
{
    for (size_t i = 0; i < list.count; i++) {
        ret->known = list.items[i].version;
        ret->pending += is_applied(applied, list.items[i].version) ? 0 : 1;
    }
    for (size_t i = 0; i < applied->count; i++) {
        const struct db_migration *m = find(list, db_int(applied, i, VERSION));
        ret->applied = (int)db_int(applied, i, VERSION);
        ret->unknown += m ? 0 : 1;
        ret->edited += m && is_edited(cx->arena, m, applied, i) ? 1 : 0;
    }
}

static int row_cmp(const struct db_rows *a, size_t i, const struct db_rows *b, size_t j)
{
    if (i >= a->count || j >= b->count) {
        return i < a->count ? -1 : 1;
    }
    const int kind = str_cmp(db_text(a, i, SCHEMA_KIND), db_text(b, j, SCHEMA_KIND));
    return kind ? kind : str_cmp(db_text(a, i, SCHEMA_NAME), db_text(b, j, SCHEMA_NAME));
}

static void say(struct buf *out, const struct db_rows *rows, size_t i, const char *what)
{
    buf_fmt(out, "%s" STR_FMT " " STR_FMT " %s", out->n ? "\n" : "",
            STR_ARG(db_text(rows, i, SCHEMA_KIND)), STR_ARG(db_text(rows, i, SCHEMA_NAME)), what);
}

struct str migrate_differences(struct arena *a, const struct db_rows *expected,
                               const struct db_rows *real)
{
    SCOPED(buf_fini) struct buf out = buf_make(16 * KB);
    for (size_t i = 0, j = 0; i < expected->count || j < real->count;) {
        const int c = row_cmp(expected, i, real, j);
        if (c < 0) {
            say(&out, expected, i++, "is missing");
        } else if (c > 0) {
            say(&out, real, j++, "is not of the migrations");
        } else {
            if (!sql_same(db_text(expected, i, SCHEMA_TEXT), db_text(real, j, SCHEMA_TEXT))) {
                say(&out, real, j, "differs");
            }
            i++;
            j++;
        }
    }
    return str_dup(a, buf_view(&out));
}

/* What the applied ones should have made; where some are unknown nobody can say. */
static enum err find_drift(struct cx *cx, struct migration_list list, const struct db_rows *applied,
                           const struct db_rows *real, struct str *ret)
{
    struct db_migration *made = arena_many(cx->arena, struct db_migration, applied->count + 1);
    for (size_t i = 0; i < applied->count; i++) {
        made[i] = *find(list, db_int(applied, i, VERSION));
    }
    struct db_rows expected;
    TRY(cx->db->driver->schema_made_by(cx, made, applied->count, &expected));
    *ret = migrate_differences(cx->arena, &expected, real);
    return ERR_OK;
}

enum err migrate_status(struct cx *cx, struct migration_list list, struct db_migrate_status *ret)
{
    struct db_rows applied;
    struct db_rows schema;
    struct db_migrate_status status = {.drift = STR("")};
    TRY(read_state(cx, &applied, &schema));
    count_up(cx, list, &applied, &status);
    if (!status.unknown && !status.edited) {
        TRY(find_drift(cx, list, &applied, &schema, &status.drift));
    }
    *ret = status;
    return ERR_OK;
}

/* Runs text and then the statement that keeps the table of versions, as one. */
static enum err step(struct cx *cx, const char *text, const struct db_stmt *record,
                     const struct db_val *args, size_t count)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin(cx, DB_SCHEMA, &tx, __FILE__, __LINE__));
    TRY(db_exec(tx, &create_table, DB_NO_ARGS, NULL));
    TRY(tx->db->driver->script(tx, text));
    TRY(db_exec(tx, record, args, count, NULL));
    return db_commit(tx);
}

/* Says which one it was; the cause is already in cx. */
static enum err failed(struct cx *cx, const char *what, int64_t version, const char *name)
{
    const struct str cause = str_dup(cx->arena, str_of(cx->detail));
    return cx_fail(cx, CODE_DATABASE_ERROR, "migration %04d_%s could not be %s: " STR_FMT,
                   (int)version, name, what, STR_ARG(cause));
}

static enum err apply(struct cx *cx, const struct db_migration *m)
{
    if (step(cx, m->up, &insert_applied,
             DB_ARGS(DB_INT(m->version), DB_CSTR(m->name), DB_TEXT(checksum(cx->arena, m->up)),
                     DB_INT(clock_wall_us()), DB_CSTR(m->down)))) {
        return failed(cx, "applied", m->version, m->name);
    }
    return ERR_OK;
}

/* Only on a schema that the program knows can it build. */
static enum err check_known(struct cx *cx, struct migration_list list,
                            const struct db_rows *applied)
{
    struct db_migrate_status status = {};
    count_up(cx, list, applied, &status);
    if (!status.unknown && !status.edited) {
        return ERR_OK;
    }
    return cx_fail(cx, CODE_CONFLICT,
                   "the database has %d migrations that this program does not know and %d that "
                   "were edited after they were applied; use the program that made it",
                   status.unknown, status.edited);
}

enum err migrate_up(struct cx *cx, struct migration_list list, int *ret_count)
{
    struct db_rows applied;
    struct db_rows schema;
    TRY(read_state(cx, &applied, &schema));
    TRY(check_known(cx, list, &applied));
    int count = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (is_applied(&applied, list.items[i].version)) {
            continue;
        }
        TRY(apply(cx, &list.items[i]));
        count++;
    }
    *ret_count = count;
    return ERR_OK;
}

static enum err take_back(struct cx *cx, struct migration_list list, const struct db_rows *applied,
                          size_t row)
{
    const int64_t version = db_int(applied, row, VERSION);
    const char *name = db_text(applied, row, NAME).p;
    const struct db_migration *m = find(list, version);
    if (m && is_edited(cx->arena, m, applied, row)) {
        return cx_fail(cx, CODE_CONFLICT, "migration %04d_%s was edited after it was applied",
                       (int)version, name);
    }
    const char *text = m ? m->down : db_text(applied, row, WAY_BACK).p;
    if (step(cx, text, &delete_applied, DB_ARGS(DB_INT(version)))) {
        return failed(cx, "taken back", version, name);
    }
    return ERR_OK;
}

enum err migrate_down(struct cx *cx, struct migration_list list, int count, int *ret_count)
{
    struct db_rows applied;
    struct db_rows schema;
    TRY(read_state(cx, &applied, &schema));
    int done = 0;
    for (size_t i = applied.count; i > 0 && done < count; i--) {
        TRY(take_back(cx, list, &applied, i - 1));
        done++;
    }
    *ret_count = done;
    return ERR_OK;
}

static struct migration_list of_driver(const struct db_driver *driver)
{
    struct migration_list list = {driver->migrations, 0};
    while (list.items[list.count].version) {
        list.count++;
    }
    return list;
}

enum err db_migrate_status(struct cx *cx, struct db_migrate_status *ret)
{
    return migrate_status(cx, of_driver(cx->db->driver), ret);
}

enum err db_migrate_up(struct cx *cx, int *ret_count)
{
    return migrate_up(cx, of_driver(cx->db->driver), ret_count);
}

enum err db_migrate_down(struct cx *cx, int count, int *ret_count)
{
    return migrate_down(cx, of_driver(cx->db->driver), count, ret_count);
}

const struct db_migration *db_migrations(size_t *ret_count)
{
    const struct migration_list list = of_driver(&db_sqlite_driver);
    *ret_count = list.count;
    return list.items;
}
