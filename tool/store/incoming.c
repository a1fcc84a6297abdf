#include "store/incoming.h"

#include <inttypes.h>
#include <string.h>

enum { SAID_MOST = 200 }; /* bytes of what a source says are passed on */

static const char *const words[TROUBLES] = {
    [TROUBLE_NONE] = "good",     [TROUBLE_GARBAGE] = "garbage", [TROUBLE_FORK] = "fork",
    [TROUBLE_BEHIND] = "behind", [TROUBLE_FENCED] = "fenced",   [TROUBLE_OTHER] = "other",
    [TROUBLE_GAP] = "gap",       [TROUBLE_DENIED] = "denied",   [TROUBLE_UNAVAILABLE] = "unavailable",
    [TROUBLE_OWN] = "own",
};

const char *incoming_word(enum trouble trouble)
{
    return words[trouble];
}

static enum incoming_verdict garbage(struct incoming *incoming, const char *what)
{
    incoming->trouble = TROUBLE_GARBAGE;
    fault_set(&incoming->why, "the source sends what is no line of this store: %s", what);
    return INCOMING_TROUBLE;
}

static enum incoming_verdict forked(struct incoming *incoming, uint64_t n)
{
    incoming->trouble = TROUBLE_FORK;
    fault_set(
        &incoming->why,
        "fork: line n=%" PRIu64 " of the source is another than this host's: two hosts have written, or "
        "an old copy was put back and went on: run `toktab mend` on the writer, whose log then counts, or "
        "`toktab promote` here",
        n);
    return INCOMING_TROUBLE;
}

static enum incoming_verdict fenced(struct incoming *incoming, uint64_t epoch)
{
    incoming->trouble = TROUBLE_FENCED;
    fault_set(&incoming->why,
              "fenced: the source is of epoch %" PRIu64 ", this host of %" PRIu64
              ": another host was promoted or mended since: make that one the source",
              epoch, incoming->mine.header.epoch);
    return INCOMING_TROUBLE;
}

static enum incoming_verdict behind(struct incoming *incoming, uint64_t n)
{
    incoming->trouble = TROUBLE_BEHIND;
    fault_set(&incoming->why,
              "the source ends at n=%" PRIu64 ", this host has %" PRIu64
              ": an old copy was put back there: put a newer one there (this host's store is one), or run "
              "`toktab mend` there",
              n, incoming->mine.at.n);
    return INCOMING_TROUBLE;
}

static enum incoming_verdict gap(struct incoming *incoming, uint64_t n)
{
    incoming->trouble = TROUBLE_GAP;
    fault_set(&incoming->why,
              "gap: the source goes on at n=%" PRIu64 ", this host needs %" PRIu64
              ": fetching the whole file",
              n, incoming->has_store ? incoming->mine.at.n + 1 : 1);
    return INCOMING_TROUBLE;
}

static enum incoming_verdict own_unreadable(struct incoming *incoming)
{
    incoming->trouble = TROUBLE_OWN;
    fault_set(&incoming->why, "this host's own store cannot be compared with the source: run `toktab check`; "
                              "if it is damaged, move it away, and it is fetched anew");
    return INCOMING_TROUBLE;
}

/* The source's line n is another than ours: is it the source's fault? */
static enum incoming_verdict differs(struct incoming *incoming, uint64_t n, struct span mine)
{
    const struct chain *chain = &incoming->mine;
    unsigned char seal[CHAIN_SIZE];
    struct position at;
    struct line line;
    uint64_t sealed;

    if (n > chain->header.base ? head_of_line(&at, chain, mine)
                               : line_split(&line, mine.at, mine.length) &&
                                     chain_sealed(chain->header.basechain, &line, mine.at, seal, &sealed))
        return forked(incoming, n);
    return own_unreadable(incoming);
}

/* ---- beats and reasons ---- */

static enum incoming_verdict judge_head(struct incoming *incoming, const struct expected_head *head)
{
    const struct position *at = &incoming->mine.at;
    struct position there;
    struct span mine;

