#include "scene.h"
#include "clock.h"

void scene_start(struct scene *scene, const char *stale_limit)
{
    scratch_directory(scene->directory);
    forge_start(&scene->forge, scene->directory, HOST_DOMAIN);
    sample_make(&scene->a);
    sample_make(&scene->b);
    sample_make(&scene->c);
    sample_make(&scene->d);
    forge_create(&scene->forge, &scene->a);
    forge_create(&scene->forge, &scene->b);
    host_open(&scene->host, scene->directory, stale_limit);
    EXPECT(*scene, a, "allow");
    EXPECT(*scene, b, "allow");
    EXPECT(*scene, d, "deny unknown");
}

void scene_end(struct scene *scene)
{
    host_close(&scene->host);
    forge_end(&scene->forge);
}

static void ignore_message(void *context, int priority, const char *message)
{
    (void)context;
    (void)priority;
    (void)message;
}

void scene_open_reader(struct reader *reader, const struct scene *scene)
{
    static const struct notice quiet = {ignore_message, NULL};

    ck_assert(reader_open(reader, scene->directory, HOST_DOMAIN, 60, &quiet));
}

enum standing reader_look_at_path(struct reader *reader)
{
    atomic_store(&reader->path_looked, 0);
    looks_end();
    return reader_look(reader, clock_now());
}

const char *reader_line(struct reader *reader, const struct sample *sample)
{
    return index_find(&reader->generation[1 - generations_idle(&reader->generations)], sample->record.id);
}

void scene_install(struct scene *scene, struct compaction *compaction)
{
    struct bytes file = compaction_file(compaction, &scene->forge);

    file_replace(scene->forge.path, file.at, file.length);
    bytes_free(&file);
}

void spoil_point(struct compaction *compaction, enum point_fault fault)
{
    struct record *point = &compaction->point;

    if (fault == POINT_MISSING)
        compaction->without_point = true;
    else if (fault == POINT_DIGEST)
        point->hash[0] ^= 1;
    else if (fault == POINT_CUTOFF)
        point->expires = NOW + 1;
    else if (fault == POINT_NO_CUTOFF)
        point->expires = compaction->header.cutoff == TIME_NEVER ? NOW : TIME_NEVER;
    else if (fault == POINT_OPERATION)
        point->op = OPERATION_UPDATE;
}
