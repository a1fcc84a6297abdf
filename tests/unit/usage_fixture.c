#include "usage_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* On its own, so that neither the place of a slot nor the order of its bytes is taken from what is tested. */
static off_t place_of(uint64_t serial)
{
    return (off_t)(16 + 8 * serial);
}

void used_file_below(struct used_file *file, const char *above)
{
    char name[SCRATCH_PATH];

    snprintf(name, sizeof(name), "%s.%u", HOST_DOMAIN, (unsigned)geteuid());
    snprintf(file->above, sizeof(file->above), "%s", above);
    path_join(file->directory, above, "used");
    path_join(file->path, file->directory, name);
    ck_assert_int_eq(mkdir(file->directory, 0730), 0);
    ck_assert_int_eq(chmod(file->directory, 01730), 0);
}

void used_file_start(struct used_file *file)
{
    char above[SCRATCH_PATH];

    scratch_directory(above);
    used_file_below(file, above);
}

void used_file_make(const char *path, const char *storeid, uint64_t slots)
{
    unsigned char id[16];

    for (int i = 0; i < 16; i++)
        ck_assert_int_eq(sscanf(storeid + 2 * i, "%2hhx", &id[i]), 1);
    file_write(path, id, sizeof(id));
    ck_assert_int_eq(chmod(path, 0640), 0);
    used_file_set(path, 0, BEGAN);
    ck_assert_int_eq(truncate(path, place_of(slots)), 0);
}

uint64_t used_file_slot(const char *path, uint64_t serial)
{
    unsigned char b[8] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    MUST(fd >= 0);
    MUST(pread(fd, b, sizeof(b), place_of(serial)) >= 0);
    close(fd);
    return b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 |
           (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

void used_file_set(const char *path, uint64_t serial, uint64_t time)
{
    unsigned char b[8];
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    for (int i = 0; i < 8; i++)
        b[i] = (unsigned char)(time >> 8 * i);
    MUST(fd >= 0);
    MUST(pwrite(fd, b, sizeof(b), place_of(serial)) == sizeof(b));
    close(fd);
}

static void keep_message(void *context, int priority, const char *message)
{
    struct noting *noting = context;

    (void)priority;
    noting->messages++;
    snprintf(noting->last, sizeof(noting->last), "%s", message);
}

void noting_start(struct noting *noting)
{
    memset(noting, 0, sizeof(*noting));
    used_file_start(&noting->file);
    noting->notice = (struct notice){keep_message, noting};
    usage_start(&noting->usage, noting->file.above, HOST_DOMAIN, &noting->notice);
}
