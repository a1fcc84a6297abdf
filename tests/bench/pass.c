/*
 * bench-pass FILE: one pass over a store's file with the hash: what no proof of it can do without. Reads the
 * file in pieces and hashes each line as its chain is made.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "measure.h"

enum { PIECE = 256 * 1024 };

int main(int count, char **arguments)
{
    static char bytes[PIECE];
    unsigned char sum[CHAIN_SIZE], salt[CHAIN_SIZE] = {0};
    size_t kept = 0;
    ssize_t got;
    int fd;

    must(count == 2, "usage: bench-pass FILE");
    must(crypto_start() == 0, "libsodium");
    fd = open(arguments[1], O_RDONLY | O_CLOEXEC);
    must(fd >= 0, arguments[1]);
    while ((got = read(fd, bytes + kept, sizeof(bytes) - kept)) > 0) {
        char *line = bytes, *end = bytes + kept + got, *lf;

        for (; (lf = memchr(line, '\n', (size_t)(end - line))); line = lf + 1)
            crypto_sum_line(sum, line, (size_t)(lf - line) > CHAIN_HEX ? (size_t)(lf - line) - CHAIN_HEX : 0,
                            salt);
        kept = (size_t)(end - line);
        memmove(bytes, line, kept);
    }
    must(got == 0, arguments[1]);
    return sum[0] == sum[1] && sum[1] == sum[2] && sum[2] == salt[0]; /* so that the sums are needed */
}
