/* Are the files that are open still those that stand at their paths? SQLite writes on happily into
 * files that were moved or deleted under it, and the next start would not find what was promised.
 * Only the identity counts (device and inode), so a file that is moved back is as if it had never
 * been away. */
#include "db/sqlite.h"

#include <sys/stat.h>
#include <unistd.h>

static bool identify(const char *path, struct file_id *ret)
{
    struct stat st;
    if (stat(path, &st)) {
        *ret = (struct file_id){};
        return false;
    }
    *ret = (struct file_id){st.st_dev, st.st_ino};
    return true;
}

/* True also for one that was not there when the files were noted. */
static bool is_at(const char *path, struct file_id id)
{
    struct file_id now;
    return id.inode == 0 ||
           (identify(path, &now) && now.device == id.device && now.inode == id.inode);
}

bool files_note(struct db_sqlite *s)
{
    const bool db = identify(s->path, &s->db_id);
    return identify(s->wal_path, &s->wal_id) && db;
}

const char *files_trouble(const struct db_sqlite *s)
{
    if (!is_at(s->path, s->db_id)) {
        return "the database file is gone or another stands in its place";
    }
    if (!is_at(s->wal_path, s->wal_id)) {
        return "the log of the database is gone or another stands in its place";
    }
    return NULL;
}

/* A lock file that was deleted would let a second server in: it is made and taken anew. */
static const char *keep_lock(struct db_sqlite *s)
{
    struct stat st;
    int fd = -1;
    if (s->lock_fd < 0 || fstat(s->lock_fd, &st) ||
        is_at(s->lock_path, (struct file_id){st.st_dev, st.st_ino})) {
        return NULL;
    }
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    const enum err e = lock_take(s->lock_path, &fd, &why);
    if (e) {
        return e == ERR_CONFLICT ? "another metachat has taken the data folder"
                                 : "the lock file is gone and cannot be made";
    }
    (void)close(s->lock_fd);
    s->lock_fd = fd;
    return NULL;
}

const char *files_keep(struct db_sqlite *s)
{
    const char *trouble = files_trouble(s);
    trouble = trouble ? trouble : keep_lock(s);
    atomic_store(&s->trouble, trouble);
    return trouble;
}
