/* Configurations from memory. */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include "config.h"
#include "fixture.h"

/* config_load() of a new file of these bytes, whose path is left in path. errno is 0 before. */
int config_load_bytes(struct config *config, struct fault *fault, char path[SCRATCH_PATH], const void *text,
                      size_t length);
int config_load_text(struct config *config, struct fault *fault, const char *text);

#endif
