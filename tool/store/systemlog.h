/*
 * Writes to the system's log as syslog(3) does, under "toktab" with LOG_AUTHPRIV, but waits for whoever reads
 * the log only for as long as the caller says, and needs neither memory nor a thread for it: a reader that
 * has stopped holds up no revocation, and no limit of memory or processes keeps a change out of the log.
 */
#ifndef SYSTEMLOG_H
#define SYSTEMLOG_H

#include <stdbool.h>
#include <stdint.h>

struct systemlog {
    int fd; /* -1: not open */
    bool stream;
};

enum written { WRITTEN, WRITTEN_NOWHERE, WRITTEN_FAILED };

/* Before the first line. */
void systemlog_begin(struct systemlog *log);

/*
 * Write one line: first, then text. priority: LOG_NOTICE and the like. until: how long to wait, on the
 * monotonic clock. WRITTEN_NOWHERE: there is no system's log. WRITTEN_FAILED: it takes nothing, or cannot be
 * reached.
 */
enum written systemlog_line(struct systemlog *log, int priority, const char *first, const char *text,
                            int64_t until);

void systemlog_end(struct systemlog *log);

#endif
