#include "command/listen.h"

#include <stdio.h>

#include "clock.h"
#include "store/engine.h"

enum { SILENCE = 3500 }; /* milliseconds, after which a source is started anew */

static const char *domain_of(const struct follow *follow)
{
    return follow->session->domain->name;
}

/* Before anything is said: make durable what was appended, and release the lock. */
static bool settle(struct follow *follow)
{
    struct fault fault;

    if (following_flush(&follow->following, &fault) == STATUS_DONE)
        return true;
    alert(&follow->alerts, ALERT_DISK, true, domain_of(follow), fault.text);
    following_note(&follow->following, "disk");
    return false;
}

static enum end refuse(struct follow *follow, enum trouble trouble, const char *why)
{
    bool urgent = trouble != TROUBLE_GAP && trouble != TROUBLE_UNAVAILABLE;

    if (!settle(follow))
        return END_DISK;
    if (trouble == TROUBLE_GAP && follow->want_file)
        alert(&follow->alerts, ALERT_FILE, true, domain_of(follow),
              "the source does not have the whole file either: fetch it from another host, as by `toktab "
              "follow --once -- ssh HOST toktab log`, or set `snapshot`");
    else
        alert(&follow->alerts, trouble, urgent, domain_of(follow), why);
    following_note(&follow->following, incoming_word(trouble));
    if (trouble == TROUBLE_GAP)
        follow->want_file = !follow->want_file; /* it may have been fetched since */
    else if (trouble != TROUBLE_UNAVAILABLE && trouble != TROUBLE_DENIED)
        follow->want_file = false; /* lines come first: some of them revoke */
    if (trouble == TROUBLE_DENIED)
        return END_DENIED;
    if (trouble == TROUBLE_UNAVAILABLE)
        return END_CONTACT;
    if (trouble == TROUBLE_OWN && follow->once)
        return END_DISK; /* without --once it may be cured while we listen */
    return trouble == TROUBLE_GAP &&
                   (follow->following.incoming.has_store || (follow->snapshot && follow->want_file))
               ? END_ANEW
               : END_REFUSED;
}

const char *listen_state(enum status status)
{
    return status == STATUS_DAMAGED || status == STATUS_NOT_PERMITTED ? incoming_word(TROUBLE_OWN)
           : status == STATUS_LOCKED                                  ? "locked"
                                                                      : "disk";
}

/* What following_take() and its like could not do. */
static enum end failed(struct follow *follow, enum status status, const struct fault *fault)
{
    if (follow->following.incoming.trouble != TROUBLE_NONE)
        return refuse(follow, follow->following.incoming.trouble, fault->text);
    if (!settle(follow))
        return END_DISK;
    if (status == STATUS_NO)
        return END_ANEW;
    follow->want_file = status == STATUS_NOT_FOUND;
    alert(&follow->alerts, ALERT_DISK, true, domain_of(follow), fault->text);
    following_note(&follow->following, follow->want_file ? "snapshot" : listen_state(status));
    return follow->want_file ? END_ANEW : END_DISK;
}

/* After a file was put in the store's place. */
static void tell_lost(struct follow *follow)
{
    struct fault *lost = &follow->following.lost;
    char text[sizeof(lost->text) + 160];

    if (lost->text[0] == '\0')
        return;
    snprintf(
        text, sizeof(text),
        "the source's new epoch was taken, and lacks revocations that this host had: %s: revoke again on "
        "the writer",
        lost->text);
    alert(&follow->alerts, ALERT_LOST, true, domain_of(follow), text);
    lost->text[0] = '\0';
}

/* The same as hear(). */
static bool hear_beat(struct follow *follow, enum end *end)
{
    struct incoming *incoming = &follow->following.incoming;

    if (incoming->trouble != TROUBLE_NONE) { /* it may be cured while we listen */
        *end = refuse(follow, incoming->trouble, incoming->why.text);
        follow->alive = true;
        return !follow->once && *end == END_REFUSED;
    }
    *end = END_DISK;
    if (!settle(follow))
        return false;
    /* one that only says it has more, and does not send it, counts as silent */
    follow->alive |= incoming_level(incoming);
    if (incoming_level(incoming))
        following_note(&follow->following, CONTACT_GOOD);
    return true;
}

