/* Alerts of a process that runs on and on: to stderr and to the system's log, each at most once a minute. */
#ifndef ALERT_H
#define ALERT_H

#include <stdbool.h>
#include <stdint.h>

enum { ALERT_KINDS = 16 };

struct alerts {
    int64_t said[ALERT_KINDS]; /* when each was last said, on the monotonic clock; 0: never */
};

/* Say that a domain's store is in trouble of that kind, below ALERT_KINDS. urgent: somebody must do
 * something: LOG_ALERT, else LOG_WARNING. */
void alert(struct alerts *alerts, unsigned kind, bool urgent, const char *domain, const char *text);

#endif
