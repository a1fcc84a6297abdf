/* HEAD, "epoch:n:chain": the state of a log at some moment. Does the log still contain it? Pure. */
#ifndef HEAD_H
#define HEAD_H

#include "chain.h"
#include "text.h"

enum { HEAD_SIZE = 2 * 20 + 2 + CHAIN_HEX + 1 };

enum answer { ANSWER_PENDING, ANSWER_YES, ANSWER_NO, ANSWER_CANNOT_TELL };

struct expected_head {
    uint64_t epoch, n;
    unsigned char chain[CHAIN_SIZE];
    enum answer answer;
};

void head_format(char text[HEAD_SIZE], uint64_t epoch, uint64_t n, const unsigned char chain[CHAIN_SIZE]);

/* False: text is not a HEAD. */
bool head_parse(struct expected_head *expect, const char *text);

/* Where a line of the chain's log stands, with its LF. False: it does not prove itself. */
bool head_of_line(struct position *at, const struct chain *chain, struct span text);

/* Call these for the header, for each line of the log, and at the end: then answer is no longer PENDING. */
void head_see_header(struct expected_head *expect, const struct header *header);
void head_see_line(struct expected_head *expect, uint64_t n, const unsigned char chain[CHAIN_SIZE]);
void head_see_end(struct expected_head *expect);

#endif
