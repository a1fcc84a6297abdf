/* Complete reads and writes, reserved space, synced directories. Each function that returns false sets errno.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes kept allocated after the end of a store, for revocations on a full disk. */
enum { RESERVE = 64 * 1024 };

/* Read or write all bytes at an offset. Reading past the end of the file is EIO. */
bool read_all(int fd, char *bytes, size_t size, uint64_t offset);
bool write_all(int fd, const char *bytes, size_t length, uint64_t offset);

/* Allocate space from an offset on, without making the file longer. True also if the file system cannot do
 * that (EOPNOTSUPP). */
bool keep_room(int fd, uint64_t offset, uint64_t length);

/* Make the names in a directory durable. directory may be an O_PATH descriptor. */
bool sync_directory(int directory);

#endif
