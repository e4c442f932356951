#include "base/conf.h"
#include "main/runtime.h"

static bool roles(const char *value, struct runtime_options *ret)
{
    if (!value || strcmp(value, "all") == 0) {
        return true;
    }
    if (strcmp(value, "api") == 0) {
        ret->workers = false;
        return true;
    }
    complain("serve: --roles must be all or api, is '%s'", value);
    return false;
}

static enum exit_code serve(const struct args *args)
{
    struct runtime_options options = {
        .listen = conf.listen, .migrate = args->options[0] != NULL, .workers = true};
    struct runtime *rt = NULL;
    if (!roles(args->options[1], &options)) {
        return EXIT_USAGE;
    }
    const enum exit_code code = runtime_start(&options, &rt);
    if (code) {
        return code;
    }
    runtime_run(rt);
    runtime_free(&rt);
    return EXIT_OK;
}

const struct command command_serve = {
    .name = "serve",
    .options = {{"migrate", NULL, "apply pending migrations first"},
                {"roles", "ROLES", "all (default), or api: requests, but no background jobs"}},
    .help = "Serves until SIGINT or SIGTERM, then finishes what is in hand. Listens on "
            "METACHAT_LISTEN and keeps "
            "everything in METACHAT_DATA.",
    .run = serve,
};
