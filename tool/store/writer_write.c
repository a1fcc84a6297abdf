#include "store/writer_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "caller/writer.h"
#include "store/newfile.h"

bool writer_write(const struct log *log, uint64_t old, uint64_t epoch)
{
    char target[DOMAIN_NAME_MAX + sizeof(".writer")], text[48];
    struct newfile file;
    struct stat store;

    snprintf(target, sizeof(target), "%s.writer", log->domain);
    if (old != 0)
        snprintf(text, sizeof(text), "%" PRIu64 "\n%" PRIu64 "\n", old, epoch);
    else
        snprintf(text, sizeof(text), "%" PRIu64 "\n", epoch);
    if (!newfile_begin(&file, log->directory, target))
        return false;
    if (fstat(log->file, &store) == 0 && newfile_dress_first(&file, store.st_gid) &&
        newfile_add(&file, text, strlen(text)) && newfile_finish(&file))
        return newfile_install(&file) == INSTALLED;
    newfile_abandon(&file);
    return false;
}

void writer_settle(const struct log *log)
{
    uint64_t epoch;

    /* the name of the store's file first: a crash must not bring back an epoch that is no longer named */
    if (writer_unsettled(log->session->domain, log->directory, log->file, &epoch) &&
        sync_directory(log->directory))
        writer_write(log, 0, epoch);
}
