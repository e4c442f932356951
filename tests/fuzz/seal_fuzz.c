/* fuzz: crypto */
/* Sealed values from outside never open; one of ours opens, and no longer when the input changes
 * it. */
#include "crypto/keyring_fixture.h"
#include "crypto/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct keyring *ring;

static void open_ring(void)
{
    const struct ring_folder f = ring_folder_make();
    ring = ring_of(&f);
    ring_folder_remove(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SCOPED(cx_end) struct cx cx;
    const struct str in = {(const char *)data, n};
    const struct seal_place place = {{{{1}}}, STR("field")};
    struct str sealed;
    struct str plain;
    if (!ring) {
        open_ring();
    }
    cx_begin(&cx, NULL);
    must(seal_open(&cx, ring, place, in, &plain) == ERR_INVALID);
    must(!seal_close(&cx, ring, place, in, &sealed));
    must(!seal_open(&cx, ring, place, sealed, &plain) && str_eq(plain, in));
    bool changed = false;
    for (size_t i = 0; i < n && i < sealed.n; i++) {
        ((char *)(uintptr_t)sealed.p)[sealed.n - 1 - i] ^= (char)data[i];
        changed = changed || data[i];
    }
    must(!changed || seal_open(&cx, ring, place, sealed, &plain) == ERR_INVALID);
    return 0;
}
