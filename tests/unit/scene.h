/* How most tests of the reader begin: a store with two tokens, and a host that admits both. */
#ifndef SCENE_H
#define SCENE_H

#include "host.h"
#include "reader.h"

struct scene {
    char directory[SCRATCH_PATH];
    struct forge forge;
    struct host host;
    struct sample a, b; /* in the store, as n = 1 and 2 */
    struct sample c, d; /* not yet */
};

void scene_start(struct scene *scene, const char *stale_limit);
void scene_end(struct scene *scene);

/* A reader of the scene's store, beside its host, whose messages go nowhere. */
void scene_open_reader(struct reader *reader, const struct scene *scene);

/* A question as if the path had last been looked at long ago: it shows what only the path can show. */
enum standing reader_look_at_path(struct reader *reader);

/* The line of the sample in the reader's index; NULL: none. */
const char *reader_line(struct reader *reader, const struct sample *sample);

/* Rename over the store what became of the compaction. */
void scene_install(struct scene *scene, struct compaction *compaction);

/* Ways to spoil the P line. */
enum point_fault {
    POINT_MISSING,
    POINT_DIGEST,
    POINT_CUTOFF,
    POINT_NO_CUTOFF,
    POINT_OPERATION,
    POINT_FAULTS,
};
void spoil_point(struct compaction *compaction, enum point_fault fault);

/* What does the host of the scene answer to this sample? */
#define EXPECT(scene, sample, answer) ck_assert_str_eq(host_ask(&(scene).host, &(scene).sample), answer)

/* The store cannot be read: what was good is still admitted, what is not known is an error. */
#define EXPECT_TROUBLE(scene)            \
    do {                                 \
        EXPECT(scene, a, "allow");       \
        EXPECT(scene, d, "error store"); \
    } while (0)

#endif
