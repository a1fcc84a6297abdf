#include "store/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "clock.h"
#include "store/systemlog.h"
#include "terminal/say.h"

/* How many seconds the system's log may take for a line, and how many lines it takes in each further one at
 * least. */
enum { PATIENCE = 1, PER_SECOND = 1000 };

static const char *done(const struct record *record)
{
    return record->op == OPERATION_CREATE   ? "created"
           : record->op == OPERATION_REVOKE ? "revoked"
                                            : "updated";
}

static const char IN_DOUBT[] = "in doubt: ";

static struct journal *pending; /* that the process must not end without having written */

void journal_write(struct journal *journal)
{
    static bool given_up;
    enum written written = WRITTEN;
    struct systemlog log;
    int64_t until = clock_now(), once;

    pending = NULL;
    journal_forget(journal);
    if (!given_up)
        until += (PATIENCE + (int64_t)(journal->count / PER_SECOND)) * SECOND;
    systemlog_begin(&log);
    for (size_t i = 0; i < journal->count; i++) {
        const struct entry *entry = &journal->entries[i];

        once = clock_now() + PATIENCE * SECOND;
        if (written != WRITTEN_FAILED)
            written = systemlog_line(&log, LOG_NOTICE, entry->doubt || i >= journal->durable ? IN_DOUBT : "",
                                     entry->text, once < until ? once : until);
        free(entry->text);
    }
    systemlog_end(&log);
    free(journal->entries);
    *journal = (struct journal){0};
    if (written == WRITTEN_FAILED && !given_up) {
        given_up = true;
        say("the system's log takes nothing: this is recorded only in the store's history");
    }
}

static void write_pending(void)
{
    if (pending)
        journal_write(pending);
}

static void keep(struct journal *journal, char *line)
{
    static bool registered;

    if (!registered && atexit(write_pending) == 0)
        registered = true;
    pending = journal;
    if (journal->count == journal->room) {
        journal->room = journal->room * 2 + 8;
        journal->entries =
            must_have(reallocarray(journal->entries, journal->room, sizeof(*journal->entries)));
    }
    journal->entries[journal->count] = (struct entry){showable(span_of(line)), false};
    journal->count++; /* only now: the tool may have ended in between, out of memory */
    free(line);
}

bool journal_has_reader(void)
{
    return access(_PATH_LOG, F_OK) == 0 || errno != ENOENT;
}

void journal_note(struct journal *journal, const char *by, const char *domain, const struct record *record)
{
    char label[LINE_SIZE_MAX];
    long length = text_unescape(label, sizeof(label), record->label);

    /* the label is last, so that no label can look like another part of the line */
    keep(journal, composed("%s %s token %" PRIu64 " (id %s) in domain %s: \"%.*s\"", by, done(record),
                           record->serial, record->id, domain, length < 0 ? 0 : (int)length, label));
}

void journal_durable(struct journal *journal)
{
    journal->durable = journal->made;
}

void journal_made(struct journal *journal, const struct record *last, bool doubt)
{
    bool several = journal->made > 0;

    while (journal->made < journal->count)
        journal->entries[journal->made++].doubt = doubt;
    if (!last && !doubt)
        journal_durable(journal);
    if (last)
        say_if_out_of_memory("before that token %" PRIu64 " (id %s) was %s%s", last->serial, last->id,
                             done(last),
                             last->op == OPERATION_CREATE ? ": revoke it unless somebody has it"
                             : several                    ? ", as the last of several"
                                                          : "");
}

void journal_forget(struct journal *journal)
{
    while (journal->count > journal->made)
        free(journal->entries[--journal->count].text);
}

void journal_note_head(struct journal *journal, const char *by, const char *done, const char *domain,
                       const char *head)
{
    keep(journal, composed("%s %s the store of domain %s: HEAD %s", by, done, domain, head));
}
