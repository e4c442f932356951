#include "main/command.h"

static enum exit_code version(const struct args *args)
{
    (void)args;
    SCOPED(buf_fini) struct buf out = buf_make(256);
    buf_fmt(&out, "metachat %s\n", METACHAT_VERSION);
    return print(&out);
}

const struct command command_version = {
    .name = "version",
    .help = "Prints the version.",
    .run = version,
};
