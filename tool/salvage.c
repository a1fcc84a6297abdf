#include "salvage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "gather.h"
#include "link.h"
#include "restore.h"
#include "say.h"
#include "seams.h"

/* How far behind its place a number may be, so that it is believed that lines are missing. */
enum { GAP_MOST = 1 << 20 };

char *salvage_room(struct salvage *salvage, size_t size)
{
    size_t room;

    memset(salvage, 0, sizeof(*salvage));
    return index_make(&salvage->index, size / 200) ? index_room(&salvage->index, size + 1, size + 1, &room)
                                                   : NULL;
}

void salvage_free(struct salvage *salvage)
{
    index_free(&salvage->index);
    snapshot_free(&salvage->snapshot);
    free(salvage->suspects);
}

/* Those behind the last proved line that may be lines of the log move to the front. Returns how many. */
static size_t part_copies(struct salvage *salvage)
{
    size_t count = 0;

    for (size_t i = salvage->run; i < salvage->suspect_count; i++) {
        struct suspect suspect = salvage->suspects[i];

        if (suspect_is_copy(&suspect, salvage->bytes, salvage->size))
            continue;
        memmove(&salvage->suspects[salvage->run + count + 1], &salvage->suspects[salvage->run + count],
                (i - salvage->run - count) * sizeof(suspect));
        salvage->suspects[salvage->run + count++] = suspect;
    }
    return count;
}

/* A line of the log whose chain holds. One that makes no sense all the same is as good as damaged. */
static void take_proved(struct salvage *salvage, const struct line *line, const struct text *text)
{
    struct record record;

    if (record_check(&record, line) || !(record.op == OPERATION_POINT || gather_fits(salvage, &record)))
        gather_suspect(salvage, text, salvage->n, true);
    else if (record.op != OPERATION_POINT)
        gather_keep(salvage, line, text);
}

/* A damaged line may be all that there is of a token. It is kept for the history, and revoked. No line that
 * changes a token that is not known: its id may be what is damaged. */
static void keep_if_whole(struct salvage *salvage, const struct suspect *suspect)
{
    struct text text = {suspect->text, suspect->text + suspect->length};
    struct record record;
    struct line line;
    uint64_t n;

    if (gather_split(&line, &text, &n) && n == suspect->n && !record_check(&record, &line) &&
        record.op == OPERATION_CREATE && gather_fits(salvage, &record))
        gather_keep(salvage, &line, &text);
}

/* Is this suspect, which stands at that place behind the last proved line, the line of that place? One that
 * shows another number is it only if it fits the chain but for that number: else it may begin with a piece of
 * another line, whose token it shows. */
static bool belongs(const struct salvage *salvage, size_t i, uint64_t place)
{
    const struct suspect *suspect = &salvage->suspects[i], *last = suspect - 1;
    struct text text = {suspect->text, suspect->text + suspect->length};
    uint64_t n = gather_number(&text);
    unsigned char before[CHAIN_SIZE];

    if (n == 0 || n == place)
        return true; /* what it shows is judged */
    memcpy(before, salvage->chain, CHAIN_SIZE);
    return (i == salvage->run || link_shown(last->text, last->length, before)) &&
           link_follows_as(before, place, suspect->text, suspect->length);
}

/* The suspects behind the last proved line stand where so many lines of the log have been. */
static void end_run(struct salvage *salvage, uint64_t places)
{
    size_t count = places > 0 ? part_copies(salvage) : 0;

    if (count < places)
        gather_doubt(salvage, "lines of the log are missing behind n=%" PRIu64, salvage->n);
    for (size_t i = salvage->run; i < salvage->suspect_count; i++)
        salvage->suspects[i].takes_place = false;
    for (size_t i = 0; i < count; i++) {
        struct suspect *suspect = &salvage->suspects[salvage->run + i];

        suspect->takes_place = true;
        if (count == places) {
            suspect->n = salvage->n + 1 + i;
            if (!belongs(salvage, salvage->run + i, suspect->n))
                gather_doubt(salvage, "a line of another place is where n=%" PRIu64 " has been", suspect->n);
            keep_if_whole(salvage, suspect);
        }
    }
    salvage->run = salvage->suspect_count;
}

/* Can the chain be picked up at this line? */
static bool picks_up(const struct salvage *salvage, const struct line *line, const struct text *text,
                     uint64_t n, unsigned char chain[CHAIN_SIZE])
{
    const struct suspect *last;
    unsigned char before[CHAIN_SIZE];

    if (salvage->suspect_count == salvage->run || n <= salvage->n + 1 || n == UINT64_MAX)
        return false;
    last = &salvage->suspects[salvage->suspect_count - 1];
    if (link_shown(last->text, last->length, before) && link_follows(before, line, text->at, chain))
        return true;
    memcpy(before, salvage->chain, CHAIN_SIZE);
    return salvage->suspect_count - salvage->run == 1 && n == salvage->n + 2 &&
           link_computed(last->text, last->length, before) && link_follows(before, line, text->at, chain);
}

