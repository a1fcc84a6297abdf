/* Private directories and files for the tests. What fails here fails the test. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <check.h>
#include <stddef.h>

#undef fail /* an old name of ck_abort(), and the tool's of what ends a command */

/* As ck_assert(), for what is asked a hundred thousand times: libcheck notes in a file each time it was. */
#define MUST(condition)                               \
    do {                                              \
        if (!(condition))                             \
            ck_abort_msg("%s is not so", #condition); \
    } while (0)

enum { SCRATCH_PATH = 512 };

/* Around all tests: make the directory that holds all others; remove everything. */
void scratch_start(void);
void scratch_end(void);

/* A new directory of mode 0750, for this test alone. */
void scratch_directory(char path[SCRATCH_PATH]);

/* directory/name */
void path_join(char path[SCRATCH_PATH], const char *directory, const char *name);

/* Bytes that bytes_free() frees; a NUL that is not counted follows them. */
struct bytes {
    char *at;
    size_t length;
};

void bytes_add(struct bytes *bytes, const void *more, size_t length);
void bytes_free(struct bytes *bytes);

struct bytes file_read(const char *path);

/* A file of these bytes in a new directory; path: NULL, or where. Returns it open for reading. */
int scratch_file(char path[SCRATCH_PATH], const void *bytes, size_t length);

/* In place: the inode of a file that exists stays. */
void file_write(const char *path, const void *bytes, size_t length);
void file_append(const char *path, const void *bytes, size_t length);

/* By another file that is renamed over it. */
void file_replace(const char *path, const void *bytes, size_t length);

/* Wait as a writer does before it acknowledges: until no look holds that began before. */
void looks_end(void);

/* How many descriptors has this process open? */
size_t open_descriptors(void);

/* How many bytes has this process read so far, by whichever call? */
unsigned long long bytes_read_so_far(void);

/* Wait for a child: it must exit with 0. */
void expect_child(int pid);

#endif
