/*
 * pam_toktab.c - the functions that PAM calls: asks the library about a password.
 *
 * MUST NOT keep, log or show the token: it is in PAM_AUTHTOK, which libpam wipes.
 *
 * libpam unloads the module at pam_end(), so no handle can leave anything to the next: a table lives as long
 * as its handle. The module has no functions for passwords and sessions: libpam refuses it in such lines.
 */
#include "pam_toktab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define EXPORTED __attribute__((visibility("default")))

/* ---- the table ---- */

static void log_message(void *log_context, int priority, const char *message)
{
    pam_syslog(log_context, LOG_PRI(priority), "%s", message);
}

static void close_table(pam_handle_t *pamh, void *table, int status)
{
    (void)pamh;
    (void)status;
    toktab_close(table);
}

static int open_table(pam_handle_t *pamh, const struct arguments *arguments, const char *name,
                      struct toktab **table)
{
    struct toktab_options options = {
        .size = sizeof(options),
        .config = arguments->config,
        .log = log_message,
        .log_context = pamh,
        .domain = arguments->domain,
    };
    char error[512];

    *table = toktab_open(&options, error, sizeof(error));
    if (!*table) {
        int code = errno == ENOMEM ? PAM_BUF_ERR : PAM_SERVICE_ERR;

        pam_syslog(pamh, LOG_ERR, "%s", error);
        return code;
    }
    if (pam_set_data(pamh, name, *table, close_table) == PAM_SUCCESS)
        return PAM_SUCCESS;
    toktab_close(*table);
    return PAM_BUF_ERR;
}

/* Get the handle's table for these arguments, or open it; the handle closes it. */
static int get_table(pam_handle_t *pamh, const struct arguments *arguments, struct toktab **table)
{
    const void *kept;
    char *name;
    int code;

    if (asprintf(&name, "toktab_table %s %s", arguments->domain ? arguments->domain : "",
                 arguments->config ? arguments->config : "") < 0)
        return PAM_BUF_ERR;
    if (pam_get_data(pamh, name, &kept) == PAM_SUCCESS && kept) {
        *table = (struct toktab *)(uintptr_t)kept; /* no other thread has it */
        code = PAM_SUCCESS;
    } else {
        code = open_table(pamh, arguments, name, table);
    }
    free(name);
    return code;
}

/* ---- the admitted user ---- */

static const char admitted[] = "toktab_admitted"; /* the user name, as long as the handle lives */

static void free_user(pam_handle_t *pamh, void *user, int status)
{
    (void)pamh;
    (void)status;
    free(user);
}

/* user NULL: nobody */
static int note_admitted(pam_handle_t *pamh, const char *user)
{
    char *copy = user ? strdup(user) : NULL;

    if ((!user || copy) && pam_set_data(pamh, admitted, copy, free_user) == PAM_SUCCESS)
        return PAM_SUCCESS;
    free(copy);
    return PAM_BUF_ERR;
}

static bool is_admitted(pam_handle_t *pamh, const char *user)
{
    const void *noted;

    return pam_get_data(pamh, admitted, &noted) == PAM_SUCCESS && noted && strcmp(noted, user) == 0;
}

/* ---- the question ---- */

/*
 * What the handle holds now. libpam lends these texts, and whatever runs a conversation may free them: the
 * service may set PAM_USER, PAM_RHOST and PAM_AUTHTOK in it. So they are fetched when the last conversation
 * is over, and only by pam_get_item(), which runs none. False: there is no user name.
 */
static bool get_client(pam_handle_t *pamh, struct client *client)
{
    const void *user = NULL, *rhost = NULL;

    if (pam_get_item(pamh, PAM_USER, &user) != PAM_SUCCESS || !user || *(const char *)user == '\0') {
        pam_syslog(pamh, LOG_NOTICE, "the service gives no user name");
        return false;
    }
    if (pam_get_item(pamh, PAM_RHOST, &rhost) != PAM_SUCCESS || (rhost && *(const char *)rhost == '\0'))
        rhost = NULL;
    client->user = user;
    client->rhost = rhost;
    client->has_address = rhost && rhost_is_address(&client->address, rhost);
    return true;
}

/* The password of the handle, lent likewise; NULL: none. */
static const char *get_token(pam_handle_t *pamh)
{
    const void *token;

    return pam_get_item(pamh, PAM_AUTHTOK, &token) == PAM_SUCCESS ? token : NULL;
}

/* Prompt for a token, which becomes the password of the handle. False: the client gave none. */
static bool prompt(pam_handle_t *pamh)
{
    const char *token = NULL;

    /* pam_get_authtok() does not prompt if there is a password already */
    if (pam_set_item(pamh, PAM_AUTHTOK, NULL) == PAM_SUCCESS &&
        pam_get_authtok(pamh, PAM_AUTHTOK, &token, "API token: ") == PAM_SUCCESS && token)
        return true;
    pam_syslog(pamh, LOG_NOTICE, "the client was asked for a token and gave none");
    return false;
}

