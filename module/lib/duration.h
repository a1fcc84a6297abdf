/* Lengths of time as people write them: "90d". Pure. */
#ifndef DURATION_H
#define DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

#define DURATION_MAX (INT64_C(1000) * 366 * 24 * 3600) /* a thousand years */

/* A whole number with s, m, h, d or w; at most DURATION_MAX seconds. */
bool duration_parse(struct span text, int64_t *seconds);

/* The reverse, in the greatest unit that leaves no remainder: 90d, 36h. */
enum { DURATION_TEXT_SIZE = 24 };
void duration_format(char text[DURATION_TEXT_SIZE], int64_t seconds);

#endif
