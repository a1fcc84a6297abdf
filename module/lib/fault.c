#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fault_write(struct fault *fault, const char *format, va_list arguments, bool passing)
{
    vsnprintf(fault->text, sizeof(fault->text), format, arguments);
    fault->passing = passing;
}

bool fault_set(struct fault *fault, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fault_write(fault, format, arguments, false);
    va_end(arguments);
    return false;
}

bool fault_set_passing(struct fault *fault, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fault_write(fault, format, arguments, true);
    va_end(arguments);
    return false;
}

void fault_add(struct fault *fault, const char *more)
{
    size_t used = strlen(fault->text);

    snprintf(fault->text + used, sizeof(fault->text) - used, "%s", more);
}
