/* Asks before something is done for good. */
#ifndef ASK_H
#define ASK_H

#include "terminal/say.h"

/* Is there a terminal to ask on? If not, prints so and returns STATUS_USAGE. command: its name. */
enum status ask_possible(const char *command);

/* Have ask() read from the controlling terminal, for a command that reads something else from stdin. The same
 * if there is none. */
enum status ask_on_terminal(const char *command);

/* Ask a question. STATUS_DONE for yes; else prints declined and returns STATUS_NO. */
enum status ask(const char *question, const char *declined);

#endif
