#include "salvage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

/* A line that proves itself. */
struct proved {
    struct last_line last;
    bool sealed; /* it is of the snapshot, else of the log */
    size_t file;
    uint64_t serial, prior;
    unsigned char chain[CHAIN_SIZE], before[CHAIN_SIZE];
};

/* A missing line, of that number, may have changed the token of that serial. */
struct doubt {
    uint64_t serial, n;
};

/* What is found on the way. */
struct finding {
    struct chain chain;   /* for its header and origin */
    struct proved *lines; /* of the log in order of n, then those of the snapshot */
    size_t count, room;
    struct doubt *doubts; /* by serial */
    size_t doubt_count;
    uint64_t everybody; /* whose last proved line is older than this is in doubt */
};

void salvage_free(struct salvage *salvage)
{
    snapshot_free(&salvage->snapshot);
}

static void parse_header(struct salvage_file *file)
{
    const char *end = memchr(file->bytes, '\n', file->size < LINE_SIZE_MAX ? file->size : LINE_SIZE_MAX);

    file->wrong = end ? header_parse(&file->header, file->bytes, (size_t)(end - file->bytes) + 1)
                      : "this is not a toktab store";
}

/* Is it of the same log? */
static bool header_fits(const struct salvage_file *file, const struct header *chosen, const char *domain,
                        struct fault *fault)
{
    const struct header *header = &file->header;

    if (file->wrong)
        return fault_set(fault, "%s: %s", file->name, file->wrong);
    if (strcmp(header->domain, domain) != 0)
        return fault_set(fault, "%s: it is the store of domain \"%s\"", file->name, header->domain);
    if (chosen && strcmp(chosen->storeid, header->storeid) != 0)
        return fault_set(fault, "%s: it is another store (storeid %s, not %s)", file->name, header->storeid,
                         chosen->storeid);
    if (chosen && chosen->epoch != header->epoch)
        return fault_set(fault, "%s: it is of another epoch (%" PRIu64 ", not %" PRIu64 ")", file->name,
                         header->epoch, chosen->epoch);
    return true;
}

/* That of the file with the greatest base. The store's own may be damaged; then a copy's takes its place. */
static bool choose_header(struct header *header, struct salvage_file *files, size_t count, const char *domain,
                          struct fault *fault)
{
    const struct header *chosen = NULL;

    for (size_t i = 0; i < count; i++) {
        parse_header(&files[i]);
        if (i == 0 && files[i].wrong)
            continue;
        if (!header_fits(&files[i], chosen, domain, fault))
            return false;
        if (!chosen || files[i].header.base > chosen->base)
            chosen = &files[i].header;
    }
    if (!chosen)
        return fault_set(fault,
                         "%s: give a copy of the store, or of its first line alone: that has been the same "
                         "since the last compaction",
                         files[0].wrong);
    *header = *chosen;
    return true;
}

/* What does a line with its LF prove? */
static bool prove_line(struct proved *proved, const struct chain *chain, const char *text, size_t length)
{
    struct position position;
    struct record record;
    struct line line;

    if (!line_split(&line, text, length))
        return false;
    proved->last = (struct last_line){.text = text, .id = line.column[COLUMN_ID].at, .length = length};
    proved->sealed = chain_sealed(chain->header.basechain, &line, text, proved->chain, &proved->last.n);
    if (!proved->sealed) {
        if (!chain_proves(chain->origin, &line, text, &position) || position.n <= chain->header.base)
            return false;
        proved->last.n = position.n;
        memcpy(proved->chain, position.chain, CHAIN_SIZE);
    }
    if (!record_parse(&record, &line))
        return false;
    proved->serial = record.serial;
    proved->prior = record.prior;
    memcpy(proved->before, record.before, CHAIN_SIZE);
    return true;
}

static void keep_line(struct finding *finding, struct salvage_file *file, const struct proved *proved)
{
    if (finding->count == finding->room) {
        finding->room = finding->room * 2 + 64;
        finding->lines = must_have(reallocarray(finding->lines, finding->room, sizeof(*proved)));
    }
    finding->lines[finding->count++] = *proved;
    if (proved->sealed || proved->last.n <= file->at.n)
        return;
    file->at.n = proved->last.n;
    memcpy(file->at.chain, proved->chain, CHAIN_SIZE);
    file->behind = proved->last.text + proved->last.length;
}

/* The last line may lack its LF, or have another byte in its place. Then it gets one, if it proves itself. */
static void end_last_line(const struct chain *chain, struct salvage_file *file, char *text)
{
    char *end = file->bytes + file->size;
    struct proved proved;

    for (size_t extra = 0; extra <= 1 && text + extra < end; extra++) {
        char was = *(end - extra);

        *(end - extra) = '\n';
        if (prove_line(&proved, chain, text, (size_t)(end - extra - text) + 1)) {
            file->size = (size_t)(end - extra - file->bytes) + 1;
            return;
        }
        *(end - extra) = was;
    }
}