static void verify(struct toktab *table, const struct toktab_request *request, const char *token,
                   struct toktab_result *result)
{
    result->verdict = toktab_verify(table, token, strlen(token), request, result);
    /* For the library, a token without a user is anybody's. Here it could log in as root. */
    if (result->verdict == TOKTAB_ALLOW && request->user && strcmp(result->user, request->user) != 0) {
        result->verdict = TOKTAB_DENY;
        result->reason = TOKTAB_REASON_USER;
    }
}

/* Ask the table about the password of the handle. PAM_SUCCESS: client and result are filled in. Opens the
 * table only now that there is a token: many clients may be prompted and never answer. */
static int ask(pam_handle_t *pamh, const struct arguments *arguments, struct client *client,
               struct toktab_result *result)
{
    const char *token = get_token(pamh);
    struct toktab_request request = {
        .size = sizeof(request), .domain = arguments->domain, .scopes = arguments->scopes};
    struct toktab *table;
    char error[512];
    int code;

    if (!token)
        return PAM_AUTHTOK_ERR; /* the conversation has taken it away again */
    if (!get_client(pamh, client))
        return PAM_USER_UNKNOWN;
    code = get_table(pamh, arguments, &table);
    if (code != PAM_SUCCESS)
        return code;
    request.client = client->has_address ? (const struct sockaddr *)&client->address : NULL;
    request.user = arguments->any_user ? NULL : client->user;
    if (toktab_check_request(table, &request, error, sizeof(error)) < 0) {
        pam_syslog(pamh, LOG_ERR, "%s", error);
        return PAM_SERVICE_ERR;
    }
    verify(table, &request, token, result);
    return PAM_SUCCESS;
}

/* Get a token and ask the table about it. */
static int ask_for_token(pam_handle_t *pamh, const struct arguments *arguments, struct client *client,
                         struct toktab_result *result)
{
    bool first = arguments->use_first_pass || arguments->try_first_pass;

    if (first && get_token(pamh)) {
        int code = ask(pamh, arguments, client, result);

        if (code != PAM_SUCCESS || arguments->use_first_pass || result->verdict != TOKTAB_DENY)
            return code;
        if (arguments->debug)
            pam_syslog(pamh, LOG_DEBUG, "the first password is refused: %s; asking for another",
                       toktab_reason_name(result->reason));
    } else if (arguments->use_first_pass) {
        pam_syslog(pamh, LOG_NOTICE, "no earlier module has asked for a password");
        return PAM_AUTH_ERR;
    }
    return prompt(pamh) ? ask(pamh, arguments, client, result) : PAM_AUTHTOK_ERR;
}

static int authenticate(pam_handle_t *pamh, const struct arguments *arguments)
{
    struct client client;
    /* another version of the library may fill nothing in */
    struct toktab_result result = {.size = sizeof(result), .label = "", .user = "", .scopes = ""};
    int code = ask_for_token(pamh, arguments, &client, &result);

    if (code != PAM_SUCCESS)
        return code;
    answer_log(pamh, arguments, &client, &result);
    code = answer_code(&result);
    return code == PAM_SUCCESS ? note_admitted(pamh, client.user) : code;
}

/* ---- what PAM calls ---- */

EXPORTED int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct arguments arguments;
    const char *user;
    int code = note_admitted(pamh, NULL);

    (void)flags; /* PAM_SILENT: the module prints nothing anyway; PAM_DISALLOW_NULL_AUTHTOK: no token is empty
                  */
    if (code != PAM_SUCCESS)
        return code;
    if (!arguments_take(&arguments, pamh, argc, argv))
        return PAM_SERVICE_ERR;
    /* if the service has set no user name, people are asked for it before the token */
    if (pam_get_user(pamh, &user, NULL) != PAM_SUCCESS) {
        pam_syslog(pamh, LOG_NOTICE, "the service gives no user name");
        return PAM_USER_UNKNOWN;
    }
    return authenticate(pamh, &arguments);
}

/* A token brings no credentials. */
EXPORTED int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh;
    (void)flags;
    (void)argc;
    (void)argv;
    return PAM_SUCCESS;
}

/* Accept only the user whom this module has authenticated: the module knows no accounts. */
EXPORTED int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct arguments arguments;
    struct client client;
    struct shown user;

    (void)flags;
    if (!arguments_take(&arguments, pamh, argc, argv))
        return PAM_SERVICE_ERR;
    if (!get_client(pamh, &client))
        return PAM_USER_UNKNOWN;
    if (is_admitted(pamh, client.user))
        return PAM_SUCCESS;
    pam_syslog(pamh, LOG_NOTICE, "user \"%s\" was not authenticated by a token",
               show_foreign(&user, client.user));
    return PAM_PERM_DENIED;
}
