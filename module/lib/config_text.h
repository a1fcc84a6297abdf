/* Finds in a configuration's text what libconfig must not see. Pure. */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include <stddef.h>

/*
 * Returns NULL, or what is wrong, with *line. It refuses NULs, "@include" (libconfig 1.5 and 1.7 exit the
 * process if it names a directory), and backslashes in strings (the versions disagree about "\x00").
 */
const char *config_text_wrong(const char *text, size_t length, unsigned *line);

#endif
