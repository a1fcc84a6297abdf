#include "store/agree.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "load.h"
#include "record.h"

enum { LINE_SIZE_USUAL = 200 }; /* for the first size of the index */

struct side {
    struct progress progress;
    struct index index;
};

static bool read_side(struct side *side, int fd, const char *domain, const struct known *known,
                      struct fault *fault)
{
    const struct loading loading = {.progress = &side->progress,
                                    .fd = fd,
                                    .index = &side->index,
                                    .grow = true,
                                    .known = *known,
                                    .fault = fault};
    struct stat status;

    if (fstat(fd, &status) < 0)
        return fault_set_passing(fault, "cannot be read: %s", strerror(errno));
    if (!index_make(&side->index, (size_t)status.st_size / LINE_SIZE_USUAL))
        return fault_set_passing(fault, "out of memory");
    return load_header(&side->progress, fd, domain, fault) && load_lines(&loading, (uint64_t)status.st_size);
}

/* Tokens that are revoked here, and not there. */
struct revived {
    const struct index *theirs;
    size_t count;
    char id[ID_LENGTH + 1]; /* of one */
};

/* For index_each(), of our tokens. */
static void find_revived(void *context, const char *id)
{
    struct revived *revived = context;
    const char *there = line_revoked(id) ? index_find(revived->theirs, id) : NULL;

    if (!there || line_revoked(there))
        return;
    revived->count++;
    memcpy(revived->id, id, ID_LENGTH);
}

static enum status compare(const struct side *ours, const struct side *theirs, struct fault *fault)
{
    struct revived revived = {.theirs = &theirs->index};

    index_each(&ours->index, find_revived, &revived);
    if (revived.count == 0)
        return STATUS_DONE;
    fault_set(fault, "%zu token%s revoked here and not there, such as %s", revived.count,
              revived.count == 1 ? " is" : "s are", revived.id);
    return STATUS_NO;
}

enum status agree(const void *context, struct fault *fault)
{
    const struct agree *agree = context;
    struct side ours = {0}, theirs = {0};
    struct known known = {0};
    enum status status = STATUS_DONE;

    if (!read_side(&ours, agree->store, agree->domain, &known, fault) &&
        (agree->same_epoch || fault->passing))
        status = fault->passing ? STATUS_IO : STATUS_DAMAGED;
    if (agree->same_epoch)
        known = (struct known){ours.progress.chain.at, &ours.index};
    if (status == STATUS_DONE && !read_side(&theirs, agree->file, agree->domain, &known, fault))
        status = fault->passing ? STATUS_IO : agree->same_epoch ? STATUS_NO : STATUS_DAMAGED;
    if (status == STATUS_DONE)
        status = compare(&ours, &theirs, fault);
    index_free(&ours.index);
    index_free(&theirs.index);
    return status;
}
