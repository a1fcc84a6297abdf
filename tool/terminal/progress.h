/* Shows on a terminal how far a command has got, once it takes longer than a second. Not under the lock,
 * where nothing may be printed. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>

/* Show it, if it is due. what: "lines", "MB". */
void progress_show(uint64_t done, const char *what);

/* Erase it. */
void progress_clear(void);

#endif
