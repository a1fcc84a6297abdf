#include "notice.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

void notice_say(const struct notice *notice, int priority, const char *format, ...)
{
    char message[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (notice->write)
        notice->write(notice->context, priority, message);
    else
        syslog(LOG_AUTHPRIV | priority, "toktab: %s", message); /* openlog() would rename the host's lines */
}
