#include "ext/extract_format.h"

enum err extract_plain(struct cx *cx, struct str text, struct extract_out *out)
{
    struct str line;
    for (size_t n = 0; str_split(&text, '\n', &line); n++) {
        if (n % KB == 0) {
            TRY(cx_check(cx));
        }
        const bool empty = str_trim(line).n == 0;
        extract_out_words(out, line);
        extract_out_break(out, empty ? EXTRACT_BLOCK : EXTRACT_LINE);
    }
    return ERR_OK;
}
