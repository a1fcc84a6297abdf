#include "store/journal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "terminal/say.h"

/* How many seconds the system's log may take, and how many lines it takes in each further one at least. */
enum { PATIENCE = 1, PER_SECOND = 1000 };

enum { THREAD_STACK = 256 * 1024 }; /* bytes, whatever RLIMIT_STACK is */

static const char *done(const struct record *record)
{
    return record->op == OPERATION_CREATE   ? "created"
           : record->op == OPERATION_REVOKE ? "revoked"
                                            : "updated";
}

/* Each line as it is written: the thread must not run out of memory, for that would end the command. */
static void finish_lines(struct journal *journal, const char *by)
{
    for (size_t i = 0; i < journal->count; i++) {
        char *line = composed("%s %s", by, journal->lines[i]);

        free(journal->lines[i]);
        journal->lines[i] = showable(span_of(line));
        free(line);
    }
}

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
 * keep a revocation from being acknowledged. */
void journal_write(struct journal *journal, const char *by)
{
    static bool given_up;
    struct journal *writing;
    struct timespec until;
    pthread_attr_t attributes;
    pthread_t thread;

    if (journal->count == 0)
        return;
    writing = must_have(malloc(sizeof(*writing)));
    finish_lines(journal, by);
    *writing = *journal;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += given_up ? 0 : PATIENCE + (time_t)(journal->count / PER_SECOND);
    *journal = (struct journal){0};
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    if (pthread_create(&thread, &attributes, write_all, writing) != 0)
        write_all(writing);
    else if (pthread_timedjoin_np(thread, NULL, &until) != 0 && !given_up) {
        given_up = true;
        say("the system's log takes nothing: this is recorded only in the store's history");
    }
    pthread_attr_destroy(&attributes);
}

static void keep(struct journal *journal, char *line)
{
    if (journal->count == journal->room) {
        journal->room = journal->room * 2 + 8;
        journal->lines = must_have(reallocarray(journal->lines, journal->room, sizeof(*journal->lines)));
    }
    journal->lines[journal->count++] = line;
}

void journal_note(struct journal *journal, const char *domain, const struct record *record)
{
    char label[LINE_SIZE_MAX];
    long length = text_unescape(label, sizeof(label), record->label);

    say_if_out_of_memory("before that token %" PRIu64 " (id %s) was %s%s", record->serial, record->id,
                         done(record),
                         record->op == OPERATION_CREATE ? ": revoke it unless somebody has it"
                         : journal->count > 0           ? ", as the last of several"
                                                        : "");
    /* the label is last, so that no label can look like another part of the line */
    keep(journal, composed("%s token %" PRIu64 " (id %s) in domain %s: \"%.*s\"", done(record),
                           record->serial, record->id, domain, length < 0 ? 0 : (int)length, label));
}

void journal_note_head(struct journal *journal, const char *done, const char *domain, const char *head)
{
    say_if_out_of_memory("before that the store of domain %s was %s", domain, done);
    keep(journal, composed("%s the store of domain %s: HEAD %s", done, domain, head));
}