    if (!incoming->has_store)
        return INCOMING_BEAT;
    if (head->epoch < incoming->mine.header.epoch)
        return fenced(incoming, head->epoch);
    if (head->epoch > incoming->mine.header.epoch)
        return gap(incoming, head->n);
    if (head->n == at->n)
        return memcmp(head->chain, at->chain, CHAIN_SIZE) == 0 ? INCOMING_BEAT : forked(incoming, at->n);
    if (head->n > at->n) /* it owes us lines; whoever waits for them sees that they do not come */
        return INCOMING_BEAT;
    if (head->n > incoming->mine.header.base) {
        if (incoming->own.find(incoming->own.context, head->n, &mine) != OWN_LINE ||
            !head_of_line(&there, &incoming->mine, mine))
            return own_unreadable(incoming);
        if (memcmp(there.chain, head->chain, CHAIN_SIZE) != 0)
            return forked(incoming, head->n);
    }
    return behind(incoming, head->n);
}

/* The file is whole if its log ends where the source says that it stands, and has what we have. */
static enum incoming_verdict judge_head_in_file(struct incoming *incoming, const struct expected_head *head)
{
    const struct chain *file = &incoming->file;

    if (head->epoch != file->header.epoch || chain_end(file) || head->n != file->at.n ||
        memcmp(head->chain, file->at.chain, CHAIN_SIZE) != 0)
        return garbage(incoming, "a file ends elsewhere than where the source says");
    if (!incoming_file_whole(incoming))
        return behind(incoming, head->n);
    return INCOMING_FILE_END;
}

static enum incoming_verdict judge_beat(struct incoming *incoming, const char *text, size_t length)
{
    char head[HEAD_SIZE];
    enum incoming_verdict verdict;

    if (length - 2 >= sizeof(head) || memchr(text, '\0', length))
        return garbage(incoming, "what should be a HEAD");
    memcpy(head, text + 1, length - 2);
    head[length - 2] = '\0';
    if (!head_parse(&incoming->source, head))
        return garbage(incoming, "what should be a HEAD");
    incoming->said = true;
    if (incoming->in_file)
        return judge_head_in_file(incoming, &incoming->source);
    verdict = judge_head(incoming, &incoming->source);
    /* it may be cured while we listen, so this ends nothing */
    return verdict == INCOMING_TROUBLE &&
                   (incoming->trouble == TROUBLE_BEHIND || incoming->trouble == TROUBLE_FENCED)
               ? INCOMING_BEAT
               : verdict;
}

static enum incoming_verdict judge_reason(struct incoming *incoming, const char *text, size_t length)
{
    static const struct {
        const char *word;
        enum trouble trouble;
        const char *what;
    } reasons[] = {
        {"fork", TROUBLE_FORK,
         "fork: the source has another line where this host's log ends: two hosts have written, or an old "
         "copy "
         "was put back and went on: run `toktab mend` on the writer, whose log then counts, or `toktab "
         "promote` here"},
        {"behind", TROUBLE_BEHIND,
         "the source ends before this host's log: an old copy was put back there: put a newer one there "
         "(this "
         "host's store is one), or run `toktab mend` there"},
        {"gap", TROUBLE_GAP, "gap: the source lacks lines that this host needs: fetching the whole file"},
        {"denied", TROUBLE_DENIED, "the source refuses to answer: look at its keys and rights"},
        {"unavailable", TROUBLE_UNAVAILABLE, "the source cannot answer now"},
    };
    struct span word = {text + 1, length - 2},
                said = {"", 0}; /* in its own words; whoever shows it escapes them */
    const char *blank = memchr(word.at, ' ', word.length);

    if (blank) {
        said = (struct span){blank + 1, word.length - (size_t)(blank + 1 - word.at)};
        word.length = (size_t)(blank - word.at);
    }
    if (said.length > SAID_MOST)
        said.length = SAID_MOST;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (span_equals(word, reasons[i].word)) {
            incoming->trouble = reasons[i].trouble;
            fault_set(&incoming->why, "%s%s%.*s", reasons[i].what, said.length > 0 ? ": it says: " : "",
                      (int)said.length, said.at);
            return INCOMING_TROUBLE;
        }
    return garbage(incoming, "an unknown reason");
}

/* ---- lines ---- */

/* What every reader of a store wants of a line, beyond its proof. knows_prior: prior is the serial that the
 * line before changed. */
