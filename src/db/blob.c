/* DIR/<tenant>/<first two signs>/<the other 62>, and DIR/tmp/ for what is being written.
 *
 * Invariant: a name outside of tmp/ appears only by rename of a file whose bytes are on the disk.
 */
#include "db/blob.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "crypto/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TENANT = UUID_TEXT,
    HEX = 64,
    FOLDER = TENANT + 1 + 2, /* within the store */
    NAME = FOLDER + 1 + HEX - 2,
    TMP = 4 + 32,
};

/* Another node that shares the folder may be writing; nothing takes this long. */
static const int64_t left_behind_us = HOUR_US;

struct blob_store {
    int dir; /* all paths are relative to it */
    _Atomic int64_t lost_count;
    _Atomic int64_t lost_us; /* monotonic: the last one */
};

struct place {
    char folder[FOLDER + 1];
    char name[NAME + 1];
};

enum err blob_open(const char *dir, struct blob_store **ret, struct buf *why)
{
    if (mkdir(dir, 0700) && errno != EEXIST) {
        buf_fmt(why, "cannot make the folder for files %s: %s", dir, strerror(errno));
        return ERR_UNAVAILABLE;
    }
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (mkdirat(fd, "tmp", 0700) && errno != EEXIST) || fsync(fd)) {
        buf_fmt(why, "cannot write to the folder for files %s: %s", dir, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return ERR_UNAVAILABLE;
    }
    *ret = mem_new(struct blob_store);
    (*ret)->dir = fd;
    return ERR_OK;
}

void blob_close(struct blob_store **s)
{
    if (*s) {
        (void)close((*s)->dir);
        mem_free(*s);
        *s = NULL;
    }
}

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static void leave_fd(int *fd)
{
    *fd = -1;
}

static enum err fail_disk(struct cx *cx, const char *what)
{
    return cx_fail(cx, CODE_DATABASE_ERROR, "a file could not be %s: %s", what, strerror(errno));
}

static enum err check_tenant(struct cx *cx)
{
    return cx->who == SCOPE_TENANT
               ? ERR_OK
               : cx_fail(cx, CODE_INTERNAL_ERROR, "files belong to tenants, and no tenant acts");
}

static struct place place_of(struct cx *cx, struct blob_name name)
{
    struct place p;
    char tenant[UUID_TEXT + 1];
    uuid_format(cx->tenant.v, tenant);
    const struct str hex = str_hex(cx->arena, name.sha256, sizeof(name.sha256));
    (void)snprintf(p.folder, sizeof(p.folder), "%s/%.2s", tenant, hex.p);
    (void)snprintf(p.name, sizeof(p.name), "%s/%.62s", p.folder, hex.p + 2);
    return p;
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.n) {
        const ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        bytes = str_sub(bytes, n > 0 ? (size_t)n : 0, bytes.n);
    }
    return true;
}

