#include "db/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* The holder's process id, or 0 when the file does not say. */
static int64_t holder(int fd)
{
    char text[32] = "";
    const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    int64_t pid = 0;
    (void)str_to_i64(str_trim((struct str){text, n > 0 ? (size_t)n : 0}), 1, INT32_MAX, &pid);
    return pid;
}

static void say_in_use(const char *path, int fd, struct buf *why)
{
    const int64_t pid = holder(fd);
    buf_fmt(why, "the database is in use by another metachat");
    if (pid) {
        buf_fmt(why, " (pid %" PRId64 ")", pid);
    }
    buf_fmt(why, "; stop it first, or give this one a folder of its own (METACHAT_DATA); lock: %s",
            path);
}

enum err lock_take(const char *path, int *ret_fd, struct buf *why)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        buf_fmt(why, "cannot open the lock file %s: %s; is the folder there and writable?", path,
                strerror(errno));
        return ERR_UNAVAILABLE;
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        const bool in_use = errno == EWOULDBLOCK;
        if (in_use) {
            say_in_use(path, fd, why);
        } else {
            buf_fmt(why, "cannot lock %s: %s", path, strerror(errno));
        }
        (void)close(fd);
        return in_use ? ERR_CONFLICT : ERR_UNAVAILABLE;
    }
    /* The number is a courtesy to whoever is kept out; the lock is what counts. */
    if (ftruncate(fd, 0) == 0) {
        (void)!dprintf(fd, "%d\n", (int)getpid());
    }
    *ret_fd = fd;
    return ERR_OK;
}
