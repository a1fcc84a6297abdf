/*
 * pam_toktab.c - the functions that PAM calls: asks the library about a password.
 *
 * MUST NOT keep, log or show the token: it is in PAM_AUTHTOK, which libpam wipes. MUST NOT keep what libpam
 * lends over anything that can run a conversation.
 *
 * libpam unloads the module at pam_end(), so no handle can leave anything to the next: a table lives as long
 * as its handle, at most. The module has no functions for passwords and sessions: libpam refuses it in such
 * lines.
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

enum { FEW = 3 }; /* questions of one login: a first password, a prompted one, account */

/* For the few questions of one login, reading the file for each is cheaper than a table of all tokens. A
 * service that uses the handle for more logins gets such a table. */
struct kept {
    struct toktab *table;
    bool once; /* as in struct toktab_options */
    unsigned asked;
};

static void free_kept(pam_handle_t *pamh, void *data, int status)
{
    struct kept *kept = data;

    (void)pamh;
    (void)status;
    toktab_close(kept->table);
    free(kept);
}

static int open_table(pam_handle_t *pamh, const struct arguments *arguments, bool once, struct toktab **table)
{
    struct toktab_options options = {
        .size = sizeof(options),
        .config = arguments->config,
        .log = log_message,
        .log_context = pamh,
        .domain = arguments->domain,
        .once = once,
    };
    char error[512];
    int code;

    *table = toktab_open(&options, error, sizeof(error));
    if (*table)
        return PAM_SUCCESS;
    code = errno == ENOMEM ? PAM_BUF_ERR : PAM_SERVICE_ERR;
    pam_syslog(pamh, LOG_ERR, "%s", error);
    return code;
}

/* Open a table that the handle keeps, in the place of one that it kept under this name. */
static int keep_table(pam_handle_t *pamh, const struct arguments *arguments, const char *name, bool once,
                      struct toktab **table)
{
    struct kept *kept = malloc(sizeof(*kept));
    int code = kept ? open_table(pamh, arguments, once, table) : PAM_BUF_ERR;

    if (code == PAM_SUCCESS) {
        *kept = (struct kept){.table = *table, .once = once, .asked = 1};
        if (pam_set_data(pamh, name, kept, free_kept) == PAM_SUCCESS)
            return PAM_SUCCESS;
        toktab_close(*table);
        code = PAM_BUF_ERR;
    }
    free(kept);
    return code;
}

/* Get the handle's table for one more question with these arguments. */
static int get_table(pam_handle_t *pamh, const struct arguments *arguments, struct toktab **table)
{
    const void *data;
    struct kept *kept = NULL;
    char *name;
    int code;

    if (asprintf(&name, "toktab_table %s %s", arguments->domain ? arguments->domain : "",
                 arguments->config ? arguments->config : "") < 0)
        return PAM_BUF_ERR;
    if (pam_get_data(pamh, name, &data) == PAM_SUCCESS)
        kept = (struct kept *)(uintptr_t)data; /* no other thread has it */
    if (kept && !(kept->once && kept->asked == FEW)) {
        kept->asked++;
        *table = kept->table;
        code = PAM_SUCCESS;
    } else {
        code = keep_table(pamh, arguments, name, !kept, table);
    }
    free(name);
    return code;
}

/* ---- the admission ---- */

static const char admission_name[] = "toktab_admission"; /* lives as long as the handle */

/* Who was let in by which token. Its id is enough to ask again, so no token is kept. */
struct admission {
    char id[sizeof(((struct toktab_result *)0)->id)];
    bool any_user;
    char user[];
};

static void free_admission(pam_handle_t *pamh, void *admission, int status)
{
    (void)pamh;
    (void)status;
    free(admission);
}

/* NULL: nobody. Takes ownership. */
static int keep_admission(pam_handle_t *pamh, struct admission *admission)
{
    if (pam_set_data(pamh, admission_name, admission, free_admission) == PAM_SUCCESS)
        return PAM_SUCCESS;
    free(admission);
    return PAM_BUF_ERR;
}

static int note_admission(pam_handle_t *pamh, const struct arguments *arguments, const struct client *client,
                          const struct toktab_result *result)
{
    size_t length = strlen(client->user) + 1;
    struct admission *admission = malloc(sizeof(*admission) + length);

    if (!admission)
        return PAM_BUF_ERR;
    memcpy(admission->id, result->id, sizeof(admission->id));
    admission->any_user = arguments->any_user;
    memcpy(admission->user, client->user, length);
    return keep_admission(pamh, admission);
}

