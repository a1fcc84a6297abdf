/* Times as people write and read them. Pure, except for the local zone. */
#ifndef WHEN_H
#define WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "record.h"

enum { WHEN_SIZE = 96 };

/*
 * Parse a future time: "90d", "12h" … from now; "2027-01-31" (the start of that day) or
 * "2027-01-31T12:00[:30]", local, or with Z, UTC or an offset like +01:00; what when_format_local() writes;
 * "never", which is TIME_NEVER. Of a local time that exists twice, it is the earlier, unless the zone's
 * abbreviation is given. False with fault: bad, not in the future, or a local time that clocks skip.
 */
bool when_parse(const char *text, int64_t now, int64_t *when, struct fault *fault);

/* RFC 3339, UTC: 2027-01-31T11:00:00Z. */
void when_format_utc(char text[WHEN_SIZE], int64_t when);

/* For a person: local time with its zone; "never" for TIME_NEVER. */
void when_format_local(char text[WHEN_SIZE], int64_t when);

/* The distance from now, rounded: "in 3d", "2h ago"; "never" for TIME_NEVER. */
void when_format_distance(char text[WHEN_SIZE / 2], int64_t when, int64_t now);

#endif
