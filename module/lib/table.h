/* Tables from a configuration that was read already: for the tool, which reads it as another user. */
#ifndef TABLE_H
#define TABLE_H

#include "../toktab.h"
#include "config.h"
#include "fault.h"
#include "notice.h"

/* Takes the configuration over, whether it succeeds or not. Needs crypto_start(). NULL with fault and errno.
 */
struct toktab *table_make(struct config *config, const struct notice *notice, struct fault *fault);

#endif
