/* Runs the tool, which alone reads and writes stores. */
#ifndef PANEL_TOOL_H
#define PANEL_TOOL_H

#include <jansson.h>
#include <stdint.h>

/* How to run it. config: for -c; NULL: the system's. */
struct tool {
    const char *path, *config;
};

/* Besides the exit statuses of the tool. */
enum {
    TOOL_UNKNOWN = -1,     /* it was killed, took too long, or said what is not JSON: it may have done it */
    TOOL_NOT_STARTED = -2, /* it did nothing */
};

struct reply {
    int status;   /* exit status, or one of the above */
    json_t *json; /* what it printed, but for an error; never NULL if the status is 0 */
    char *text;   /* its message, without "toktab: "; "" if it is not for whoever looks at the page */
    char *field;  /* which of the values given it means; "" if none */
};

/*
 * Run "toktab --as web:USER ARGUMENTS" and wait for it. It inherits nothing but stderr's place: no
 * descriptor, no environment, no signal mask. What it says on stderr goes to ours, but for messages about
 * what the user typed. arguments ends with NULL; --json is among them. until: when it is killed, on the clock
 * of clock_now(). Returns reply->status. Call reply_free() whatever it is.
 */
int tool_run(struct reply *reply, const struct tool *tool, const char *user, const char *const arguments[],
             int64_t until);
void reply_free(struct reply *reply);

#endif
