#include "output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool output_write(const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t wrote = write(STDOUT_FILENO, bytes, size);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return false;
        bytes += wrote;
        size -= (size_t)wrote;
    }
    return true;
}

bool output_text(const char *text)
{
    return output_write(text, strlen(text));
}

enum status output_help(const char *help)
{
    return output_text(help) ? STATUS_DONE : output_failed();
}

enum status output_failed(void)
{
    if (errno == EPIPE) /* whoever reads it has had enough, as in `toktab list | head` */
        return STATUS_IO;
    return fail(STATUS_IO, "stdout: cannot write to it: %s", strerror(errno));
}
