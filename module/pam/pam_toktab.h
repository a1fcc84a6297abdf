/*
 * pam_toktab.h - what the files of the PAM adapter share.
 *
 *   pam_toktab.c  the functions that PAM calls
 *   arguments.c   the arguments after pam_toktab.so in the service's file
 *   answer.c      turns a verdict into PAM's code and a line in the log
 *   rhost.c       turns PAM_RHOST into an address
 *
 * The adapter knows PAM. Only the library knows what a token is, and whether it is valid.
 */
#ifndef PAM_TOKTAB_H
#define PAM_TOKTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include <toktab.h>

/* The texts point into argv, or are NULL. */
struct arguments {
    const char *domain;
    const char *scopes; /* "read,write" */
    const char *config;
    bool any_user;
    bool use_first_pass, try_first_pass; /* not both */
    bool debug;
};

/* Take the arguments. False, after logging it: one is unknown, bad, given twice or contradicts another. */
bool arguments_take(struct arguments *arguments, pam_handle_t *pamh, int argc, const char **argv);

/* Who wants to log in. The texts come from outside. */
struct client {
    const char *user;
    const char *rhost; /* NULL: the service gives none */
    bool has_address;  /* rhost is an address */
    struct sockaddr_storage address;
};

/* Parse an address, with or without a zone ("fe80::1%eth0"). False: it is something else, such as a name. */
bool rhost_is_address(struct sockaddr_storage *address, const char *text);

/* PAM's code for a verdict: PAM_SUCCESS for TOKTAB_ALLOW alone. */
int answer_code(const struct toktab_result *result);

/* Log who was refused and why; with debug, also who was admitted. */
void answer_log(pam_handle_t *pamh, const struct arguments *arguments, const struct client *client,
                const struct toktab_result *result);

/* A text that is safe in a line of the log: newlines, other controls and quotes are escaped. */
struct shown {
    char text[1024];
};

/* Make a text from outside safe for the log. A text as long as a token, or with as many letters and digits in
 * a row, may be a token in the wrong place, or most of one: only its length is shown. */
const char *show_foreign(struct shown *shown, const char *text);

#endif
