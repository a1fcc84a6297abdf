/* Options of the commands, by getopt_long(3), with errors that help. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "terminal/say.h"

/* Values of long options that have no letter. */
enum {
    OPTION_HELP = 256,
    OPTION_VERSION,
    OPTION_JSON,
    OPTION_FROM,
    OPTION_CLIENT,
    OPTION_COPY,
    OPTION_ACTIVE,
    OPTION_REVOKED,
    OPTION_EXPIRED,
    OPTION_EXPIRING,
    OPTION_NO_HEADINGS,
    OPTION_EXPECT,
    OPTION_GRACE,
    OPTION_REVOKE,
    OPTION_DROP_DEAD,
};

/*
 * Hand each option to take, with the context; --help and -h set *help, and end it. longs ends with an empty
 * one, and holds all that shorts does. "+" at the start of shorts: options end at the first argument.
 * Returns STATUS_DONE; what take returned else; or STATUS_USAGE, printed, for what is no option, and for one
 * that is said twice though it has one value.
 */
enum status each_option(int argc, char **argv, const char *shorts, const struct option *longs,
                        enum status (*take)(void *context, int option), void *context, bool *help);

/* The same for a command that has no options but --json, which sets *json, and --help. */
enum status json_option(int argc, char **argv, const struct option *longs, bool *json, bool *help);

/* Start with another argv. */
void restart_options(void);

/* Are there between least and most arguments behind the options? Else that is printed, but never all of an
 * argument, which might be a token. what: as the usage calls them. */
bool arguments_fit(int argc, char **argv, int least, int most, const char *what);

/* There is nothing of that name: say so, and what was perhaps meant. kind: "command", "option"; mark: what
 * names of this kind are typed with, such as "--". Returns STATUS_USAGE. */
enum status say_unknown(const char *kind, const char *mark, const char *what, const char *const names[],
                        size_t count);

#endif
