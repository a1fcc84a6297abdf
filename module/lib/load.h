/* Reads the file of a store into an index, and proves each line. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "chain.h"
#include "fault.h"
#include "index.h"

/* How far a file has been read. */
struct progress {
    struct chain chain;
    uint64_t offset; /* after the last accepted line */
    bool lf_due;     /* that line lacked its LF: another byte may be at offset instead */
    uint64_t lines;  /* of the file up to there, with the header */
    int64_t newest;  /* the greatest time of a line, in this file or an earlier one */
};

/* What is already known of this log. Another file must agree with it, so that nothing known is lost; if that
 * file begins beyond this position, its snapshot must agree. n 0: any file will do. */
struct known {
    struct position at;
    const struct index *index;
};

/* Read bytes at an offset, however many pread(2) gives at a time. Returns how many: fewer only at the end of
 * the file; or -1 with errno. */
ssize_t read_at(int fd, void *bytes, size_t size, uint64_t offset);

/* Read the header of the domain's store. Leaves progress->newest as it is. False with fault. */
bool load_header(struct progress *progress, int fd, const char *domain, struct fault *fault);

/* What to read, and into what. */
struct loading {
    struct progress *progress; /* after load_header() or load_lines(); read on from there */
    int fd;
    struct index *index;
    bool grow;          /* false: the index must have room, because others may be reading it */
    struct known known; /* n 0: nothing */
    struct fault *fault;
};

/*
 * Read the lines up to offset size into the index, which keeps them without their chains. After the last LF,
 * only a line that lacks nothing but its LF is read (chain_rest()). Uses only pread(2). False with fault, and
 * progress after the last good line: the file is damaged, disagrees with what is known, or cannot be read, or
 * there is no memory.
 */
bool load_lines(const struct loading *loading, uint64_t size);

/* The greatest number of lines in so many bytes. */
size_t load_lines_most(uint64_t bytes);

#endif
