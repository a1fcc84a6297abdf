/* How far a command has come that takes longer than a second: on a terminal, on stderr. Not under the lock,
 * where nothing is printed. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>

/* Show it, if it is time to. what: "lines", "MB". */
void progress_show(uint64_t done, const char *what);

/* Take it from the terminal again. */
void progress_clear(void);

#endif
