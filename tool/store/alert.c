#include "store/alert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>

#include "clock.h"
#include "terminal/say.h"

enum { AGAIN_AFTER = 60, PATIENCE = 1 }; /* seconds */

struct alarm {
    int priority;
    char *text;
};

static atomic_bool busy;

static void *write_alarm(void *argument)
{
    struct alarm *alarm = argument;

    openlog("toktab", LOG_PID, LOG_AUTHPRIV);
    syslog(LOG_AUTHPRIV | alarm->priority, "%s", alarm->text);
    closelog();
    free(alarm->text);
    free(alarm);
    atomic_store(&busy, false);
    return NULL;
}

/* syslog(3) waits for whoever reads the log: a thread does it, so that a reader that has stopped holds up no
 * revocation. While it hangs, nothing more is written there. */
static void to_system_log(int priority, char *text)
{
    struct alarm *alarm;
    struct timespec until;
    pthread_t thread;

    if (atomic_exchange(&busy, true)) {
        free(text);
        return;
    }
    alarm = must_have(malloc(sizeof(*alarm)));
    *alarm = (struct alarm){priority, text};
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE;
    if (pthread_create(&thread, NULL, write_alarm, alarm) != 0)
        write_alarm(alarm);
    else if (pthread_timedjoin_np(thread, NULL, &until) != 0)
        pthread_detach(thread);
}

void alert(struct alerts *alerts, unsigned kind, bool urgent, const char *domain, const char *text)
{
    int64_t now = clock_now();
    char *shown;

    if (alerts->said[kind] != 0 && now - alerts->said[kind] < AGAIN_AFTER * SECOND)
        return;
    alerts->said[kind] = now;
    shown = showable(span_of(text));
    say("domain %s: %s", domain, shown);
    to_system_log(urgent ? LOG_ALERT : LOG_WARNING, composed("domain %s: %s", domain, shown));
    free(shown);
}
