/* How far a point in time is from now, in words. Pure. */
#ifndef PANEL_DISTANCE_H
#define PANEL_DISTANCE_H

#include <stdbool.h>
#include <stdint.h>

enum { DISTANCE_SIZE = 48 };

/* "in 3 days", "5 minutes ago", rounded; time: RFC 3339 in UTC, 2026-11-29T21:57:02Z. False, and "", if it is
 * not that. */
bool distance_text(char text[DISTANCE_SIZE], const char *time, int64_t now);

/* Is it in the future, but before this many seconds from now have passed? */
bool distance_within(const char *time, int64_t now, int64_t seconds);

#endif
