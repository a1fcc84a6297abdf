/* Cases whose tests each begin with a new scene: a store with two tokens, and a host that admits both. */
#ifndef SCENE_CASE_H
#define SCENE_CASE_H

#include "scene.h"

extern struct scene s;

TCase *scene_case(const char *name);

#endif
