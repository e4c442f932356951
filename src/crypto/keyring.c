#include "crypto/keyring.h"

#include "base/mem.h"
#include "crypto/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEX_SIGNS = 2 * KEYRING_KEY_BYTES,
    NAME_SIGNS = UUID_TEXT + 4, /* UUID.key */
};

struct key {
    struct uuid id;
    uint8_t secret[KEYRING_KEY_BYTES];
};

struct keyring {
    int count;
    struct key keys[KEYRING_MAX_KEYS]; /* newest first */
};

static const char unfinished[] = "unfinished.new";

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static enum err disk_says(struct buf *why, const char *dir, const char *name)
{
    buf_fmt(why, "%s%s%s: %s\n", dir, *name ? "/" : "", name, strerror(errno));
    return ERR_UNAVAILABLE;
}

static bool is_private(int fd, off_t size, struct buf *why, const char *dir, const char *name)
{
    struct stat st;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size != size) {
        buf_fmt(why, "%s/%s: is not a key file; restore it from the backup of the keys\n", dir,
                name);
        return false;
    }
    if (st.st_mode & 077) {
        buf_fmt(why, "%s/%s: others may read it; chmod 600 it\n", dir, name);
        return false;
    }
    return true;
}

static enum err read_key(int folder, const char *dir, const char *name, struct key *ret,
                         struct buf *why)
{
    char text[HEX_SIGNS + 1];
    SCOPED(close_fd) const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return disk_says(why, dir, name);
    }
    if (!is_private(fd, sizeof(text), why, dir, name)) {
        return ERR_INVALID;
    }
    const bool ok = read(fd, text, sizeof(text)) == sizeof(text) && text[HEX_SIGNS] == '\n' &&
                    str_unhex((struct str){text, HEX_SIGNS}, ret->secret, sizeof(ret->secret));
    mem_wipe(text, sizeof(text));
    if (!ok || !uuid_parse((struct str){name, UUID_TEXT}, &ret->id)) {
        buf_fmt(why, "%s/%s: is not a key file; restore it from the backup of the keys\n", dir,
                name);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static int newest_first(const void *a, const void *b)
{
    const struct key *x = a;
    const struct key *y = b;
    return memcmp(y->id.b, x->id.b, sizeof(x->id.b));
}

static enum err read_folder(int folder, const char *dir, struct keyring *k, struct buf *why)
{
    const int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = again < 0 ? NULL : fdopendir(again);
    enum err e = ERR_OK;
    if (!list) {
        close_fd(&again);
        return disk_says(why, dir, "");
    }
    for (const struct dirent *entry = NULL; !e && (entry = readdir(list));) {
        const struct str name = str_of(entry->d_name);
        if (name.n != NAME_SIGNS || !str_ends(name, STR(".key"))) {
            continue;
        }
        if (k->count == KEYRING_MAX_KEYS) {
            buf_fmt(why, "%s: holds more than %d keys; move the oldest away\n", dir,
                    KEYRING_MAX_KEYS);
            e = ERR_TOO_LARGE;
            break;
        }
        e = read_key(folder, dir, entry->d_name, &k->keys[k->count], why);
        k->count += !e;
    }
    (void)closedir(list);
    qsort(k->keys, (size_t)k->count, sizeof(k->keys[0]), newest_first);
    return e;
}

/* Under another name first: a crash leaves a whole key or none. */
static enum err write_key(int folder, const char *dir, const struct key *key, struct buf *why)
{
    char text[HEX_SIGNS + 2];
    char name[NAME_SIGNS + 1];
    char id[UUID_TEXT + 1];
    for (size_t i = 0; i < sizeof(key->secret); i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", key->secret[i]);
    }
    text[HEX_SIGNS] = '\n';
    uuid_format(key->id, id);
    (void)snprintf(name, sizeof(name), "%s.key", id);
    (void)unlinkat(folder, unfinished, 0);
    SCOPED(close_fd)
    const int fd =
        openat(folder, unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    const bool ok = fd >= 0 && write(fd, text, HEX_SIGNS + 1) == HEX_SIGNS + 1 && !fsync(fd) &&
                    !renameat2(folder, unfinished, folder, name, RENAME_NOREPLACE) &&
                    !fsync(folder);
    mem_wipe(text, sizeof(text));
    return ok ? ERR_OK : disk_says(why, dir, name);
}

static enum err make_first(int folder, const char *dir, struct keyring *k, struct buf *why)
{
    k->keys[0].id = uuid_new();
    rand_bytes(k->keys[0].secret, sizeof(k->keys[0].secret));
    TRY(write_key(folder, dir, &k->keys[0], why));
    k->count = 1;
    return ERR_OK;
}

/* The lock on the folder lets two first starts at one time make one key. */
static enum err load(const char *dir, bool may_create, struct keyring *k, struct buf *why)
{
    if (may_create && mkdir(dir, 0700) && errno != EEXIST) {
        return disk_says(why, dir, "");
    }
    SCOPED(close_fd) const int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && errno != ENOENT) {
        return disk_says(why, dir, "");
    }
    if (folder >= 0) {
        if (flock(folder, LOCK_EX)) {
            return disk_says(why, dir, "");
        }
        TRY(read_folder(folder, dir, k, why));
    }
    if (k->count) {
        return ERR_OK;
    }
    if (!may_create) {
        buf_fmt(why,
                "%s: holds no key, but there is a database whose secrets need one; restore the "
                "folder from the backup of the keys\n",
                dir);
        return ERR_NOT_FOUND;
    }
    return make_first(folder, dir, k, why);
}

enum err keyring_open(const char *dir, bool may_create, struct keyring **ret, struct buf *why)
{
    SCOPED(keyring_close) struct keyring *k = mem_new(struct keyring);
    TRY(load(dir, may_create, k, why));
    *ret = TAKE(k);
    return ERR_OK;
}

void keyring_close(struct keyring **k)
{
    if (*k) {
        mem_wipe(*k, sizeof(**k));
        mem_free(*k);
        *k = NULL;
    }
}

struct uuid keyring_newest(const struct keyring *k)
{
    return k->keys[0].id;
}

static void derive(const struct key *key, struct str purpose, uint8_t ret[KEYRING_KEY_BYTES])
{
    hkdf_sha256((struct str){(const char *)key->secret, sizeof(key->secret)}, purpose, ret);
}

bool keyring_derive(const struct keyring *k, struct uuid id, struct str purpose,
                    uint8_t ret[KEYRING_KEY_BYTES])
{
    for (int i = 0; i < k->count; i++) {
        if (uuid_eq(k->keys[i].id, id)) {
            derive(&k->keys[i], purpose, ret);
            return true;
        }
    }
    return false;
}

void keyring_fingerprint(const struct keyring *k, char ret[65])
{
    uint8_t print[KEYRING_KEY_BYTES];
    derive(&k->keys[k->count - 1], STR("fingerprint"), print);
    for (size_t i = 0; i < sizeof(print); i++) {
        (void)snprintf(ret + 2 * i, 3, "%02x", print[i]);
    }
}
