#include "base/conf.h"

#include "base/death_fixture.h"

#include <setjmp.h>
#include <sys/stat.h>

#include <cmocka.h>

/* Settings are loaded once in a process, so each test loads them in a child of its own. */
struct load {
    const char *file;       /* its text; NULL: there is none */
    const char *const *env; /* NAME, value, …, NULL */
    bool ok;                /* what conf_load returned */
    bool must_exist;
    char said[16 * 1024]; /* faults, then the printed settings */
};

static void load_here(const struct load *l, const char *path, int out)
{
    SCOPED(buf_fini) struct buf said = buf_make(64 * KB);
    (void)clearenv();
    for (const char *const *v = l->env; v && *v; v += 2) {
        (void)setenv(v[0], v[1], 1);
    }
    const bool ok = conf_load(path, l->must_exist, &said);
    conf_print(&said);
    (void)!write(out, ok ? "1" : "0", 1);
    (void)!write(out, said.p, said.n);
}

static void load(struct load *l)
{
    char path[] = "/tmp/conf-test-XXXXXX";
    int fds[2];
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && pipe(fds) == 0);
    if (l->file) {
        assert_int_equal(write(fd, l->file, strlen(l->file)), (ssize_t)strlen(l->file));
    } else {
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(close(fd), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        load_here(l, path, fds[1]);
        _exit(0);
    }
    (void)close(fds[1]);
    size_t n = 0;
    for (ssize_t got = 1; got > 0; n += (size_t)got) {
        got = read(fds[0], l->said + n, sizeof(l->said) - 1 - n);
        assert_true(got >= 0);
    }
    l->said[n] = '\0';
    (void)close(fds[0]);
    (void)unlink(path);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(n > 0);
    l->ok = l->said[0] == '1';
}

static void says(const struct load *l, const char *words)
{
    if (!strstr(l->said, words)) {
        fail_msg("'%s' is not in: %s", words, l->said);
    }
}

static int count_of(const struct load *l, const char *words)
{
    int n = 0;
    for (const char *p = l->said; (p = strstr(p, words)); p++) {
        n++;
    }
    return n;
}

static void without_anything_the_defaults_hold(void **state)
{
    (void)state;
    struct load l = {};
    load(&l);
    assert_true(l.ok);
    says(&l, "METACHAT_LISTEN=127.0.0.1:3007  # default\n");
    says(&l, "METACHAT_HTTP_MAX_BODY=1048576  # default\n");
    says(&l, "METACHAT_SEARCH_MIN_COVERAGE=0.5  # default\n");
    assert_int_equal(count_of(&l, "# file"), 0);
}

static void the_environment_wins_over_the_file(void **state)
{
    (void)state;
    static const char *const env[] = {"METACHAT_DATA", "/env", "METACHAT_API_QUEUE", "7", NULL};
    struct load l = {
        .file = "# a comment\n\n"
                "METACHAT_DATA=/file\r\n"
                "  METACHAT_API_QUEUE = 5\n"
                "METACHAT_API_THREADS=3\n"
                "METACHAT_OPENAI_MODEL=\"quoted # not a comment\"\n"
                "METACHAT_SEARCH_MIN_COVERAGE=0.25",
        .env = env,
    };
    load(&l);
    assert_true(l.ok);
    says(&l, "METACHAT_DATA=/env  # environment\n");
    says(&l, "METACHAT_API_QUEUE=7  # environment\n");
    says(&l, "METACHAT_API_THREADS=3  # file\n");
    says(&l, "METACHAT_OPENAI_MODEL=quoted # not a comment  # file\n");
    says(&l, "METACHAT_SEARCH_MIN_COVERAGE=0.25  # file\n");
}

