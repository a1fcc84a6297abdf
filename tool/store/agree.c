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

struct revived {
    const struct index *theirs;
    char id[ID_LENGTH + 1]; /* of a token that is revoked here, and not there; "": none */
};

/* For index_each(), of our tokens. Within an epoch nothing brings a revoked token back. */
static void find_revived(void *context, const char *id)
{
    struct revived *revived = context;
    const char *there = line_revoked(id) ? index_find(revived->theirs, id) : NULL;

    if (there && !line_revoked(there))
        memcpy(revived->id, id, ID_LENGTH);
}

static enum status compare(const struct side *ours, const struct side *theirs, struct fault *fault)
{
    struct revived revived = {.theirs = &theirs->index};

    index_each(&ours->index, find_revived, &revived);
    if (revived.id[0] == '\0')
        return STATUS_DONE;
    fault_set(fault, "token %s is revoked here, and not there", revived.id);
    return STATUS_NO;
}

enum status agree(const void *context, struct fault *fault)
{
    const struct agree *agree = context;
    struct side ours = {0}, theirs = {0};
    enum status status = STATUS_DONE;

    if (!read_side(&ours, agree->store, agree->domain, &(struct known){0}, fault))
        status = fault->passing ? STATUS_IO : STATUS_DAMAGED;
    else if (!read_side(&theirs, agree->file, agree->domain,
                        &(struct known){ours.progress.chain.at, &ours.index}, fault))
        status = fault->passing ? STATUS_IO : STATUS_NO;
    else
        status = compare(&ours, &theirs, fault);
    index_free(&ours.index);
    index_free(&theirs.index);
    return status;
}
