/* The configuration, toktab.conf(5), as plain structs; nothing else includes libconfig.h. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "domain.h"
#include "fault.h"

#define CONFIG_DEFAULT_PATH TOKTAB_SYSCONFDIR "/toktab/toktab.conf"
#define CONFIG_DEFAULT_STORE_DIR TOKTAB_STATEDIR "/lib/toktab"
#define CONFIG_DEFAULT_ENGINE_DIR TOKTAB_ENGINEDIR
#define CONFIG_DEFAULT_DOMAIN "default"

struct config {
    char *path;             /* of the file, for messages; NULL: there is no file, these are the defaults */
    char *store_dir;        /* absolute path */
    char *engine_dir;       /* absolute path, where engine-NAME is for each engine */
    struct domain *domains; /* sorted by name */
    size_t count;
};

/*
 * Read the configuration at path; NULL: the system's, which may be missing. Returns 0, and the caller passes
 * config to config_unload(); or -1 with fault and errno: EINVAL (bad contents), or that of
 * config_file_read(). libconfig crashes if malloc() fails.
 */
int config_load(struct config *config, const char *path, struct fault *fault);
void config_unload(struct config *config);

/* Copy the configuration of one domain. False with errno ENOMEM. */
bool config_copy_one(struct config *one, const struct config *config, const struct domain *domain);

/* The domain of this name; NULL: not found. With a NULL name: "default" if it is configured, or the only
 * domain.
 */
const struct domain *config_domain(const struct config *config, const char *name);

#endif
