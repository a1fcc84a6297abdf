/* What is wrong, as a text for an admin: how a function of the library says why it has failed. */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>

/* What is wrong. */
struct fault {
    char text[512];
    bool passing; /* it may be over without anything being mended: no memory, an I/O error */
};

/* Both return false, so that a caller can fail with it. */
bool fault_set_passing(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool fault_set(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
