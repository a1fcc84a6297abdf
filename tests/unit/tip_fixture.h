/* Where does a log end? */
#ifndef TIP_FIXTURE_H
#define TIP_FIXTURE_H

#include "store/tip.h"

#include "forge.h"

/* A new store; with that many tokens, the bytes of which bytes_free() frees. */
void tip_start(struct forge *forge);
struct bytes tip_start_with(struct forge *forge, int count);

/* The line that would create another token; forge goes on after it. */
size_t tip_next_line(struct forge *forge, char text[LINE_SIZE_MAX]);

/* The tip of a store of which the tail is read from there on; and as the tool reads it. */
const char *tip_from(struct tip *tip, const struct bytes *file, size_t from);
const char *tip_of(struct tip *tip, const struct bytes *file);

/* It is where the forge is, and the last line ends there; nothing proves where it is. */
void tip_expect_end(const struct tip *tip, const struct forge *forge, size_t end, bool lf_due);
void tip_expect(const struct forge *forge, const struct bytes *file, size_t end, bool lf_due);
void tip_expect_none(const struct bytes *file);

#endif
