#include "usage_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void used_file_start(struct used_file *file, uint64_t slots)
{
    scratch_directory(file->directory);
    path_join(file->path, file->directory, HOST_DOMAIN ".used");
    used_file_make(file->path, STOREID, slots);
}

void used_file_make(const char *path, const char *storeid, uint64_t slots)
{
    unsigned char mark[USAGE_SLOT];

    usage_mark(mark, storeid);
    file_write(path, mark, sizeof(mark));
    ck_assert_int_eq(chmod(path, 0660), 0);
    ck_assert_int_eq(truncate(path, (off_t)(slots * USAGE_SLOT)), 0);
}

/* On its own, so that byte order is not taken from what is tested. */
uint64_t used_file_slot(const char *path, uint64_t serial)
{
    unsigned char b[USAGE_SLOT];
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    MUST(fd >= 0);
    MUST(pread(fd, b, sizeof(b), (off_t)(8 * serial)) == sizeof(b));
    close(fd);
    return b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 |
           (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

void used_file_set(const char *path, uint64_t serial, uint64_t time)
{
    unsigned char b[USAGE_SLOT];
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    for (int i = 0; i < USAGE_SLOT; i++)
        b[i] = (unsigned char)(time >> 8 * i);
    MUST(fd >= 0);
    MUST(pwrite(fd, b, sizeof(b), (off_t)(8 * serial)) == sizeof(b));
    close(fd);
}

static void keep_message(void *context, int priority, const char *message)
{
    struct noting *noting = context;

    (void)priority;
    noting->messages++;
    snprintf(noting->last, sizeof(noting->last), "%s", message);
}

void noting_start(struct noting *noting, uint64_t slots)
{
    memset(noting, 0, sizeof(*noting));
    used_file_start(&noting->file, slots);
    noting->notice = (struct notice){keep_message, noting};
    usage_start(&noting->usage, noting->file.directory, HOST_DOMAIN, &noting->notice);
}
