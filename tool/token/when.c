#include "token/when.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "duration.h"

static const char form[] =
    "not a time: give a whole number with s, m, h, d or w (90d), a date (2027-01-31), a date and time "
    "(2027-01-31T12:00), or never";

/* Take a number of exactly that many digits off the front of *text. */
static bool take_digits(const char **text, int digits, int *number)
{
    *number = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*text)[i];

        if (c < '0' || c > '9')
            return false;
        *number = *number * 10 + (c - '0');
    }
    *text += digits;
    return true;
}

static bool take_character(const char **text, char wanted)
{
    if (**text != wanted)
        return false;
    ++*text;
    return true;
}

/* "Z" or an offset like "+01:00"; without either, the local zone. */
static bool take_zone(const char **text, bool *local, int *offset)
{
    int hours, minutes, sign = **text == '-' ? -1 : 1;

    *offset = 0;
    *local = **text == '\0';
    if (*local || take_character(text, 'Z'))
        return true;
    if ((!take_character(text, '+') && !take_character(text, '-')) || !take_digits(text, 2, &hours) ||
        hours > 14)
        return false;
    take_character(text, ':');
    if (!take_digits(text, 2, &minutes) || minutes > 59)
        return false;
    *offset = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* "T12:00", perhaps with seconds, and the zone. */
static bool take_time(const char **text, struct tm *parts, bool *local, int *offset)
{
    if (!take_character(text, 'T') || !take_digits(text, 2, &parts->tm_hour) || !take_character(text, ':') ||
        !take_digits(text, 2, &parts->tm_min))
        return false;
    if (take_character(text, ':') && !take_digits(text, 2, &parts->tm_sec))
        return false;
    return take_zone(text, local, offset);
}

static const char no_such_day[] = "no such day";

/* mktime(3) turns a day that does not exist into another: 29 February becomes 1 March. */
static bool same_date(const struct tm *a, const struct tm *b)
{
    return a->tm_year == b->tm_year && a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday;
}

/* Returns NULL, or what is wrong. */
static const char *date_parse(const char *text, int64_t *when)
{
    struct tm parts = {.tm_isdst = -1}, made;
    int year, month, offset = 0;
    bool local = true;

    if (!take_digits(&text, 4, &year) || !take_character(&text, '-') || !take_digits(&text, 2, &month) ||
        !take_character(&text, '-') || !take_digits(&text, 2, &parts.tm_mday))
        return form;
    if (*text != '\0' && !take_time(&text, &parts, &local, &offset))
        return form;
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    made = parts;
    *when = (int64_t)(local ? mktime(&made) : timegm(&made)) - offset;
    if (*text != '\0' || parts.tm_hour >= 24 || parts.tm_min >= 60 || parts.tm_sec >= 60)
        return form;
    return same_date(&parts, &made) ? NULL : no_such_day;
}

const char *when_parse(const char *text, int64_t now, int64_t *when)
{
    const char *wrong = NULL;
    int64_t seconds;

    if (strcmp(text, "never") == 0) {
        *when = TIME_NEVER;
        return NULL;
    }
    if (duration_parse(span_of(text), &seconds))
        *when = now + seconds;
    else
        wrong = date_parse(text, when);
    if (wrong)
        return wrong;
    return *when > now ? NULL : "not in the future";
}

void when_format_utc(char text[WHEN_SIZE], int64_t when)
{
    time_t seconds = (time_t)when;
    struct tm parts;

    if (!gmtime_r(&seconds, &parts) || strftime(text, WHEN_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(text, WHEN_SIZE, "%" PRId64, when);
}

void when_format_local(char text[WHEN_SIZE], int64_t when)
{
    time_t seconds = (time_t)when;
    struct tm parts;

    if (when == TIME_NEVER)
        strcpy(text, "never");
    else if (!localtime_r(&seconds, &parts) || strftime(text, WHEN_SIZE, "%Y-%m-%d %H:%M %Z", &parts) == 0)
        snprintf(text, WHEN_SIZE, "%" PRId64, when);
}

/* "3d": in the greatest unit that fits at least twice. */
static void format_length(char *text, size_t size, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;

    while (i + 1 < sizeof(units) / sizeof(units[0]) && seconds < 2 * units[i].seconds)
        i++;
    snprintf(text, size, "%" PRId64 "%c", seconds / units[i].seconds, units[i].letter);
}

void when_format_distance(char text[WHEN_SIZE / 2], int64_t when, int64_t now)
{
    char length[32];

    format_length(length, sizeof(length), when > now ? when - now : now - when);
    if (when == TIME_NEVER)
        strcpy(text, "never");
    else
        snprintf(text, WHEN_SIZE / 2, when > now ? "in %s" : "%s ago", length);
}
