/* fuzz: crypto */
/* Keys and stored hashes from outside: what is well-formed has the form that is promised, one
 * changed sign spoils it, and a malformed hash is told, never followed. */
#include "crypto/apikey.h"
#include "crypto/scrypt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_key(struct cx *cx, struct str text)
{
    bool same = true;
    if (!apikey_well_formed(text)) {
        must(!apikey_matches(cx, text, STR("no hash"), &same) && !same);
        return;
    }
    must(text.n == APIKEY_SIGNS && str_starts(text, STR("mc_live_")));
    must(apikey_prefix(text).n == APIKEY_PREFIX);
    for (size_t i = 0; i < text.n; i++) {
        const struct str changed = str_dup(cx->arena, text);
        ((char *)(uintptr_t)changed.p)[i] ^= 1;
        must(!apikey_well_formed(changed));
    }
}

/* Costs of more than 2^6 are left out: they take long and parse the same. */
static void check_hash(struct cx *cx, struct str stored)
{
    bool same = true;
    const struct str head = STR("$scrypt$ln=");
    if (str_starts(stored, head) &&
        (stored.n < head.n + 2 || stored.p[head.n] > '6' || stored.p[head.n + 1] != ',')) {
        return;
    }
    const enum err e = scrypt_verify(cx, STR("secret"), stored, &same);
    must(e == ERR_INTERNAL || (e == ERR_OK && !same));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SCOPED(cx_end) struct cx cx;
    const struct str in = {(const char *)data, n};
    cx_begin(&cx, NULL);
    check_key(&cx, in);
    check_hash(&cx, in);
    return 0;
}
