/* A walk through a whole store. */
#ifndef THROUGH_H
#define THROUGH_H

#include "chain.h"
#include "forge.h"

#define THROUGH_DOMAIN "example.com"

/* A store with four tokens, of which the last two are revoked: six lines. */
void forge_four(struct forge *forge, struct sample samples[4]);

/* Walk through the bytes of a file. NULL, or what is wrong; *at: the number of the line that is. */
const char *chain_through(struct chain *chain, const struct bytes *file, unsigned *at);

bool is_sound(const struct bytes *file);

#endif
