/* Lengths of time as people write them: "90d". Pure. */
#ifndef DURATION_H
#define DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

#define DURATION_MAX (INT64_C(1000) * 366 * 24 * 3600) /* a thousand years */

/* A whole number with s, m, h, d or w; at most DURATION_MAX seconds. */
bool duration_parse(struct span text, int64_t *seconds);

#endif
