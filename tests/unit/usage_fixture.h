/* A file of last uses for tests, as a host of this user would make it. */
#ifndef USAGE_FIXTURE_H
#define USAGE_FIXTURE_H

#include "fixture.h"
#include "host.h"
#include "usage.h"
#include "usage_file.h"

#define STOREID "00112233445566778899aabbccddeeff"
#define OTHER_STOREID "00112233445566778899aabbccddeefe"

struct used_file {
    char above[SCRATCH_PATH], directory[SCRATCH_PATH], path[SCRATCH_PATH];
};

/* A directory of its own that has used/, where the file of the domain HOST_DOMAIN is to be. */
void used_file_start(struct used_file *file);

/* used/ in a directory, and the path of the file there. */
void used_file_below(struct used_file *file, const char *above);

/* Make, or make anew, a file that was begun at BEGAN and has so many slots, that of serial 0 among them. */
void used_file_make(const char *path, const char *storeid, uint64_t slots);

/* What stands in a slot; 0 beyond the end. */
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

/* The file is missing. */
void noting_start(struct noting *noting);

#define BEGAN (NOW - 86400)

#define NOTE(noting, serial, time) usage_note(&(noting).usage, STOREID, serial, time)
#define EXPECT_SLOT(noting, serial, time) \
    ck_assert_uint_eq(used_file_slot((noting).file.path, serial), (uint64_t)(time))

#endif
