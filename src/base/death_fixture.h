/* Whether something ends the process by abort(), for tests of must(). */
#ifndef BASE_DEATH_FIXTURE_H
#define BASE_DEATH_FIXTURE_H

#include "base/buf.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs fn(arg) in a child; true when it aborted and said words on standard error. */
static inline bool dies(void (*fn)(void *arg), void *arg, const char *words)
{
    int fds[2];
    must(pipe(fds) == 0);
    const pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGABRT, SIG_DFL); /* the test runner catches it */
        (void)dup2(fds[1], STDERR_FILENO);
        fn(arg);
        _exit(0);
    }
    (void)close(fds[1]);
    SCOPED(buf_fini) struct buf said = buf_make(64 * KB);
    for (;;) {
        char *room = buf_room(&said, KB);
        const ssize_t n = room ? read(fds[0], room, KB) : 0;
        if (n <= 0) {
            break;
        }
        buf_wrote(&said, (size_t)n);
    }
    (void)close(fds[0]);
    int status = 0;
    must(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
           str_find(buf_view(&said), str_of(words), 0) >= 0;
}

#endif
