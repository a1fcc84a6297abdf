/*
 * How long the tool waits, and so how long a change takes at most, unless the disk does not answer. The page
 * waits for that long before it gives up (panel/visit.c), and nginx for longer than the page.
 */
#ifndef PATIENCE_H
#define PATIENCE_H

enum {
    LOCK_SECONDS = 10,  /* for the lock, while others change the store */
    FASTER_SECONDS = 5, /* with the lock, while other hosts are faster */
    ANSWER_SECONDS = 6, /* for an engine's answer: more than a program takes to find out that there is none */
    LINES_MOST = 4,     /* of one change: a rotation, which also ends what one that was killed left */
    FAREWELL_SECONDS = 3, /* for an engine to end */
    CHANGE_SECONDS = 45,  /* all of this */
};

_Static_assert(LOCK_SECONDS + FASTER_SECONDS + LINES_MOST * ANSWER_SECONDS + FAREWELL_SECONDS <=
                   CHANGE_SECONDS,
               "a change is killed too early");

#endif