static const struct admission *get_admission(pam_handle_t *pamh)
{
    const void *kept;

    return pam_get_data(pamh, admission_name, &kept) == PAM_SUCCESS ? kept : NULL;
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

/* Ask the table about a token, or about the one that was admitted before. PAM_SUCCESS: the result is filled
 * in. Opens the table only now that there is a question: many clients may be prompted and never answer. */
static int ask(pam_handle_t *pamh, const struct arguments *arguments, const struct client *client,
               const char *token, const struct admission *admitted, struct toktab_result *result)
{
    bool any_user = arguments->any_user || (admitted && admitted->any_user);
    const struct toktab_request request = {
        .size = sizeof(request),
        .domain = arguments->domain,
        .scopes = arguments->scopes,
        .client = client->has_address ? (const struct sockaddr *)&client->address : NULL,
        .user = any_user ? NULL : client->user,
    };
    struct toktab *table;
    char error[512];
    int code = get_table(pamh, arguments, &table);

    if (code != PAM_SUCCESS)
        return code;
    if (toktab_check_request(table, &request, error, sizeof(error)) < 0) {
        pam_syslog(pamh, LOG_ERR, "%s", error);
        return PAM_SERVICE_ERR;
    }
    result->verdict = admitted ? toktab_recheck(table, admitted->id, &request, result)
                               : toktab_verify(table, token, strlen(token), &request, result);
    /* For the library, a token without a user is anybody's. Here it could log in as root. */
    if (result->verdict == TOKTAB_ALLOW && !any_user && strcmp(result->user, client->user) != 0) {
        result->verdict = TOKTAB_DENY;
        result->reason = TOKTAB_REASON_USER;
    }
    return PAM_SUCCESS;
}

/* Ask the table about the password of the handle. PAM_SUCCESS: client and result are filled in. */
static int ask_password(pam_handle_t *pamh, const struct arguments *arguments, struct client *client,
                        struct toktab_result *result)
{
    const char *token = get_token(pamh);

    if (!token)
        return PAM_AUTHTOK_ERR; /* the conversation has taken it away again */
    if (!get_client(pamh, client))
        return PAM_USER_UNKNOWN;
    return ask(pamh, arguments, client, token, NULL, result);
}

/* Get a token and ask the table about it. */
static int ask_for_token(pam_handle_t *pamh, const struct arguments *arguments, struct client *client,
                         struct toktab_result *result)
{
    bool first = arguments->use_first_pass || arguments->try_first_pass;

    if (first && get_token(pamh)) {
        int code = ask_password(pamh, arguments, client, result);

        if (code != PAM_SUCCESS || arguments->use_first_pass || result->verdict != TOKTAB_DENY)
            return code;
        if (arguments->debug)
            pam_syslog(pamh, LOG_DEBUG, "the first password is refused: %s; asking for another",
                       toktab_reason_name(result->reason));
    } else if (arguments->use_first_pass) {
        pam_syslog(pamh, LOG_NOTICE, "no earlier module has asked for a password");
        return PAM_AUTH_ERR;
    }
    return prompt(pamh) ? ask_password(pamh, arguments, client, result) : PAM_AUTHTOK_ERR;
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
    return code == PAM_SUCCESS ? note_admission(pamh, arguments, &client, &result) : code;
}

/* Is the admitted token still good, by the account line's own domain and scopes? */
static int ask_again(pam_handle_t *pamh, const struct arguments *arguments, const struct admission *admitted)
{
    struct client client;
    struct toktab_result result = {.size = sizeof(result), .label = "", .user = "", .scopes = ""};
    struct shown user;
    int code;

    if (!get_client(pamh, &client))
        return PAM_USER_UNKNOWN;
    if (strcmp(client.user, admitted->user) != 0) {
        pam_syslog(pamh, LOG_NOTICE, "user \"%s\" is not the user whom the token admitted",
                   show_foreign(&user, client.user));
        return PAM_PERM_DENIED;
    }
    code = ask(pamh, arguments, &client, NULL, admitted, &result);
    if (code != PAM_SUCCESS)
        return code;
    answer_log(pamh, arguments, &client, &result);
    return answer_code(&result);
}

/* ---- what PAM calls ---- */

EXPORTED int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct arguments arguments;
    const char *user;
    int code = keep_admission(pamh, NULL);

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

/* Who came in without a token, such as by an ssh key, is none of this module's business. PAM_IGNORE admits
 * nobody: in a stack of this module alone, libpam makes PAM_PERM_DENIED of it. */
EXPORTED int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct arguments arguments;
    const struct admission *admitted = get_admission(pamh);

    (void)flags;
    if (!arguments_take(&arguments, pamh, argc, argv))
        return PAM_SERVICE_ERR;
    if (admitted)
        return ask_again(pamh, &arguments, admitted);
    if (arguments.debug)
        pam_syslog(pamh, LOG_DEBUG, "no token admitted this user");
    return PAM_IGNORE;
}
