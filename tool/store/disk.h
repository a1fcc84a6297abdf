/* Writing that is to last: all of it or an error, room kept behind the end, directories synced. Each function
 * leaves errno where it returns false. */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that are kept allocated behind the end of a store, for revocations on a full disk. */
enum { RESERVE = 64 * 1024 };

/* All bytes at an offset; reading: EIO if the file ends before. */
bool read_all(int fd, char *bytes, size_t size, uint64_t offset);
bool write_all(int fd, const char *bytes, size_t length, uint64_t offset);

/* Allocate from an offset on, without making the file longer. A file system that cannot (EOPNOTSUPP) is used
 * without. */
bool keep_room(int fd, uint64_t offset, uint64_t length);

/* Have the disk hold which names a directory has. directory may be an O_PATH descriptor. */
bool sync_directory(int directory);

#endif
