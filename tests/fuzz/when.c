/* Points in time and lengths of time. */
#include "token/when.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "duration.h"
#include "fuzz.h"

enum { NOW = 1767225600 };

static void choose_zone(unsigned number)
{
    static const char *const zones[] = {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "XXX+12", "<+1345>-13:45"};

    setenv("TZ", zones[number], 1);
    tzset();
}

static void check_duration(struct span text)
{
    char written[DURATION_TEXT_SIZE];
    int64_t seconds, again;
    bool parsed;

    if (!duration_parse(text, &seconds))
        return;
    assert(seconds >= 0 && seconds <= DURATION_MAX);
    duration_format(written, seconds);
    parsed = duration_parse(span_of(written), &again);
    assert(parsed && again == seconds);
}

static void check_formats(int64_t when)
{
    char utc[WHEN_SIZE], local[WHEN_SIZE], distance[WHEN_SIZE / 2];
    struct fault fault;
    int64_t again;
    bool parsed;

    when_format_utc(utc, when);
    when_format_local(local, when);
    when_format_distance(distance, when, NOW);
    assert(strlen(utc) < WHEN_SIZE && strlen(local) < WHEN_SIZE && strlen(distance) < WHEN_SIZE / 2);
    if (when > NOW && strlen(utc) == strlen("2027-01-31T11:00:00Z")) {
        parsed = when_parse(utc, NOW, &again, &fault);
        assert(parsed && again == when);
        if (when / 60 * 60 > NOW && local[4] == '-') { /* the year may be 10000 there */
            parsed = when_parse(local, NOW, &again, &fault);
            assert(parsed && again == when / 60 * 60);
        }
    }
}

/* Two bytes choose the zone; the rest is a text, and its first eight bytes are a time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault;
    int64_t when = 0;
    char *text;

    choose_zone(take_number(&data, &size, 4));
    text = new_string(data, size);
    check_duration((struct span){(const char *)data, size});
    if (when_parse(text, NOW, &when, &fault)) {
        assert(when > NOW);
        check_formats(when);
    }
    free(text);
    if (size >= sizeof(when)) {
        memcpy(&when, data, sizeof(when));
        check_formats(when & INT64_MAX);
    }
    return 0;
}
