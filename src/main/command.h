/* A command of the program: its name, its help, and what it does. */
#ifndef MAIN_COMMAND_H
#define MAIN_COMMAND_H

#include "base/buf.h"
#include "base/cx.h"

/* How a command ends; `metachat --help` lists them. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* it was understood, but could not be done; standard error says why */
    EXIT_USAGE = 2,  /* the words are wrong */
    EXIT_CONFIG = 3, /* a setting is wrong */
    EXIT_MIGRATE =
        4, /* the database wants a migration, or has one that this program does not know */
    EXIT_IN_USE = 5, /* another metachat has the data folder or the address */
};

/* One option: --name, with a value when value names it. */
struct option_row {
    const char *name;
    const char *value; /* "ID"; NULL: none */
    const char *help;
};

enum {
    MAX_OPTIONS = 8,
    MAX_WORDS = 1024,
};

/* What was said: options in the order of the table, and the other words. */
struct args {
    const char *options[MAX_OPTIONS]; /* the value, "" for one without, NULL when not given */
    const char *words[MAX_WORDS];
    int word_count;
};

struct command {
    const char *name;  /* "tenant create" */
    const char *words; /* "NAME", for the usage line */
    int min_words, max_words;
    struct option_row options[MAX_OPTIONS];
    const char *help; /* what it does, a sentence or more */
    enum exit_code (*run)(const struct args *args);
};

extern const struct command command_serve, command_demo, command_migrate_up, command_migrate_down,
    command_migrate_status, command_tenant_create, command_tenant_list, command_tenant_widget,
    command_apikey_create, command_document_add, command_config_check, command_config_print,
    command_config_example, command_config_docs, command_routes, command_replay, command_probe,
    command_version;

/* Says on standard error what went wrong, and what to do: "metachat: …". */
void complain(const char *fmt, ...) PRINTF(1, 2);

/* Complains of the failure that cx holds. */
enum exit_code complain_cx(const struct cx *cx);

/* Writes to standard output; EXIT_FAILED when that cannot be done. */
enum exit_code print(const struct buf *out);

#endif
