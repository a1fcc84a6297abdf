#include "store/sending.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "freshness.h"
#include "load.h"
#include "store/lines.h"
#include "store/place.h"
#include "store/tip.h"
#include "store/watch.h"
#include "terminal/output.h"

enum { OUT_SIZE = 64 * 1024 };

struct sender {
    const struct sending *sending;
    struct storefile storefile;
    int fd, watch;
    struct identity seen; /* of the file when it was last read */
    uint64_t synced;      /* the disk has it up to there */
    struct lines lines;
    bool has_head, placed;
    struct expected_head head; /* what the other side has, while it has no place in this file */
    struct tip tip;            /* of this file, meanwhile */
    struct chain chain;        /* at the last line sent */
    uint64_t offset;           /* after it */
    bool lf_due;               /* which lacked its LF here, and was sent with it */
    int64_t beat;              /* when =HEAD was last said */
    size_t pending;
    char out[OUT_SIZE];
};

/* ---- output ---- */

static bool flush(struct sender *sender)
{
    size_t length = sender->pending;

    sender->pending = 0;
    return output_write(sender->out, length);
}

static bool emit(struct sender *sender, const char *bytes, size_t length)
{
    if (length > OUT_SIZE - sender->pending && !flush(sender))
        return false;
    memcpy(sender->out + sender->pending, bytes, length);
    sender->pending += length;
    return true;
}

/* Nobody listens any more: that is how following ends. */
static enum status unwritable(const struct sender *sender)
{
    return sender->sending->follow && errno == EPIPE ? STATUS_DONE : output_failed();
}

static bool say_head(struct sender *sender)
{
    const struct chain *chain = sender->placed ? &sender->chain : &sender->tip.chain;
    char head[HEAD_SIZE], line[HEAD_SIZE + 2];

    head_format(head, chain->header.epoch, chain->at.n, chain->at.chain);
    snprintf(line, sizeof(line), "=%s\n", head);
    sender->beat = clock_now();
    return emit(sender, line, strlen(line)) && flush(sender);
}

/* ---- where to begin ---- */

static enum status damaged(const struct sender *sender, const char *what)
{
    return fail(STATUS_DAMAGED, "%s/%s: %s: run `toktab check`", sender->storefile.directory,
                sender->storefile.name, what);
}

static enum status unreadable(const struct sender *sender)
{
    return fail(STATUS_IO, "%s/%s: cannot be read: %s", sender->storefile.directory, sender->storefile.name,
                strerror(errno));
}

/* The other side sees from the header whether it is the same store at all. */
static enum status say_fork(struct sender *sender, const char *header, size_t length)
{
    if (!emit(sender, header, length) || !emit(sender, "!fork\n", 6) || !flush(sender))
        return unwritable(sender);
    return fail(STATUS_NO, "%s/%s: the log does not contain this HEAD: line n=%" PRIu64 " is another",
                sender->storefile.directory, sender->storefile.name, sender->head.n);
}

/* Find the place in the file that is open, and send the header if it is the start. */
static enum status place(struct sender *sender)
{
    char text[LINE_SIZE_MAX];
    ssize_t got = read_at(sender->fd, text, sizeof(text), 0);
    const char *lf = got > 0 ? memchr(text, '\n', (size_t)got) : NULL;
    size_t length = lf ? (size_t)(lf - text) + 1 : 0;
    const char *wrong = lf ? chain_begin(&sender->chain, sender->sending->session->domain->name, text, length)
                           : "this is not a toktab store";
    enum place found;

