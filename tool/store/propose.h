/* Asks the engine of a domain, if it has one, to take a line before it is written here. */
#ifndef PROPOSE_H
#define PROPOSE_H

#include "store/log.h"

/* Do changes of this log go through an engine? */
bool log_has_engine(const struct log *log);

/*
 * Before a line is appended after the tip. STATUS_DONE: append it; the engine, if there is one, has it for
 * good. STATUS_AGAIN: another host was faster; its line was appended here, so the caller decides again;
 * STATUS_LOCKED, with fault, where that goes on and on.
 * STATUS_MISSING, with fault: nothing was done. STATUS_IO, with fault: the same, unless log->doubt: the
 * engine may have the line.
 */
enum status propose(struct log *log, const struct tip *tip, const char *line, size_t length,
                    struct fault *fault);

#endif
