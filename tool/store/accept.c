#include "store/accept.h"

#include "store/agree.h"
#include "store/apart.h"

/* What programs would refuse is refused here too. */
static enum status check_snapshot(struct incoming *incoming, int file, struct fault *fault)
{
    const struct agree alone = {incoming->domain, -1, file, false};
    enum status status = incoming->file.header.lines > 0 ? apart(agree_snapshot, &alone, fault) : STATUS_DONE;
    struct fault what;

    if (status != STATUS_DAMAGED)
        return status;
    what = *fault;
    incoming->trouble = TROUBLE_GARBAGE;
    fault_set(fault, "the source sends a file that programs would refuse: %s", what.text);
    return status;
}

enum status accept_file(struct incoming *incoming, const struct storefile *storefile, int store, int file,
                        struct fault *lost, struct fault *fault)
{
    const bool higher = incoming->has_store && incoming->file.header.epoch > incoming->mine.header.epoch;
    const struct agree both = {incoming->domain, store, file, !higher};
    enum status status = check_snapshot(incoming, file, fault);
    struct fault what;

    if (status != STATUS_DONE || (!higher && !incoming_file_beyond(incoming)))
        return status;
    status = apart(agree, &both, fault);
    if (status == STATUS_DONE || (status == STATUS_IO && !higher))
        return status;
    what = *fault;
    if (higher) { /* it is taken whatever this host had */
        if (status == STATUS_NO)
            *lost = what;
        return STATUS_DONE;
    }
    if (status == STATUS_NO) {
        incoming->trouble = TROUBLE_FORK;
        fault_set(fault,
                  "fork: the source's file does not stand for this host's log: %s: run `toktab mend` on the "
                  "writer, whose log then counts, or `toktab promote` here",
                  what.text);
    } else {
        incoming->trouble = TROUBLE_OWN;
        fault_set(fault, "%s/%s: %s; or move it away, and it is fetched anew", storefile->directory,
                  storefile->name, what.text);
    }
    return status;
}
