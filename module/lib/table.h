/* Makes tables from a configuration in memory: for the tool, which reads the file as another user. */
#ifndef TABLE_H
#define TABLE_H

#include "../toktab.h"
#include "config.h"
#include "fault.h"
#include "notice.h"

/* Takes ownership of the configuration, even if it fails. once: as in struct toktab_options. Needs
 * crypto_start(). NULL with fault and errno. */
struct toktab *table_make(struct config *config, const struct notice *notice, bool once, struct fault *fault);

#endif
