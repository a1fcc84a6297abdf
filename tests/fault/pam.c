/*
 * fault-pam FOLDER: a host that asks PAM, by the service `web` of FOLDER, in which hosts.py lets calls fail.
 * Reads tokens from stdin, one a line, and prints for each but the first two what pam_authenticate() and
 * pam_acct_mgmt() say, and what it did not get back.
 */
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

enum { UNCOUNTED = 2 }; /* what libc and the linker keep of the first ones is not lost */

static char token[128];
static bool counted;

static int answer(int count, const struct pam_message **messages, struct pam_response **responses,
                  void *context)
{
    (void)messages;
    (void)context;
    fault_pause(true);
    *responses = calloc((size_t)count, sizeof(**responses));
    for (int i = 0; i < count && *responses; i++)
        (*responses)[i].resp = strdup(token);
    fault_pause(!counted);
    return *responses ? PAM_SUCCESS : PAM_CONV_ERR;
}

/* pam_start() is libpam's own, which crashes if it gets no memory. */
static void log_in(const char *folder)
{
    const struct pam_conv conversation = {.conv = answer};
    pam_handle_t *handle = NULL;
    int code, account = PAM_AUTH_ERR;

    code = pam_start_confdir("web", "alice", &conversation, folder, &handle);
    fault_pause(!counted);
    if (code == PAM_SUCCESS)
        code = pam_authenticate(handle, 0);
    if (code == PAM_SUCCESS)
        account = pam_acct_mgmt(handle, 0);
    if (handle)
        pam_end(handle, code);
    fault_pause(true);
    if (counted)
        printf("%d %d\n", code, account);
}

int main(int argc, char **argv)
{
    fault_pause(true);
    if (argc < 2)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    printf("begin\n");
    for (int i = 0; scanf("%127s", token) == 1; i++) {
        counted = i >= UNCOUNTED;
        if (i == UNCOUNTED)
            fault_note_held();
        log_in(argv[1]);
    }
    fault_print_lost();
    return 0;
}
