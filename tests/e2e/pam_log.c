/*
 * Preloaded into a PAM host: what it would say by syslog(3) goes to the file $PAM_HOST_LOG, each message as
 * its priority with the facility, a space, the text and a NUL.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

void __vsyslog_chk(int priority, int flag, const char *format, va_list arguments);
void __syslog_chk(int priority, int flag, const char *format, ...);

void vsyslog(int priority, const char *format, va_list arguments)
{
    char line[8192];
    int used = snprintf(line, sizeof(line), "%d ", priority);
    int length = used + vsnprintf(line + used, sizeof(line) - (size_t)used, format, arguments);
    int fd = open(getenv("PAM_HOST_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || length >= (int)sizeof(line) || write(fd, line, (size_t)length + 1) != length + 1)
        abort();
    close(fd);
}

void __vsyslog_chk(int priority, int flag, const char *format, va_list arguments)
{
    (void)flag;
    vsyslog(priority, format, arguments);
}

void syslog(int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsyslog(priority, format, arguments);
    va_end(arguments);
}

void __syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list arguments;

    (void)flag;
    va_start(arguments, format);
    vsyslog(priority, format, arguments);
    va_end(arguments);
}
