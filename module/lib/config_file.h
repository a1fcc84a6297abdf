/* Reads a configuration's file, if it may be trusted. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"

enum { CONFIG_SIZE_MAX = 64 * 1024 };

/*
 * Returns the file's bytes and *length, with room for that many more behind them; the caller frees them.
 * Else NULL with errno (EPERM: not a regular file, or writable by everybody; EINVAL: longer than
 * CONFIG_SIZE_MAX; ENOENT, ENOMEM; that of open(2) or read(2)) and fault. A symbolic link is not followed,
 * nor is a FIFO waited for.
 */
char *config_file_read(const char *path, size_t more, size_t *length, struct fault *fault);

#endif
