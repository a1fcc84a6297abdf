/*
 * bench-peak COMMAND...: the most kB that a command had in memory at once. What wait4(2) says includes what
 * the process that started it had, and this one is small.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

int main(int count, char **arguments)
{
    struct rusage usage;
    int status, nowhere;
    pid_t child;

    must(count > 1, "usage: bench-peak COMMAND...");
    child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int fd = 0; fd < 3; fd++)
            dup2(nowhere, fd);
        execv(arguments[1], arguments + 1);
        _exit(127);
    }
    must(wait4(child, &status, 0, &usage) == child && status == 0, arguments[1]);
    printf("%ld\n", usage.ru_maxrss);
    return 0;
}
