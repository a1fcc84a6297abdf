/*
 * pam_toktab.h - what the files of the PAM adapter share.
 *
 *   pam_toktab.c  what PAM calls: from a password to a verdict
 *   arguments.c   what stands behind pam_toktab.so in the service's file
 *   answer.c      from a verdict to PAM's code and a line in the log
 *   rhost.c       from PAM_RHOST to an address
 *
 * The adapter knows PAM. What a token is, and whether it is good, only the library knows.
 */
#ifndef PAM_TOKTAB_H
#define PAM_TOKTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include <toktab.h>

/* The texts are those of argv, or NULL. */
struct arguments {
    const char *domain;
    const char *scopes; /* "read,write" */
    const char *config;
    bool any_user;
    bool use_first_pass, try_first_pass; /* not both */
    bool debug;
};

/* Take the arguments. False, and it is logged: one is unknown, bad, given twice or against another. */
bool arguments_take(struct arguments *arguments, pam_handle_t *pamh, int argc, const char **argv);

/* Who asks. The texts come from outside. */
struct client {
    const char *user;
    const char *rhost; /* NULL: the host names none */
    bool has_address;  /* rhost is one */
    struct sockaddr_storage address;
};

/* Is this text the address of a host, as a literal? A name is never looked up. "fe80::1%eth0" is one. */
bool rhost_is_address(struct sockaddr_storage *address, const char *text);

/* The code by which PAM hears of a verdict: PAM_SUCCESS with TOKTAB_ALLOW alone. */
int answer_code(const struct toktab_result *result);

/* Say in the log who was refused, and why; with debug, who was admitted too. */
void answer_log(pam_handle_t *pamh, const struct arguments *arguments, const struct client *client,
                const struct toktab_result *result);

/* A text that can be part of a line of the log: the ends of lines, quotes and all else are shown escaped. */
struct shown {
    char text[1024];
};

/* What came from outside. A text that is as long as a token, or has as many letters and digits in a row, may
 * be one in the wrong place, or most of one: only its length is shown. */
const char *show_foreign(struct shown *shown, const char *text);

#endif
