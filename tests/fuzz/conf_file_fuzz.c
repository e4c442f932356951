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

static void nothing_set(void *arg, const char *var, struct str value)
{
    (void)arg;
    (void)value;
    must(strcmp(var, "") == 0);
}

/* As a text alone: nothing of it is left when another text is looked at. */
static void check_alone(struct str text)
{
    SCOPED(buf_fini) struct buf faults = buf_make(64 * MB);
    const bool ok = conf_load_text(text, "line", &faults);
    must(ok == (faults.n == 0) && !faults.full);
    must(conf_load_text(STR("# nothing\n"), "line", &faults) && conf.api_threads == 64);
    conf_each_set(nothing_set, NULL);
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
    check_alone((struct str){(const char *)data, n});
    return 0;
}
