/*
 * answer.c - turns a verdict into PAM's code and a line in the log.
 *
 * MUST answer PAM_SUCCESS for TOKTAB_ALLOW alone: whatever else the library says, now or in a later version,
 * is a refusal. MUST NOT answer PAM_IGNORE, which would leave a token to the rest of the stack.
 */
#include "pam_toktab.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* ---- the code ---- */

static int denial_code(enum toktab_reason reason)
{
    switch (reason) {
    case TOKTAB_REASON_EXPIRED:
        return PAM_ACCT_EXPIRED;
    case TOKTAB_REASON_SCOPE:
    case TOKTAB_REASON_NETWORK:
        return PAM_PERM_DENIED;
    case TOKTAB_REASON_USER:
        return PAM_USER_UNKNOWN;
    case TOKTAB_REASON_MALFORMED:
    case TOKTAB_REASON_UNKNOWN:
    case TOKTAB_REASON_REVOKED:
    case TOKTAB_REASON_UNSUPPORTED:
    case TOKTAB_REASON_NONE: /* no denial has this reason or those below */
    case TOKTAB_REASON_STORE:
    case TOKTAB_REASON_REQUEST:
        break;
    }
    return PAM_AUTH_ERR; /* also for reasons of later versions */
}

int answer_code(const struct toktab_result *result)
{
    switch (result->verdict) {
    case TOKTAB_ALLOW:
        return PAM_SUCCESS;
    case TOKTAB_DENY:
        return denial_code(result->reason);
    case TOKTAB_ERROR:
        return result->reason == TOKTAB_REASON_REQUEST ? PAM_SERVICE_ERR : PAM_AUTHINFO_UNAVAIL;
    }
    return PAM_AUTH_ERR; /* for verdicts of later versions */
}

/* ---- the log ---- */

enum {
    FOREIGN_MAX = 64, /* no token is shorter */
    RUN_MAX = 32,     /* letters and digits in a row: a token has more of them, even if the service cuts a
                         name off at 63 bytes, as PostgreSQL does */
};

/* Non-ASCII characters are escaped unless the text is known to be UTF-8. What does not fit is left out. */
static const char *show(struct shown *shown, const char *text, bool utf8)
{
    size_t used = 0;

    for (; *text != '\0' && used + sizeof("\\x00") <= sizeof(shown->text); text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f || (c > 0x7f && !utf8))
            used += (size_t)snprintf(shown->text + used, sizeof("\\x00"), "\\x%02x", c);
        else {
            if (c == '"' || c == '\\')
                shown->text[used++] = '\\';
            shown->text[used++] = (char)c;
        }
    }
    shown->text[used] = '\0';
    return shown->text;
}

/* May the text be a token, or contain most of one? */
static bool may_be_token(const char *text)
{
    static const char run[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    if (strlen(text) >= FOREIGN_MAX)
        return true;
    for (; *text != '\0'; text += strcspn(text, run)) {
        size_t length = strspn(text, run);

        if (length >= RUN_MAX)
            return true;
        text += length;
    }
    return false;
}

const char *show_foreign(struct shown *shown, const char *text)
{
    if (!may_be_token(text))
        return show(shown, text, false);
    snprintf(shown->text, sizeof(shown->text), "(%zu bytes)", strlen(text));
    return shown->text;
}

/* What the name of the reason does not say. */
static const char *detail(const struct client *client, const struct toktab_result *result)
{
    if (result->reason == TOKTAB_REASON_NETWORK && !client->rhost)
        return " (the service gives no client address)";
    if (result->reason == TOKTAB_REASON_NETWORK && !client->has_address)
        return " (the service gives a host name, not an address)";
    if (result->reason == TOKTAB_REASON_USER && result->user[0] == '\0')
        return " (the token names no user)";
    return "";
}

void answer_log(pam_handle_t *pamh, const struct arguments *arguments, const struct client *client,
                const struct toktab_result *result)
{
    struct shown label, user, rhost;

    show(&label, result->label, true);
    show_foreign(&user, client->user);
    show_foreign(&rhost, client->rhost ? client->rhost : "");
    switch (result->verdict) {
    case TOKTAB_ALLOW:
        if (arguments->debug)
            pam_syslog(pamh, LOG_DEBUG,
                       "token admitted, id: \"%.12s\", label: \"%s\", user: \"%s\", rhost: \"%s\"",
                       result->id, label.text, user.text, rhost.text);
        return;
    case TOKTAB_DENY:
        pam_syslog(pamh, LOG_NOTICE,
                   "token denied: %s%s, id: \"%.12s\", label: \"%s\", user: \"%s\", rhost: \"%s\"",
                   toktab_reason_name(result->reason), detail(client, result), result->id, label.text,
                   user.text, rhost.text);
        return;
    case TOKTAB_ERROR:
        break;
    }
    pam_syslog(pamh, LOG_ERR, "cannot check tokens: %s, user: \"%s\", rhost: \"%s\"",
               toktab_reason_name(result->reason), user.text, rhost.text);
}
