/*
 * The record of changes in the system's log, which no domain admin can rewrite: one line a change, as
 * passwd(1) writes it, under "toktab" with LOG_AUTHPRIV. Without a system's log it is lost, and nobody is
 * told: the store has its own history.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stddef.h>

#include "record.h"

/* Changes that are in the store but not yet in the system's log. All zeros: none. */
struct journal {
    char **lines;
    size_t count, room;
};

/* Keep a change, under the lock, where nothing may be written elsewhere. Copies what it needs of the record.
 */
void journal_note(struct journal *journal, const char *domain, const struct record *record);

/* The same for a whole store that was "compacted" or "mended". */
void journal_note_head(struct journal *journal, const char *done, const char *domain, const char *head);

/* Write what was kept, in the name of whoever did it, and forget it. by: as in the column of a line. Waits
 * for the system's log for a second or so, then says that it takes nothing. */
void journal_write(struct journal *journal, const char *by);

#endif
