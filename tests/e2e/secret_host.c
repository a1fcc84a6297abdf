/*
 * A host that asks PAM once, and then shows what it has in memory.
 *
 *     secret_host SERVICES SERVICE USER       standard input: a token, without a newline
 *
 * Wipes its own copies, prints the code of pam_authenticate() and that of pam_acct_mgmt(), and stops.
 */
#define _GNU_SOURCE
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char token[256];

static int answer(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    (void)messages;
    (void)data;
    *responses = calloc((size_t)count, sizeof(**responses));
    for (int i = 0; i < count; i++)
        (*responses)[i].resp = strdup(token); /* libpam wipes and frees it */
    return PAM_SUCCESS;
}

int main(int count, char *arguments[])
{
    const struct pam_conv conversation = {answer, NULL};
    pam_handle_t *handle;
    int code, account;

    if (count != 4 || read(STDIN_FILENO, token, sizeof(token) - 1) <= 0 ||
        pam_start_confdir(arguments[2], arguments[3], &conversation, arguments[1], &handle) != PAM_SUCCESS)
        return 2;
    code = pam_authenticate(handle, 0);
    account = pam_acct_mgmt(handle, 0);
    pam_end(handle, code);
    explicit_bzero(token, sizeof(token));
    dprintf(STDOUT_FILENO, "%d %d\n", code, account);
    kill(getpid(), SIGSTOP);
    return 0;
}