    if (got < 0)
        return unreadable(sender);
    sender->placed = false;
    if (wrong)
        return damaged(sender, wrong);
    sender->offset = length;
    found = place_find(&sender->chain, sender->fd, sender->has_head ? &sender->head : NULL, &sender->offset);
    sender->lf_due = found == PLACE_END;
    switch (found) {
    case PLACE_HERE:
    case PLACE_END:
        sender->placed = true;
        if (sender->offset > 0)
            return STATUS_DONE;
        sender->offset = length;
        return emit(sender, text, length) ? STATUS_DONE : unwritable(sender);
    case PLACE_BEYOND:
        if (sender->sending->follow)
            return STATUS_DONE;
        if (!emit(sender, "!behind\n", 8) || !flush(sender))
            return unwritable(sender);
        return fail(STATUS_NO, "%s/%s: the log ends before this HEAD", sender->storefile.directory,
                    sender->storefile.name);
    case PLACE_FORK:
        return say_fork(sender, text, length);
    case PLACE_ERROR:
        return unreadable(sender);
    case PLACE_DAMAGE:
    default:
        return damaged(sender, "the line of this HEAD is damaged or missing");
    }
}

/* What the other side has, for another file. */
static void note_head(struct sender *sender)
{
    if (!sender->placed || sender->chain.bytes_left > 0) /* half a file is nothing */
        return;
    sender->has_head = true;
    sender->head.epoch = sender->chain.header.epoch;
    sender->head.n = sender->chain.at.n;
    memcpy(sender->head.chain, sender->chain.at.chain, CHAIN_SIZE);
}

static enum status open_store(struct sender *sender)
{
    struct stat store;
    enum status status;

    if (sender->fd >= 0)
        close(sender->fd);
    sender->fd = session_open_store(&sender->storefile, sender->sending->session, &store, &status);
    if (sender->fd < 0)
        return status == STATUS_DONE ? STATUS_IO : status;
    sender->seen = (struct identity){0};
    sender->synced = 0;
    if (sender->watch >= 0)
        close(sender->watch);
    sender->watch = sender->sending->follow ? watch_file(sender->fd) : -1;
    return place(sender);
}

/* ---- lines ---- */

static const char no_read[] = "it cannot be read";

/* What follows the last whole line, up to size. *wrong: NULL, or what is wrong. */
static bool send_rest(struct sender *sender, uint64_t size, const char **wrong)
{
    char bytes[REST_SIZE_MAX + 2];
    uint64_t left = size > sender->offset ? size - sender->offset : 0;
    size_t length, most = left < REST_SIZE_MAX + 1 ? (size_t)left : REST_SIZE_MAX + 1;
    ssize_t got = read_at(sender->fd, bytes, most, sender->offset);
    struct line line;

    *wrong = got < 0 ? no_read : NULL;
    if (got <= 0)
        return true;
    switch (chain_rest(&sender->chain, bytes, (size_t)got, sender->offset, &length)) {
    case REST_LINE:
        bytes[length] = '\n';
        chain_line(&sender->chain, &line, bytes, length + 1);
        sender->offset += length;
        sender->lf_due = true;
        return emit(sender, bytes, length + 1);
    case REST_NONE:
    case REST_TORN:
    case REST_UNSYNCED:
        return true;
    case REST_DAMAGE:
    default:
        *wrong = "it is damaged";
        return true;
    }
}

static bool send_lines(struct sender *sender, uint64_t size, const char **wrong)
{
    struct lines *lines = &sender->lines;
    const char *text;
    size_t length;
    struct line line;
    char byte;

    *wrong = NULL;
    if (sender->lf_due) {
        if (pread(sender->fd, &byte, 1, (off_t)sender->offset) != 1 || byte != '\n')
            return true;
        sender->lf_due = false;
        sender->offset++;
    }
    lines->fd = sender->fd;
    lines->offset = sender->offset;
    lines->start = lines->end = 0;
    lines->skipping = false;
    while (sender->offset < size && lines_next(lines, &text, &length) == LINES_LINE &&
           lines->offset <= size && !chain_line(&sender->chain, &line, text, length)) {
        sender->offset = lines->offset;
        if (!emit(sender, text, length))
            return false;
    }
    return send_rest(sender, size, wrong);
}

/* What this store has is less than the other side has. */
static enum status read_tip(struct sender *sender)
{
    struct fault fault;
    enum status status = tip_read(&sender->tip, sender->fd, sender->sending->session->domain->name, &fault);

    if (status == STATUS_DONE)
        return status;
    return fail(status, "%s/%s: %s", sender->storefile.directory, sender->storefile.name, fault.text);
}

