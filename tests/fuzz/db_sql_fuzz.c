/* fuzz: db */
/* The reader of SQL tokens and of mc_stats blobs: any bytes. */
#include "db/params.h"
#include "db/text_stats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_stats(struct str blob)
{
    struct text_stats s;
    if (!text_stats_read(blob, &s)) {
        return;
    }
    for (int column = 0; column < s.columns && column < 64; column++) {
        (void)text_stats_tokens(&s, column);
        for (int phrase = 0; phrase < s.phrases && phrase < 64; phrase++) {
            (void)text_stats_hits(&s, phrase, column);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCOPED(arena_free) struct arena *a = arena_new();
    const struct str text = {arena_dup(a, (const char *)data, size), size};
    int max = 0;
    const struct str sql = params_rewrite(a, text, &max);
    must(sql.n == text.n && max >= 0);
    for (size_t i = 0; i < text.n; i++) {
        must(sql.p[i] == text.p[i] || (text.p[i] == '$' && sql.p[i] == '?'));
    }
    must(sql_same(sql, sql));
    read_stats(text);
    return 0;
}
