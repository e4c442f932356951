/* The running program: everything that lives from start to stop, in the order in which the parts
 * need each other. */
#ifndef MAIN_RUNTIME_H
#define MAIN_RUNTIME_H

#include "api/app.h"
#include "main/command.h"

struct runtime;

struct runtime_options {
    const char *listen; /* NULL: no address, only the admin socket */
    bool migrate;       /* apply pending migrations; else refuse to start on them */
    bool workers;       /* run background jobs */
};

/* Opens the data folder and starts; on failure the exit code, after complaining. The caller ends it
 * with runtime_free. */
enum exit_code runtime_start(const struct runtime_options *options, struct runtime **ret);

/* Serves on this thread until SIGINT or SIGTERM (a second one hurries), or runtime_stop; then
 * drains. */
void runtime_run(struct runtime *rt);

/* From any thread. */
void runtime_stop(struct runtime *rt);

/* Ends what is left, the database last; *rt may be NULL and is NULL afterwards. */
void runtime_free(struct runtime **rt);

/* Lives as long as the runtime. */
struct app *runtime_app(struct runtime *rt);

/* Every row, the house's own included. */
const struct route *const *runtime_routes(void);

/* data/NAME, in the arena. */
struct str data_path(struct arena *a, const char *name);

/* The database of the data folder for a command: read_only beside a running server, else under the
 * lock. On failure the exit code, after complaining. The caller closes it. */
enum exit_code data_open(bool read_only, struct db **ret);

#endif
