/* Why a function of the library has failed, as a text for an admin. */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>

struct fault {
    char text[512];
    bool passing; /* it may go away by itself: out of memory, an I/O error */
};

/* Both return false, so that a caller can return it. */
bool fault_set_passing(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool fault_set(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append to its text, such as what to do about it. */
void fault_add(struct fault *fault, const char *more);

#endif
