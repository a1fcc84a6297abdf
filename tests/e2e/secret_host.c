/*
 * A host that asks PAM, and stops where what it has in memory can be looked at.
 *
 *     secret_host SERVICES SERVICE USER [TIMES]       standard input: a token, without a newline
 *
 * After each pam_authenticate(), of which there are TIMES on one handle (1), after pam_acct_mgmt() and after
 * pam_end() it wipes its own copies, prints the code of that function, and stops itself.
 */
#define _GNU_SOURCE
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char token[1024];

static int answer(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    (void)messages;
    (void)data;
    *responses = calloc((size_t)count, sizeof(**responses));
    for (int i = 0; i < count; i++)
        (*responses)[i].resp = strdup(token); /* libpam wipes and frees it */
    return PAM_SUCCESS;
}

/* The token is only there while it may be asked for. */
static void read_token(void)
{
    explicit_bzero(token, sizeof(token));
    if (pread(STDIN_FILENO, token, sizeof(token) - 1, 0) <= 0)
        exit(2);
}

static void stop(int code)
{
    explicit_bzero(token, sizeof(token));
    dprintf(STDOUT_FILENO, "%d\n", code);
    kill(getpid(), SIGSTOP);
}

int main(int count, char *arguments[])
{
    const struct pam_conv conversation = {answer, NULL};
    pam_handle_t *handle;
    int code = 0;

    if (count < 4 ||
        pam_start_confdir(arguments[2], arguments[3], &conversation, arguments[1], &handle) != PAM_SUCCESS)
        return 2;
    for (int times = count > 4 ? atoi(arguments[4]) : 1; times > 0; times--) {
        read_token();
        code = pam_authenticate(handle, 0);
        stop(code);
    }
    stop(pam_acct_mgmt(handle, 0));
    stop(pam_end(handle, code));
    return 0;
}
