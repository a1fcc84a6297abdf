/*
 * Which host may change a store that many hosts have, toktab-fleet(7).
 *
 * A host whose domain has a source follows it, and MUST NOT change the store: two hosts that write make a
 * fork, which loses acknowledged revocations. Only where DOMAIN.writer, made by `toktab promote`, names the
 * store's epoch is this host the writer in spite of its source. While the writer begins another epoch, the
 * file names both: it may be killed before the store has the new one. The next change then leaves only the
 * store's (writer_write.h), so that an older copy is not written to. With an engine as source any host may:
 * the engine lets only one line come next.
 */
#ifndef WRITER_H
#define WRITER_H

#include "domain.h"
#include "fault.h"
#include "terminal/say.h"

/* Does DOMAIN.writer in the open directory name this epoch? */
bool writer_named(int directory, const char *domain, uint64_t epoch);

/* May this host change the domain's store, which is open for reading? store: -1: there is none yet. Returns
 * STATUS_DONE, or STATUS_NOT_PERMITTED with fault. */
enum status writer_may(const struct domain *domain, int directory, int store, struct fault *fault);

/* Does DOMAIN.writer name the epoch of the open store, which is *epoch then, and another? */
bool writer_unsettled(const struct domain *domain, int directory, int store, uint64_t *epoch);

/* How messages call a source: the host that an ssh command names, else the source itself. size: at most so
 * many bytes with the NUL. */
void writer_source_name(char *name, size_t size, const char *source);

#endif
