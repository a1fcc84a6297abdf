/* The socket on which the web server asks: descriptor 0, as FastCGI has it. */
#ifndef PANEL_LISTENER_H
#define PANEL_LISTENER_H

#include <stdbool.h>

/* Make a UNIX-domain socket of mode 0660 and put it on descriptor 0. A socket there on which nobody listens
 * any more is replaced, and no other file. Prints what is wrong and returns false. */
bool listener_make(const char *path);

/* Is descriptor 0 a socket that listens? */
bool listener_is_there(void);

#endif
