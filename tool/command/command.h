/* The commands, one file each. */
#ifndef COMMAND_H
#define COMMAND_H

#include "caller/session.h"

struct command {
    const char *name;
    const char *summary; /* for `toktab --help` */
    const char *help;    /* for `toktab NAME --help`, one screen */

    /* argv[0] is the command's name. Prints what is wrong. Returns the exit status. */
    enum status (*run)(struct session *session, int argc, char **argv);
};

extern const struct command command_check;
extern const struct command command_compact;
extern const struct command command_create;
extern const struct command command_domains;
extern const struct command command_follow;
extern const struct command command_help;
extern const struct command command_history;
extern const struct command command_import;
extern const struct command command_list;
extern const struct command command_log;
extern const struct command command_mend;
extern const struct command command_promote;
extern const struct command command_revoke;
extern const struct command command_rotate;
extern const struct command command_scan;
extern const struct command command_show;
extern const struct command command_update;
extern const struct command command_verify;

/* The command of that name; else NULL, and a message is printed. */
const struct command *command_find(const char *name);

/* How toktab is called, and which commands there are. */
enum status help_print(void);

#endif
