#include "store/salvage_header.h"

#include <inttypes.h>
#include <string.h>

/* Is the file of the same log as the chosen header? */
static bool header_fits(const struct salvage_file *file, const struct header *chosen, const char *domain,
                        struct fault *fault)
{
    const struct header *header = &file->header;
    char ours[LINE_SIZE_MAX], theirs[LINE_SIZE_MAX];
    size_t length;

    if (file->wrong)
        return fault_set(fault, "%s: %s", file->name, file->wrong);
    if (strcmp(header->domain, domain) != 0)
        return fault_set(fault, "%s: the store of domain \"%s\"", file->name, header->domain);
    if (!chosen)
        return true;
    if (strcmp(chosen->storeid, header->storeid) != 0)
        return fault_set(fault, "%s: another store (storeid %s, not %s)", file->name, header->storeid,
                         chosen->storeid);
    if (chosen->epoch != header->epoch)
        return fault_set(fault, "%s: another epoch (%" PRIu64 ", not %" PRIu64 ")", file->name, header->epoch,
                         chosen->epoch);
    length = header_format(theirs, header);
    if (chosen->base == header->base &&
        (header_format(ours, chosen) != length || memcmp(ours, theirs, length) != 0))
        return fault_set(fault, "%s: compacted at the same line, but differently", file->name);
    return true;
}

bool salvage_header(struct header *header, struct salvage_file *files, size_t count, const char *domain,
                    struct fault *fault)
{
    const struct header *chosen = NULL;

    for (size_t i = 0; i < count; i++) {
        struct salvage_file *file = &files[i];
        const char *end = memchr(file->bytes, '\n', file->size < LINE_SIZE_MAX ? file->size : LINE_SIZE_MAX);

        file->wrong = end ? header_parse(&file->header, file->bytes, (size_t)(end - file->bytes) + 1)
                          : "not a toktab store";
        if (i == 0 && file->wrong)
            continue;
        if (!header_fits(file, chosen, domain, fault))
            return false;
        if (!chosen || file->header.base > chosen->base)
            chosen = &file->header;
    }
    if (!chosen)
        return fault_set(
            fault, "the header is damaged: name a backup of the store, or a file with the first line of one, "
                   "which stays the same between compactions");
    *header = *chosen;
    if (files[0].wrong)
        files[0].header = *chosen;
    return true;
}
