/* Messages to stderr, and exit statuses. */
#ifndef SAY_H
#define SAY_H

#include <stdbool.h>

#include "text.h"

/* Exit statuses: 0 to 2 as usual, then sysexits.h. */
enum status {
    STATUS_AGAIN = -1, /* no exit status: another host changed the store first, so decide again */
    STATUS_DONE = 0,   /* or: yes */
    STATUS_NO = 1,     /* denied, damaged, declined, some expiring */
    STATUS_USAGE = 2,
    STATUS_DAMAGED = 65,       /* the store */
    STATUS_NOT_FOUND = 66,     /* no such token, store or domain */
    STATUS_MISSING = 69,       /* something needed is not available */
    STATUS_CANNOT_CREATE = 73, /* cannot create a file */
    STATUS_IO = 74,
    STATUS_LOCKED = 75, /* somebody else has held the lock for too long */
    STATUS_NOT_PERMITTED = 77,
    STATUS_CONFIG = 78,
};

/* The name before each message, for a program that is not toktab. Keeps the pointer. */
void say_as(const char *name);

/* Print "toktab: " and one line. Characters that are unsafe on a terminal are escaped. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print nothing, until it is false again: for functions whose messages show the beginning of a text that may
 * be a key. */
void say_mute(bool mute);

/* The same as say(), and return status, so that a caller can return it. */
enum status fail(enum status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The next message is about this value that the user gave: an option's name, or "expiry", "scope", "token",
 * "domain"; NULL: about none. Keeps the pointer. */
void say_field(const char *field);

/* A message that was printed, and what it was about, or NULL. */
struct failure {
    const char *field;
    char *text;
};

/* The first message of fail() with that status; if there was none, the first of say(); else NULL. */
const struct failure *failure_of(enum status status);

/*
 * The text made safe to show: controls, format characters that nobody sees (direction, zero width), and bytes
 * that are not UTF-8 become \xNN or \u{NNNN}. The caller frees it. Never NULL: the tool exits if it is out of
 * memory.
 */
char *showable(struct span text);

/* A formatted text, as by asprintf(3). The caller frees it. Never NULL. */
char *composed(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "…" for a text that "%.15s" cuts. No message shows a whole argument: it may be a token, and a secret begins
 * after 15 characters. */
const char *cut_mark(const char *text);

/* The status for a file that could not be opened, by errno. */
enum status status_of(int error);

/* "s", or "" if count is 1. */
const char *plural(uint64_t count);

/* What to print besides if memory runs out from here on: a change that was made by then. Up to 255 bytes,
 * none of which needs to be escaped. */
void say_if_out_of_memory(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns memory, or exits if it is NULL: no command could go on. */
void *must_have(void *memory);

/* In a process of fork(2): from here on must_have() ends it by _exit(2) with STATUS_IO, without a word. What
 * is registered to run at exit, and output that is not yet written, are its parent's. */
void must_have_or_leave(void);

#endif
