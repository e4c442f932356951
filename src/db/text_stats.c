#include "db/text_stats.h"

enum { WORD = 4 };

static int word_at(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;
    const uint32_t v =
        (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    return (int)(int32_t)v;
}

/* 1 + phrases × columns + columns words. */
bool text_stats_read(struct str blob, struct text_stats *ret)
{
    if (blob.n < 2 * WORD || blob.n % WORD || blob.n / WORD > INT32_MAX) {
        return false;
    }
    const int64_t phrases = word_at(blob.p);
    const int64_t words = (int64_t)(blob.n / WORD) - 1;
    if (phrases < 0 || words % (phrases + 1)) {
        return false;
    }
    *ret = (struct text_stats){(int)phrases, (int)(words / (phrases + 1)), blob.p + WORD};
    return true;
}

static int word(const struct text_stats *s, int64_t i)
{
    return word_at(s->at + i * WORD);
}

int text_stats_hits(const struct text_stats *s, int phrase, int column)
{
    must(phrase >= 0 && phrase < s->phrases && column >= 0 && column < s->columns);
    return word(s, (int64_t)phrase * s->columns + column);
}

int text_stats_tokens(const struct text_stats *s, int column)
{
    must(column >= 0 && column < s->columns);
    return word(s, (int64_t)s->phrases * s->columns + column);
}
