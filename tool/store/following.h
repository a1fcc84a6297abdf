/*
 * Writes what a source says into this host's store, byte for byte, and where a compaction is due, the same
 * file that the source has.
 *
 * It MUST write only what incoming.h has accepted, under the lock, and only if the store still ends where it
 * ended when that was judged. What is not yet judged may be lost at any moment: the source is asked again.
 */
#ifndef FOLLOWING_H
#define FOLLOWING_H

#include "contact.h"
#include "store/incoming.h"
#include "store/log.h"
#include "store/newfile.h"
#include "store/numbered.h"

struct following {
    const struct session *session;
    struct storefile storefile;
    int directory, store; /* descriptors; -1: there is no store yet */
    struct numbered numbered;
    struct incoming incoming;
    struct log log;
    bool appending;         /* log is begun: following_flush() */
    bool doubtful;          /* a sync failed, so nobody knows what the disk has of the last line */
    struct identity synced; /* the store, when it was made durable here */
    struct newfile file;
    bool filing;       /* file is begun */
    struct fault lost; /* revocations that a higher epoch, which was taken, has not; "": none */
    struct contact contact;
    int64_t contact_noted; /* when that was written, on the monotonic clock */
};

/* Look at this host's store. Again after each failure: what was judged before does not count any more. After
 * STATUS_DONE or a failure, following_end() is called. Before the first time, all bytes are 0. */
enum status following_begin(struct following *following, const struct session *session, struct fault *fault);
void following_end(struct following *following);

/*
 * Do what incoming_judge() has said of this line. before: where this host's log ended before it was judged.
 * STATUS_NO: the store was changed by somebody else; begin anew. STATUS_NOT_FOUND: this host's snapshot is
 * another than the source's, or could not be written, and the file must be fetched. If incoming.trouble is
 * set, the file that came cannot be taken. STATUS_DAMAGED, STATUS_NOT_PERMITTED, STATUS_LOCKED: so is this
 * host's store. Else the disk failed.
 */
enum status following_take(struct following *following, enum incoming_verdict verdict, struct span line,
                           const struct position *before, struct fault *fault);

/* Look at this host's store again, which somebody else has changed: what was judged before is judged anew. */
enum status following_again(struct following *following, struct fault *fault);

/* Make durable what was appended, and release the lock. */
enum status following_flush(struct following *following, struct fault *fault);

/* Put a file that is whole in the store's place. What it disagrees with is in incoming.trouble. */
enum status following_install(struct following *following, struct fault *fault);

/* Note in DOMAIN.contact how things stand, at most once a second while nothing changes. */
void following_note(struct following *following, const char *state);

#endif
