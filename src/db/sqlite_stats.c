#include "db/sqlite.h"

#include "base/mem.h"

enum { WORD = 4 };

/* Room for one row's answer, kept for as long as the query runs: it asks for thousands of rows. */
struct room {
    size_t words;
    int *numbers;
    char *bytes;
};

static void room_free(void *p)
{
    struct room *r = p;
    mem_free(r->numbers);
    mem_free(r->bytes);
    mem_free(r);
}

static void put(char *p, int v)
{
    const uint32_t u = (uint32_t)v;
    p[0] = (char)(u & 0xff);
    p[1] = (char)(u >> 8 & 0xff);
    p[2] = (char)(u >> 16 & 0xff);
    p[3] = (char)(u >> 24 & 0xff);
}

static int count_hits(const Fts5ExtensionApi *api, Fts5Context *fts, int phrase, int columns,
                      int *ret)
{
    Fts5PhraseIter it;
    int column;
    int offset;
    int rc = api->xPhraseFirst(fts, phrase, &it, &column, &offset);
    while (rc == SQLITE_OK && column >= 0 && column < columns) {
        ret[column]++;
        api->xPhraseNext(fts, &it, &column, &offset);
    }
    return rc;
}

struct range {
    int first;
    int count;
};

static int collect(const Fts5ExtensionApi *api, Fts5Context *fts, struct range phrases, int columns,
                   int *ret)
{
    int rc = SQLITE_OK;
    ret[0] = phrases.count;
    for (int i = 0; i < phrases.count && !rc; i++) {
        rc = count_hits(api, fts, phrases.first + i, columns, ret + 1 + i * columns);
    }
    for (int i = 0; i < columns && !rc; i++) {
        rc = api->xColumnSize(fts, i, ret + 1 + phrases.count * columns + i);
    }
    return rc;
}

static struct range wanted(int phrases, int args, sqlite3_value **values)
{
    const int first = args > 0 ? sqlite3_value_int(values[0]) : 0;
    const int count = args > 1 ? sqlite3_value_int(values[1]) : phrases;
    return first >= 0 && count >= 0 && count <= phrases && first <= phrases - count
               ? (struct range){first, count}
               : (struct range){0, phrases};
}

static int room_for(const Fts5ExtensionApi *api, Fts5Context *fts, size_t words, struct room **ret)
{
    struct room *r = api->xGetAuxdata(fts, 0);
    if (!r || r->words != words) {
        r = mem_new(struct room);
        *r = (struct room){words, mem_alloc(words, sizeof(int)), mem_alloc(words, WORD)};
        const int rc = api->xSetAuxdata(fts, r, room_free); /* frees r if it fails */
        if (rc) {
            return rc;
        }
    }
    memset(r->numbers, 0, words * sizeof(int));
    *ret = r;
    return SQLITE_OK;
}

static void mc_stats(const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *out, int args,
                     sqlite3_value **values)
{
    const struct range phrases = wanted(api->xPhraseCount(fts), args, values);
    const int columns = api->xColumnCount(fts);
    const size_t words = 1 + ((size_t)phrases.count + 1) * (size_t)columns;
    struct room *r = NULL;
    int rc = room_for(api, fts, words, &r);
    if (!rc) {
        rc = collect(api, fts, phrases, columns, r->numbers);
    }
    if (rc) {
        sqlite3_result_error_code(out, rc);
        return;
    }
    for (size_t i = 0; i < words; i++) {
        put(r->bytes + i * WORD, r->numbers[i]);
    }
    sqlite3_result_blob64(out, r->bytes, words * WORD, SQLITE_TRANSIENT);
}

int stats_register(sqlite3 *sq)
{
    fts5_api *api = NULL;
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(sq, "SELECT fts5(?1)", -1, &st, NULL);
    if (!rc) {
        rc = sqlite3_bind_pointer(st, 1, &api, "fts5_api_ptr", NULL);
    }
    if (!rc) {
        (void)sqlite3_step(st);
    }
    (void)sqlite3_finalize(st);
    if (rc || !api) {
        return rc ? rc : SQLITE_ERROR;
    }
    return api->xCreateFunction(api, "mc_stats", NULL, mc_stats, NULL);
}