/* Behind the header, and behind the snapshot if nothing of the log is there. */
static const char *log_start(const struct chain *chain, const struct salvage_file *file)
{
    const char *end = file->bytes + file->size, *lf = memchr(file->bytes, '\n', file->size);
    uint64_t left = lf ? (uint64_t)(end - lf) - 1 : 0;

    return left < chain->header.bytes || !lf ? end : lf + 1 + chain->header.bytes;
}

static void collect(struct finding *finding, struct salvage_file *file, size_t number)
{
    char *text = file->bytes, *lf = memrchr(text, '\n', file->size);
    struct proved proved = {.file = number};

    file->at.n = finding->chain.header.base;
    memcpy(file->at.chain, finding->chain.header.basechain, CHAIN_SIZE);
    file->behind = log_start(&finding->chain, file);
    end_last_line(&finding->chain, file, lf ? lf + 1 : text);
    for (; (lf = memchr(text, '\n', (size_t)(file->bytes + file->size - text))) != NULL; text = lf + 1) {
        proved.file = number;
        if (prove_line(&proved, &finding->chain, text, (size_t)(lf - text) + 1))
            keep_line(finding, file, &proved);
    }
}

/* Behind the last proved line: is there anything that may have been a line of the log? */
static bool has_doubtful_end(const struct finding *finding, const struct salvage_file *file)
{
    const char *text = file->behind, *end = file->bytes + file->size, *lf;
    struct chain chain = finding->chain;
    struct proved ignored;
    size_t length;

    chain.at = file->at;
    chain.point_due = false;
    for (; (lf = memchr(text, '\n', (size_t)(end - text))) != NULL; text = lf + 1)
        if (!prove_line(&ignored, &chain, text, (size_t)(lf - text) + 1))
            break;
    return chain_rest(&chain, text, (size_t)(end - text), (uint64_t)(text - file->bytes), &length) ==
           REST_DAMAGE;
}

/* Does a line with its LF still end in that chain? */
static bool shows_chain(const char *bytes, const char *lf, const unsigned char chain[CHAIN_SIZE])
{
    unsigned char shown[CHAIN_SIZE];

    return lf && lf - bytes >= CHAIN_HEX && hex_decode(shown, lf - CHAIN_HEX, CHAIN_SIZE) &&
           memcmp(shown, chain, CHAIN_SIZE) == 0;
}

/* Is what stands at the end of a file just what the other's lines say? They are exactly as long, or one of
 * them is what the file still ends in. */
static bool end_is_known(const struct finding *finding, const struct salvage_file *file, size_t other)
{
    const char *lf = memrchr(file->bytes, '\n', file->size);
    uint64_t n = file->at.n, length = 0;

    for (size_t i = 0; i < finding->count; i++) {
        const struct proved *line = &finding->lines[i];

        if (line->sealed || line->file != other || line->last.n <= n)
            continue;
        n = line->last.n; /* they are sorted; the same one again counts once */
        length += line->last.length;
        if (shows_chain(file->bytes, lf, line->chain))
            return true;
    }
    return length == (uint64_t)(file->bytes + file->size - file->behind);
}

static bool has_this_base(const struct finding *finding, const struct salvage_file *file)
{
    return file->wrong || (file->header.base == finding->chain.header.base &&
                           memcmp(file->header.basechain, finding->chain.header.basechain, CHAIN_SIZE) == 0);
}

static void doubt_ends(struct finding *finding, const struct salvage_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool known = !has_this_base(finding, &files[i]) || !has_doubtful_end(finding, &files[i]);

        for (size_t other = 0; other < count && !known; other++)
            known = other != i && end_is_known(finding, &files[i], other);
        if (!known)
            finding->everybody = UINT64_MAX;
    }
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_place(const void *a, const void *b)
{
    const struct proved *first = a, *second = b;

    if (first->sealed != second->sealed)
        return first->sealed - second->sealed;
    if (first->last.n != second->last.n)
        return compare_numbers(first->last.n, second->last.n);
    return compare_numbers(first->file, second->file);
}

static void doubt_line(struct finding *finding, uint64_t serial, uint64_t n)
{
    finding->doubts =
        must_have(reallocarray(finding->doubts, finding->doubt_count + 1, sizeof(struct doubt)));
    finding->doubts[finding->doubt_count++] = (struct doubt){serial, n};
}

static void doubt_everybody(struct finding *finding, uint64_t n)
{
    if (n > finding->everybody)
        finding->everybody = n;
}

/* The line behind a gap says whose token the last missing one changed; of the others nobody knows. The first
 * of a file that was compacted is its P line, which changes none. */
static void doubt_gap(struct finding *finding, uint64_t last_before, const struct proved *behind)
{
    uint64_t missing = behind->last.n - 1, base = finding->chain.header.base;

    if (missing == last_before)
        return;
    if (missing > last_before + 1 && missing > base + 2)
        doubt_everybody(finding, missing - 1);
    if (missing > base + 1 && behind->prior > 0)
        doubt_line(finding, behind->prior, missing);
}

