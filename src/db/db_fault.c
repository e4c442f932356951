#include "db/db_fault.h"

#include <pthread.h>
#include <sqlite3.h>

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* in the same allocation, behind this */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum db_fault_op op;
    int countdown; /* 0: no fault is set */
    int code;
    bool for_ever;
    bool fired;
    bool hold;
    int held;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static sqlite3_vfs *system_vfs;

static sqlite3_file *real(sqlite3_file *f)
{
    return ((struct fault_file *)(void *)f)->real;
}

/* Under the lock. */
static int fault_of(enum db_fault_op op)
{
    if (op != state.op || state.countdown == 0) {
        return SQLITE_OK;
    }
    if (state.countdown > 1) {
        state.countdown--;
        return SQLITE_OK;
    }
    state.fired = true;
    state.countdown = state.for_ever ? 1 : 0;
    return state.code;
}

static int fault(enum db_fault_op op)
{
    (void)pthread_mutex_lock(&state.lock);
    const int rc = fault_of(op);
    if (op == DB_FAULT_SYNC && state.hold) {
        state.held++;
        (void)pthread_cond_broadcast(&state.changed);
        while (state.hold) {
            (void)pthread_cond_wait(&state.changed, &state.lock);
        }
        state.held--;
    }
    (void)pthread_mutex_unlock(&state.lock);
    return rc;
}

static int on_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    const int rc = fault(DB_FAULT_WRITE);
    return rc ? rc : real(f)->pMethods->xWrite(real(f), p, n, at);
}

static int on_sync(sqlite3_file *f, int flags)
{
    const int rc = fault(DB_FAULT_SYNC);
    return rc ? rc : real(f)->pMethods->xSync(real(f), flags);
}

static int on_close(sqlite3_file *f)
{
    return real(f)->pMethods ? real(f)->pMethods->xClose(real(f)) : SQLITE_OK;
}

static int on_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real(f)->pMethods->xRead(real(f), p, n, at);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return real(f)->pMethods->xTruncate(real(f), n);
}

static int on_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return real(f)->pMethods->xFileSize(real(f), ret);
}

static int on_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}

static int on_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int on_reserved(sqlite3_file *f, int *ret)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), ret);
}

static int on_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int on_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int on_device(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, ret);
}

static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void on_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int on_shm_unmap(sqlite3_file *f, int delete)
{
    return real(f)->pMethods->xShmUnmap(real(f), delete);
}

static int on_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *ret)
{
    static const sqlite3_io_methods methods = {
        .iVersion = 2,
        .xClose = on_close,
        .xRead = on_read,
        .xWrite = on_write,
        .xTruncate = on_truncate,
        .xSync = on_sync,
        .xFileSize = on_size,
        .xLock = on_lock,
        .xUnlock = on_unlock,
        .xCheckReservedLock = on_reserved,
        .xFileControl = on_control,
        .xSectorSize = on_sector,
        .xDeviceCharacteristics = on_device,
        .xShmMap = on_shm_map,
        .xShmLock = on_shm_lock,
        .xShmBarrier = on_shm_barrier,
        .xShmUnmap = on_shm_unmap,
    };
    (void)vfs;
    struct fault_file *mine = (struct fault_file *)(void *)f;
    mine->real = (sqlite3_file *)(void *)(mine + 1);
    const int rc = system_vfs->xOpen(system_vfs, name, mine->real, flags, ret);
    f->pMethods = mine->real->pMethods ? &methods : NULL;
    return rc;
}

void db_fault_install(void)
{
    static sqlite3_vfs vfs;
    must(!system_vfs);
    system_vfs = sqlite3_vfs_find(NULL);
    vfs = *system_vfs;
    vfs.zName = "fault";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct fault_file) + system_vfs->szOsFile;
    vfs.xOpen = on_open;
    must(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

void db_fault_at(enum db_fault_op op, int nth, int code, bool for_ever)
{
    (void)pthread_mutex_lock(&state.lock);
    state.op = op;
    state.countdown = nth;
    state.code = code;
    state.for_ever = for_ever;
    state.fired = false;
    (void)pthread_mutex_unlock(&state.lock);
}

bool db_fault_fired(void)
{
    (void)pthread_mutex_lock(&state.lock);
    const bool fired = state.fired;
    (void)pthread_mutex_unlock(&state.lock);
    return fired;
}

void db_fault_hold_syncs(bool hold)
{
    (void)pthread_mutex_lock(&state.lock);
    state.hold = hold;
    (void)pthread_cond_broadcast(&state.changed);
    (void)pthread_mutex_unlock(&state.lock);
}

void db_fault_await_held(void)
{
    (void)pthread_mutex_lock(&state.lock);
    while (!state.held) {
        (void)pthread_cond_wait(&state.changed, &state.lock);
    }
    (void)pthread_mutex_unlock(&state.lock);
}
