/* A file of last uses for tests, as the tool would make it. */
#ifndef USAGE_FIXTURE_H
#define USAGE_FIXTURE_H

#include "fixture.h"
#include "host.h"
#include "usage.h"

#define STOREID "00112233445566778899aabbccddeeff"

struct used_file {
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];
};

/* A directory of its own with a file of so many slots, that of serial 0 among them, for the domain
 * HOST_DOMAIN and the store STOREID. */
void used_file_start(struct used_file *file, uint64_t slots);

/* Make, or make anew, a file with so many empty slots. */
void used_file_make(const char *path, const char *storeid, uint64_t slots);

/* What stands in a slot. */
uint64_t used_file_slot(const char *path, uint64_t serial);
void used_file_set(const char *path, uint64_t serial, uint64_t time);

/* A host that notes, in a file of its own; and what it has said. */
struct noting {
    struct used_file file;
    struct notice notice;
    struct usage usage;
    unsigned messages;
    char last[1024];
};

void noting_start(struct noting *noting, uint64_t slots);

#define LAST_LINE (UINT64_C(1) << 40) /* of a store that needs a larger file than any here */

#define NOTE(noting, serial, time) usage_note(&(noting).usage, STOREID, LAST_LINE, serial, time)
#define EXPECT_SLOT(noting, serial, time) \
    ck_assert_uint_eq(used_file_slot((noting).file.path, serial), (uint64_t)(time))

#endif
