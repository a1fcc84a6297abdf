/*
 * A source: a program that is told this host's HEAD on its standard input, and prints what comes after it,
 * incoming.h. It ends when its input ends; it may be killed at any time.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "text.h"

enum { SOURCE_BUFFER = 64 * 1024 };

struct source {
    pid_t process; /* leads a process group of its own; 0: none */
    int input, output;
    bool failed;       /* its output could not be read to the end */
    size_t start, end; /* of the bytes that were not yet given out */
    char buffer[SOURCE_BUFFER];
};

/* Start a program by its name and arguments, with that environment, and write it a line with the HEAD; "":
 * this host has no store. False with errno. */
bool source_start(struct source *source, char *const argv[], char *const environment[], const char *head);

enum heard {
    HEARD_LINE,    /* with its LF; valid until source_wait() */
    HEARD_NOTHING, /* no whole line has come yet: source_wait() */
    HEARD_ENDLESS, /* more than a line may have, without an LF */
};

/* The next line of what has come. */
enum heard source_line(struct source *source, struct span *line);

/* The same, waiting for it until that moment. HEARD_NOTHING: it did not come, or the program has ended. */
enum heard source_next(struct source *source, struct span *line, int64_t until);

enum waited { WAITED_BYTES, WAITED_SILENT, WAITED_END };

/* Wait for more bytes until that moment of the monotonic clock, in nanoseconds. */
enum waited source_wait(struct source *source, int64_t until);

/* End the program and all that it has started, by SIGTERM, and a second later by SIGKILL. ended: its output
 * has; then it gets a second to end by itself. True if it has, with exit status 0, and all was read. */
bool source_stop(struct source *source, bool ended);

#endif
