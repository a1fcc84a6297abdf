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

/* A date, or a date and a time, as people write it. */
struct written {
    struct tm parts;
    bool whole_day;   /* no time of day */
    const char *zone; /* its abbreviation; NULL: none, or an offset is given */
    bool offset_given;
    int64_t offset;
};

/* "Z", "UTC", an offset like "+01:00", "+0100" or "+01", or the abbreviation of the local zone; perhaps after
 * a blank. "": the local zone. */
static bool take_zone(const char *text, struct written *written)
{
    int hours, minutes = 0, sign;

    if (*text == '\0')
        return true;
    if (*text == ' ')
        text++;
    sign = *text == '-' ? -1 : 1;
    if (take_character(&text, '+') || take_character(&text, '-')) {
        if (!take_digits(&text, 2, &hours) || hours > 14)
            return false;
        if ((take_character(&text, ':') || *text != '\0') && !take_digits(&text, 2, &minutes))
            return false;
        written->offset_given = true;
        written->offset = sign * (hours * 3600 + minutes * 60);
        return *text == '\0' && minutes < 60;
    }
    written->offset_given = strcmp(text, "Z") == 0 || strcmp(text, "UTC") == 0;
    if (!written->offset_given)
        written->zone = text;
    return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0' && *text != '\0';
}

/* "2027-01-31", or with a "T" or a blank before "12:00" or "12:00:30", and perhaps a zone. False: another
 * form. */
static bool take_written(const char *text, struct written *written)
{
    struct tm *parts = &written->parts;
    int year, month;

    *written = (struct written){.whole_day = true};
    if (!take_digits(&text, 4, &year) || !take_character(&text, '-') || !take_digits(&text, 2, &month) ||
        !take_character(&text, '-') || !take_digits(&text, 2, &parts->tm_mday))
        return false;
    parts->tm_year = year - 1900;
    parts->tm_mon = month - 1;
    if (*text == '\0')
        return true;
    written->whole_day = false;
    if ((!take_character(&text, 'T') && !take_character(&text, ' ')) ||
        !take_digits(&text, 2, &parts->tm_hour) || !take_character(&text, ':') ||
        !take_digits(&text, 2, &parts->tm_min) ||
        (take_character(&text, ':') && !take_digits(&text, 2, &parts->tm_sec)))
        return false;
    return parts->tm_hour < 24 && parts->tm_min < 60 && parts->tm_sec < 60 && take_zone(text, written);
}

/* The local time at a moment, and the moment at which a clock set to UTC shows that local time. */
static int64_t local_clock(int64_t when, struct tm *parts)
{
    time_t seconds = (time_t)when;

    return localtime_r(&seconds, parts) ? when + parts->tm_gmtoff : when;
}

/*
 * The moment at which local clocks show what is written, which is clock if clocks were set to UTC. Zones
 * change their offset far less than once in two days, so the offset is that of the day before or of the day
 * after. A time that exists twice is the earlier, unless a zone says which.
 */
static bool local_moment(const struct written *written, int64_t clock, int64_t *when, struct fault *fault)
{
    enum { DAY = 86400 };
    int64_t offsets[2], moments[2];
    bool shown = false;
    struct tm parts;
    char times[2][16];

    offsets[0] = local_clock(clock - DAY, &parts) - (clock - DAY);
    offsets[1] = local_clock(clock + DAY, &parts) - (clock + DAY);
    for (size_t i = 0; i < 2; i++) {
        moments[i] = clock - offsets[i];
        if (local_clock(moments[i], &parts) == clock) {
            shown = true;
            *when = moments[i];
            if (!written->zone || (parts.tm_zone && strcmp(written->zone, parts.tm_zone) == 0))
                return true;
        }
        strftime(times[i], sizeof(times[i]), "%H:%M", &parts);
    }
    if (shown)
        return fault_set(fault,
                         "\"%.15s\" is not the local time zone then: use UTC, or an offset like +02:00",
                         written->zone);
    *when = moments[0]; /* the first moment after the gap, if the gap begins a day */
    if (written->whole_day)
        return true;
    return fault_set(fault, "no such local time, because clocks skip it: give %s or %s", times[1], times[0]);
}

