/* Reads the file of a configuration, if it can be trusted. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"

enum { CONFIG_SIZE_MAX = 64 * 1024 };

/*
 * Returns the file's bytes without a byte order mark, *length of them, with room for `more` bytes after them;
 * the caller frees them. Or NULL with fault and errno: EPERM (not a regular file, writable by everybody, or
 * in a place that trust_path() does not trust), EINVAL (larger than CONFIG_SIZE_MAX), ENOENT, ELOOP (a
 * symbolic link leads nowhere), ENOMEM, or that of open(2) or read(2). Follows symbolic links, and does not
 * wait for a FIFO.
 */
char *config_file_read(const char *path, size_t more, size_t *length, struct fault *fault);

#endif
