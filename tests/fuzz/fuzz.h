/* What the fuzz targets have in common. Each is a file of this directory with an LLVMFuzzerTestOneInput():
 * what must hold for any input is an assert(). */
#ifndef FUZZ_H
#define FUZZ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* libFuzzer calls these. data holds exactly size bytes: the address sanitizer sees one step beyond. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same bytes up to the first NUL, and a NUL, in memory of their own, which the caller frees. */
char *new_string(const uint8_t *data, size_t size);

/* A number below bound, which the input chooses: its first bytes, which are taken off; 0 where none are. */
unsigned take_number(const uint8_t **data, size_t *size, unsigned bound);

/* A descriptor of a file in memory with these bytes; the same one in each call. */
int file_with(const void *bytes, size_t size);

#endif
