/* What an exit status of the tool means for whoever looks at the page. Pure. */
#ifndef PANEL_ENDING_H
#define PANEL_ENDING_H

#include <stdbool.h>

struct ending {
    int http;         /* status of the answer */
    bool in_doubt;    /* it is not known whether a change was made; else: none was */
    const char *text; /* a sentence */
};

/* status: of tool_run(), but not 0. */
struct ending ending_of(int status);

#endif
