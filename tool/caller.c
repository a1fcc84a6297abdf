#include "caller.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A uid as sudo or the kernel writes it; false for what is none, (uid_t)-1 too. */
static bool uid_parse(const char *text, uid_t *uid)
{
    uint64_t value;

    if (!decimal_parse(span_of(text), &value) || value >= (uid_t)-1)
        return false;
    *uid = (uid_t)value;
    return true;
}

/* The uid that the login session began with, which su and sudo do not change; "-" where the kernel knows
 * none. */
static void find_loginuid(char text[16])
{
    int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, 15);
    uid_t uid;

    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (!uid_parse(text, &uid))
        strcpy(text, "-");
}

/* Is this the owner of the system's stores? Whom domain admins become by sudo. */
static enum status owns_system_stores(uid_t uid, bool *owns)
{
    struct config config;
    struct fault fault;
    struct stat status;

    if (config_load(&config, NULL, &fault) < 0)
        return fail(STATUS_CONFIG, "%s", fault.text);
    *owns = stat(config.store_dir, &status) == 0 && status.st_uid == uid;
    config_unload(&config);
    return STATUS_DONE;
}

static void find_name(struct caller *caller)
{
    const struct passwd *entry = getpwuid(caller->uid);
    char number[16];

    snprintf(number, sizeof(number), "%u", (unsigned)caller->uid);
    caller->name = must_have(strdup(entry ? entry->pw_name : number));
}

/*
 * SUDO_UID can be set by anybody. It is believed where sudo has set it, whatever the caller had there: as
 * root, and as the owner of the system's stores, whom nobody but root becomes otherwise. There it takes
 * rights away, and gives none.
 */
enum status caller_find(struct caller *caller)
{
    const char *sudo_uid = getenv("SUDO_UID");
    char loginuid[16], name[200];
    enum status status;
    uid_t person;

    caller->uid = getuid();
    caller->delegated = false;
    if (sudo_uid && uid_parse(sudo_uid, &person)) {
        if (caller->uid != 0) {
            status = owns_system_stores(caller->uid, &caller->delegated);
            if (status != STATUS_DONE)
                return status;
        }
        if (caller->uid == 0 || caller->delegated)
            caller->uid = person;
    }
    find_name(caller);
    find_loginuid(loginuid);
    if (text_escape(name, sizeof(name), span_of(caller->name), "/") < 0)
        return fail(STATUS_NOT_PERMITTED, "uid %u: its name is too long to be written down",
                    (unsigned)caller->uid);
    snprintf(caller->by, sizeof(caller->by), "%s/%u/%s", name, (unsigned)caller->uid, loginuid);
    return STATUS_DONE;
}

void caller_free(struct caller *caller)
{
    free(caller->name);
}

static bool in_group(const struct caller *caller, const char *group_name)
{
    const struct group *group = getgrnam(group_name);
    const struct passwd *person = getpwuid(caller->uid);

    if (!group)
        return false;
    if (person && person->pw_gid == group->gr_gid)
        return true;
    for (char **member = group->gr_mem; *member; member++)
        if (strcmp(*member, caller->name) == 0)
            return true;
    return false;
}

bool caller_may(const struct caller *caller, const struct domain *domain)
{
    struct span admins = span_of(domain->admins), admin;
    char group[256];

    if (!caller->delegated)
        return true; /* root, or whom the files' owners and modes let in */
    while (span_next_item(&admins, &admin)) {
        if (admin.at[0] == '@' && admin.length < sizeof(group)) {
            snprintf(group, sizeof(group), "%.*s", (int)admin.length - 1, admin.at + 1);
            if (in_group(caller, group))
                return true;
        } else if (span_equals(admin, caller->name)) {
            return true;
        }
    }
    return false;
}

enum status caller_become_owner(const char *directory)
{
    struct stat status;

    if (geteuid() != 0 || stat(directory, &status) < 0 || status.st_uid == 0)
        return STATUS_DONE; /* what is wrong with the directory, whoever opens it will say */
    if (setgroups(1, &status.st_gid) < 0 || setresgid(status.st_gid, status.st_gid, status.st_gid) < 0 ||
        setresuid(status.st_uid, status.st_uid, status.st_uid) < 0)
        return fail(STATUS_NOT_PERMITTED, "%s: cannot become its owner, uid %u: %s", directory,
                    (unsigned)status.st_uid, strerror(errno));
    return STATUS_DONE;
}
