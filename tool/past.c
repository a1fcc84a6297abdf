#include "past.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "place.h"

static void add(void *context, const struct event *event)
{
    struct past *past = context;

    if (past->count == past->room) {
        past->room = past->room * 2 + 64;
        past->list = must_have(reallocarray(past->list, past->room, sizeof(*event)));
    }
    past->list[past->count++] = *event;
}

enum status past_read(struct past *past, const struct session *session)
{
    const struct witness witness = {add, past};
    enum status status = STATUS_DONE;
    struct place place;
    struct fault fault = {0};
    struct stat store;
    int fd;

    memset(past, 0, sizeof(*past));
    place_of_store(&place, session->config.store_dir, session->domain->name);
    fd = place_open(&place, O_RDONLY, &store, &fault);
    if (fd < 0)
        return fail(status_of(errno), "%s/%s: %s", place.directory, place.name, fault.text);
    if (!prove(&past->proof, fd, session->domain->name, NULL, &witness, &fault))
        status = fail(fault.passing ? STATUS_IO : STATUS_DAMAGED, "%s/%s: %s: run `toktab check`",
                      place.directory, place.name, fault.text);
    close(fd);
    return status;
}

void past_free(struct past *past)
{
    proof_free(&past->proof);
    free(past->list);
}
