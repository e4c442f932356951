#include "db/sqlite.h"

#include "base/mem.h"

enum { WORD = 4 };

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

static int collect(const Fts5ExtensionApi *api, Fts5Context *fts, int phrases, int columns,
                   int *ret)
{
    int rc = SQLITE_OK;
    ret[0] = phrases;
    for (int i = 0; i < phrases && !rc; i++) {
        rc = count_hits(api, fts, i, columns, ret + 1 + i * columns);
    }
    for (int i = 0; i < columns && !rc; i++) {
        rc = api->xColumnSize(fts, i, ret + 1 + phrases * columns + i);
    }
    return rc;
}

static void mc_stats(const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *out, int args,
                     sqlite3_value **values)
{
    (void)args;
    (void)values;
    const int phrases = api->xPhraseCount(fts);
    const int columns = api->xColumnCount(fts);
    const size_t words = 1 + ((size_t)phrases + 1) * (size_t)columns;
    int *numbers = mem_alloc(words, sizeof(*numbers));
    const int rc = collect(api, fts, phrases, columns, numbers);
    if (rc) {
        sqlite3_result_error_code(out, rc);
    } else {
        char *bytes = mem_alloc(words, WORD);
        for (size_t i = 0; i < words; i++) {
            put(bytes + i * WORD, numbers[i]);
        }
        sqlite3_result_blob64(out, bytes, words * WORD, mem_free);
    }
    mem_free(numbers);
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
