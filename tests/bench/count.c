/*
 * bench-count DIRECTORY hash|verify COUNT: so many hashes or verifies of valid tokens, and nothing else: a
 * program that counts instructions runs this with two counts and takes the difference.
 */
#include <string.h>

#include "measure.h"

int main(int argument_count, char **arguments)
{
    struct toktab_result result;
    unsigned char hash[HASH_SIZE];
    struct tokens tokens;
    struct toktab *table;
    size_t times;

    must(argument_count == 4, "usage: bench-count DIRECTORY hash|verify COUNT");
    tokens = read_tokens(arguments[1], "valid");
    table = open_table(arguments[1]);
    times = number_of(arguments[3]);
    result.size = sizeof(result);
    for (size_t i = 0; i < times; i++) {
        const char *text = tokens.text + i % tokens.count * (tokens.length + 1);

        if (strcmp(arguments[2], "hash") == 0)
            hash_token(hash, text, tokens.length);
        else
            must(toktab_verify(table, text, tokens.length, NULL, &result) == TOKTAB_ALLOW, "verify");
    }
    toktab_close(table);
    return 0;
}