static bool sync_folder(int dir, const char *path)
{
    SCOPED(close_fd) int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

/* A folder that is made is worth nothing until the one above knows it for good. */
static bool make_folder(int dir, const char *path, const char *above)
{
    if (mkdirat(dir, path, 0700) == 0) {
        return sync_folder(dir, above);
    }
    return errno == EEXIST;
}

static bool make_folders(int dir, const struct place *p)
{
    char tenant[TENANT + 1];
    (void)snprintf(tenant, sizeof(tenant), "%.*s", TENANT, p->folder);
    return make_folder(dir, tenant, ".") && make_folder(dir, p->folder, tenant);
}

static bool copy_all(int fd, const struct extent *bytes)
{
    SCOPED(extent_walk_end) struct extent_walk w = {.rest = *bytes};
    struct str part;
    while (extent_next(&w, &part)) {
        if (!write_all(fd, part)) {
            return false;
        }
    }
    return !w.failed;
}

static bool write_tmp(int dir, const char *tmp, const struct extent *bytes)
{
    SCOPED(close_fd)
    int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd >= 0 && copy_all(fd, bytes) && fsync(fd) == 0;
}

static bool publish(int dir, const char *tmp, const struct place *p)
{
    return make_folders(dir, p) && renameat(dir, tmp, dir, p->name) == 0 &&
           sync_folder(dir, p->folder);
}

static bool is_there(int dir, const struct place *p, uint64_t n)
{
    struct stat st;
    return fstatat(dir, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == n;
}

enum err blob_name_of(struct cx *cx, const struct extent *bytes, struct blob_name *ret)
{
    return hash_extent(bytes, ret->sha256) ? ERR_OK : fail_disk(cx, "read");
}

enum err blob_put(struct cx *cx, struct blob_store *s, const struct extent *bytes,
                  struct blob_name name)
{
    TRY(check_tenant(cx));
    const struct place p = place_of(cx, name);
    if (is_there(s->dir, &p, bytes->n)) {
        return ERR_OK;
    }
    uint8_t random[16];
    rand_bytes(random, sizeof(random));
    const struct str tmp =
        str_fmt(cx->arena, "tmp/" STR_FMT, STR_ARG(str_hex(cx->arena, random, sizeof(random))));
    if (!write_tmp(s->dir, tmp.p, bytes) || !publish(s->dir, tmp.p, &p)) {
        const enum err e = fail_disk(cx, "written");
        (void)unlinkat(s->dir, tmp.p, 0);
        return e;
    }
    return ERR_OK;
}

static void note_lost(struct blob_store *s, const char *how)
{
    atomic_fetch_add(&s->lost_count, 1);
    atomic_store(&s->lost_us, clock_mono_us());
    metric_add(METRIC_BLOBS_LOST, how, 1);
}

bool blob_lost(const struct blob_store *s, struct blob_loss *ret)
{
    ret->count = atomic_load(&s->lost_count);
    ret->ago_us = clock_mono_us() - atomic_load(&s->lost_us);
    return ret->count > 0;
}

static enum err check_hash(struct cx *cx, struct blob_store *s, const struct extent *bytes,
                           struct blob_name name, const struct place *p)
{
    uint8_t sum[HASH_BYTES];
    if (!hash_extent(bytes, sum)) {
        return fail_disk(cx, "read");
    }
    if (memcmp(sum, name.sha256, sizeof(sum)) != 0) {
        note_lost(s, "damaged");
        return cx_fail(cx, CODE_INTERNAL_ERROR, "the stored file %s is damaged", p->name);
    }
    return ERR_OK;
}

enum err blob_get(struct cx *cx, struct blob_store *s, struct blob_name name, struct extent *ret)
{
    TRY(check_tenant(cx));
    const struct place p = place_of(cx, name);
    SCOPED(close_fd) int fd = openat(s->dir, p.name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        if (errno != ENOENT) {
            return fail_disk(cx, "read");
        }
        note_lost(s, "gone");
        return cx_fail(cx, CODE_NOT_FOUND, "the stored file is gone; upload it again");
    }
    const struct extent bytes = extent_of_file(fd, 0, (uint64_t)st.st_size);
    TRY(check_hash(cx, s, &bytes, name, &p));
    *ret = bytes;
    leave_fd(&fd); /* the caller's now */
    return ERR_OK;
}

enum err blob_remove(struct cx *cx, struct blob_store *s, struct blob_name name)
{
    TRY(check_tenant(cx));
    const struct place p = place_of(cx, name);
    if (unlinkat(s->dir, p.name, 0) && errno != ENOENT) {
        return fail_disk(cx, "removed");
    }
    return ERR_OK;
}

void blob_sweep(struct blob_store *s)
{
    const int fd = openat(s->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        close_fd(&fd);
        return;
    }
    const int64_t before = clock_wall_us() - left_behind_us;
    const struct dirent *e;
    while ((e = readdir(d))) {
        struct stat st;
        if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            (int64_t)st.st_mtime * SECOND_US < before) {
            (void)unlinkat(fd, e->d_name, 0);
        }
    }
    (void)closedir(d);
}
