#include "duration.h"

#include <inttypes.h>
#include <stdio.h>

static int64_t unit_seconds(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 24 * 3600;
    case 'w':
        return 7 * 24 * 3600;
    default:
        return 0;
    }
}

bool duration_parse(struct span text, int64_t *seconds)
{
    int64_t unit = text.length > 0 ? unit_seconds(text.at[text.length - 1]) : 0;
    uint64_t number;

    if (unit == 0 || !decimal_parse((struct span){text.at, text.length - 1}, &number) ||
        number > (uint64_t)(DURATION_MAX / unit))
        return false;
    *seconds = (int64_t)number * unit;
    return true;
}

void duration_format(char text[DURATION_TEXT_SIZE], int64_t seconds)
{
    static const char units[] = "dhm";
    char unit = 's';

    for (size_t i = 0; units[i] && unit == 's'; i++)
        if (seconds % unit_seconds(units[i]) == 0)
            unit = units[i];
    snprintf(text, DURATION_TEXT_SIZE, "%" PRId64 "%c", seconds / unit_seconds(unit), unit);
}
