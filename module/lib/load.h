/* Reads a store's file into an index, proving each line: its header, the whole, or what came since. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "index.h"
#include "notice.h"
#include "walk.h"

/* How far a file was read. */
struct progress {
    struct walk walk;
    uint64_t offset; /* behind the last line that was taken */
    uint64_t lines;  /* of the file up to there, the header too */
    int64_t newest;  /* the greatest time of a line, of this file or one before */
};

/* A place in the log that the file must pass, so that nothing that was known is lost. n 0: any file will do.
 */
struct waypoint {
    uint64_t n;
    unsigned char chain[CHAIN_SIZE];
};

/* Read the header of the store of that domain. progress->newest is left as it is. False with fault. */
bool load_header(struct progress *progress, int fd, const char *domain, struct fault *fault);

/*
 * Take the whole lines up to offset size into the index, which must have room for them if `grow` is not set:
 * others may be reading it. An unterminated last line is left. Uses pread(2) alone. False with fault, and
 * progress behind the last good line: the file is damaged, misses the waypoint, or cannot be read; or ENOMEM.
 */
bool load_lines(struct progress *progress, int fd, uint64_t size, struct index *index, bool grow,
                const struct waypoint *waypoint, struct fault *fault);

/* At most that many lines can stand in so many bytes. */
size_t load_lines_most(uint64_t bytes);

#endif
