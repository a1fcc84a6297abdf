/* TOKEN-REFs: what people type for a token, and the token that it means. */
#ifndef REFS_H
#define REFS_H

#include <sys/stat.h>

#include "caller/session.h"
#include "chain.h"

enum { CANDIDATES_MAX = 8 };

struct ref {
    const char *text;       /* a serial, an id, or the first characters of one */
    uint64_t serial;        /* 0: it is no serial */
    const char *name;       /* what the token's id begins with; NULL: its serial is known alone */
    size_t name_length;     /* 0: the same */
    char id[ID_LENGTH + 1]; /* the token that it was found to mean; "": not yet */
    char *line;             /* the token's last line; NULL: none was found */
    size_t length;
    char candidates[CANDIDATES_MAX][ID_LENGTH + 1]; /* ids that it may mean; the first is line's */
    size_t candidate_count;                         /* may be greater */
    uint64_t used;                                  /* when, as used_read() has it */
};

struct refs {
    const char *domain;
    struct ref *list;
    struct ref **sorted; /* those that mean the same side by side */
    size_t count;
    bool named[ID_LENGTH + 1]; /* is there one with a name of that length? 0: with a serial alone */
    struct stat file;          /* that was read */
    struct chain chain;        /* how far */
    uint64_t offset;
    char storeid[STOREID_HEX + 1];
};

/* Parse. STATUS_USAGE if one is none, which is printed. Domain and texts are kept. Ends with refs_free(). */
enum status refs_make(struct refs *refs, const char *domain, char **texts, int count);
void refs_free(struct refs *refs);

/*
 * Read the store, or on from where it was left, for the last line of each. fd: a trusted store. Its tip must
 * hold, and each line that is found proves itself; other lines may be damaged, unless prove is set.
 * Prints nothing: STATUS_DAMAGED and STATUS_IO come with fault.
 */
enum status refs_read(struct refs *refs, int fd, bool prove, struct fault *fault);

/* From the store of the session. Each must mean one token, and means that one from now on. Prints what is
 * wrong: STATUS_NOT_FOUND, STATUS_USAGE for an ambiguous one. */
enum status refs_resolve(struct refs *refs, const struct session *session, bool prove);

/* What the last line says. False: there is none, or it makes no sense. */
bool ref_record(const struct ref *ref, struct record *record);

#endif