/* Line after line of the log: is each one alone, does it fit the one before, is none missing? */
static void doubt_log(struct finding *finding)
{
    const struct header *header = &finding->chain.header;
    const unsigned char *before = header->basechain;
    uint64_t n = header->base;

    for (size_t i = 0; i < finding->count && !finding->lines[i].sealed; i++) {
        const struct proved *line = &finding->lines[i];

        if (line->last.n == n ? memcmp(line->chain, before, CHAIN_SIZE) != 0
                              : line->last.n == n + 1 && memcmp(line->before, before, CHAIN_SIZE) != 0)
            doubt_everybody(finding, UINT64_MAX);
        if (line->last.n > n)
            doubt_gap(finding, n, line);
        before = line->chain;
        n = line->last.n;
    }
}

/* The header that was taken from a copy must be that of the store's own lines. */
static bool is_ours(const struct finding *finding)
{
    for (size_t i = 0; i < finding->count; i++)
        if (finding->lines[i].file == 0)
            return true;
    return false;
}

static int by_token(const void *a, const void *b)
{
    const struct proved *first = a, *second = b;
    int order = memcmp(first->last.id, second->last.id, ID_LENGTH);

    return order != 0 ? order : compare_numbers(first->last.n, second->last.n);
}

static int by_serial(const void *a, const void *b)
{
    return compare_numbers(((const struct doubt *)a)->serial, ((const struct doubt *)b)->serial);
}

/* n: of the token's last proved line. */
static bool is_in_doubt(const struct finding *finding, uint64_t serial, uint64_t n)
{
    size_t low = 0, high = finding->doubt_count;

    if (n < finding->everybody)
        return true;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (finding->doubts[middle].serial < serial)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < finding->doubt_count && finding->doubts[low].serial == serial; low++)
        if (n < finding->doubts[low].n)
            return true;
    return false;
}

/* The lines of one token, count of them in order of n: the last is its state, but revoked absorbs. */
static void take_token(struct salvage *salvage, const struct finding *finding, const struct proved *lines,
                       size_t count)
{
    struct last_line state = lines[0].last;
    uint64_t n = lines[count - 1].last.n;

    for (size_t i = 1; i < count; i++)
        if (!line_revoked(state.id) || line_revoked(lines[i].last.id))
            state = lines[i].last;
    state.ends = !line_revoked(state.id) && is_in_doubt(finding, lines[count - 1].serial, n);
    salvage->ends += state.ends;
    /* what has a line of the log, and was created before the snapshot, was in that too; a copy may have been
     * compacted with an earlier cutoff, and hold more than the header counts */
    if (salvage->lost > 0 && (lines[0].sealed || lines[0].serial <= salvage->header.base))
        salvage->lost--;
    salvage->snapshot.lines[salvage->snapshot.count++] = state;
}

static void take_tokens(struct salvage *salvage, struct finding *finding)
{
    size_t next;

    salvage->snapshot.lines = must_have(calloc(finding->count + 1, sizeof(*salvage->snapshot.lines)));
    salvage->lost = salvage->header.lines;
    qsort(finding->doubts, finding->doubt_count, sizeof(struct doubt), by_serial);
    qsort(finding->lines, finding->count, sizeof(struct proved), by_token);
    for (size_t i = 0; i < finding->count; i = next) {
        const struct proved *lines = &finding->lines[i];

        for (next = i + 1; next < finding->count; next++)
            if (memcmp(finding->lines[next].last.id, lines->last.id, ID_LENGTH) != 0)
                break;
        if (memcmp(lines->last.id, record_no_id, ID_LENGTH) != 0)
            take_token(salvage, finding, lines, next - i);
    }
    snapshot_sort(&salvage->snapshot);
}

/* Where the log ends: at the greatest line that proves itself, wherever it stands. */
static void find_end(struct salvage *salvage, const struct salvage_file *files, size_t count)
{
    salvage->at = files[0].at;
    for (size_t i = 1; i < count; i++)
        if (files[i].at.n > salvage->at.n)
            salvage->at = files[i].at;
}

bool salvage_find(struct salvage *salvage, struct salvage_file *files, size_t count, const char *domain,
                  struct fault *fault)
{
    struct finding finding = {0};
    bool found;

    memset(salvage, 0, sizeof(*salvage));
    if (!choose_header(&salvage->header, files, count, domain, fault))
        return false;
    finding.lines = must_have(calloc(1, sizeof(*finding.lines))); /* qsort(3) wants one, also for nothing */
    finding.doubts = must_have(calloc(1, sizeof(*finding.doubts)));
    finding.chain.header = salvage->header;
    header_origin(finding.chain.origin, &salvage->header);
    for (size_t i = 0; i < count; i++)
        collect(&finding, &files[i], i);
    found = !files[0].wrong || is_ours(&finding);
    if (found) {
        qsort(finding.lines, finding.count, sizeof(struct proved), by_place);
        doubt_ends(&finding, files, count);
        doubt_log(&finding);
        find_end(salvage, files, count);
        take_tokens(salvage, &finding);
    } else {
        fault_set(fault, "%s: it has no line that belongs to the copy", files[0].wrong);
    }
    free(finding.lines);
    free(finding.doubts);
    return found;
}
