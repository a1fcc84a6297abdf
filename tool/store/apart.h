/* Does work in a process of its own, which takes the memory with it that a large store needs. */
#ifndef APART_H
#define APART_H

#include "fault.h"
#include "terminal/say.h"

/* Call work(context, fault) there, and wait for it. Returns what it returned; STATUS_IO with fault if that
 * process could not be made, ran out of memory, or was killed. work must not print, and neither it nor what
 * it calls may rely on threads. */
enum status apart(enum status (*work)(const void *context, struct fault *fault), const void *context,
                  struct fault *fault);

#endif
