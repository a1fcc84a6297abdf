/* Parses options with getopt_long(3), with errors that help. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "terminal/say.h"

/* Values of the long options without a letter. */
enum {
    OPTION_HELP = 256,
    OPTION_VERSION,
    OPTION_JSON,
    OPTION_FROM,
    OPTION_CLIENT,
    OPTION_COPY,
    OPTION_ALL,
    OPTION_ACTIVE,
    OPTION_REVOKED,
    OPTION_EXPIRED,
    OPTION_EXPIRING,
    OPTION_UNUSED,
    OPTION_BY,
    OPTION_SORT,
    OPTION_NO_HEADINGS,
    OPTION_EXPECT,
    OPTION_GRACE,
    OPTION_REVOKE,
    OPTION_DROP_DEAD,
    OPTION_AS,
    OPTION_NEWEST,
    OPTION_BEFORE,
    OPTION_FOLLOW,
    OPTION_ONCE,
    OPTION_FLEET,
};

/* The options of a command, and how many arguments follow them. */
struct options {
    const char *shorts;                             /* "+" at the start: options end at the first argument */
    const struct option *longs;                     /* ends with an empty entry; has every option of shorts */
    enum status (*take)(void *context, int option); /* NULL: only those of struct given */
    const char *help;                               /* NULL: the caller prints it */
    int least, most;                                /* arguments */
    const char *missing;                            /* the message if there are too few */
};

/* The options without a value that mean the same to every command that has them. */
struct given {
    bool help, json, yes, copy, no_newline;
};

/* -c and -d, which stand before or after the command. NULL: not given. */
struct where {
    const char *config, *domain;
};

/*
 * Parse the options: set those of where, and those of given, which the caller has cleared, and call take with
 * the context for each other one. Every command has -c, -d, -h and --help; only the tool's own table names
 * them. --help and -h print the help, set given->help and end the parsing. Returns STATUS_DONE; the first
 * other status that take returned; or, after printing, STATUS_USAGE for an unknown option, for an option
 * given twice, before the command too, unless its values add up, and for too few or too many arguments.
 */
enum status options_parse(int argc, char **argv, const struct options *options, void *context,
                          struct where *where, struct given *given);

/* Are there least to most arguments after the options? If not, prints what is wrong, but never a whole
 * argument: it may be a token. missing: the message if there are too few. */
bool arguments_fit(int argc, char **argv, int least, int most, const char *missing);

/* The same for a command that takes -l LABEL instead of TOKEN-REFs, after options_parse() has refused too
 * many. label: NULL: not given. */
bool arguments_or_label(int argc, char **argv, int least, const char *label);

/* Print that a name is unknown, and the name that was perhaps meant. kind: "command", "option"; mark: how
 * names of this kind begin, such as "--"; see: where to look otherwise. Returns STATUS_USAGE. */
enum status say_unknown(const char *kind, const char *mark, const char *what, const char *const names[],
                        size_t count, const char *see);

#endif
