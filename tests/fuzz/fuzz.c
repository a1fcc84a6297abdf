#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return crypto_start();
}

char *new_string(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);

    if (!text)
        abort();
    return text;
}

unsigned take_number(const uint8_t **data, size_t *size, unsigned bound)
{
    unsigned number = 0;

    for (int i = 0; i < 2 && *size > 0; i++, ++*data, --*size)
        number = number << 8 | **data;
    return number % bound;
}

int file_with(const void *bytes, size_t size)
{
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size)
        abort();
    return fd;
}