/* Send what the file has beyond what was sent. The disk must have it first. */
static enum status send_new(struct sender *sender)
{
    const char *wrong = NULL;
    struct stat status;

    for (int look = 0; look < 2; look++) { /* a writer may just have cut off an unfinished line: look again */
        if (fstat(sender->fd, &status) < 0)
            return fail(STATUS_IO, "%s/%s: %s", sender->storefile.directory, sender->storefile.name,
                        strerror(errno));
        sender->seen = identity_of(&status);
        if (!sender->placed)
            return read_tip(sender);
        if ((uint64_t)status.st_size > sender->synced && fdatasync(sender->fd) < 0 && errno != EROFS &&
            errno != EINVAL)
            return fail(STATUS_IO, "%s/%s: the disk failed: %s", sender->storefile.directory,
                        sender->storefile.name, strerror(errno));
        sender->synced = (uint64_t)status.st_size;
        if (!send_lines(sender, sender->synced, &wrong) || !flush(sender))
            return unwritable(sender);
        wrong = wrong ? wrong : chain_end(&sender->chain);
        if (!wrong)
            return STATUS_DONE;
    }
    return wrong == no_read
               ? fail(STATUS_IO, "%s/%s: %s", sender->storefile.directory, sender->storefile.name, wrong)
               : damaged(sender, wrong);
}

/* ---- as time goes by ---- */

/* Has another file come into the store's place? */
static bool is_replaced(struct sender *sender)
{
    struct stat store, directory;
    struct fault fault;
    struct identity there;

    if (!storefile_look(&sender->storefile, &store, &directory, &fault))
        return true; /* opening it will say why */
    there = identity_of(&store);
    return !identity_same_file(&there, &sender->seen) || there.size < sender->offset;
}

/* Send what is new, from another file too. */
static enum status look(struct sender *sender)
{
    enum status status = sender->placed ? STATUS_DONE : place(sender);

    if (status == STATUS_DONE)
        status = send_new(sender);
    if (status != STATUS_DONE || !is_replaced(sender))
        return status;
    if (sender->seen.size >= sender->offset)
        status = send_new(sender); /* to its end: appends and renames share the lock */
    if (status != STATUS_DONE)
        return status;
    note_head(sender);
    status = open_store(sender);
    return status == STATUS_DONE ? send_new(sender) : status;
}

static bool has_changed(const struct sender *sender)
{
    struct identity now;
    struct stat status;

    if (fstat(sender->fd, &status) < 0)
        return true;
    now = identity_of(&status);
    return !identity_equal(&now, &sender->seen);
}

static enum status go_on(struct sender *sender)
{
    enum status status = STATUS_DONE;
    bool due = true;

    while (status == STATUS_DONE) {
        if (due && !say_head(sender))
            return unwritable(sender);
        if (!watch_wait(sender->watch, sender->sending->until_stdin_ends ? STDIN_FILENO : -1,
                        sender->beat + SECOND))
            return STATUS_DONE;
        due = clock_now() >= sender->beat + SECOND;
        if (!due && !has_changed(sender))
            continue;
        status = look(sender);
        due = true;
    }
    return status;
}

enum status send_log(const struct sending *sending)
{
    struct sender *sender = must_have(calloc(1, sizeof(*sender)));
    enum status status;

    sender->sending = sending;
    sender->fd = sender->watch = -1;
    sender->has_head = sending->has_head;
    sender->head = sending->head;
    lines_make(&sender->lines, -1, 0);
    status = open_store(sender);
    if (status == STATUS_DONE)
        status = send_new(sender);
    if (status == STATUS_DONE && sending->follow)
        status = go_on(sender);
    /* what is wrong here is no fork, and the other side should not wait for more */
    if (sending->follow && status != STATUS_DONE && status != STATUS_NO && emit(sender, "!unavailable\n", 13))
        flush(sender);
    if (sender->watch >= 0)
        close(sender->watch);
    if (sender->fd >= 0)
        close(sender->fd);
    lines_free(&sender->lines);
    free(sender);
    return status;
}
