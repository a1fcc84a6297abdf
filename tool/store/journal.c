#include "store/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "terminal/say.h"

/* How many seconds the system's log may take, and how many lines it takes in each further one at least. */
enum { PATIENCE = 1, PER_SECOND = 1000 };

enum {
    THREAD_STACK = 256 * 1024, /* bytes, whatever RLIMIT_STACK is */
    RESERVE = 64 * 1024,       /* bytes for what syslog(3) allocates */
};

static const char *done(const struct record *record)
{
    return record->op == OPERATION_CREATE   ? "created"
           : record->op == OPERATION_REVOKE ? "revoked"
                                            : "updated";
}

static struct journal *pending; /* that the process must not end without having written */

/* argument: a journal of the thread's own, for nobody waits for it for ever */
static void *write_all(void *argument)
{
    struct journal *journal = argument;

    openlog("toktab", LOG_PID, LOG_AUTHPRIV);
    for (size_t i = 0; i < journal->count; i++) {
        syslog(LOG_AUTHPRIV | LOG_NOTICE, "%s", journal->lines[i]);
        free(journal->lines[i]);
    }
    closelog();
    free(journal->lines);
    free(journal);
    return NULL;
}

/* syslog(3) waits for whoever reads the log: a thread does it, so that a reader that has stopped does not
 * keep a revocation from being acknowledged. What it writes is its own, for nobody waits for it for ever. */
void journal_write(struct journal *journal)
{
    static bool given_up;
    struct journal *writing = journal->writing;
    struct timespec until;
    pthread_attr_t attributes;
    pthread_t thread;

    pending = NULL;
    if (!writing)
        return;
    journal_forget(journal);
    free(journal->reserve);
    *writing = *journal;
    *journal = (struct journal){0};
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += given_up ? 0 : PATIENCE + (time_t)(writing->count / PER_SECOND);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    if (writing->count == 0) { /* not even openlog(3): an earlier thread may hold its lock */
        free(writing->lines);
        free(writing);
    } else if (pthread_create(&thread, &attributes, write_all, writing) != 0) {
        write_all(writing);
    } else if (pthread_timedjoin_np(thread, NULL, &until) != 0 && !given_up) {
        given_up = true;
        say("the system's log takes nothing: this is recorded only in the store's history");
    }
    pthread_attr_destroy(&attributes);
}

static void write_pending(void)
{
    if (pending)
        journal_write(pending);
}

/* Have all that writing wants before the change is made: a limit of memory, which passes through sudo, must
 * not keep it out of the system's log. */
static void prepare(struct journal *journal)
{
    static bool registered;

    if (!registered && atexit(write_pending) == 0)
        registered = true;
    journal->writing = must_have(malloc(sizeof(*journal)));
    journal->reserve = must_have(malloc(RESERVE));
    memset(journal->reserve, 0, RESERVE);
    pending = journal;
}

static void keep(struct journal *journal, char *line)
{
    char *shown;

    if (!journal->writing)
        prepare(journal);
    if (journal->count == journal->room) {
        journal->room = journal->room * 2 + 8;
        journal->lines = must_have(reallocarray(journal->lines, journal->room, sizeof(*journal->lines)));
    }
    shown = showable(span_of(line));
    free(line);
    journal->lines[journal->count++] =
        shown; /* only now: the tool may have ended in between, out of memory */
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

void journal_made(struct journal *journal, const struct record *last)
{
    bool several = journal->made > 0;

    journal->made = journal->count;
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
        free(journal->lines[--journal->count]);
}

void journal_note_head(struct journal *journal, const char *by, const char *done, const char *domain,
                       const char *head)
{
    keep(journal, composed("%s %s the store of domain %s: HEAD %s", by, done, domain, head));
}
