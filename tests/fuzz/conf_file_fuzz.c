/* fuzz: base */
/* Any file of settings: it is taken or its faults are named, a line each, and no secret that it
 * sets is printed. */
#include "base/conf.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Another setting may have been given the same text, so only the secret's own line is looked at. */
static bool is_masked(const struct buf *printed)
{
    static const char name[] = "\nMETACHAT_OPENAI_API_KEY=";
    const char *line = strstr(printed->p, name);
    must(line);
    const char *value = line + sizeof(name) - 1;
    return strncmp(value, conf.openai_api_key[0] ? "********  # " : "  # ", 4) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SCOPED(buf_fini) struct buf faults = buf_make(64 * MB);
    SCOPED(buf_fini) struct buf printed = buf_make(MB);
    char path[64];
    const int fd = memfd_create("conf", MFD_CLOEXEC);
    must(fd >= 0 && write(fd, data, n) == (ssize_t)n);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    const bool ok = conf_load(path, true, &faults);
    (void)close(fd);
    must(ok == (faults.n == 0) && !faults.full);
    must(ok || faults.p[faults.n - 1] == '\n');
    conf_print(&printed);
    must(!printed.full);
    must(is_masked(&printed));
    return 0;
}
