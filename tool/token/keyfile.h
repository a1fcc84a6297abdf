/*
 * Reads keys that another system issued, for `toktab import`: LABEL<TAB>KEY a line, or JSON.
 *
 * What is wrong is gathered, so that all of it can be shown with its line. No complaint holds a part of the
 * text: it may be a key in the wrong place.
 */
#ifndef KEYFILE_H
#define KEYFILE_H

#include "config.h"
#include "record.h"
#include "token/attributes.h"

struct key {
    size_t line;
    struct span text; /* the key itself, in the caller's text */
    struct attributes attributes;
    int64_t expires;
    char id[ID_LENGTH + 1]; /* these two: for the store that keyfile_identify() was told */
    unsigned char hash[HASH_SIZE];
    uint64_t serial; /* of the token, set by whoever imports it; 0: none yet */
};

struct complaint {
    size_t line;
    char *what;
};

struct keyfile {
    const struct domain *domain;
    int64_t now;
    struct key *list; /* what nothing is wrong with */
    size_t count, room;
    struct complaint *complaints;
    size_t complaint_count, complaint_room;
};

enum { KEY_VARIETY = 8 }; /* a key with fewer different characters is weak */

/*
 * Parse a text, whose keys are for that domain. Wants a text of one byte more than length, changes it, and
 * keeps pointers into it. Prints nothing. The caller calls keyfile_free(), and wipes the text. jansson must
 * have got memory that is wiped: secret_wipe_json().
 */
void keyfile_parse(struct keyfile *keyfile, char *text, size_t length, const struct domain *domain,
                   int64_t now);
void keyfile_free(struct keyfile *keyfile);

/* Give each key the id and the hash that it has in the store with this storeid. */
void keyfile_identify(struct keyfile *keyfile, const unsigned char storeid[CHAIN_SIZE]);

/* Complain of each key that is there a second time. */
void keyfile_find_doubles(struct keyfile *keyfile);

/* what: memory that keyfile_free() frees */
void keyfile_complain(struct keyfile *keyfile, size_t line, char *what);

/* Sort the complaints by line. */
void keyfile_sort_complaints(struct keyfile *keyfile);

/* What the key's line says, but for the columns that change_place() or extend_add() fill in. record points
 * into key. */
void key_record(struct record *record, const struct key *key, int64_t now);

#endif
