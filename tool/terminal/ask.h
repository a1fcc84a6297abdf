/* Before something is done for good: show it, and ask. */
#ifndef ASK_H
#define ASK_H

#include "record.h"
#include "say.h"

/* Is there somebody to be asked? Else STATUS_USAGE, printed. command: as it was typed. */
enum status ask_possible(const char *command);

/* A token, on a line of its own. */
void ask_show(const struct record *record);

/* STATUS_DONE: yes. STATUS_NO: what is said then, printed. */
enum status ask(const char *question, const char *declined);

#endif
