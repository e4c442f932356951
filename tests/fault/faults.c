/* For LD_PRELOAD in front of the unmodified program: makes calls to the system and to SQLite fail
 * when a test says so. The test writes into a file (FAULTS_CONTROL names it) that is mapped here:
 * which class of calls, the how-many-th from now, once or for ever, and with which error; and reads
 * there how many were seen and how many failed. tests/lib/faults.js is the other end.
 *
 *   db       prepare and step of SQLite; what failed says control.marker as its message
 *   file     calls on files whose path has the filter in it
 *   net-in   accept, and calls on accepted connections
 *   net-out  connect over IP, and calls on such connections
 *
 * A call that fails is not made. Nothing fails, and nothing is counted, while nth is 0. Any thread;
 * processes that share the control file share the count. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum class { DB, FILES, NET_IN, NET_OUT, CLASSES };

enum op {
    OPEN = 1,
    READ = 2,
    WRITE = 4,
    SYNC = 8,
    NAME = 16, /* rename, unlink, mkdir, ftruncate */
};

struct order {
    _Atomic int64_t nth;
    int64_t for_ever;
    int64_t code; /* errno, or a result of SQLite */
    int64_t ops;
    _Atomic int64_t seen;
    _Atomic int64_t fired;
    char filter[80];
};

struct control {
    struct order orders[CLASSES];
    char marker[64];
};

_Static_assert(sizeof(struct order) == 128, "tests/lib/faults.js knows the layout");

static struct control *control;

#define EXPORT __attribute__((visibility("default")))

/* The function that stands behind ours. */
#define NEXT(name)                                                                                 \
    ({                                                                                             \
        static typeof(&name) next;                                                                 \
        if (!next) {                                                                               \
            next = (typeof(&name))dlsym(RTLD_NEXT, #name);                                         \
        }                                                                                          \
        next;                                                                                      \
    })

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_CONTROL");
    const int fd = path ? NEXT(open64)(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        return;
    }
    void *p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    control = p == MAP_FAILED ? NULL : p;
    (void)NEXT(close)(fd);
}

static bool armed(enum class c, enum op op)
{
    return control && atomic_load(&control->orders[c].nth) && control->orders[c].ops & op;
}

/* Counts a call of an armed class; the error that it is to end with, or 0. */
static int count(enum class c)
{
    struct order *o = &control->orders[c];
    const int64_t nth = atomic_load(&o->nth);
    const int64_t n = atomic_fetch_add(&o->seen, 1) + 1;
    if (nth == 0 || n < nth || (n > nth && !o->for_ever)) {
        return 0;
    }
    atomic_fetch_add(&o->fired, 1);
    return (int)o->code;
}

static bool fails(enum class c)
{
    const int code = count(c);
    errno = code ? code : errno;
    return code != 0;
}

/* --- files and sockets --- */

enum { FDS = 65536 };

static _Atomic uint8_t class_of[FDS]; /* NET_IN or NET_OUT; 0: neither */

static void set_class(int fd, enum class c)
{
    if (fd >= 0 && fd < FDS) {
        atomic_store(&class_of[fd], (uint8_t)c);
    }
}

static bool path_fails(int dir, const char *path, enum op op)
{
    char full[4096] = "";
    if (!armed(FILES, op)) {
        return false;
    }
    if (dir >= 0 && (!path || path[0] != '/')) {
        char link[32];
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
        const int before = errno;
        (void)!readlink(link, full, sizeof(full) / 2);
        errno = before;
    }
    if (path) {
        const size_t n = strlen(full);
        (void)snprintf(full + n, sizeof(full) - n, "/%s", path);
    }
    return strstr(full, control->orders[FILES].filter) && fails(FILES);
}

static bool fd_fails(int fd, enum op op)
{
    const enum class c = fd >= 0 && fd < FDS ? (enum class)atomic_load(&class_of[fd]) : DB;
    if (c == NET_IN || c == NET_OUT) {
        return armed(c, op) && fails(c);
    }
    return path_fails(fd, NULL, op);
}

#define ON_FD(op, type, name, params, args)                                                        \
    EXPORT type name params                                                                        \
    {                                                                                              \
        return fd_fails(fd, op) ? -1 : NEXT(name) args;                                            \
    }
#define ON_PATH(op, dir, type, name, params, args)                                                 \
    EXPORT type name params                                                                        \
    {                                                                                              \
        return path_fails(dir, path, op) ? -1 : NEXT(name) args;                                   \
    }

/* What a compiler makes of calls whose sizes it knows. */
ssize_t __read_chk(int fd, void *p, size_t n, size_t size);
ssize_t __pread_chk(int fd, void *p, size_t n, off_t at, size_t size);
ssize_t __pread64_chk(int fd, void *p, size_t n, off64_t at, size_t size);
ssize_t __recv_chk(int fd, void *p, size_t n, size_t size, int flags);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

