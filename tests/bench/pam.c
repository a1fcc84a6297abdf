/*
 * bench-pam DIRECTORY ROUNDS MODULE: a login from pam_start() to pam_end(), with auth and account, against
 * reading the store's file once, against opening a table, and against crypt(3) of a password, which is the
 * least that pam_unix takes.
 */
#include <crypt.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

enum { STEP = 256 * 1024, KINDS = 4 };

static char token[TOKEN_MAX + 1];

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *data)
{
    (void)messages;
    (void)data;
    *responses = calloc((size_t)count, sizeof(**responses));
    must(*responses && count == 1, "conversation");
    (*responses)->resp = strdup(token);
    return PAM_SUCCESS;
}

/* A service of its own, in a directory that stands for /etc/pam.d. */
static void write_service(const char *directory, const char *module)
{
    char *path, *conf, *at = realpath(directory, NULL);
    FILE *file;

    must(at && asprintf(&path, "%s/bench", at) > 0 && asprintf(&conf, "%s/toktab.conf", at) > 0, directory);
    file = fopen(path, "we");
    must(file != NULL, path);
    fprintf(file,
            "auth required %s config=%s anyuser\n"
            "account required %s config=%s anyuser\n",
            module, conf, module, conf);
    must(fclose(file) == 0, path);
    free(path);
    free(conf);
    free(at);
}

static void must_pam(int code, const char *what)
{
    if (code == PAM_SUCCESS)
        return;
    fprintf(stderr, "bench-pam: %s: %d\n", what, code);
    exit(1);
}

static double time_login(const char *directory)
{
    static const struct pam_conv conversation = {converse, NULL};
    uint64_t start = thread_nanoseconds();
    pam_handle_t *handle;

    must_pam(pam_start_confdir("bench", "alice", &conversation, directory, &handle), "pam_start_confdir");
    must_pam(pam_authenticate(handle, 0), "pam_authenticate");
    must_pam(pam_acct_mgmt(handle, 0), "pam_acct_mgmt");
    must_pam(pam_end(handle, PAM_SUCCESS), "pam_end");
    return (double)(thread_nanoseconds() - start);
}

static double time_reading(const char *directory)
{
    static char bytes[STEP];
    uint64_t start = thread_nanoseconds();
    int fd = open_file(directory, "default.tokens");
    off_t at = 0;
    ssize_t got;

    while ((got = pread(fd, bytes, sizeof(bytes), at)) > 0)
        at += got;
    must(got == 0, "reading");
    close(fd);
    return (double)(thread_nanoseconds() - start);
}

static double time_table(const char *directory)
{
    uint64_t start = thread_nanoseconds();

    toktab_close(open_table(directory));
    return (double)(thread_nanoseconds() - start);
}

static double time_crypt(const char *directory)
{
    static struct crypt_data data;
    static char setting[CRYPT_GENSALT_OUTPUT_SIZE]; /* of new passwords of this system */
    uint64_t start;

    (void)directory;
    if (setting[0] == '\0')
        must(crypt_gensalt_rn(NULL, 0, NULL, 0, setting, sizeof(setting)) != NULL, "crypt_gensalt");
    start = thread_nanoseconds();
    must(crypt_r("a password", setting, &data) != NULL, "crypt");
    return (double)(thread_nanoseconds() - start);
}

static const struct {
    double (*measure)(const char *directory);
    const char *name;
} kinds[KINDS] = {
    {time_login, "PAM: pam_start to pam_end"},
    {time_reading, "PAM / reading the file once"},
    {time_table, "PAM / opening a table"},
    {time_crypt, "PAM / the hash that pam_unix needs"},
};

int main(int count, char **arguments)
{
    double *values[KINDS];
    size_t rounds;

    must(count == 4, "usage: bench-pam DIRECTORY ROUNDS MODULE");
    rounds = number_of(arguments[2]);
    write_service(arguments[1], arguments[3]);
    memcpy(token, read_tokens(arguments[1], "valid").text, read_tokens(arguments[1], "valid").length);
    for (size_t kind = 0; kind < KINDS; kind++)
        values[kind] = new_values(rounds);
    for (size_t i = 0; i < rounds; i++) {
        values[0][i] = time_login(arguments[1]);
        for (size_t kind = 1; kind < KINDS; kind++)
            values[kind][i] = values[0][i] / kinds[kind].measure(arguments[1]);
        values[0][i] /= 1e6;
    }
    for (size_t kind = 0; kind < KINDS; kind++)
        print_row(kinds[kind].name, kind == 0 ? "ms" : "", values[kind], rounds);
    return 0;
}
