/*
 * What a follower last heard from its source: the file DOMAIN.contact beside the store, one line,
 *
 *     TIME "|" STATE "|" HEAD LF
 *
 * the seconds since the epoch of the last contact at which all was well (0: never), "good" or a word for what
 * is wrong, and the source's HEAD, which may be empty. A hint for people and monitors: no verdict depends on
 * it.
 */
#ifndef CONTACT_H
#define CONTACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTACT_STATE_SIZE = 16, CONTACT_HEAD_SIZE = 80, CONTACT_TEXT_SIZE = 128 };

#define CONTACT_GOOD "good"
#define CONTACT_WRITER "writer" /* this host was promoted, and follows none */

struct contact {
    int64_t time;
    char state[CONTACT_STATE_SIZE]; /* [a-z]+ */
    char head[CONTACT_HEAD_SIZE];   /* [0-9a-f:]* */
};

/* False: this is no such line. Pure. */
bool contact_parse(struct contact *contact, const char *text, size_t length);

/* Returns the length with the LF. Pure. */
size_t contact_format(char text[CONTACT_TEXT_SIZE], const struct contact *contact);

/* Read the file of a domain in the directory of the stores. False with errno: there is none, or it cannot be
 * read (EINVAL: it holds something else). */
bool contact_read(struct contact *contact, const char *directory, const char *domain);

#endif
