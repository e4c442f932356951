/* Turns i18n/customer.LANG.json and lexicon.LANG.json into C tables, at build time.
 *
 *     texts OUT.c FILE…
 *
 * A customer file is an object of texts; a lexicon file an object of lists of phrases, which are
 * folded here (ext/llm_words.h), so that the program only compares. The tables are those of
 * domain/assistant/texts.h; the output depends on names and bytes alone. */
#include <errno.h>
#include <jansson.h>

#include "base/arena.h"
#include "ext/llm_words.h"

static void quoted(FILE *out, struct str s)
{
    fputc('"', out);
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c >= 0x7F || c == '"' || c == '\\' || c == '?') {
            fprintf(out, "\\%03o", c);
        } else {
            fputc(c, out);
        }
    }
    fputc('"', out);
}

__attribute__((noreturn)) static void give_up(const char *file, const char *why)
{
    fprintf(stderr, "texts: %s: %s\n", file, why);
    exit(1);
}

/* "…/customer.de.json": kind "customer", language "de". */
static bool parse_name(const char *path, const char *kind, struct str *ret_lang)
{
    const char *slash = strrchr(path, '/');
    const struct str name = str_of(slash ? slash + 1 : path);
    const struct str prefix = str_of(kind);
    if (!str_starts(name, prefix) || !str_ends(name, STR(".json")) || name.n < prefix.n + 7) {
        return false;
    }
    *ret_lang = str_sub(name, prefix.n + 1, name.n - prefix.n - 6);
    return true;
}

static json_t *load(const char *path)
{
    json_error_t e;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(root)) {
        give_up(path, root ? "not an object" : e.text);
    }
    return root;
}

static void row_begin(FILE *out, struct str lang, const char *key)
{
    fputs("    {", out);
    quoted(out, lang);
    fputs(", ", out);
    quoted(out, str_of(key));
    fputs(", ", out);
}

static void write_texts(FILE *out, const char *path, struct str lang)
{
    json_t *root = load(path);
    const char *key = NULL;
    json_t *v = NULL;
    json_object_foreach (root, key, v) {
        if (!json_is_string(v) || !json_string_length(v)) {
            give_up(path, key);
        }
        row_begin(out, lang, key);
        quoted(out, (struct str){json_string_value(v), json_string_length(v)});
        fputs("},\n", out);
    }
    json_decref(root);
}

static void write_phrases(FILE *out, const char *path, struct str lang)
{
    struct arena *a = arena_new();
    json_t *root = load(path);
    const char *key = NULL;
    json_t *list = NULL;
    json_object_foreach (root, key, list) {
        size_t i = 0;
        json_t *v = NULL;
        json_array_foreach (list, i, v) {
            if (!json_is_string(v)) {
                give_up(path, key);
            }
            row_begin(out, lang, key);
            quoted(out, llm_fold(a, (struct str){json_string_value(v), json_string_length(v)}));
            fputs("},\n", out);
        }
    }
    json_decref(root);
    arena_free(&a);
}

static void write_table(FILE *out, const char *kind, const char *table, int count, char **files)
{
    fprintf(out, "\nconst struct i18n_row %s[] = {\n", table);
    for (int i = 0; i < count; i++) {
        struct str lang;
        if (!parse_name(files[i], kind, &lang)) {
            continue;
        }
        if (strcmp(kind, "customer") == 0) {
            write_texts(out, files[i], lang);
        } else {
            write_phrases(out, files[i], lang);
        }
    }
    fputs("    {},\n};\n", out);
}

int main(int argc, char **argv)
{
    FILE *out = argc > 2 ? fopen(argv[1], "w") : NULL;
    if (!out) {
        give_up(argc > 2 ? argv[1] : "usage: texts OUT.c FILE…", strerror(errno));
    }
    fputs("#include \"domain/assistant/texts.h\"\n", out);
    write_table(out, "customer", "i18n_texts", argc - 2, argv + 2);
    write_table(out, "lexicon", "i18n_phrases", argc - 2, argv + 2);
    return fclose(out) ? 1 : 0;
}