/* shows: CONF-2 */
static void all_faults_are_listed_at_once_by_name(void **state)
{
    (void)state;
    static const char *const env[] = {"METACHAT_HTTP_MAX_BODY",
                                      "12 MB",
                                      "METACHAT_LISTEN",
                                      "x",
                                      "METACHAT_SEARCH_MIN_COVERAGE",
                                      "1.5",
                                      NULL};
    struct load l = {
        .file = "METACHAT_NO_SUCH_THING=1\n"
                "no equals sign\n"
                "METACHAT_API_THREADS=0\n"
                "METACHAT_ENV=staging\n"
                "METACHAT_LOG_LEVEL=loud\n",
        .env = env,
    };
    load(&l);
    assert_false(l.ok);
    says(&l, ":1: METACHAT_NO_SUCH_THING: there is no such setting\n");
    says(&l, ":2: not of the form NAME=value\n");
    says(&l, "METACHAT_API_THREADS: must be a whole number from 1 to 1024 (threads), is '0'\n");
    says(&l,
         "METACHAT_HTTP_MAX_BODY: must be a whole number from 1024 to 104857600 (bytes), is '12 "
         "MB'\n");
    says(&l, "METACHAT_LISTEN: must have 3 to 255 bytes, has 1\n");
    says(&l, "METACHAT_SEARCH_MIN_COVERAGE: must be a number from 0 to 1 (share), is '1.5'\n");
    says(&l, "METACHAT_ENV: must be development or production, is 'staging'\n");
    says(&l, "METACHAT_LOG_LEVEL: must be debug, info, warn or error, is 'loud'\n");
    says(&l, "METACHAT_API_THREADS=64  # default\n"); /* a fault changes nothing */
}

/* shows: CONF-10 */
static void secrets_are_shown_to_nobody(void **state)
{
    (void)state;
    static const char *const env[] = {"METACHAT_OPENAI_API_KEY", "sk-super-secret",
                                      "METACHAT_OPERATOR_TOKEN", "operator-secret", NULL};
    struct load l = {.env = env, .file = "METACHAT_ENV=production\n"};
    load(&l);
    assert_false(l.ok); /* the operator's token is too short for production, and is not shown */
    says(&l, "METACHAT_OPERATOR_TOKEN: must have 24 signs");
    says(&l, "METACHAT_OPENAI_API_KEY=********  # environment\n");
    assert_int_equal(count_of(&l, "secret"), 0);
    struct load none = {};
    load(&none);
    says(&none, "METACHAT_OPENAI_API_KEY=  # default\n"); /* that there is none, is no secret */
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    struct load missing = {.must_exist = true};
    load(&missing);
    assert_false(missing.ok);
    says(&missing, "cannot be read: No such file");
    SCOPED(buf_fini) struct buf faults = buf_make(KB);
    assert_false(conf_load("/tmp", false, &faults)); /* a folder */
    assert_non_null(strstr(faults.p, "/tmp: cannot be read"));
    SCOPED(buf_fini) struct buf big = buf_make(MB);
    while (big.n < 300 * KB) {
        buf_cstr(&big, "# words, words, words\n");
    }
    struct load l = {.file = big.p};
    load(&l);
    assert_false(l.ok);
    says(&l, "larger than 256 KB");
}

/* Every row of the table is in both documents, and its own default would be accepted. */
static void the_example_loads_as_it_stands(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf example = buf_make(MB);
    SCOPED(buf_fini) struct buf markdown = buf_make(MB);
    SCOPED(buf_fini) struct buf printed = buf_make(MB);
    SCOPED(buf_fini) struct buf uncommented = buf_make(MB);
    conf_print_example(&example);
    conf_print_markdown(&markdown);
    conf_print(&printed);
    struct str rest = buf_view(&printed);
    struct str line;
    int settings = 0;
    while (str_split(&rest, '\n', &line) && line.n) {
        const struct str name = str_sub(line, 0, (size_t)str_find_char(line, '=', 0));
        struct arena *a = arena_new();
        assert_non_null(strstr(example.p, str_fmt(a, "\n#" STR_FMT "=", STR_ARG(name)).p));
        assert_non_null(strstr(markdown.p, str_fmt(a, "| `" STR_FMT "` |", STR_ARG(name)).p));
        arena_free(&a);
        settings++;
    }
    assert_true(settings > 40);
    rest = buf_view(&example);
    while (str_split(&rest, '\n', &line)) {
        buf_str(&uncommented,
                str_starts(line, STR("#METACHAT_")) ? str_sub(line, 1, line.n) : line);
        buf_char(&uncommented, '\n');
    }
    struct load l = {.file = uncommented.p};
    load(&l);
    if (!l.ok) {
        fail_msg("%s", l.said);
    }
    assert_int_equal(count_of(&l, "# file"), settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_anything_the_defaults_hold),
        cmocka_unit_test(the_environment_wins_over_the_file),
        cmocka_unit_test(all_faults_are_listed_at_once_by_name),
        cmocka_unit_test(secrets_are_shown_to_nobody),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(the_example_loads_as_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