/* The first line behind a snapshot must vouch for it. */
static void check_point(struct salvage *salvage, const struct line *line)
{
    unsigned char digest[HASH_SIZE];
    int64_t cutoff;

    if (line->column[COLUMN_OP].at[0] != OPERATION_POINT ||
        !hex_decode(digest, line->column[COLUMN_HASH].at, HASH_SIZE) ||
        memcmp(digest, salvage->header.digest, HASH_SIZE) != 0 ||
        !time_parse(line->column[COLUMN_EXPIRES], &cutoff) || cutoff != salvage->header.cutoff)
        gather_doubt(salvage, "no line vouches for the snapshot of the lines up to n=%" PRIu64,
                     salvage->header.base);
}

static void take_log_line(struct salvage *salvage, const struct text *text)
{
    unsigned char chain[CHAIN_SIZE];
    struct line line;
    uint64_t n;
    bool next;

    if (!gather_split(&line, text, &n)) {
        gather_suspect(salvage, text, 0, true);
        return;
    }
    next = n == salvage->n + 1 && link_follows(salvage->chain, &line, text->at, chain);
    if (!next && !picks_up(salvage, &line, text, n, chain)) {
        gather_suspect(salvage, text, 0, true);
        return;
    }
    end_run(salvage, n - 1 - salvage->n);
    salvage->n = n;
    memcpy(salvage->chain, chain, CHAIN_SIZE);
    if (salvage->header.base > 0 && n == salvage->header.base + 1)
        check_point(salvage, &line);
    take_proved(salvage, &line, text);
    salvage->run = salvage->suspect_count;
}

/* What follows the last proved line takes a place each; one that says that it belongs further on shows that
 * lines before it are missing. */
static void end_log(struct salvage *salvage)
{
    uint64_t places = salvage->suspect_count - salvage->run, n;
    struct line line;

    salvage->base = salvage->n + places;
    if (salvage->header.base > 0 && salvage->base == salvage->header.base)
        gather_doubt(salvage, "lines of the log are missing behind n=%" PRIu64, salvage->n);
    for (size_t i = 0; i < places; i++) {
        const struct suspect *suspect = &salvage->suspects[salvage->run + i];
        struct text text = {suspect->text, suspect->text + suspect->length};

        if (!gather_split(&line, &text, &n) || n <= salvage->n + 1 + i)
            continue;
        gather_doubt(salvage, "lines of the log are missing behind n=%" PRIu64, salvage->n);
        if (n > salvage->base && n - salvage->base < GAP_MOST)
            salvage->base = n;
    }
    end_run(salvage, places);
}

static void take_log(struct salvage *salvage, struct text rest)
{
    struct text line;

    salvage->n = salvage->header.base;
    memcpy(salvage->chain, salvage->header.basechain, CHAIN_SIZE);
    salvage->run = salvage->suspect_count;
    while (gather_next(&rest, &line))
        take_log_line(salvage, &line);
    head_format(salvage->old_head, salvage->header.epoch, salvage->n, salvage->chain);
    end_log(salvage);
}

/* proved: by the snapshot's digest, or by the line before. Else its token is in doubt; no other: the line
 * held the state of one token. */
static void take_snapshot_line(struct salvage *salvage, const struct text *text, uint64_t *last, bool proved)
{
    struct record record;
    struct line line;
    uint64_t n;
    bool whole = gather_split(&line, text, &n) && n > *last && n <= salvage->header.base &&
                 !record_check(&record, &line) && record.op != OPERATION_POINT &&
                 !index_find(&salvage->index, record.id) && gather_fits(salvage, &record);

    if (whole)
        gather_keep(salvage, &line, text);
    if (whole && proved)
        *last = n;
    else
        gather_suspect(salvage, text, 0, false)->whole = whole;
}

static bool snapshot_sound(const struct header *header, const struct text *rest)
{
    struct digest digest;
    unsigned char sum[HASH_SIZE];

    if (header->bytes > (uint64_t)(rest->end - rest->at))
        return false;
    crypto_digest_start(&digest, HASH_SIZE);
    crypto_digest_add(&digest, rest->at, (size_t)header->bytes);
    crypto_digest_end(&digest, sum, HASH_SIZE);
    return memcmp(sum, header->digest, HASH_SIZE) == 0 &&
           (header->bytes == 0 || rest->at[header->bytes - 1] == '\n');
}

/* Where a damaged snapshot ends: at the P line, or else at the first line of a higher number. */
static const char *damaged_end(const struct salvage *salvage, struct text rest)
{
    const char *higher = rest.end;
    struct text text;
    struct line line;
    uint64_t n;

    while (gather_next(&rest, &text))
        if (gather_split(&line, &text, &n) && n > salvage->header.base) {
            if (n == salvage->header.base + 1 && line.column[COLUMN_OP].at[0] == OPERATION_POINT)
                return text.at;
            if (higher == rest.end)
                higher = text.at;
        }
    return higher;
}

