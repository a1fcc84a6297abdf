#include "config_fixture.h"

#include <errno.h>
#include <string.h>

int config_load_bytes(struct config *config, struct fault *fault, char path[SCRATCH_PATH], const void *text,
                      size_t length)
{
    char directory[SCRATCH_PATH];

    scratch_directory(directory);
    path_join(path, directory, "toktab.conf");
    file_write(path, text, length);
    memset(fault, 0, sizeof(*fault));
    errno = 0;
    return config_load(config, path, fault);
}

int config_load_text(struct config *config, struct fault *fault, const char *text)
{
    char path[SCRATCH_PATH];

    return config_load_bytes(config, fault, path, text, strlen(text));
}