static const char *wrong_columns(const struct line *line, bool knows_prior, uint64_t prior)
{
    struct record record;

    if (record_check(&record, line))
        return "a line has a bad column";
    if (record.op == OPERATION_CREATE && record.serial != record.n)
        return "the serial of a new token is not the number of its line";
    return knows_prior && record.prior != prior ? "a line has a bad column" : NULL;
}

/* Line n, which we should have: is it ours? */
static enum incoming_verdict judge_known(struct incoming *incoming, uint64_t n, struct span line)
{
    struct span mine;

    switch (incoming->own.find(incoming->own.context, n, &mine)) {
    case OWN_LINE:
        return n <= incoming->mine.header.base || span_same(mine, line) ? INCOMING_KNOWN
                                                                        : differs(incoming, n, mine);
    case OWN_NONE:
        return n <= incoming->mine.header.base || n == incoming->mine.at.n ? INCOMING_KNOWN
                                                                           : own_unreadable(incoming);
    case OWN_ERROR:
    default:
        return own_unreadable(incoming);
    }
}

static enum incoming_verdict judge_log_line(struct incoming *incoming, const char *text, size_t length)
{
    struct chain *mine = &incoming->mine;
    struct position position;
    uint64_t prior = mine->serial; /* of the line that is last now */
    const char *wrong;
    struct line line;

    if (!line_split(&line, text, length))
        return garbage(incoming, "it does not have the shape of a line");
    if (!incoming->has_store)
        return decimal_parse(line.column[COLUMN_N], &position.n)
                   ? gap(incoming, position.n)
                   : garbage(incoming, "a line without a number");
    if (!chain_proves(mine->origin, &line, text, &position))
        return garbage(incoming, "a line does not match its checksum, or is of another store or epoch");
    if (position.n < mine->at.n)
        return judge_known(incoming, position.n, (struct span){text, length});
    if (position.n == mine->at.n)
        return position_equal(&position, &mine->at) ? INCOMING_KNOWN : forked(incoming, position.n);
    if (position.n > mine->at.n + 1)
        return gap(incoming, position.n);
    wrong = wrong_columns(&line, true, prior);
    if (wrong)
        return garbage(incoming, wrong);
    if (chain_line(mine, &line, text, length)) /* all else holds: the line before is another */
        return forked(incoming, position.n);
    return line.column[COLUMN_OP].at[0] == OPERATION_POINT ? INCOMING_POINT : INCOMING_LINE;
}

/* ---- files ---- */

static enum incoming_verdict judge_header(struct incoming *incoming, const char *text, size_t length)
{
    const struct header *header = &incoming->file.header, *mine = &incoming->mine.header;
    const char *wrong = chain_begin(&incoming->file, incoming->domain, text, length);

    incoming->in_file = false;
    if (wrong && !header_parse(&incoming->file.header, text, length)) {
        incoming->trouble = TROUBLE_OTHER;
        fault_set(&incoming->why, "the source sends the store of domain %s, not of %s: look at its command",
                  header->domain, incoming->domain);
        return INCOMING_TROUBLE;
    }
    if (wrong)
        return garbage(incoming, wrong);
    if (incoming->has_store && strcmp(header->storeid, mine->storeid) != 0) {
        incoming->trouble = TROUBLE_OTHER;
        fault_set(
            &incoming->why,
            "the source is another store (storeid %s, not %s): if it is meant, move this host's store away",
            header->storeid, mine->storeid);
        return INCOMING_TROUBLE;
    }
    if (incoming->has_store && header->epoch < mine->epoch)
        return fenced(incoming, header->epoch);
    if (incoming->has_store && header->epoch == mine->epoch && header->base == incoming->mine.at.n &&
        memcmp(header->basechain, incoming->mine.at.chain, CHAIN_SIZE) != 0)
        return forked(incoming, header->base);
    incoming->in_file = true;
    return INCOMING_FILE;
}

/* A line of the snapshot that we should have: is it ours but for its seal? `kept`: a compaction that came
 * before ours may keep what ours has dropped. */
static enum incoming_verdict judge_snapshot_line(struct incoming *incoming, uint64_t n, struct span line)
{
    bool kept = incoming->file.header.base < incoming->mine.header.base;
    struct span mine;

