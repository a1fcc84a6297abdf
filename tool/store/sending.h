/*
 * Sends a store's log to whoever follows it, in the language of incoming.h.
 *
 * It MUST NOT send a line before the disk has it: after a power cut the writer would write another line of
 * that number, and all who follow it would have a fork. It reads only, without the lock. Each line is proved
 * before it is sent, so damage here stays here.
 *
 * It waits by inotify(7): a line is on its way at once, and while nothing happens it wakes once a second.
 * Where that cannot be had (a user may have 128 of them by default, and the user of a forced command has one
 * for each follower) it looks every 20 ms.
 */
#ifndef SENDING_H
#define SENDING_H

#include "caller/session.h"
#include "store/head.h"

struct sending {
    const struct session *session;
    bool follow;           /* go on as lines come */
    bool until_stdin_ends; /* end then */
    bool has_head;
    struct expected_head head; /* all that the other side has */
};

/* Prints what is wrong. STATUS_NO: the log does not contain the HEAD. */
enum status send_log(const struct sending *sending);

#endif
