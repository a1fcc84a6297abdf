/* What the tests of the proof of a store share. */
#ifndef PROOF_FIXTURE_H
#define PROOF_FIXTURE_H

#include "chain.h"
#include "forge.h"

#define PROOF_DOMAIN "example.com"

/* A store with four tokens, of which the last two are revoked: six lines. */
void forge_four(struct forge *forge, struct sample samples[4]);

/* Prove the bytes of a file as a store. NULL, or what is wrong; *at: the number of the line that is. */
const char *prove_file(struct chain *chain, const struct bytes *file, unsigned *at);

bool is_sound(const struct bytes *file);

#endif
