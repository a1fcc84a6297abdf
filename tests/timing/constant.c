/*
 * Does anything that the library does depend on how much of a secret is right? Under valgrind, which is told
 * that the secret, or the hash in the store, is not initialized, and then complains of each branch and each
 * address that depends on it.
 *
 *     valgrind constant CONFIG        standard input: a token of the store that CONFIG names, without a
 * newline
 *
 * Prints what it looks at, and the complaints where there are more, or fewer, than there must be; exits with
 * 1 then.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <valgrind/memcheck.h>

#include "checksum.h"
#include "crypto.h"
#include "text.h"
#include "token.h"
#include "toktab.h"

static char right[TOKEN_MAX + 1], wrong[TOKEN_MAX + 1];
static size_t length;
static int failures;

static void expect(const char *what, unsigned before, unsigned wanted)
{
    unsigned found = VALGRIND_COUNT_ERRORS - before;

    printf("%s: %s: %u complaints\n", found == wanted ? "ok" : "FAILED", what, found);
    failures += found != wanted;
}

/* The text of a token, whose secret nobody knows. */
static void hide_secret(char text[TOKEN_MAX + 1])
{
    memcpy(text, right, length + 1);
    VALGRIND_MAKE_MEM_UNDEFINED(text + length - TOKEN_BODY + ID_LENGTH, SECRET_LENGTH + CRC_LENGTH);
}

static void look_at_hash(void)
{
    char text[TOKEN_MAX + 1], stored[2 * HASH_SIZE];
    unsigned char hash[HASH_SIZE], bits[HASH_SIZE];
    unsigned before = VALGRIND_COUNT_ERRORS;
    bool equal;

    hide_secret(text);
    crypto_hash_token(hash, text, length, right + length - TOKEN_BODY);
    expect("the hash of a token", before, 0);
    VALGRIND_GET_VBITS(hash, bits, sizeof(bits));
    if (bits[0] != 0xff || memcmp(bits, bits + 1, sizeof(bits) - 1) != 0)
        errx(2, "the hash does not depend on the secret: valgrind sees nothing");

    memset(stored, '0', sizeof(stored));
    equal = hex_equals(stored, hash, sizeof(hash));
    expect("the comparison of hashes", before, 0);
    VALGRIND_MAKE_MEM_DEFINED(&equal, sizeof(equal));
}

/* That a comparison which stops at the first difference is seen. */
static void look_at_careless(void)
{
    char text[TOKEN_MAX + 1];
    unsigned before = VALGRIND_COUNT_ERRORS;
    volatile size_t i = 0;

    hide_secret(text);
    while (i < length && text[i] == right[i])
        i++;
    printf("%s: a careless comparison is seen\n", VALGRIND_COUNT_ERRORS > before ? "ok" : "FAILED");
    failures += VALGRIND_COUNT_ERRORS == before;
}

/* Let valgrind take each copy of the stored hash for uninitialized. */
static void hide_stored_hash(void)
{
    unsigned char hash[HASH_SIZE];
    char hex[2 * HASH_SIZE], line[256], *at;
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long from, to;
    int found = 0;

    crypto_hash_token(hash, right, length, right + length - TOKEN_BODY);
    hex_encode(hex, hash, sizeof(hash));
    VALGRIND_DISABLE_ERROR_REPORTING; /* also what is valgrind's own is looked at */
    while (maps && fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 || !strstr(line, " rw") || strstr(line, "[stack]"))
            continue;
        for (at = (char *)from; (at = memmem(at, to - (unsigned long)at, hex, sizeof(hex)));
             at += sizeof(hex))
            if (at != hex) {
                VALGRIND_MAKE_MEM_UNDEFINED(at, sizeof(hex));
                found++;
            }
    }
    VALGRIND_ENABLE_ERROR_REPORTING;
    if (maps)
        fclose(maps);
    if (found == 0)
        errx(2, "the hash is not in memory");
}

/* The one branch that is allowed to depend on the hash is the verdict itself. */
static void look_at_verify(const char *config)
{
    struct toktab_options options = {.size = sizeof(options), .config = config};
    char error[512];
    struct toktab *table = toktab_open(&options, error, sizeof(error));
    struct toktab_result result = {.size = sizeof(result)};
    unsigned before;

    if (!table)
        errx(2, "%s", error);
    if (toktab_verify(table, right, length, NULL, NULL) != TOKTAB_ALLOW)
        errx(2, "the token is not admitted");
    toktab_verify(table, wrong, length, NULL, &result);
    if (result.reason != TOKTAB_REASON_UNKNOWN)
        errx(2, "the wrong secret is refused as %s", toktab_reason_name(result.reason));
    hide_stored_hash();
    before = VALGRIND_COUNT_ERRORS;
    toktab_verify(table, right, length, NULL, NULL);
    expect("a verify with the right secret", before, 1);
    before = VALGRIND_COUNT_ERRORS;
    toktab_verify(table, wrong, length, NULL, NULL);
    expect("a verify with a wrong secret", before, 1);
    toktab_close(table);
}

int main(int count, char *arguments[])
{
    ssize_t got = read(STDIN_FILENO, right, sizeof(right) - 1);

    if (count != 2 || got < TOKEN_BODY || crypto_start() < 0 || !RUNNING_ON_VALGRIND)
        errx(2, "usage: valgrind constant CONFIG < TOKEN");
    length = (size_t)got;
    strcpy(wrong, right);
    wrong[length - CRC_LENGTH - 1] = wrong[length - CRC_LENGTH - 1] == 'x' ? 'y' : 'x';
    correct_checksum(wrong, length);
    look_at_hash();
    look_at_careless();
    look_at_verify(arguments[1]);
    return failures > 0;
}
