/* Messages of the library for an admin; the host chooses where they go. */
#ifndef NOTICE_H
#define NOTICE_H

#include <stdbool.h>

struct notice {
    void (*write)(void *context, int priority, const char *message); /* NULL: syslog */
    void *context;
};

/* One line. priority as in syslog(3). */
void notice_say(const struct notice *notice, int priority, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
