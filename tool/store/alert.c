#include "store/alert.h"

#include <stdlib.h>
#include <syslog.h>

#include "clock.h"
#include "store/systemlog.h"
#include "terminal/say.h"

enum { AGAIN_AFTER = 60, PATIENCE = 1 }; /* seconds */

void alert(struct alerts *alerts, unsigned kind, bool urgent, const char *domain, const char *text)
{
    int64_t now = clock_now();
    struct systemlog log;
    char *shown, *line;

    if (alerts->said[kind] != 0 && now - alerts->said[kind] < AGAIN_AFTER * SECOND)
        return;
    alerts->said[kind] = now;
    shown = showable(span_of(text));
    say("domain %s: %s", domain, shown);
    line = composed("domain %s: %s", domain, shown);
    systemlog_begin(&log);
    systemlog_line(&log, urgent ? LOG_ALERT : LOG_WARNING, "", line, now + PATIENCE * SECOND);
    systemlog_end(&log);
    free(line);
    free(shown);
}
