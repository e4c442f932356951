#include "domain/knowledge/near.h"

enum { LONGEST = 64 };

static int least(int a, int b, int c)
{
    const int m = a < b ? a : b;
    return m < c ? m : c;
}

/* Rows of the table of distances between beginnings of a and b; three are enough for swaps. */
int near_slips(struct str a, struct str b, int max)
{
    const size_t apart = a.n > b.n ? a.n - b.n : b.n - a.n;
    if (apart > (size_t)max || a.n > LONGEST || b.n > LONGEST) {
        return max + 1;
    }
    int rows[3][LONGEST + 1];
    int *two_ago = rows[0];
    int *above = rows[1];
    int *row = rows[2];
    for (size_t j = 0; j <= b.n; j++) {
        above[j] = (int)j;
    }
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = (int)i;
        int best = row[0];
        for (size_t j = 1; j <= b.n; j++) {
            const int change = above[j - 1] + (a.p[i - 1] == b.p[j - 1] ? 0 : 1);
            row[j] = least(change, above[j] + 1, row[j - 1] + 1);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1]) {
                row[j] = least(row[j], two_ago[j - 2] + 1, INT32_MAX);
            }
            best = row[j] < best ? row[j] : best;
        }
        if (best > max) {
            return max + 1;
        }
        int *spare = two_ago;
        two_ago = above;
        above = row;
        row = spare;
    }
    return above[b.n];
}
