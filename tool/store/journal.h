/*
 * The record of changes in the system's log, which no domain admin can rewrite: one line a change, as
 * passwd(1) writes it, under "toktab" with LOG_AUTHPRIV. Without a system's log it is lost, and nobody is
 * told: the store has its own history.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "record.h"

/* Changes that are not yet in the system's log. All zeros: none. */
struct journal {
    char **lines;
    size_t count, made, room; /* made: how many of the lines are in the store */
    struct journal *writing;  /* room for a thread's own */
    void *reserve;            /* memory that is free by the time of writing */
};

/* Is there a system's log? Without one, syslog(3) tries to connect for each line; whoever has very many asks
 * first. */
bool journal_has_reader(void);

/*
 * Keep a change, under the lock, where nothing may be written elsewhere: before it is made, for if memory
 * ends then, nothing was done. Copies what it needs of the record. by: as in the column of a line.
 */
void journal_note(struct journal *journal, const char *by, const char *domain, const struct record *record);

/* The same for a whole store that is "compacted" or "mended". */
void journal_note_head(struct journal *journal, const char *by, const char *done, const char *domain,
                       const char *head);

/* What was kept was done: if the process exits before journal_write(), it is written then. last: the change
 * to name if memory ends from here on; NULL: none. */
void journal_made(struct journal *journal, const struct record *last);

/* Forget what was kept since: it was not done. */
void journal_forget(struct journal *journal);

/* Write what was done, and forget it. Waits for the system's log for a second or so, then says that it takes
 * nothing. */
void journal_write(struct journal *journal);

#endif
