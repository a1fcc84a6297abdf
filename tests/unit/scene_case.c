#include "scene_case.h"

struct scene s;

static void begin(void)
{
    scene_start(&s, "60s");
}

static void end(void)
{
    scene_end(&s);
}

TCase *scene_case(const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, begin, end);
    return tcase;
}
