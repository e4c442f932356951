/* A key ring in a folder of its own, for tests. */
#ifndef CRYPTO_KEYRING_FIXTURE_H
#define CRYPTO_KEYRING_FIXTURE_H

#include "crypto/keyring.h"

#include <dirent.h>
#include <unistd.h>

struct ring_folder {
    char path[32];
};

/* A new empty folder under /tmp. */
static inline struct ring_folder ring_folder_make(void)
{
    struct ring_folder f = {"/tmp/keyring-XXXXXX"};
    must(mkdtemp(f.path));
    return f;
}

/* Removes the folder and the files in it. */
static inline void ring_folder_remove(const struct ring_folder *f)
{
    DIR *list = opendir(f->path);
    must(list);
    for (const struct dirent *e = NULL; (e = readdir(list));) {
        (void)unlinkat(dirfd(list), e->d_name, 0);
    }
    (void)closedir(list);
    (void)rmdir(f->path);
}

/* The ring of the folder, made when there is none. */
static inline struct keyring *ring_of(const struct ring_folder *f)
{
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    struct keyring *k = NULL;
    must(!keyring_open(f->path, true, &k, &why));
    return k;
}

#endif
