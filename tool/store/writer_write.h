/* Writes DOMAIN.writer, which names the epochs of which this host is the writer, writer.h. */
#ifndef WRITER_WRITE_H
#define WRITER_WRITE_H

#include "store/log.h"

/* Under the lock: name these epochs; old: 0, only the new one. False with errno: the file is as it was, or it
 * may be so again after a crash. */
bool writer_write(const struct log *log, uint64_t old, uint64_t epoch);

/* Under the lock, before the store is changed: if the file names two epochs, as a mending that ended halfway
 * leaves it, name only the store's. Failing that, the next change does it. */
void writer_settle(const struct log *log);

#endif
