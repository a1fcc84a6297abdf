/*
 * Sends a store's log to whoever follows it, in the language of incoming.h.
 *
 * It MUST NOT send a line before the disk has it: after a power cut the writer would write another line of
 * that number, and all who follow it would have a fork. It reads only, without the lock. Each line is proved
 * before it is sent, so damage here stays here.
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
