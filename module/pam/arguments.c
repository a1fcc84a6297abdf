#include "pam_toktab.h"

#include <string.h>
#include <syslog.h>

/* Take "name=VALUE". False: it is another argument. True: *fault says what is wrong; NULL: nothing. */
static bool take_text(const char **value, const char *name, const char *argument, const char **fault)
{
    size_t length = strlen(name);

    if (strncmp(argument, name, length) != 0)
        return false;
    *fault = *value ? "is given twice" : argument[length] == '\0' ? "is empty" : NULL;
    *value = argument + length;
    return true;
}

static bool take_flag(bool *flag, const char *name, const char *argument, const char **fault)
{
    if (strcmp(argument, name) != 0)
        return false;
    *fault = *flag ? "is given twice" : NULL;
    *flag = true;
    return true;
}

/* Take an argument. Returns what is wrong with it; NULL: nothing. */
static const char *take(struct arguments *arguments, const char *argument)
{
    const char *fault = NULL;

    if (take_text(&arguments->domain, "domain=", argument, &fault) ||
        take_text(&arguments->scopes, "scope=", argument, &fault) ||
        take_flag(&arguments->any_user, "anyuser", argument, &fault) ||
        take_flag(&arguments->debug, "debug", argument, &fault))
        return fault;
    if (take_text(&arguments->config, "config=", argument, &fault)) {
        /* the working directory is the service's */
        return !fault && arguments->config[0] != '/' ? "is not an absolute path" : fault;
    }
    if (take_flag(&arguments->use_first_pass, "use_first_pass", argument, &fault) ||
        take_flag(&arguments->try_first_pass, "try_first_pass", argument, &fault)) {
        return arguments->use_first_pass && arguments->try_first_pass
                   ? "contradicts another: use_first_pass or try_first_pass"
                   : fault;
    }
    return "is unknown";
}

bool arguments_take(struct arguments *arguments, pam_handle_t *pamh, int argc, const char **argv)
{
    memset(arguments, 0, sizeof(*arguments));
    for (int i = 0; i < argc; i++) {
        const char *fault = take(arguments, argv[i]);
        struct shown shown;

        if (fault) {
            pam_syslog(pamh, LOG_ERR, "argument \"%s\" %s", show_foreign(&shown, argv[i]), fault);
            return false;
        }
    }
    return true;
}