    switch (incoming->own.find(incoming->own.context, n, &mine)) {
    case OWN_LINE:
        return mine.length == line.length && memcmp(mine.at, line.at, line.length - CHAIN_HEX - 1) == 0
                   ? INCOMING_FILE_LINE
                   : differs(incoming, n, mine);
    case OWN_NONE:
        return kept || n == incoming->mine.at.n ? INCOMING_FILE_LINE : forked(incoming, n);
    case OWN_ERROR:
    default:
        return own_unreadable(incoming);
    }
}

static enum incoming_verdict judge_file_line(struct incoming *incoming, const char *text, size_t length)
{
    struct chain *file = &incoming->file;
    bool in_snapshot = file->bytes_left > 0, knows_prior = !in_snapshot && !file->point_due;
    uint64_t prior = file->serial;
    struct line line;
    const char *wrong = chain_line(file, &line, text, length);

    if (!wrong)
        wrong = wrong_columns(&line, knows_prior, prior);
    if (wrong)
        return garbage(incoming, wrong);
    if (!incoming->has_store || file->header.epoch != incoming->mine.header.epoch)
        return INCOMING_FILE_LINE;
    if (in_snapshot) {
        uint64_t n;

        decimal_parse(line.column[COLUMN_N], &n); /* file->at has gone on to base behind the last one */
        return n > incoming->mine.at.n ? INCOMING_FILE_LINE
                                       : judge_snapshot_line(incoming, n, (struct span){text, length});
    }
    if (file->at.n == incoming->mine.at.n && !position_equal(&file->at, &incoming->mine.at))
        return forked(incoming, file->at.n);
    return INCOMING_FILE_LINE;
}

bool incoming_file_whole(const struct incoming *incoming)
{
    const struct chain *file = &incoming->file, *mine = &incoming->mine;

    return incoming->in_file && !chain_end(file) &&
           (!incoming->has_store || file->header.epoch > mine->header.epoch || file->at.n >= mine->at.n);
}

bool incoming_file_beyond(const struct incoming *incoming)
{
    const struct header *file = &incoming->file.header, *mine = &incoming->mine.header;

    return incoming->has_store && file->epoch == mine->epoch && file->base > incoming->mine.at.n;
}

void incoming_took_file(struct incoming *incoming)
{
    incoming->mine = incoming->file;
    incoming->has_store = true;
    incoming->in_file = false;
    incoming->writer = false;
}

bool incoming_level(const struct incoming *incoming)
{
    return incoming->has_store && !incoming->in_file && incoming->said &&
           incoming->source.epoch == incoming->mine.header.epoch &&
           incoming->source.n == incoming->mine.at.n &&
           memcmp(incoming->source.chain, incoming->mine.at.chain, CHAIN_SIZE) == 0;
}

/* The writer follows nobody until there is a higher epoch than its own. */
static bool is_deaf(const struct incoming *incoming)
{
    return incoming->writer &&
           !(incoming->in_file && incoming->file.header.epoch > incoming->mine.header.epoch);
}

enum incoming_verdict incoming_judge(struct incoming *incoming, const char *text, size_t length)
{
    const struct position at = incoming->mine.at;
    const uint64_t serial = incoming->mine.serial;
    enum incoming_verdict verdict;

    incoming->trouble = TROUBLE_NONE;
    if (length > LINE_SIZE_MAX || length == 0 || text[length - 1] != '\n')
        return garbage(incoming, "a line without an end");
    if (text[0] == '=')
        verdict = judge_beat(incoming, text, length);
    else if (text[0] == '!')
        verdict = judge_reason(incoming, text, length);
    else if (text[0] == 't')
        verdict = judge_header(incoming, text, length);
    else if (incoming->in_file)
        verdict = judge_file_line(incoming, text, length);
    else
        verdict = judge_log_line(incoming, text, length);
    if (!is_deaf(incoming)) {
        if (verdict == INCOMING_TROUBLE)
            incoming->in_file = false; /* its chain may have gone on to a line that was refused */
        return verdict;
    }
    incoming->mine.at = at; /* a line of the log moves nothing else */
    incoming->mine.serial = serial;
    incoming->in_file = false;
    incoming->trouble = TROUBLE_NONE;
    return INCOMING_KNOWN;
}
