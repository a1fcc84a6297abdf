#include "caller/sudo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* An absolute path, for the caller controls PATH. */
#define SUDO "/usr/bin/sudo"

/* sudo's own arguments, then those of this process. */
struct command_line {
    char program[PATH_MAX], user[64];
    char **argv;
};

enum { SUDO_ARGUMENTS = 7 };

/* The owner of the stores. False: root, or not known: no domain admin becomes that. */
static bool find_owner(char user[64], const char *directory)
{
    const struct passwd *entry;
    struct stat status;

    if (stat(directory ? directory : CONFIG_DEFAULT_STORE_DIR, &status) < 0) {
        strcpy(user, SYSTEM_USER);
        return getpwnam(SYSTEM_USER) != NULL;
    }
    entry = getpwuid(status.st_uid);
    if (entry && strlen(entry->pw_name) < 64)
        strcpy(user, entry->pw_name);
    else
        snprintf(user, 64, "#%u", (unsigned)status.st_uid);
    return status.st_uid != 0;
}

/* list: only ask sudo whether it would allow this. -n: sudo must not ask for a password here. */
static void make(struct command_line *line, char **argv, bool list)
{
    size_t count = 0, i = 0;

    while (argv[count])
        count++;
    line->argv = must_have(calloc(count + SUDO_ARGUMENTS + 1, sizeof(*line->argv)));
    line->argv[i++] = SUDO;
    line->argv[i++] = "-n";
    if (list)
        line->argv[i++] = "-l";
    line->argv[i++] = "-u";
    line->argv[i++] = line->user;
    line->argv[i++] = "--";
    line->argv[i++] = line->program;
    memcpy(line->argv + i, argv + 1, (count - 1) * sizeof(*argv));
}

/* Run it without input or output. Did it exit with 0? If it could not be started, errno says why, else 0. */
static bool succeeds(char **argv)
{
    posix_spawn_file_actions_t actions;
    pid_t child, ended = -1;
    int status = -1, error;

    posix_spawn_file_actions_init(&actions);
    error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    error =
        error ? error : posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    error = error ? error : posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    error = error ? error : posix_spawn(&child, argv[0], &actions, NULL, argv, environ);
    if (error == 0)
        do
            ended = waitpid(child, &status, 0);
        while (ended < 0 && errno == EINTR);
    posix_spawn_file_actions_destroy(&actions);
    errno = error;
    return ended >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

enum status sudo_run(const struct caller *caller, char **argv, const char *directory, const char *what)
{
    const char *name = caller->name;
    struct command_line line = {0};
    bool lets;
    int error;

    /* not through sudo twice; name is the caller of sudo, who may be root */
    if (getenv("SUDO_UID"))
        return fail(
            STATUS_NOT_PERMITTED,
            "%s: you may not use this, and toktab does not call sudo again while SUDO_UID is set: log in as "
            "the admin (su - ADMIN), or run this as root",
            what);
    if (!find_owner(line.user, directory) ||
        readlink("/proc/self/exe", line.program, sizeof(line.program) - 1) <= 0)
        return fail(STATUS_NOT_PERMITTED, "%s: %s may not use this: run toktab as root", what, name);
    make(&line, argv, true);
    lets = succeeds(line.argv);
    error = errno;
    free(line.argv);
    if (lets) {
        make(&line, argv, false);
        execv(SUDO, line.argv);
        error = errno;
        free(line.argv);
    }
    /* say what a domain admin needs: only the configuration knows whether it names this user, and it may be
     * unreadable */
    if (access(SUDO, X_OK) < 0)
        return fail(STATUS_NOT_PERMITTED,
                    "%s: %s may not use this, and domain admins need " SUDO ", which is not installed: "
                    "install sudo, or run this as root",
                    what, name);
    if (error != 0)
        return fail(STATUS_IO, "%s: %s may not use this, and sudo cannot be started: %s", what, name,
                    strerror(error));
    return fail(
        STATUS_NOT_PERMITTED,
        "%s: %s may not use this, nor run toktab as %s through sudo: a domain admin must be named in "
        "toktab.conf, be in the group toktab-admins, and have logged in since; `sudo -n -l` shows what "
        "sudo allows, or why it does not work",
        what, name, line.user);
}
