/* What the tool says: messages to stderr, exit statuses. Only the tool prints. */
#ifndef SAY_H
#define SAY_H

#include <stdbool.h>

#include "text.h"

/* Exit statuses: 0 to 2 as usual, then sysexits.h. */
enum status {
    STATUS_DONE = 0, /* or: yes */
    STATUS_NO = 1,   /* denied, damaged, declined, some expiring */
    STATUS_USAGE = 2,
    STATUS_DAMAGED = 65,       /* the store */
    STATUS_NOT_FOUND = 66,     /* no such token, store or domain */
    STATUS_MISSING = 69,       /* something that is needed */
    STATUS_CANNOT_CREATE = 73, /* a file */
    STATUS_IO = 74,
    STATUS_LOCKED = 75, /* by somebody else, for too long */
    STATUS_NOT_PERMITTED = 77,
    STATUS_CONFIG = 78,
};

/* "toktab: " and a line. The text may hold anything: what a terminal should not see is escaped. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and returns status, so that a caller can end with it. */
enum status fail(enum status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * A text as it may be shown: valid UTF-8, in which controls, line and direction controls and whatever is not
 * UTF-8 stand as \xNN or \u{NNNN}. The caller frees it. Never NULL: the tool ends without memory.
 */
char *showable(struct span text);

/* A text as printf(3) makes it. The caller frees it. Never NULL. */
char *composed(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "…" for a text that "%.15s" cuts: an argument is never shown in full, it might be a token, whose secret
 * begins behind 15 characters. */
const char *cut_mark(const char *text);

/* The status for something that could not be opened, by errno. */
enum status status_of(int error);

/* "s", but for one. */
const char *plural(uint64_t count);

/* malloc and friends that end the tool when there is no memory, which no command could do anything about. */
void *must_have(void *memory);

#endif
