/* What the library has to tell an admin, to wherever the host wants it. */
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