ON_FD(READ, ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
ON_FD(READ, ssize_t, __read_chk, (int fd, void *p, size_t n, size_t size), (fd, p, n, size))
ON_FD(READ, ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n))
ON_FD(READ, ssize_t, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
ON_FD(READ, ssize_t, pread64, (int fd, void *p, size_t n, off64_t at), (fd, p, n, at))
ON_FD(READ, ssize_t, __pread_chk, (int fd, void *p, size_t n, off_t at, size_t size),
      (fd, p, n, at, size))
ON_FD(READ, ssize_t, __pread64_chk, (int fd, void *p, size_t n, off64_t at, size_t size),
      (fd, p, n, at, size))
ON_FD(READ, ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
ON_FD(READ, ssize_t, __recv_chk, (int fd, void *p, size_t n, size_t size, int flags),
      (fd, p, n, size, flags))
ON_FD(READ, ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
ON_FD(WRITE, ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
ON_FD(WRITE, ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
ON_FD(WRITE, ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
ON_FD(WRITE, ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
ON_FD(WRITE, ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
ON_FD(WRITE, ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
ON_FD(SYNC, int, fsync, (int fd), (fd))
ON_FD(SYNC, int, fdatasync, (int fd), (fd))
ON_FD(NAME, int, ftruncate, (int fd, off_t n), (fd, n))
ON_FD(NAME, int, ftruncate64, (int fd, off64_t n), (fd, n))
ON_FD(WRITE, int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))
ON_FD(WRITE, int, fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n))
ON_PATH(NAME, -1, int, unlink, (const char *path), (path))
ON_PATH(NAME, dir, int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
ON_PATH(NAME, -1, int, mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(NAME, dir, int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))
ON_PATH(NAME, -1, int, rename, (const char *path, const char *to), (path, to))
ON_PATH(NAME, dir, int, renameat, (int dir, const char *path, int to_dir, const char *to),
        (dir, path, to_dir, to))
ON_PATH(NAME, dir, int, linkat, (int dir, const char *path, int to_dir, const char *to, int flags),
        (dir, path, to_dir, to, flags))
ON_PATH(OPEN, -1, int, __open_2, (const char *path, int flags), (path, flags))
ON_PATH(OPEN, -1, int, __open64_2, (const char *path, int flags), (path, flags))
ON_PATH(OPEN, dir, int, __openat_2, (int dir, const char *path, int flags), (dir, path, flags))
ON_PATH(OPEN, dir, int, __openat64_2, (int dir, const char *path, int flags), (dir, path, flags))

static mode_t mode_of(int flags, va_list ap)
{
    return flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(ap, mode_t) : 0;
}

#define OPENS(name, dir, params, ...)                                                              \
    EXPORT int name params                                                                         \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        const mode_t mode = mode_of(flags, ap);                                                    \
        va_end(ap);                                                                                \
        return path_fails(dir, path, OPEN) ? -1 : NEXT(name)(__VA_ARGS__, flags, mode);            \
    }

OPENS(open, -1, (const char *path, int flags, ...), path)
OPENS(open64, -1, (const char *path, int flags, ...), path)
OPENS(openat, dir, (int dir, const char *path, int flags, ...), dir, path)
OPENS(openat64, dir, (int dir, const char *path, int flags, ...), dir, path)

static int accepted(int fd)
{
    set_class(fd, NET_IN);
    return fd;
}

EXPORT int accept(int fd, struct sockaddr *from, socklen_t *n)
{
    return armed(NET_IN, OPEN) && fails(NET_IN) ? -1 : accepted(NEXT(accept)(fd, from, n));
}

EXPORT int accept4(int fd, struct sockaddr *from, socklen_t *n, int flags)
{
    return armed(NET_IN, OPEN) && fails(NET_IN) ? -1 : accepted(NEXT(accept4)(fd, from, n, flags));
}

EXPORT int connect(int fd, const struct sockaddr *to, socklen_t n)
{
    if (to->sa_family == AF_INET || to->sa_family == AF_INET6) {
        set_class(fd, NET_OUT);
        if (armed(NET_OUT, OPEN) && fails(NET_OUT)) {
            return -1;
        }
    }
    return NEXT(connect)(fd, to, n);
}

/* Never fails; the number may come back as something else. */
EXPORT int close(int fd)
{
    set_class(fd, DB);
    return NEXT(close)(fd);
}

/* --- SQLite --- */

/* The last failure that we made on this thread. A connection's error is read by the thread that
 * met it, before the connection does anything else. */
static _Thread_local struct {
    sqlite3 *db;
    sqlite3_stmt *st;
    int code;
} last;

static int db_fails(sqlite3 *db, sqlite3_stmt *st, const char *sql)
{
    if (last.db == db) {
        last.db = NULL;
    }
    if (!armed(DB, WRITE) || !sql || !strstr(sql, control->orders[DB].filter)) {
        return 0;
    }
    const int code = count(DB);
    if (code) {
        last.db = db;
        last.st = st;
        last.code = code;
    }
    return code;
}

EXPORT int sqlite3_prepare_v2(sqlite3 *db, const char *sql, int n, sqlite3_stmt **st,
                              const char **rest)
{
    const int code = db_fails(db, NULL, sql);
    *st = NULL;
    return code ? code : NEXT(sqlite3_prepare_v2)(db, sql, n, st, rest);
}

EXPORT int sqlite3_prepare_v3(sqlite3 *db, const char *sql, int n, unsigned flags,
                              sqlite3_stmt **st, const char **rest)
{
    const int code = db_fails(db, NULL, sql);
    *st = NULL;
    return code ? code : NEXT(sqlite3_prepare_v3)(db, sql, n, flags, st, rest);
}

EXPORT int sqlite3_step(sqlite3_stmt *st)
{
    const int code = db_fails(sqlite3_db_handle(st), st, sqlite3_sql(st));
    return code ? code : NEXT(sqlite3_step)(st);
}

/* As SQLite does: says again what the step said. */
EXPORT int sqlite3_reset(sqlite3_stmt *st)
{
    const int code = NEXT(sqlite3_reset)(st);
    return st && last.db == sqlite3_db_handle(st) && last.st == st ? last.code : code;
}

EXPORT int sqlite3_extended_errcode(sqlite3 *db)
{
    return db && last.db == db ? last.code : NEXT(sqlite3_extended_errcode)(db);
}

EXPORT const char *sqlite3_errmsg(sqlite3 *db)
{
    return db && last.db == db ? control->marker : NEXT(sqlite3_errmsg)(db);
}
