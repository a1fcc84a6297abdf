/* Looks through a configuration's text for what libconfig must not see. Pure. */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include <stddef.h>

/*
 * Returns NULL, or what is wrong, with *line. Refused are a NUL, "@include" (libconfig 1.5 and 1.7 exit the
 * process when it names a directory), and a backslash in a string (the versions differ in what "\x00" is).
 */
const char *config_text_wrong(const char *text, size_t length, unsigned *line);

#endif
