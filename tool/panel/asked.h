/* What the web server says of a request. Pure. */
#ifndef PANEL_ASKED_H
#define PANEL_ASKED_H

#include <stdbool.h>
#include <stddef.h>

#include "panel/origin.h"

enum { BODY_MAX = 16 * 1024 };

/* A parameter that is not there, or empty, is NULL. They point into what was read. */
struct asked {
    const char
        *user; /* who it is, if it was said once, in the characters of a name: [A-Za-z0-9._@+-]{1,128} */
    const char *method, *path, *query, *content_type, *content_length;
    struct provenance from;
    char *body; /* BODY_MAX + 1 bytes, of which body_length are there */
    size_t body_length;
    bool body_too_long, body_cut;
};

/*
 * Take the parameters that the panel knows. What was said twice is as if it was not said, and a header that
 * says where a request comes from is then refused: a web server that forwards what a client claims beside
 * what it knows itself must not be believed either. names with "=" and value, ended by NULL.
 */
void asked_read(struct asked *asked, char *const parameters[]);

/* The length of the body that was announced; 0 if none was; more than BODY_MAX for what is no number. */
size_t asked_length(const struct asked *asked);

#endif
