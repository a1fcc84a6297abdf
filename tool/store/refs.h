/* TOKEN-REFs: what people type for a token, and the tokens they mean. refs_read.c finds their lines. */
#ifndef REFS_H
#define REFS_H

#include <sys/stat.h>

#include "caller/session.h"
#include "chain.h"

enum { CANDIDATES_MAX = 8 };

struct ref {
    const char *text;       /* a serial, an id, or the first characters of one */
    uint64_t serial;        /* 0: not a serial */
    const char *name;       /* what the token's id begins with; NULL: serial is given */
    size_t name_length;     /* 0: serial is given */
    char id[ID_LENGTH + 1]; /* of the token it means; "": not known yet */
    char *line;             /* the token's last line; NULL: not found */
    size_t length;
    uint64_t n; /* the line's number */
    bool begun; /* the line that created the token was found: no other is before it */
    bool kept;  /* its line in the snapshot was found */
    char candidates[CANDIDATES_MAX][ID_LENGTH + 1]; /* ids that it may mean; line is the first one's */
    size_t candidate_count;                         /* may be greater than CANDIDATES_MAX */
    uint64_t used;                                  /* when, as used_read() has it */

    /* the newest token that succeeds it by rotation, seen since the id is known; serial 0: none */
    char successor[ID_LENGTH + 1];
    uint64_t successor_serial;
    bool successor_revoked;
};

/* What must be proved of the lines that are read. */
enum proof_of {
    PROOF_OF_FOUND, /* the lines found: damage elsewhere must not stop a revocation */
    PROOF_OF_STATE, /* that these are all: no line is missing since the token was created */
    PROOF_OF_STORE, /* the whole store */
};

struct refs {
    const char *domain;
    enum proof_of proof;
    struct ref *list;
    struct ref **sorted; /* equal refs side by side */
    size_t count;
    bool named[ID_LENGTH + 1];     /* is there a ref with a name of that length? [0]: a serial */
    size_t lengths[ID_LENGTH + 1]; /* these lengths */
    size_t length_count;
    struct stat file;   /* the file that was read */
    struct chain chain; /* how far */
    uint64_t offset;
    char storeid[STOREID_HEX + 1];
    char chosen[ID_LENGTH + 1]; /* the id that a label means */
};

/* Is it a serial, not an id? Pure. */
bool ref_is_serial(const char *text);

/* Order them: serials by number, then names by length. */
int ref_compare(const struct ref *a, const struct ref *b);

/* Forget what was found. */
void ref_forget(struct ref *ref);

/* Parse what people typed. Prints a bad one and returns STATUS_USAGE. Keeps the pointers to domain and texts.
 * The caller calls refs_free() whatever is returned. */
enum status refs_make(struct refs *refs, const char *domain, char **texts, int count, enum proof_of proof);
void refs_free(struct refs *refs);

/*
 * Find each ref's last line: read the store, or what was appended since the last call. fd: a trusted store.
 * Its tip must prove itself, and what refs->proof says. Unless that is the whole store, refs that are serials
 * or whole ids are looked for from the end of the file, only to the first lines of their tokens. A change
 * that rests on a token's state wants PROOF_OF_STATE: a line appended behind a revocation that is damaged
 * would have mending take the token for a good one. Prints nothing: STATUS_DAMAGED and STATUS_IO set fault.
 */
enum status refs_read(struct refs *refs, int fd, struct fault *fault);

/* The same with the session's store. Each ref must mean one token, and from now on means exactly that one.
 * Prints what is wrong: STATUS_NOT_FOUND, STATUS_USAGE for an ambiguous ref. */
enum status refs_resolve(struct refs *refs, const struct session *session);

/* Read the session's store again with refs that are whole ids, so that each knows its token, if there still
 * is one, and the token's successor. Prints what is wrong. */
enum status refs_read_again(struct refs *refs, const struct session *session);

/* A token that somebody may have meant. */
struct candidate {
    uint64_t serial;
    char id[ID_LENGTH + 1];
    char label[LINE_SIZE_MAX]; /* escaped, as in the store */
};

/* Print serial, id and label of such a token. */
void ref_say_candidate(const struct record *record);

/* Those printed so far, at most CANDIDATES_MAX. */
const struct candidate *refs_candidates(size_t *count);

/* Parse the ref's last line. False: there is none, or it is invalid. */
bool ref_record(const struct ref *ref, struct record *record);

/* The same, after refs_resolve(). If the line is invalid, prints so and returns STATUS_DAMAGED. */
enum status ref_read(const struct ref *ref, struct record *record);

#endif
