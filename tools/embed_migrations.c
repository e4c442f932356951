/* Turns a folder of migrations into a C array of struct db_migration (db/db.h), at build time.
 *
 *     embed_migrations SYMBOL OUT.c DEPFILE FOLDER
 *
 * The folder holds pairs NNNN_name.up.sql and NNNN_name.down.sql; a missing half, a number used
 * twice, an empty text or any other .sql file ends the build. The array is sorted by number and
 * ends with version 0. DEPFILE gets the folder and every file, so that Ninja sees a changed or an
 * added one. */
#include <dirent.h>
#include <errno.h>

#include "base/buf.h"
#include "base/mem.h"

enum { MAX_FILE = 4 * 1024 * 1024, DIGITS = 4 };

struct migration {
    int64_t version;
    struct str name;
    struct str up;
    struct str down;
};

struct list {
    struct arena *arena;
    struct migration *items;
    size_t count;
};

__attribute__((noreturn)) static void die(const char *what, const char *about)
{
    (void)fprintf(stderr, "embed_migrations: %s: %s\n", about, what);
    exit(1);
}

static struct str read_file(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        die(strerror(errno), path);
    }
    SCOPED(buf_fini) struct buf b = buf_make(MAX_FILE);
    char part[4096];
    size_t n;
    while ((n = fread(part, 1, sizeof(part), f)) > 0) {
        buf_add(&b, part, n);
    }
    if (ferror(f) || b.full || memchr(b.p ? b.p : "", '\0', b.n)) {
        die("cannot be read, is too large, or is not text", path);
    }
    (void)fclose(f);
    if (!str_trim(buf_view(&b)).n) {
        die("is empty", path);
    }
    return str_dup(a, buf_view(&b));
}

static struct migration *entry(struct list *l, int64_t version, struct str name, const char *file)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i].version == version) {
            if (!str_eq(l->items[i].name, name)) {
                die("its number is used twice", file);
            }
            return &l->items[i];
        }
    }
    l->items = mem_realloc(l->items, (l->count + 1) * sizeof(*l->items));
    l->items[l->count] = (struct migration){.version = version, .name = name};
    return &l->items[l->count++];
}

static void add_file(struct list *l, const char *folder, const char *file)
{
    struct str base = str_dup(l->arena, str_of(file));
    const bool up = str_ends(base, STR(".up.sql"));
    base.n -= up ? strlen(".up.sql") : strlen(".down.sql");
    int64_t version;
    if ((!up && !str_ends(str_of(file), STR(".down.sql"))) || base.n < DIGITS + 2 ||
        base.p[DIGITS] != '_' || !str_to_i64(str_sub(base, 0, DIGITS), 1, 9999, &version)) {
        die("is not named NNNN_name.up.sql or NNNN_name.down.sql", file);
    }
    const struct str name = str_sub(base, DIGITS + 1, base.n);
    struct migration *m = entry(l, version, name, file);
    *(up ? &m->up : &m->down) = read_file(l->arena, str_fmt(l->arena, "%s/%s", folder, file).p);
}

static int by_version(const void *a, const void *b)
{
    const int64_t x = ((const struct migration *)a)->version;
    const int64_t y = ((const struct migration *)b)->version;
    return x < y ? -1 : x > y;
}

static void read_folder(struct list *l, const char *folder, FILE *deps)
{
    DIR *d = opendir(folder);
    if (!d) {
        die(strerror(errno), folder);
    }
    const struct dirent *e;
    while ((e = readdir(d))) {
        if (e->d_name[0] != '.' && str_ends(str_of(e->d_name), STR(".sql"))) {
            (void)fprintf(deps, " %s/%s", folder, e->d_name);
            add_file(l, folder, e->d_name);
        }
    }
    (void)closedir(d);
    if (l->count) {
        qsort(l->items, l->count, sizeof(*l->items), by_version);
    }
}

static void write_text(FILE *out, const char *member, struct str s)
{
    (void)fprintf(out, "     .%s =\n         \"", member);
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char)s.p[i];
        if (c == '\n') {
            (void)fputs(i + 1 < s.n ? "\\n\"\n         \"" : "\\n", out);
        } else if (c == '"' || c == '\\' || c == '?' || c < ' ' || c > '~') {
            (void)fprintf(out, "\\%03o", c);
        } else {
            (void)fputc(c, out);
        }
    }
    (void)fputs("\",\n", out);
}

static void write_all(FILE *out, const char *symbol, const struct list *l)
{
    (void)fprintf(out,
                  "#include \"db/db.h\"\n\nextern const struct db_migration %s[];\n"
                  "const struct db_migration %s[] = {\n",
                  symbol, symbol);
    for (size_t i = 0; i < l->count; i++) {
        const struct migration *m = &l->items[i];
        if (!m->up.n || !m->down.n) {
            die(m->up.n ? "its way back (.down.sql) is missing" : "its .up.sql is missing",
                m->name.p);
        }
        (void)fprintf(out, "    {.version = %" PRId64 ",\n     .name = \"" STR_FMT "\",\n",
                      m->version, STR_ARG(m->name));
        write_text(out, "up", m->up);
        write_text(out, "down", m->down);
        (void)fputs("    },\n", out);
    }
    (void)fputs("    {},\n};\n", out);
}

static FILE *open_out(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) {
        die(strerror(errno), path);
    }
    return f;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        die("SYMBOL OUT.c DEPFILE FOLDER are needed", "arguments");
    }
    SCOPED(arena_free) struct arena *a = arena_new();
    struct list l = {.arena = a};
    FILE *deps = open_out(argv[3]);
    (void)fprintf(deps, "%s: %s", argv[2], argv[4]);
    read_folder(&l, argv[4], deps);
    FILE *out = open_out(argv[2]);
    write_all(out, argv[1], &l);
    mem_free(l.items);
    const bool failed = fputc('\n', deps) == EOF || fclose(deps) || fclose(out);
    if (failed) {
        die("cannot be written", argv[2]);
    }
    return 0;
}
