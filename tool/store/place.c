#include "store/place.h"

#include <errno.h>
#include <string.h>

#include "store/numbered.h"
#include "store/tip.h"

/* Line head->n is not here. If later ones are, it is missing; the last line may lack its LF. */
static enum place judge_missing(struct chain *chain, int fd, const struct expected_head *head,
                                uint64_t *offset)
{
    struct fault fault;
    struct tip tip;
    enum status status = tip_read(&tip, fd, chain->header.domain, &fault);

    if (status == STATUS_IO)
        return PLACE_ERROR;
    if (status != STATUS_DONE || tip.chain.at.n > head->n)
        return PLACE_DAMAGE;
    if (tip.chain.at.n < head->n)
        return PLACE_BEYOND;
    if (!tip.lf_due)
        return PLACE_DAMAGE;
    *chain = tip.chain;
    *offset = tip.end;
    return memcmp(chain->at.chain, head->chain, CHAIN_SIZE) == 0 ? PLACE_END : PLACE_FORK;
}

/* The chain is at base. */
static enum place find_line(struct chain *chain, int fd, const struct expected_head *head, uint64_t *offset)
{
    struct numbered numbered;
    enum place place = PLACE_DAMAGE;
    struct line line;

    numbered_make(&numbered, fd);
    switch (numbered_find(&numbered, head->n)) {
    case FOUND_LINE:
        if (!line_split(&line, numbered.at.at, numbered.at.length) ||
            !chain_resume(chain, &line, numbered.at.at))
            break;
        *offset = numbered.offset;
        place = memcmp(chain->at.chain, head->chain, CHAIN_SIZE) == 0 ? PLACE_HERE : PLACE_FORK;
        break;
    case FOUND_NONE:
        place = judge_missing(chain, fd, head, offset);
        break;
    case FOUND_ERROR:
    default:
        place = errno == EINVAL ? PLACE_DAMAGE : PLACE_ERROR;
    }
    numbered_free(&numbered);
    return place;
}

enum place place_find(struct chain *chain, int fd, const struct expected_head *head, uint64_t *offset)
{
    const struct header *header = &chain->header;
    enum place place;

    if (!head || head->epoch < header->epoch || (head->epoch == header->epoch && head->n < header->base)) {
        *offset = 0;
        return PLACE_HERE;
    }
    if (head->epoch > header->epoch)
        return PLACE_BEYOND;
    chain_skip_snapshot(chain);
    *offset += header->bytes;
    if (head->n == header->base)
        return memcmp(head->chain, header->basechain, CHAIN_SIZE) == 0 ? PLACE_HERE : PLACE_FORK;
    place = find_line(chain, fd, head, offset);
    if (place == PLACE_DAMAGE) /* the line may have come between two looks */
        place = find_line(chain, fd, head, offset);
    return place;
}
