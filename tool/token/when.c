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

/* "T12:00", perhaps with seconds, then "Z" or an offset like "+01:00"; without either, the local zone. */
static bool take_time(const char **text, struct tm *parts, bool *local, int *offset)
{
    int hours, minutes, sign;

    if (!take_character(text, 'T') || !take_digits(text, 2, &parts->tm_hour) || !take_character(text, ':') ||
        !take_digits(text, 2, &parts->tm_min))
        return false;
    if (take_character(text, ':') && !take_digits(text, 2, &parts->tm_sec))
        return false;
    *local = **text == '\0';
    if (*local || take_character(text, 'Z'))
        return true;
    sign = **text == '-' ? -1 : 1;
    if ((!take_character(text, '+') && !take_character(text, '-')) || !take_digits(text, 2, &hours) ||
        hours > 14)
        return false;
    take_character(text, ':');
    if (!take_digits(text, 2, &minutes) || minutes > 59)
        return false;
    *offset = sign * (hours * 3600 + minutes * 60);
    return true;
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
    /* mktime(3) turns a day that does not exist into another: 29 February becomes 1 March */
    return parts.tm_year == made.tm_year && parts.tm_mon == made.tm_mon && parts.tm_mday == made.tm_mday
               ? NULL
               : "no such day";
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

void when_format_distance(char text[WHEN_SIZE / 2], int64_t when, int64_t now)
{
    static const struct {
        int64_t seconds;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    int64_t seconds = when > now ? when - now : now - when;
    size_t i = 0;

    if (when == TIME_NEVER) {
        strcpy(text, "never");
        return;
    }
    /* in the greatest unit that fits at least twice */
    while (i + 1 < sizeof(units) / sizeof(units[0]) && seconds < 2 * units[i].seconds)
        i++;
    snprintf(text, WHEN_SIZE / 2, when > now ? "in %" PRId64 "%c" : "%" PRId64 "%c ago",
             seconds / units[i].seconds, units[i].letter);
}
