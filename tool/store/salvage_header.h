/* Chooses the header under which a damaged store and copies of it are mended, toktab-store(5). Pure. */
#ifndef SALVAGE_HEADER_H
#define SALVAGE_HEADER_H

#include "store/salvage.h"

/*
 * Parse the files' headers, and choose the one with the greatest base. files[0] is the domain's store: if its
 * own header is damaged, the chosen one takes its place. False with fault: a file is not of the same store
 * and epoch, or every header is damaged.
 */
bool salvage_header(struct header *header, struct salvage_file *files, size_t count, const char *domain,
                    struct fault *fault);

#endif
