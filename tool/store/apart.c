#include "store/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum status apart(enum status (*work)(const void *context, struct fault *fault), const void *context,
                  struct fault *fault)
{
    struct result {
        enum status status;
        struct fault fault;
    } result = {0};
    const char *why = "was killed";
    int ends[2] = {-1, -1}, ended = 0;
    ssize_t got = -1;
    pid_t child = pipe2(ends, O_CLOEXEC) < 0 ? -1 : fork();

    if (child < 0)
        why = strerror(errno);
    if (child == 0) {
        must_have_or_leave();
        result.status = work(context, &result.fault);
        _exit(write(ends[1], &result, sizeof(result)) == sizeof(result) ? 0 : 1);
    }
    if (ends[0] >= 0) {
        close(ends[1]);
        while (child > 0 && (got = read(ends[0], &result, sizeof(result))) < 0 && errno == EINTR)
            continue;
        close(ends[0]);
    }
    while (child > 0 && waitpid(child, &ended, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == STATUS_IO)
        why = "out of memory";
    *fault = result.fault;
    if (got == sizeof(result))
        return result.status;
    fault_set(fault, "a process of its own for a large store: %s", why);
    return STATUS_IO;
}