/* Is a damaged snapshot as long as it was? The chain says that a line belongs to the log, not that it is its
 * token's last: an older one, put where that was, would hide a revocation, but hardly have its length. */
static bool has_its_length(struct salvage *salvage, struct text snapshot)
{
    const struct header *header = &salvage->header;
    uint64_t bytes = (uint64_t)(snapshot.end - snapshot.at), lines = 0;
    struct text text;

    while (gather_next(&snapshot, &text))
        lines++;
    if (lines < header->lines)
        gather_doubt(salvage, "lines of the snapshot up to n=%" PRIu64 " are missing", header->base);
    return lines == header->lines && bytes == header->bytes;
}

/* A line is proved if it follows on the one before it, and is no part of another piece of the log. */
static void take_damaged_snapshot(struct salvage *salvage, struct text left)
{
    bool has_length = has_its_length(salvage, left);
    struct stretch doubtful = seams_find(&salvage->header, left);
    struct links links = {.has_shown = true};
    struct text text;
    struct line line;
    uint64_t last = 0, n;

    chain_start(links.shown, salvage->header.storeid, salvage->header.epoch);
    for (size_t i = 0; gather_next(&left, &text); i++) {
        bool in_place = has_length && (i < doubtful.from || i > doubtful.to);

        take_snapshot_line(salvage, &text, &last,
                           in_place && gather_split(&line, &text, &n) &&
                               links_lead_to(&links, &line, text.at));
        links_move(&links, text.at, (size_t)(text.end - text.at));
    }
}

/* Takes the snapshot off the front. */
static void take_snapshot(struct salvage *salvage, struct text *rest)
{
    bool sound = snapshot_sound(&salvage->header, rest);
    struct text left = {rest->at, sound ? rest->at + salvage->header.bytes : damaged_end(salvage, *rest)},
                text;
    uint64_t last = 0;

    rest->at = left.end;
    if (!sound)
        take_damaged_snapshot(salvage, left);
    else
        while (gather_next(&left, &text))
            take_snapshot_line(salvage, &text, &last, true);
}

static bool find_header(struct salvage *salvage, char *bytes, size_t size, const char *domain,
                        size_t *header_length, struct fault *fault)
{
    const char *lf = memchr(bytes, '\n', size);

    *header_length = lf ? (size_t)(lf - bytes) + 1 : 0;
    if (lf && !header_parse(&salvage->header, bytes, *header_length))
        return strcmp(salvage->header.domain, domain) == 0 ||
               fault_set(fault, "it is the store of another domain");
    if (!header_restore(&salvage->header, header_length, bytes, size, domain))
        return fault_set(fault,
                         "its header is damaged, and nothing in it proves what it was: put a backup there");
    bytes[*header_length - 1] = '\n';
    return true;
}

/* A cutoff that is still to come was set by a wrong clock: what it would drop may still work. */
static void find_doubtful(struct salvage *salvage, int64_t now)
{
    const struct suspect *anybodys;

    snapshot_of_index(&salvage->snapshot, &salvage->index);
    anybodys = doubt_mark(&salvage->snapshot, salvage->suspects, salvage->suspect_count, &salvage->index);
    if (anybodys)
        gather_doubt(salvage, "a line behind n=%" PRIu64 " is so damaged that it could be any token's",
                     anybodys->n > 0 ? anybodys->n - 1 : salvage->header.base);
    if (cutoff_ahead(salvage->header.cutoff, now))
        salvage->header.cutoff = now;
    snapshot_drop_dead(&salvage->snapshot, salvage->header.cutoff);
}

bool salvage_find(struct salvage *salvage, size_t size, const char *domain, int64_t now, struct fault *fault)
{
    char *bytes = salvage->index.chunks[0].bytes;
    struct text rest;
    size_t header_length;

    salvage->bytes = bytes;
    salvage->size = size;
    if (!find_header(salvage, bytes, size, domain, &header_length, fault))
        return false;
    rest = (struct text){bytes + header_length, bytes + size};
    take_snapshot(salvage, &rest);
    take_log(salvage, rest);
    find_doubtful(salvage, now);
    /* the lines that a new file gets, one for each token at most and the P line, want numbers too */
    return (salvage->header.epoch < UINT64_MAX && salvage->base < UINT64_MAX - salvage->snapshot.count - 1) ||
           fault_set(fault, "there are no numbers left for a new epoch and its lines");
}

void salvage_end_all(struct salvage *salvage)
{
    for (size_t i = 0; i < salvage->snapshot.count; i++)
        salvage->snapshot.lines[i].ends = !line_revoked(salvage->snapshot.lines[i].id);
}
