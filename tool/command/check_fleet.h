/* `toktab check --fleet`: does this host follow its source? */
#ifndef CHECK_FLEET_H
#define CHECK_FLEET_H

#include "caller/session.h"

/* Print this host's HEAD, the source's, and how long ago the source was heard. STATUS_NO: what the source
 * sends is not taken; STATUS_MISSING: nothing was heard within max_lag. */
enum status check_fleet(const struct session *session, bool json);

#endif
