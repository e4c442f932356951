/* Turns a folder into a C array of its files (base/embed.h), at build time.
 *
 *     embed SYMBOL OUT.c DEPFILE FOLDER [ENDING]
 *
 * With an ENDING (".md") only files that have it are taken.
 * DEPFILE gets every file and folder that was read, so that Ninja sees a changed or an added one.
 * The output depends on names and bytes alone: the same folder gives the same binary. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "crypto/hash.h"

enum { MAX_PATH = 4096, MAX_FILES = 4096 };

static const struct {
    const char *ending;
    const char *type;
} content_types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".md", "text/markdown; charset=utf-8"},
    {".sql", "application/sql"},
    {".txt", "text/plain; charset=utf-8"},
};

static const struct {
    const char *ending;
    const char *encoding;
} encodings[] = {
    {".gz", "gzip"},
    {".br", "br"},
};

struct walk {
    struct arena *arena;
    struct str root;
    struct str ending;
    const char *files[MAX_FILES]; /* paths within the folder */
    size_t count;
    struct buf depfile;
};

__attribute__((noreturn)) static void give_up(const char *what, const char *path)
{
    fprintf(stderr, "embed: %s %s: %s\n", what, path, strerror(errno));
    exit(1);
}

static const char *content_type(struct str path)
{
    for (size_t i = 0; i < COUNT(content_types); i++) {
        if (str_ends(path, str_of(content_types[i].ending))) {
            return content_types[i].type;
        }
    }
    return "application/octet-stream";
}

/* Cuts the ending of a packed file off *path. */
static const char *cut_encoding(struct str *path)
{
    for (size_t i = 0; i < COUNT(encodings); i++) {
        const struct str ending = str_of(encodings[i].ending);
        if (str_ends(*path, ending)) {
            *path = str_sub(*path, 0, path->n - ending.n);
            return encodings[i].encoding;
        }
    }
    return "";
}

static const char *join(struct walk *w, const char *folder, const char *name)
{
    const char *slash = *folder && *name ? "/" : "";
    return str_fmt(w->arena, "%s%s%s", folder, slash, name).p;
}

static const char *on_disk(struct walk *w, const char *path)
{
    return join(w, w->root.p, path);
}

static void add_file(struct walk *w, const char *path)
{
    if (w->count == MAX_FILES) {
        errno = EOVERFLOW;
        give_up("too many files at", path);
    }
    w->files[w->count++] = path;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the folders that are built in */
static void walk_folder(struct walk *w, const char *folder)
{
    const char *place = on_disk(w, folder);
    DIR *dir = opendir(place);
    if (!dir) {
        give_up("cannot open", place);
    }
    buf_fmt(&w->depfile, " %s", place);
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.') {
            continue;
        }
        const char *path = join(w, folder, e->d_name);
        struct stat st;
        if (stat(on_disk(w, path), &st)) {
            give_up("cannot read", path);
        }
        if (S_ISDIR(st.st_mode)) {
            walk_folder(w, path);
        } else if (str_ends(str_of(path), w->ending)) {
            add_file(w, path);
        }
    }
    closedir(dir);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct buf read_file(const char *place)
{
    struct buf bytes = buf_make(64 * MB);
    FILE *f = fopen(place, "rb");
    if (!f) {
        give_up("cannot open", place);
    }
    char part[16 * 1024];
    for (size_t n; (n = fread(part, 1, sizeof(part), f)) > 0;) {
        buf_add(&bytes, part, n);
    }
    if (ferror(f) || bytes.full) {
        give_up("cannot read", place);
    }
    fclose(f);
    return bytes;
}

/* Writes the bytes as an array and the file's row of the table. */
static void write_file(struct walk *w, size_t i, FILE *out, struct buf *rows)
{
    const char *place = on_disk(w, w->files[i]);
    SCOPED(buf_fini) struct buf bytes = read_file(place);
    buf_fmt(&w->depfile, " %s", place);

    fprintf(out, "static const unsigned char file_%zu[] = {", i);
    for (size_t k = 0; k < bytes.n; k++) {
        fprintf(out, "%s%u,", k % 32 ? "" : "\n", (unsigned char)bytes.p[k]);
    }
    fprintf(out, "0};\n");

    uint8_t digest[HASH_BYTES];
    hash_sha256(bytes.p, bytes.n, digest);
    struct str etag = str_hex(w->arena, digest, sizeof(digest));
    struct str path = str_of(w->files[i]);
    const char *encoding = cut_encoding(&path);
    buf_fmt(rows, "    {\"" STR_FMT "\", \"%s\", \"%s\",\n     \"%s\", file_%zu, %zu},\n",
            STR_ARG(path), encoding, content_type(path), etag.p, i, bytes.n);
}

static void write_array(struct walk *w, const char *symbol, FILE *out)
{
    SCOPED(buf_fini) struct buf rows = buf_make(16 * MB);
    fprintf(out, "#include \"base/embed.h\"\n\n");
    for (size_t i = 0; i < w->count; i++) {
        write_file(w, i, out, &rows);
    }
    fprintf(out, "extern const struct embed_file %s[];\nextern const size_t %s_count;\n", symbol,
            symbol);
    fprintf(out, "const struct embed_file %s[] = {\n%.*s};\n", symbol, STR_ARG(buf_view(&rows)));
    fprintf(out, "const size_t %s_count = %zu;\n", symbol, w->count);
}

static FILE *create(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) {
        give_up("cannot write", path);
    }
    return f;
}

static void finish(FILE *f, const char *path)
{
    if (ferror(f) | fclose(f)) {
        give_up("cannot write", path);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: embed SYMBOL OUT.c DEPFILE FOLDER [ENDING]\n");
        return 2;
    }
    SCOPED(arena_free) struct arena *arena = arena_new();
    struct walk *w = arena_one(arena, struct walk);
    w->arena = arena;
    w->root = str_of(argv[4]);
    w->ending = str_of(argc == 6 ? argv[5] : "");
    w->depfile = buf_make(MAX_FILES * MAX_PATH);
    walk_folder(w, "");
    if (w->count == 0) {
        fprintf(stderr, "embed: there is no file in %s\n", argv[4]);
        buf_fini(&w->depfile);
        return 1;
    }
    qsort(w->files, w->count, sizeof(w->files[0]), by_path);

    FILE *out = create(argv[2]);
    write_array(w, argv[1], out);
    finish(out, argv[2]);
    FILE *deps = create(argv[3]);
    fprintf(deps, "%s:%.*s\n", argv[2], STR_ARG(buf_view(&w->depfile)));
    finish(deps, argv[3]);
    buf_fini(&w->depfile);
    return 0;
}
