#include "store.h"

#include <errno.h>
#include <fcntl.h>

int store_open(struct place *place, const struct session *session, struct stat *status_of_file,
               enum status *status)
{
    struct fault fault;
    int fd;

    place_of_store(place, session->config.store_dir, session->domain->name);
    fd = place_open(place, O_RDONLY, status_of_file, &fault);
    *status = fd >= 0 ? STATUS_DONE
                      : fail(status_of(errno), "%s/%s: %s", place->directory, place->name, fault.text);
    return fd;
}

enum status store_unproved(const struct place *place, const struct fault *fault)
{
    return fail(fault->passing ? STATUS_IO : STATUS_DAMAGED, "%s/%s: %s: run `toktab check`",
                place->directory, place->name, fault->text);
}
