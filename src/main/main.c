/* The program: finds the command, reads the settings, runs it. */
#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"
#include "main/command.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static const struct command *const commands[] = {
    &command_demo,         &command_serve,          &command_migrate_up,
    &command_migrate_down, &command_migrate_status, &command_tenant_create,
    &command_tenant_list,  &command_tenant_widget,  &command_apikey_create,
    &command_document_add, &command_replay,         &command_routes,
    &command_config_check, &command_config_print,   &command_config_example,
    &command_config_docs,  &command_probe,          &command_version,
};

void complain(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fputs("metachat: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
}

enum exit_code complain_cx(const struct cx *cx)
{
    complain("%s", cx->detail[0] ? cx->detail : code_info(cx->code)->doc);
    return EXIT_FAILED;
}

enum exit_code print(const struct buf *out)
{
    if (fwrite(out->p, 1, out->n, stdout) != out->n || fflush(stdout)) {
        complain("standard output cannot be written");
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static void print_options(FILE *f, const struct command *c)
{
    for (const struct option_row *o = c->options; o->name; o++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "",
                       o->value ? o->value : "");
        (void)fprintf(f, "  %-22s %s\n", left, o->help);
    }
}

static void print_usage(FILE *f, const struct command *c)
{
    (void)fprintf(f, "usage: metachat %s%s%s%s\n\n%s\n", c->name,
                  c->options[0].name ? " [options]" : "", c->words ? " " : "",
                  c->words ? c->words : "", c->help);
    if (c->options[0].name) {
        (void)fputs("\noptions:\n", f);
        print_options(f, c);
    }
}

static void print_help(FILE *f)
{
    (void)fputs(
        "metachat: customer support with an assistant that answers from your documents\n\n"
        "usage: metachat COMMAND [options]      (metachat COMMAND --help says more)\n\ncommands:\n",
        f);
    for (size_t i = 0; i < COUNT(commands); i++) {
        const char *end = strchr(commands[i]->help, '.');
        (void)fprintf(f, "  %-18s %.*s\n", commands[i]->name,
                      (int)(end ? end - commands[i]->help : (ptrdiff_t)strlen(commands[i]->help)),
                      commands[i]->help);
    }
    (void)fputs(
        "\nSettings come from the environment and from ./metachat.env (or --env-file FILE before "
        "the\n"
        "command); `metachat config print` shows them all.\n\n"
        "exit codes: 0 done, 1 failed, 2 wrong words, 3 a wrong setting, 4 the database wants a\n"
        "migration, 5 in use by another metachat\n",
        f);
}

/* The command whose name the first one or two words are; *ret_used how many. */
static const struct command *find(int argc, char **argv, int *ret_used)
{
    for (size_t i = 0; i < COUNT(commands); i++) {
        const char *space = strchr(commands[i]->name, ' ');
        const size_t first =
            space ? (size_t)(space - commands[i]->name) : strlen(commands[i]->name);
        const bool same_first =
            argc > 0 && strlen(argv[0]) == first && memcmp(argv[0], commands[i]->name, first) == 0;
        if (same_first && (!space || (argc > 1 && strcmp(argv[1], space + 1) == 0))) {
            *ret_used = space ? 2 : 1;
            return commands[i];
        }
    }
    return NULL;
}

static int option_index(const struct command *c, const char *name, size_t n)
{
    for (int i = 0; i < MAX_OPTIONS && c->options[i].name; i++) {
        if (strlen(c->options[i].name) == n && memcmp(c->options[i].name, name, n) == 0) {
            return i;
        }
    }
    return -1;
}

/* Takes one option; *at moves on when its value is the next word. */
static bool take_option(const struct command *c, int argc, char **argv, int *at, struct args *ret)
{
    const char *name = argv[*at] + 2;
    const char *eq = strchr(name, '=');
    const int o = option_index(c, name, eq ? (size_t)(eq - name) : strlen(name));
    if (o < 0) {
        complain("%s: there is no option %s; see metachat %s --help", c->name, argv[*at], c->name);
        return false;
    }
    if (!c->options[o].value) {
        ret->options[o] = "";
        return true;
    }
    if (!eq && *at + 1 >= argc) {
        complain("%s: %s needs a value", c->name, argv[*at]);
        return false;
    }
    ret->options[o] = eq ? eq + 1 : argv[++*at];
    return true;
}

static bool parse(const struct command *c, int argc, char **argv, struct args *ret)
{
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1] == '-') {
            if (!take_option(c, argc, argv, &i, ret)) {
                return false;
            }
        } else if (ret->word_count < MAX_WORDS) {
            ret->words[ret->word_count++] = argv[i];
        }
    }
    if (ret->word_count < c->min_words || ret->word_count > c->max_words) {
        complain("%s: takes %s%s; see metachat %s --help", c->name, c->words ? "" : "no words",
                 c->words ? c->words : "", c->name);
        return false;
    }
    return true;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

static bool load_settings(const char *env_file)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    SCOPED(buf_fini) struct buf faults = buf_make(64 * KB);
    if (!conf_load(env_file ? env_file : "metachat.env", env_file != NULL, &faults)) {
        (void)fprintf(stderr, "metachat: these settings are wrong:\n" STR_FMT,
                      STR_ARG(buf_view(&faults)));
        return false;
    }
    for (size_t i = 0; i < COUNT(levels); i++) {
        if (strcmp(conf.log_level, levels[i]) == 0) {
            log_set_level((enum log_level)i);
        }
    }
    return true;
}

static enum exit_code run_with_settings(const struct command *c, const struct args *args,
                                        const char *env_file)
{
    if (!load_settings(env_file)) {
        return EXIT_CONFIG;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error of write(), as a full disk is */
    return c->run(args);
}

/* Whoever starts us with one of the first three descriptors closed would have the next file that is
 * opened, the database perhaps, written to as if it were the log. */
static void fill_standard_streams(void)
{
    int fd = 0;
    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = open("/dev/null", O_RDWR);
    }
    (void)close(fd);
}

int main(int argc, char **argv)
{
    const char *env_file = NULL;
    int used = 0;
    fill_standard_streams();
    mem_share_heaps();
    argc--;
    argv++;
    if (argc >= 2 && strcmp(argv[0], "--env-file") == 0) {
        env_file = argv[1];
        argc -= 2;
        argv += 2;
    }
    if (argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0 ||
        strcmp(argv[0], "help") == 0) {
        print_help(argc ? stdout : stderr);
        return argc ? EXIT_OK : EXIT_USAGE;
    }
    if (strcmp(argv[0], "--version") == 0) {
        return command_version.run(&(struct args){});
    }
    const struct command *c = find(argc, argv, &used);
    if (!c) {
        complain("there is no command '%s'; metachat --help lists them", argv[0]);
        return EXIT_USAGE;
    }
    if (wants_help(argc - used, argv + used)) {
        print_usage(stdout, c);
        return EXIT_OK;
    }
    struct args *args = mem_new(struct args);
    const enum exit_code code = parse(c, argc - used, argv + used, args)
                                    ? run_with_settings(c, args, env_file)
                                    : EXIT_USAGE;
    mem_free(args);
    return code;
}