static bool date_parse(const char *text, int64_t *when, struct fault *fault)
{
    struct written written;
    struct tm made;
    int64_t clock;

    if (!take_written(text, &written))
        return fault_set(fault, "%s", form);
    made = written.parts;
    clock = (int64_t)timegm(&made);
    /* timegm(3) turns a day that does not exist into another: 29 February becomes 1 March */
    if (written.parts.tm_year != made.tm_year || written.parts.tm_mon != made.tm_mon ||
        written.parts.tm_mday != made.tm_mday)
        return fault_set(fault, "no such day");
    *when = clock - written.offset;
    return written.offset_given || local_moment(&written, clock, when, fault);
}

bool when_parse(const char *text, int64_t now, int64_t *when, struct fault *fault)
{
    int64_t seconds;

    *when = TIME_NEVER;
    if (strcmp(text, "never") == 0)
        return true;
    if (duration_parse(span_of(text), &seconds))
        *when = now + seconds;
    else if (!date_parse(text, when, fault))
        return false;
    return *when > now || fault_set(fault, "not in the future");
}

/* Two digits and what follows them. */
static char *put_two(char *end, int number, char next)
{
    *end++ = (char)('0' + number / 10);
    *end++ = (char)('0' + number % 10);
    *end++ = next;
    return end;
}

/* A list has a million times, and strftime(3) would take most of what one costs. between: the day and the
 * hour; next: what follows the minute. */
static char *put_minute(char *end, const struct tm *parts, char between, char next)
{
    int year = parts->tm_year + 1900;

    end = put_two(end, year / 100, '\0') - 1;
    end = put_two(end, year % 100, '-');
    end = put_two(end, parts->tm_mon + 1, '-');
    end = put_two(end, parts->tm_mday, between);
    end = put_two(end, parts->tm_hour, ':');
    return put_two(end, parts->tm_min, next);
}

static bool has_four_digits(const struct tm *parts)
{
    return parts->tm_year >= 1000 - 1900 && parts->tm_year <= 9999 - 1900;
}

void when_format_utc(char text[WHEN_SIZE], int64_t when)
{
    time_t seconds = (time_t)when;
    struct tm parts;
    bool known = gmtime_r(&seconds, &parts);

    if (known && has_four_digits(&parts))
        *put_two(put_minute(text, &parts, 'T', ':'), parts.tm_sec, 'Z') = '\0';
    else if (!known || strftime(text, WHEN_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(text, WHEN_SIZE, "%" PRId64, when);
}

void when_format_local(char text[WHEN_SIZE], int64_t when)
{
    enum { ZONE_MOST = WHEN_SIZE - sizeof("2027-01-31 12:00 ") };
    time_t seconds = (time_t)when;
    struct tm parts;
    bool known = localtime_r(&seconds, &parts);

    if (when == TIME_NEVER)
        strcpy(text, "never");
    else if (known && has_four_digits(&parts) && strlen(parts.tm_zone) <= ZONE_MOST)
        strcpy(put_minute(text, &parts, ' ', ' '), parts.tm_zone);
    else if (!known || strftime(text, WHEN_SIZE, "%Y-%m-%d %H:%M %Z", &parts) == 0)
        snprintf(text, WHEN_SIZE, "%" PRId64, when);
}

void when_format_distance(char text[WHEN_SIZE / 2], int64_t when, int64_t now)
{
    static const struct {
        int64_t seconds;
        char letter;
    } units[] = {{1, 's'}, {60, 'm'}, {3600, 'h'}, {86400, 'd'}};
    int64_t seconds = when > now ? when - now : now - when, count = seconds;
    char letter = 's';

    if (when == TIME_NEVER) {
        strcpy(text, "never");
        return;
    }
    /* rounded, in the greatest unit that fits at least twice then: 90d a second later is still 90d */
    for (size_t i = 1; i < sizeof(units) / sizeof(units[0]); i++) {
        if (count < 2 * units[i].seconds / units[i - 1].seconds)
            break;
        count = (seconds + units[i].seconds / 2) / units[i].seconds;
        letter = units[i].letter;
    }
    snprintf(text, WHEN_SIZE / 2, when > now ? "in %" PRId64 "%c" : "%" PRId64 "%c ago", count, letter);
}
