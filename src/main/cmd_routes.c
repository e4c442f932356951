#include "api/app.h"
#include "main/command.h"
#include "main/runtime.h"

static enum exit_code routes(const struct args *args)
{
    SCOPED(buf_fini) struct buf out = buf_make(4 * MB);
    struct router *r = router_new(runtime_routes());
    if (args->options[1]) {
        router_openapi(r, "/", &out);
        buf_char(&out, '\n');
    } else {
        router_print(r, args->options[0] != NULL, &out);
    }
    router_free(&r);
    return print(&out);
}

const struct command command_routes = {
    .name = "routes",
    .options = {{"json", NULL, "every column of the contract, as JSON"},
                {"openapi", NULL, "the OpenAPI 3.1 document"}},
    .help = "Prints every HTTP route with its role, scope, rate class and limits.",
    .run = routes,
};
