#include "terminal/progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"

enum { FIRST = 1000, NEXT = 100 }; /* milliseconds */

static int64_t due; /* when to show it next; 0: not begun */
static bool shown;

void progress_show(uint64_t done, const char *what)
{
    int64_t now = clock_now() / MILLISECOND;

    if (due == 0)
        due = now + FIRST;
    if (now < due || !isatty(STDERR_FILENO))
        return;
    due = now + NEXT;
    shown = true;
    fprintf(stderr, "\r%" PRIu64 " %s", done, what);
}

void progress_clear(void)
{
    if (shown)
        fputs("\r\033[K", stderr);
    shown = false;
}
