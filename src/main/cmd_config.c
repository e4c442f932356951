/* config check, print, example, docs. The settings were read, and checked, before any command runs.
 */
#include "base/conf.h"
#include "main/command.h"

static enum exit_code check(const struct args *args)
{
    (void)args;
    SCOPED(buf_fini) struct buf out = buf_make(256);
    buf_cstr(&out, "the settings are fine\n");
    return print(&out);
}

static enum exit_code show(void (*write)(struct buf *out))
{
    SCOPED(buf_fini) struct buf out = buf_make(256 * KB);
    write(&out);
    return print(&out);
}

static enum exit_code print_settings(const struct args *args)
{
    (void)args;
    return show(conf_print);
}

static enum exit_code print_example(const struct args *args)
{
    (void)args;
    return show(conf_print_example);
}

static enum exit_code print_docs(const struct args *args)
{
    (void)args;
    return show(conf_print_markdown);
}

const struct command command_config_check = {
    .name = "config check",
    .help = "Checks every setting and names each fault. Nothing is started; exit code 3 when there "
            "is one.",
    .run = check,
};

const struct command command_config_print = {
    .name = "config print",
    .help = "Prints the settings in force and where each comes from. Secrets are masked.",
    .run = print_settings,
};

const struct command command_config_example = {
    .name = "config example",
    .help = "Prints metachat.env.example: every setting with its default and range.",
    .run = print_example,
};

const struct command command_config_docs = {
    .name = "config docs",
    .help = "Prints docs/configuration.md.",
    .run = print_docs,
};
