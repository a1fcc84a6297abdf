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

/* The line of the sample in the reader's index; NULL: none. */
const char *reader_line(struct reader *reader, const struct sample *sample);

/* What does the host of the scene answer to this sample? */
#define EXPECT(scene, sample, answer) ck_assert_str_eq(host_ask(&(scene).host, &(scene).sample), answer)

/* The store cannot be read: what was good is still admitted, what is not known is an error. */
#define EXPECT_TROUBLE(scene)            \
    do {                                 \
        EXPECT(scene, a, "allow");       \
        EXPECT(scene, d, "error store"); \
    } while (0)

#endif
