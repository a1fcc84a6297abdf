/*
 * Where the lines of a domain are in etcd, below the prefix:
 *
 *     DOMAIN/head                 the HEAD of the log, epoch:n:chain
 *     DOMAIN/log/EPOCH/N          line n with its LF, both numbers with 20 digits; at base the header of the
 * file
 *
 * Each append compares the head and puts it together with the line, in one transaction: so the log has no
 * holes, no line is overwritten, and a new epoch ends the one before.
 */
#ifndef KEYS_H
#define KEYS_H

#include "engine/etcd.h"

enum { HEAD_TEXT_SIZE = 80, HEX_SIZE = 32 };

/* A HEAD as this program reads it: it proves nothing, which is the tool's work. */
struct place {
    uint64_t epoch, n;
    char chain[HEX_SIZE + 1];
};

/* Parse a HEAD of that length. */
bool place_parse(struct place *place, const char *text, size_t length);
bool place_same(const struct place *a, const struct place *b);

/* Where the log is after this line, or at this header of a file, with its LF. epoch: of the line. */
bool place_of_line(struct place *place, const char *line, size_t length, uint64_t epoch);

bool is_header(const char *line, size_t length);

void key_of_head(char key[KEY_SIZE], const struct settings *settings, const char *domain);
void key_of_line(char key[KEY_SIZE], const struct settings *settings, const char *domain, uint64_t epoch,
                 uint64_t n);

/* Read a line from stdin, without the LF: a NUL is in its place. False: the end, or too long. */
bool read_line(char *text, size_t size, size_t *length);

/* The two ways to ask, main.c. They return the exit status. */
int lines_run(struct etcd *etcd, const char *domain);
int append_run(struct etcd *etcd, const char *domain);

#endif
