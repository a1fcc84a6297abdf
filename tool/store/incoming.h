/*
 * Judges what a source says, line by line: bytes and state in, decision out. Pure, but for the caller's way
 * to look up this host's own lines.
 *
 * Every byte that a source sends is foreign input: a follower MUST write nothing that does not prove itself
 * and follow on what it has. A chain is no secret, so this protects from accidents, forks and old copies, not
 * from a source that makes up lines. What a source sends:
 *
 *     a line of the log, or a file from its header on: header, snapshot, the log's lines
 *     "=" HEAD          at least once a second: what the source has, all of which it has sent
 *     "!" REASON [TEXT] then it ends: fork, behind, gap, denied, unavailable
 */
#ifndef INCOMING_H
#define INCOMING_H

#include "chain.h"
#include "fault.h"
#include "store/head.h"

/* Why nothing is taken. incoming_word() names them in DOMAIN.contact. */
enum trouble {
    TROUBLE_NONE,
    TROUBLE_GARBAGE,     /* no line, or one that does not prove itself */
    TROUBLE_FORK,        /* the source's log is another than ours */
    TROUBLE_BEHIND,      /* it ends before ours */
    TROUBLE_FENCED,      /* it is of a lower epoch */
    TROUBLE_OTHER,       /* it is another store */
    TROUBLE_GAP,         /* it lacks the next line: the file is needed */
    TROUBLE_DENIED,      /* it may not be asked */
    TROUBLE_UNAVAILABLE, /* it cannot answer */
    TROUBLE_OWN,         /* our own store cannot be read */
    TROUBLES,
};

enum incoming_verdict {
    INCOMING_KNOWN,     /* nothing to do: we have that line, or the host is the writer and does not listen */
    INCOMING_BEAT,      /* the source says where it stands; trouble tells whether that is good */
    INCOMING_LINE,      /* the next line: append it */
    INCOMING_POINT,     /* the next line, which asks for a compaction */
    INCOMING_FILE,      /* the header of a file, in which whatever came of an earlier one does not count */
    INCOMING_FILE_LINE, /* its next line */
    INCOMING_FILE_END,  /* a beat: the file is whole */
    INCOMING_TROUBLE,   /* write nothing: why says what is wrong and what to do */
};

enum own {
    OWN_LINE,
    OWN_NONE,
    OWN_ERROR,
};

/* Looks up line n of this host's store, up to its last one. */
struct own_lines {
    enum own (*find)(void *context, uint64_t n, struct span *line);
    void *context;
};

struct incoming {
    const char *domain;
    struct own_lines own;
    bool has_store;
    bool writer;       /* this host is the writer: only a higher epoch counts */
    struct chain mine; /* at the last line of this host's store */
    bool in_file;      /* a file is coming */
    struct chain file; /* at its last line */
    bool said;         /* the source has said where it stands: */
    struct expected_head source;
    enum trouble trouble;
    struct fault why;
};

/* Judge the next line with its LF, at most LINE_SIZE_MAX bytes. */
enum incoming_verdict incoming_judge(struct incoming *incoming, const char *text, size_t length);

/* The source has ended, and says that all went well: is what came of a file whole? */
bool incoming_file_whole(const struct incoming *incoming);

/* Does the file of our epoch begin after our last line? Then no chain tells whether it stands for our lines,
 * and the caller asks agree.h before it writes the file. */
bool incoming_file_beyond(const struct incoming *incoming);

/* After the caller has written the file. */
void incoming_took_file(struct incoming *incoming);

/* Does this host have all that the source has? */
bool incoming_level(const struct incoming *incoming);

const char *incoming_word(enum trouble trouble);

#endif
