#include "net/spool.h"

#include "base/id.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

struct spool {
    int dir;
    uint64_t max;
    _Atomic uint64_t used;
};

/* A file that another process still has open loses its name alone. */
static void empty_folder(int dir)
{
    const int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    const struct dirent *e;
    while ((e = readdir(d))) {
        (void)unlinkat(dir, e->d_name, 0); /* folders stay */
    }
    (void)closedir(d);
}

enum err spool_open(const char *dir, uint64_t max, struct spool **ret, struct buf *why)
{
    if (mkdir(dir, 0700) && errno != EEXIST) {
        buf_fmt(why, "cannot make the folder for large bodies %s: %s", dir, strerror(errno));
        return ERR_UNAVAILABLE;
    }
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        buf_fmt(why, "cannot open the folder for large bodies %s: %s", dir, strerror(errno));
        return ERR_UNAVAILABLE;
    }
    empty_folder(fd);
    struct spool *s = mem_new(struct spool);
    s->dir = fd;
    s->max = max;
    *ret = s;
    return ERR_OK;
}

void spool_close(struct spool **spool)
{
    struct spool *s = *spool;
    if (s) {
        must(atomic_load(&s->used) == 0);
        (void)close(s->dir);
        mem_free(s);
        *spool = NULL;
    }
}

static int named_file(const struct spool *s)
{
    char name[UUID_TEXT + 1];
    uuid_format(uuid_new(), name);
    const int fd = openat(s->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)unlinkat(s->dir, name, 0);
    }
    return fd;
}

int spool_file(struct spool *s)
{
    const int fd = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    /* EISDIR: a kernel, EOPNOTSUPP: a file system that does not know the flag */
    return fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR) ? named_file(s) : fd;
}

bool spool_claim(struct spool *s, uint64_t n)
{
    uint64_t used = atomic_load(&s->used);
    do {
        if (n > s->max || used > s->max - n) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&s->used, &used, used + n));
    return true;
}

void spool_release(struct spool *s, uint64_t n)
{
    (void)atomic_fetch_sub(&s->used, n);
}

bool spool_has_room(const struct spool *s, uint64_t n)
{
    return n <= s->max && atomic_load(&s->used) <= s->max - n;
}
