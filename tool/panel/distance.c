#include "panel/distance.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "terminal/say.h"

enum { AMOUNT_SIZE = DISTANCE_SIZE - sizeof(" ago") };

static bool seconds_until(const char *time, int64_t now, int64_t *seconds)
{
    struct tm parts = {0};
    const char *end = strptime(time, "%Y-%m-%dT%H:%M:%SZ", &parts);

    if (!end || *end)
        return false;
    *seconds = (int64_t)timegm(&parts) - now;
    return true;
}

/* In the largest unit of which it is at least two: rounding changes little then. */
static void put_amount(char text[AMOUNT_SIZE], int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{24 * 60 * 60, "day"}, {60 * 60, "hour"}, {60, "minute"}};
    size_t i = 0;
    int64_t count;

    while (i < 2 && seconds < 2 * units[i].seconds)
        i++;
    count = (seconds + units[i].seconds / 2) / units[i].seconds;
    if (seconds < units[i].seconds)
        snprintf(text, AMOUNT_SIZE, "less than a minute");
    else
        snprintf(text, AMOUNT_SIZE, "%" PRId64 " %s%s", count, units[i].name, plural((uint64_t)count));
}

bool distance_text(char text[DISTANCE_SIZE], const char *time, int64_t now)
{
    char amount[AMOUNT_SIZE];
    int64_t seconds;

    text[0] = '\0';
    if (!seconds_until(time, now, &seconds))
        return false;
    put_amount(amount, seconds < 0 ? -seconds : seconds);
    snprintf(text, DISTANCE_SIZE, seconds > 0 ? "in %s" : "%s ago", amount);
    return true;
}

bool distance_within(const char *time, int64_t now, int64_t seconds)
{
    int64_t until;

    return seconds_until(time, now, &until) && until > 0 && until < seconds;
}
