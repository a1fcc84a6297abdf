/* Reads a store's file into an index, proving each line: its header, the whole, or what came since. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "chain.h"
#include "fault.h"
#include "index.h"

/* How far a file was read. */
struct progress {
    struct chain chain;
    uint64_t offset; /* behind the last line that was taken */
    bool lf_due;     /* that line lacked its LF: one byte may stand at offset in its place */
    uint64_t lines;  /* of the file up to there, the header too */
    int64_t newest;  /* the greatest time of a line, of this file or one before */
};

/* What was read of this log before, with which a file must agree, so that nothing that was known is lost:
 * where it begins beyond that place, by its snapshot. n 0: any file will do. */
struct known {
    struct position at;
    const struct index *index;
};

/* Read the header of the store of that domain. progress->newest is left as it is. False with fault. */
bool load_header(struct progress *progress, int fd, const char *domain, struct fault *fault);

/*
 * Take the lines up to offset size into the index, which must have room for them if `grow` is not set: others
 * may be reading it. Of what stands behind the last LF only a line that lacks nothing else is taken
 * (chain_rest()). Uses pread(2) alone. False with fault, and progress behind the last good line: the file is
 * damaged, disagrees with what is known, or cannot be read; or ENOMEM.
 */
bool load_lines(struct progress *progress, int fd, uint64_t size, struct index *index, bool grow,
                const struct known *known, struct fault *fault);

/* At most that many lines can stand in so many bytes. */
size_t load_lines_most(uint64_t bytes);

#endif
