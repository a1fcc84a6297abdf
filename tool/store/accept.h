/* May a whole file that a source has sent take the store's place? Asks what agree.h knows, in a process of
 * its own, without the lock: it may take long. */
#ifndef ACCEPT_H
#define ACCEPT_H

#include "store/incoming.h"
#include "storefile.h"
#include "terminal/say.h"

/*
 * The file's lines were all judged by incoming. store, file: descriptors; storefile: for messages.
 * STATUS_DONE: it may; then lost says which revocations of this host a higher epoch has not, or stays as it
 * is. If incoming->trouble is set, the file cannot be taken; else STATUS_IO. Both set fault.
 */
enum status accept_file(struct incoming *incoming, const struct storefile *storefile, int store, int file,
                        struct fault *lost, struct fault *fault);

#endif
