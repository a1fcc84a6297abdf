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

/* What is wrong. */
struct fault {
    char text[512];
    bool passing; /* it may be over without anything being mended: no memory, an I/O error */
};

/* Both return false, so that a caller can fail with it. */
bool fault_set_passing(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool fault_set(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
