/* The data folder: the database file, the keys, the blobs, the lock and the admin socket. */
#include "base/conf.h"
#include "db/db.h"
#include "main/runtime.h"

#include <errno.h>
#include <sys/stat.h>

struct str data_path(struct arena *a, const char *name)
{
    return str_fmt(a, "%s/%s", conf.data, name);
}

static enum exit_code make_folder(void)
{
    if (mkdir(conf.data, 0700) && errno != EEXIST) {
        complain("the data folder %s cannot be made: %s; make it, or set METACHAT_DATA", conf.data,
                 strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

enum exit_code data_open(bool read_only, struct db **ret)
{
    SCOPED(arena_free) struct arena *a = arena_new();
    SCOPED(buf_fini) struct buf why = buf_make(4 * KB);
    const struct db_options options = {
        .path = data_path(a, "metachat.db").p,
        .lock_path = read_only ? NULL : data_path(a, "lock").p,
        .read_only = read_only,
        .check_plans = conf.db_check_plans,
        .readers = (int)conf.db_readers,
        .wait_us = conf.db_wait_ms * 1000,
        .batch_max = (int)conf.db_batch_max,
        .batch_us = conf.db_batch_us,
    };
    struct stat st;
    if (read_only && stat(options.path, &st)) {
        complain("there is no database at %s; start metachat once, or set METACHAT_DATA",
                 options.path);
        return EXIT_FAILED;
    }
    if (!read_only) {
        const enum exit_code code = make_folder();
        if (code) {
            return code;
        }
    }
    const enum err e = db_open(&options, ret, &why);
    if (e) {
        complain(STR_FMT, STR_ARG(buf_view(&why)));
    }
    return e == ERR_CONFLICT ? EXIT_IN_USE : e ? EXIT_FAILED : EXIT_OK;
}
