#include "past.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"
#include "store.h"

static void add(void *context, const struct event *event)
{
    struct past *past = context;

    progress_witness.see(NULL, event);
    if (past->count == past->room) {
        past->room = past->room * 2 + 64;
        past->list = must_have(reallocarray(past->list, past->room, sizeof(*event)));
    }
    past->list[past->count++] = *event;
}

enum status past_read(struct past *past, const struct session *session)
{
    const struct witness witness = {add, past};
    enum status status;
    struct place place;
    struct fault fault = {0};
    struct stat store;
    bool proved;
    int fd;

    memset(past, 0, sizeof(*past));
    fd = store_open(&place, session, &store, &status);
    if (fd < 0)
        return status;
    proved = prove(&past->proof, fd, session->domain->name, NULL, &witness, &fault);
    progress_clear();
    if (!proved)
        status = store_unproved(&place, &fault);
    close(fd);
    return status;
}

void past_free(struct past *past)
{
    proof_free(&past->proof);
    free(past->list);
}
