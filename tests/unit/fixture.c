#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char scratch[SCRATCH_PATH - 128];

void scratch_start(void)
{
    const char *top = getenv("TMPDIR");
    int length =
        snprintf(scratch, sizeof(scratch), "%s/toktab-unit.XXXXXX", top && top[0] == '/' ? top : "/tmp");

    if (length >= (int)sizeof(scratch) || !mkdtemp(scratch)) {
        perror("unit-tests: no temporary directory");
        exit(1);
    }
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

void scratch_end(void)
{
    if (nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        perror("unit-tests: the temporary directory could not be removed");
}

void scratch_directory(char path[SCRATCH_PATH])
{
    path_join(path, scratch, "test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    ck_assert_int_eq(chmod(path, 0750), 0);
}

void path_join(char path[SCRATCH_PATH], const char *directory, const char *name)
{
    ck_assert_int_lt(snprintf(path, SCRATCH_PATH, "%s/%s", directory, name), SCRATCH_PATH);
}

/* The room that so many bytes and a NUL are given. */
static size_t room_for(size_t length)
{
    size_t room = 64;

    while (room <= length)
        room *= 2;
    return room;
}

void bytes_add(struct bytes *bytes, const void *more, size_t length)
{
    size_t room = room_for(bytes->length + length);

    if (!bytes->at || room != room_for(bytes->length))
        bytes->at = realloc(bytes->at, room);
    MUST(bytes->at);
    if (length > 0)
        memcpy(bytes->at + bytes->length, more, length);
    bytes->length += length;
    bytes->at[bytes->length] = '\0';
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct bytes){0};
}

struct bytes file_read(const char *path)
{
    struct bytes bytes = {0};
    char buffer[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    bytes_add(&bytes, "", 0);
    while ((got = read(fd, buffer, sizeof(buffer))) > 0)
        bytes_add(&bytes, buffer, (size_t)got);
    ck_assert_int_eq(got, 0);
    close(fd);
    return bytes;
}

static void write_to(const char *path, int flags, const void *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0640);

    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    ck_assert_int_eq(fchmod(fd, 0640), 0);
    close(fd);
}

void file_write(const char *path, const void *bytes, size_t length)
{
    write_to(path, O_TRUNC, bytes, length);
}

/* Without a chmod, which would be another change than the append. */
void file_append(const char *path, const void *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

    MUST(fd >= 0);
    MUST(write(fd, bytes, length) == (ssize_t)length);
    close(fd);
}

int scratch_file(char path[SCRATCH_PATH], const void *bytes, size_t length)
{
    char directory[SCRATCH_PATH], other[SCRATCH_PATH];
    int fd;

    path = path ? path : other;
    scratch_directory(directory);
    path_join(path, directory, "file");
    file_write(path, bytes, length);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

void file_replace(const char *path, const void *bytes, size_t length)
{
    char other[SCRATCH_PATH];

    ck_assert_int_lt(snprintf(other, sizeof(other), "%s.new", path), (int)sizeof(other));
    write_to(other, O_EXCL, bytes, length);
    ck_assert_int_eq(rename(other, path), 0);
}

void looks_end(void)
{
    struct timespec then;

    clock_gettime(CLOCK_MONOTONIC, &then);
    then.tv_nsec += 2000000;
    if (then.tv_nsec >= 1000000000) {
        then.tv_nsec -= 1000000000;
        then.tv_sec++;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
        continue;
}

size_t open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    ck_assert_ptr_nonnull(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

unsigned long long bytes_read_so_far(void)
{
    unsigned long long count = 0;
    FILE *file = fopen("/proc/self/io", "r");

    ck_assert_msg(file && fscanf(file, "rchar: %llu", &count) == 1,
                  "this kernel does not count what a process reads (/proc/self/io)");
    fclose(file);
    return count;
}

void expect_child(int pid)
{
    int status;

    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with wait status %#x",
                  (unsigned)status);
}
