/*
 * A small store whose truth is known, and what is made of it when it is damaged.
 *
 * Six tokens, A to F, of which B and F are revoked. The log: 1 to 6 create, 7 revokes F, then a P line where
 * the store was compacted (8); then B is changed (8), B is revoked (9), C is changed (10), D is changed (11);
 * each one more where there is a P line.
 */
#ifndef MENDABLE_H
#define MENDABLE_H

#include "store/salvage.h"

#include "forge.h"

enum { MENDABLE_TOKENS = 6, A = 0, B, C, D, E, F };

struct mendable {
    struct forge forge;
    struct sample sample[MENDABLE_TOKENS];
};

/* Up to line 7, and as many of the four changes at the end. What is returned is the store, for bytes_free().
 */
void mendable_start(struct mendable *mendable);
struct bytes mendable_change(struct mendable *mendable, int count);
void mendable_update(struct mendable *mendable, int token);

/* The whole store; compacted: with a P line. mendable_end() frees its bytes too. */
struct bytes mendable_begin(struct mendable *mendable, bool compacted);
void mendable_end(struct mendable *mendable, struct bytes *file);

/* The store without the lines of those numbers, up to 0, of which no snapshot has one. */
struct bytes mendable_without(const struct mendable *mendable, const struct bytes *file, const int *numbers);

/* Lines of a file, by their places in it, one after the other; the header is 0. A negative place ends them.
 */
struct bytes lines_of(const struct bytes *file, const int *lines);
size_t start_of_line(const struct bytes *file, size_t number);
size_t count_lines(const struct bytes *file);

struct bytes copy_of(const struct bytes *bytes);

/* Put a text in the place of so many bytes. */
void bytes_replace(struct bytes *bytes, size_t at, size_t removed, const void *text, size_t length);

enum { MENDABLE_FILES = 3 };

/* Files, the damaged store first, and what salvage_find() made of copies of them. */
struct mended {
    struct salvage_file files[MENDABLE_FILES];
    size_t count;
    struct salvage salvage;
    struct fault fault;
};

/* False: they are refused. Ends with mended_free() whatever it returned. */
bool mend_bytes(struct mended *mended, const struct bytes *files, size_t count, const char *domain);
void mended_free(struct mended *mended);

/* Of a line of the snapshot: does its token still work? */
bool works(const struct last_line *line);

/* The letters of the tokens that are ended by a mending, or that still work; "?" for one that is none of the
 * six. */
void mendable_names(char names[64], const struct mendable *mendable, const struct mended *mended, bool ended);

/* It must come out like this; and with no copy, with one, and nothing lost of a snapshot. */
void mendable_expect(const struct mendable *mendable, const struct bytes *files, size_t count,
                     const char *ended, const char *alive, uint64_t lost);
void mendable_expect_alone(const struct mendable *mendable, const struct bytes *file, const char *ended,
                           const char *alive);
void mendable_expect_with(const struct mendable *mendable, const struct bytes *file, const struct bytes *copy,
                          const char *ended, const char *alive);

/* copy: or NULL; says: what the message holds */
void mendable_expect_refusal(const struct bytes *file, const struct bytes *copy, const char *says);

#endif
