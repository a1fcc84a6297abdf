#include "store/alert.h"

#include <stdlib.h>
#include <syslog.h>

#include "clock.h"
#include "terminal/say.h"

enum { AGAIN_AFTER = 60 };

void alert(struct alerts *alerts, unsigned kind, bool urgent, const char *domain, const char *text)
{
    int64_t now = clock_now();
    char *shown;

    if (alerts->said[kind] != 0 && now - alerts->said[kind] < AGAIN_AFTER * SECOND)
        return;
    alerts->said[kind] = now;
    shown = showable(span_of(text));
    say("domain %s: %s", domain, shown);
    openlog("toktab", LOG_PID, LOG_AUTHPRIV);
    syslog(LOG_AUTHPRIV | (urgent ? LOG_ALERT : LOG_WARNING), "domain %s: %s", domain, shown);
    closelog();
    free(shown);
}
