#include "caller/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "terminal/secret.h"

/* A uid as sudo or the kernel writes it. False for anything else, and for (uid_t)-1. */
static bool uid_parse(const char *text, uid_t *uid)
{
    uint64_t value;

    if (!decimal_parse(span_of(text), &value) || value >= (uid_t)-1)
        return false;
    *uid = (uid_t)value;
    return true;
}

/* The uid that logged in, which su and sudo do not change; "-" if the kernel knows none. */
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

/* Is this the owner of the system's stores, the user that domain admins become through sudo? If the
 * configuration cannot be read the owner is not known, so any user may be it: SUDO_UID then restricts. */
static bool owns_system_stores(uid_t uid)
{
    const struct passwd *entry;
    struct config config;
    struct fault fault;
    struct stat status;
    bool found;

    if (config_load(&config, NULL, &fault) < 0)
        return true;
    found = stat(config.store_dir, &status) == 0;
    config_unload(&config);
    if (found)
        return status.st_uid == uid;
    entry = getpwuid(uid);
    return entry && strcmp(entry->pw_name, SYSTEM_USER) == 0;
}

/*
 * Anybody can set SUDO_UID. It is believed only where sudo must have set it: as root, and as the owner of the
 * system's stores, which only root can become without sudo. It takes rights away and never gives any, so a
 * bad value is refused.
 */
static enum status find_person(struct caller *caller)
{
    const char *sudo_uid = getenv("SUDO_UID");

    caller->uid = getuid();
    if (!sudo_uid || (caller->uid != 0 && !owns_system_stores(caller->uid)))
        return STATUS_DONE;
    caller->delegated = caller->uid != 0;
    if (uid_parse(sudo_uid, &caller->uid))
        return STATUS_DONE;
    return fail(STATUS_NOT_PERMITTED, "SUDO_UID is not a uid: sudo did not set it");
}

/* The by column: name, uid and login uid. */
static enum status note_by(struct caller *caller)
{
    char loginuid[16], name[200];

    find_loginuid(loginuid);
    if (text_escape(name, sizeof(name), span_of(caller->name), "/") < 0)
        return fail(STATUS_NOT_PERMITTED, "uid %u: the user name is too long for the history",
                    (unsigned)caller->uid);
    snprintf(caller->by, sizeof(caller->by), "%s/%u/%s", name, (unsigned)caller->uid, loginuid);
    return STATUS_DONE;
}

enum status caller_find(struct caller *caller)
{
    char number[16];
    const struct passwd *entry;
    enum status status;

    *caller = (struct caller){0};
    status = find_person(caller);
    if (status != STATUS_DONE)
        return status;
    entry = getpwuid(caller->uid);
    caller->known = entry != NULL;
    snprintf(number, sizeof(number), "%u", (unsigned)caller->uid);
    caller->name = must_have(strdup(entry ? entry->pw_name : number));
    return note_by(caller);
}

/* sudo always sets SUDO_UID, and whoever comes through it cannot remove it: toktab is the command. */
enum status caller_stand_for(struct caller *caller, const char *web_name, const char *directory)
{
    struct stat status;

    if (getenv("SUDO_UID"))
        return fail(STATUS_NOT_PERMITTED,
                    "--as: not through sudo, which has set SUDO_UID: only a program of the "
                    "stores' owner may use it");
    if (stat(directory, &status) < 0)
        return fail(status_of(errno), "%s: %s: create it, or set store_dir", directory, strerror(errno));
    if (getuid() != status.st_uid || geteuid() != getuid())
        return fail(STATUS_NOT_PERMITTED,
                    "--as: only a program of the stores' owner, uid %u, may use it: you are %s",
                    (unsigned)status.st_uid, caller->name);
    free(caller->name);
    caller->name = must_have(strdup(web_name));
    caller->known = caller->delegated = caller->web = true;
    return note_by(caller);
}

void caller_free(struct caller *caller)
{
    free(caller->name);
}

static bool in_group(const struct caller *caller, const char *group_name)
{
    const struct group *group = getgrnam(group_name);
    const struct passwd *person = getpwuid(caller->uid);
    gid_t gid = group ? group->gr_gid : 0, *gids;
    int count = 0;
    bool found = false;

    if (!group || !person)
        return false;
    getgrouplist(person->pw_name, person->pw_gid, NULL, &count);
    gids = must_have(calloc((size_t)count + 1, sizeof(*gids)));
    if (getgrouplist(caller->name, person->pw_gid, gids, &count) < 0)
        count = 0; /* the groups changed meanwhile: deny this time */
    for (int i = 0; i < count; i++)
        found = found || gids[i] == gid;
    free(gids);
    return found;
}

bool caller_is_admin(const struct caller *caller, const struct domain *domain)
{
    struct span admins = span_of(domain->admins), admin;
    char group[256];

    if (!caller->known)
        return false; /* a bare uid must not match a name of digits */
    while (span_next_item(&admins, &admin)) {
        if (admin_is_web(admin) != caller->web)
            continue;
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

bool caller_is_delegated(const struct caller *caller)
{
    return caller->delegated && (caller->web || caller->uid != 0);
}

bool caller_may(const struct caller *caller, const struct domain *domain)
{
    /* root, and whoever the files' owners and modes let in, need not be named */
    return !caller_is_delegated(caller) || caller_is_admin(caller, domain);
}

enum status caller_become_owner(const char *directory)
{
    const struct passwd *owner;
    struct stat status;
    int taken;

    if (stat(directory, &status) < 0 && (geteuid() == 0 || errno == ENOENT))
        return fail(status_of(errno), "%s: %s: create it, or set store_dir", directory, strerror(errno));
    if (geteuid() != 0 || status.st_uid == 0)
        return STATUS_DONE;
    owner = getpwuid(status.st_uid);
    /* the owner's supplementary groups too: a store may belong to one of them */
    taken = owner ? initgroups(owner->pw_name, status.st_gid) : setgroups(1, &status.st_gid);
    if (taken < 0 || setresgid(status.st_gid, status.st_gid, status.st_gid) < 0 ||
        setresuid(status.st_uid, status.st_uid, status.st_uid) < 0)
        return fail(STATUS_NOT_PERMITTED, "%s: cannot switch to its owner, uid %u: %s", directory,
                    (unsigned)status.st_uid, strerror(errno));
    secret_protect(); /* changing the uid undid it */
    return STATUS_DONE;
}
