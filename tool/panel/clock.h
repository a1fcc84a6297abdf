/* A clock that nobody sets. */
#ifndef PANEL_CLOCK_H
#define PANEL_CLOCK_H

#include <stdint.h>

/* Milliseconds since some time before the process began. */
int64_t clock_now(void);

#endif
