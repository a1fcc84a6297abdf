#include <cdb.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

const char engine_name[] = "TinyCDB find and the same hash";

static struct cdb cdb;

/* It never looks whether the file has changed, which toktab does. */
void engine_open(const char *directory, const struct tokens *tokens)
{
    struct cdb_make make;
    char *path;
    int fd;

    must(asprintf(&path, "%s/tokens.cdb", directory) > 0, directory);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && cdb_make_start(&make, fd) == 0, path);
    for (size_t i = 0; i < tokens->count; i++) {
        const char *text = tokens->text + i * (tokens->length + 1);
        struct kept kept = kept_of(text, tokens->length);

        must(cdb_make_add(&make, id_of(text, tokens->length), ID_LENGTH, &kept, sizeof(kept)) == 0, path);
    }
    must(cdb_make_finish(&make) == 0 && cdb_init(&cdb, fd) == 0, path);
    free(path);
}

bool engine_admits(const char *text, size_t length)
{
    struct kept kept;
    const void *found;

    if (cdb_find(&cdb, id_of(text, length), ID_LENGTH) <= 0)
        return false;
    found = cdb_getdata(&cdb);
    must(found != NULL, "cdb");
    memcpy(&kept, found, sizeof(kept));
    return fits(&kept, text, length);
}