/* False: the source's life is over, *end says how. */
static bool hear(struct follow *follow, struct span line, enum end *end)
{
    struct following *following = &follow->following;
    struct incoming *incoming = &following->incoming;
    struct position before = incoming->mine.at;
    enum incoming_verdict verdict = incoming_judge(incoming, line.at, line.length);
    struct fault fault;
    enum status status = following_take(following, verdict, line, &before, &fault);

    if (status == STATUS_NO && source_is_engine(follow->session->domain->source) && !incoming->in_file &&
        following_again(following, &fault) == STATUS_DONE) { /* a command on this host had the line first */
        before = incoming->mine.at;
        verdict = incoming_judge(incoming, line.at, line.length);
        status = following_take(following, verdict, line, &before, &fault);
    }
    if (status != STATUS_DONE) {
        *end = failed(follow, status, &fault);
        return false;
    }
    switch (verdict) {
    case INCOMING_TROUBLE:
        *end = refuse(follow, incoming->trouble, incoming->why.text);
        return false;
    case INCOMING_BEAT:
        return hear_beat(follow, end);
    case INCOMING_FILE_END:
        tell_lost(follow);
        follow->want_file = false;
        follow->alive = true;
        following_note(following, CONTACT_GOOD);
        *end = END_ANEW;
        return !follow->fetching; /* what came since, the source has */
    case INCOMING_KNOWN:
        follow->alive = true;
        *end = END_WRITER;
        if (incoming->writer)
            following_note(following, CONTACT_WRITER);
        return !(follow->once && incoming->writer);
    case INCOMING_LINE:
    case INCOMING_POINT:
    case INCOMING_FILE:
    case INCOMING_FILE_LINE:
    default:
        follow->alive = true;
        return true;
    }
}

/* All that has come. The same. */
static bool hear_all(struct follow *follow, enum end *end)
{
    struct span line;
    enum heard heard;
    bool good = true;

    while (good && (heard = source_line(&follow->source, &line)) == HEARD_LINE)
        good = hear(follow, line, end);
    if (good && heard == HEARD_ENDLESS) {
        *end = refuse(follow, TROUBLE_GARBAGE,
                      "the source sends what is no line of this store: a line without an end");
        good = false;
    }
    if (!settle(follow) && good) {
        *end = END_DISK;
        good = false;
    }
    if (good && follow->once && incoming_level(&follow->following.incoming)) {
        *end = END_LEVEL;
        good = false;
    }
    return good;
}

/* A source that has said all that it has: with exit status 0, which ssh gives only if all has arrived. */
static enum end hear_end(struct follow *follow, bool good)
{
    struct following *following = &follow->following;
    struct fault fault;
    enum status status = STATUS_DONE;

    if (good && follow->source.end == follow->source.start) {
        if (incoming_file_whole(&following->incoming))
            status = following_install(following, &fault);
        if (status != STATUS_DONE)
            return failed(follow, status, &fault);
        tell_lost(follow);
        if (following->incoming.has_store && !following->incoming.in_file &&
            (!following->incoming.said || incoming_level(&following->incoming))) {
            follow->want_file = false;
            following_note(following, CONTACT_GOOD);
            return follow->fetching ? END_ANEW : follow->once ? END_LEVEL : END_CONTACT;
        }
    }
    alert(&follow->alerts, ALERT_CONTACT, false, domain_of(follow),
          follow->once ? "the source has ended too early" : "the source has ended: it is started again");
    return END_CONTACT;
}

enum end listen_to_source(struct follow *follow)
{
    int64_t heard = clock_now();
    enum end end = END_CONTACT;

    for (;;) {
        switch (source_wait(&follow->source, heard + SILENCE * MILLISECOND)) {
        case WAITED_BYTES:
            follow->alive = false;
            if (!hear_all(follow, &end)) {
                source_stop(&follow->source, false);
                return end;
            }
            if (follow->alive)
                heard = clock_now();
            break;
        case WAITED_SILENT:
            source_stop(&follow->source, false);
            alert(&follow->alerts, ALERT_CONTACT, false, domain_of(follow),
                  follow->once ? "the source was silent for 3.5 seconds"
                               : "the source was silent for 3.5 seconds: it is started again");
            return END_CONTACT;
        case WAITED_END:
        default:
            return hear_end(follow, source_stop(&follow->source, true));
        }
    }
}
