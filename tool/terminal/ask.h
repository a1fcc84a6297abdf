/* Before something is done for good: ask. */
#ifndef ASK_H
#define ASK_H

#include "terminal/say.h"

/* Is there somebody to be asked? Else STATUS_USAGE, printed. command: as it was typed. */
enum status ask_possible(const char *command);

/* STATUS_DONE: yes. STATUS_NO: what is said then, printed. */
enum status ask(const char *question, const char *declined);

#endif
