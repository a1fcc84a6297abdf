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

/* Changes that are not yet in the system's log. All zeros: none. The log calls a change that failed, or that
 * the disk may not have, "in doubt", as its maker is told. */
struct journal {
    struct entry {
        char *text;
        bool doubt;
    } *entries;
    size_t count, room;
    size_t made;    /* how many of them are in the store */
    size_t durable; /* how many of those the disk has */
};

/* Is there a system's log? Without one, each line tries to connect; whoever has very many asks first. */
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
 * to name if memory ends from here on; NULL: a new file is in place, and durable unless doubt: nobody knows
 * whether it was done. */
void journal_made(struct journal *journal, const struct record *last, bool doubt);

/* The disk has all that was done so far. */
void journal_durable(struct journal *journal);

/* Forget what was kept since: it was not done. */
void journal_forget(struct journal *journal);

/* Write what was done, and forget it. Waits for the system's log for a second or so, then says that it takes
 * nothing. */
void journal_write(struct journal *journal);

#endif
