#include "store/salvage.h"

#include <stdlib.h>
#include <string.h>

#include "store/salvage_header.h"
#include "terminal/say.h"

/* What a line is good for. */
enum use {
    USE_LOG,   /* a line of the log after base */
    USE_STATE, /* a line of the snapshot */
    USE_NONE,  /* from a file that begins before base: the snapshot covers it */
    USE_DOUBT, /* a missing line, which may have changed the token of that serial */
};

struct proved {
    struct last_line last;
    enum use use;
    size_t file;
    uint64_t serial, prior; /* serial 0: the line is about no token */
    unsigned char chain[CHAIN_SIZE], before[CHAIN_SIZE];
};

struct finding {
    const struct header *header;
    unsigned char origin[CHAIN_SIZE];
    struct proved *lines;
    size_t count, room;
    uint64_t everybody; /* every token whose last proved line is older than this is in doubt */
    uint64_t unknown;   /* missing lines of which nothing tells what they changed */
};

void salvage_free(struct salvage *salvage)
{
    snapshot_free(&salvage->snapshot);
}

/* ---- the lines ---- */

static bool prove_line(struct proved *proved, const struct finding *finding, const struct header *header,
                       const char *text, size_t length)
{
    struct position position;
    struct record record;
    struct line line;

    if (!line_split(&line, text, length))
        return false;
    proved->last = (struct last_line){.text = text, .id = line.column[COLUMN_ID].at, .length = length};
    if (chain_sealed(header->basechain, &line, text, proved->chain, &proved->last.n)) {
        proved->use = header->base == finding->header->base ? USE_STATE : USE_NONE;
    } else {
        if (!chain_proves(finding->origin, &line, text, &position) || position.n <= header->base)
            return false;
        proved->last.n = position.n;
        proved->use = position.n > finding->header->base ? USE_LOG : USE_NONE;
        memcpy(proved->chain, position.chain, CHAIN_SIZE);
    }
    if (!record_parse(&record, &line))
        return false;
    proved->serial = proved->use == USE_NONE ? 0 : record.serial;
    proved->prior = record.prior;
    memcpy(proved->before, record.before, CHAIN_SIZE);
    return true;
}

static void add_line(struct finding *finding, const struct proved *proved)
{
    if (finding->count == finding->room) {
        finding->room = finding->room * 2 + 64;
        finding->lines = must_have(reallocarray(finding->lines, finding->room, sizeof(*proved)));
    }
    finding->lines[finding->count++] = *proved;
}

/* The last line may lack its LF, or have another byte instead. If the line proves itself, it gets its LF. */
static void end_last_line(const struct finding *finding, struct salvage_file *file, char *text)
{
    char *end = file->bytes + file->size;
    struct proved proved;

    for (size_t extra = 0; extra <= 1 && text + extra < end; extra++) {
        char was = *(end - extra);

        *(end - extra) = '\n';
        if (prove_line(&proved, finding, &file->header, text, (size_t)(end - extra - text) + 1)) {
            file->size = (size_t)(end - extra - file->bytes) + 1;
            return;
        }
        *(end - extra) = was;
    }
}

/* A snapshot's numbers are below the log's, so file->at is at a snapshot line only if the file has no line of
 * the log. */
static void collect(struct finding *finding, struct salvage_file *file, size_t number)
{
    char *text = file->bytes, *lf = memrchr(text, '\n', file->size);
    struct proved proved = {.file = number};

    end_last_line(finding, file, lf ? lf + 1 : text);
    lf = memchr(text, '\n', file->size);
    file->rest = lf ? lf + 1 : text + file->size;
    file->at.n = 0;
    file->repeats = false;
    for (; (lf = memchr(text, '\n', (size_t)(file->bytes + file->size - text))) != NULL; text = lf + 1) {
        if (!prove_line(&proved, finding, &file->header, text, (size_t)(lf - text) + 1))
            continue;
        add_line(finding, &proved);
        if (proved.last.n > file->at.n) {
            file->at.n = proved.last.n;
            memcpy(file->at.chain, proved.chain, CHAIN_SIZE);
            file->rest = lf + 1;
        }
    }
    if (file->at.n <= file->header.base) {
        file->at.n = file->header.base;
        memcpy(file->at.chain, file->header.basechain, CHAIN_SIZE);
    }
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_place(const void *a, const void *b)
{
    const struct proved *first = a, *second = b;

    if (first->use != second->use)
        return compare(first->use, second->use);
    if (first->last.n != second->last.n)
        return compare(first->last.n, second->last.n);
    if (first->file != second->file)
        return compare(first->file, second->file);
    return compare((uintptr_t)first->last.text, (uintptr_t)second->last.text);
}

/* The log's lines first, in order of n. */
static void sort_lines(struct finding *finding, struct salvage_file *files)
{
    qsort(finding->lines, finding->count, sizeof(struct proved), by_place);
    for (size_t i = 1; i < finding->count; i++) {
        const struct proved *line = &finding->lines[i], *before = line - 1;
        struct salvage_file *file = &files[line->file];

        if (line->use == before->use && line->last.n == before->last.n && line->file == before->file &&
            line->last.text >= file->rest)
            file->repeats = true;
    }
}

/* ---- who is in doubt ---- */

static void doubt_everybody(struct finding *finding, uint64_t n)
{
    if (n > finding->everybody)
        finding->everybody = n;
}

/* The line after a gap tells which token the last missing line changed, if any; any token may have been
 * changed by the others. The first line after base cannot change an older token: it is the P line, or the
 * log's first line, which creates one.
 */
static void doubt_gap(struct finding *finding, uint64_t last_before, const struct proved *next)
{
    struct proved missing = {.use = USE_DOUBT, .serial = next->prior, .last.n = next->last.n - 1};
    uint64_t first = finding->header->base + 1, others = missing.last.n - last_before;

    if (others == 0)
        return;
    others--;
    add_line(finding, &missing);
    if (others > 0 && missing.last.n > first + 1)
        doubt_everybody(finding, missing.last.n - 1);
    if (others > 0 && last_before == finding->header->base && finding->header->base > 0)
        others--; /* the P line */
    finding->unknown += others;
}

/* Go through the log: each number once, each line fitting the one before, none missing. Of two lines with one
 * number the first counts: the store's own, if it has one. */
static void doubt_log(struct finding *finding)
{
    struct position at = {.n = finding->header->base};

    memcpy(at.chain, finding->header->basechain, CHAIN_SIZE);
    for (size_t i = 0; i < finding->count && finding->lines[i].use == USE_LOG; i++) {
        struct proved *line = &finding->lines[i], copy = *line;
        bool again = line->last.n == at.n;

        if (again)
            line->serial = 0;
        if ((again && memcmp(line->chain, at.chain, CHAIN_SIZE) != 0) ||
            (line->last.n == at.n + 1 && memcmp(line->before, at.chain, CHAIN_SIZE) != 0))
            doubt_everybody(finding, UINT64_MAX);
        if (again)
            continue;
        doubt_gap(finding, at.n, &copy); /* may move finding->lines */
        at.n = copy.last.n;
        memcpy(at.chain, copy.chain, CHAIN_SIZE);
    }
}

/* Is the file from text on, after that position of the log, more than a killed writer or a power cut may
 * leave? (A line that lacked only its LF has got it by now.) */
static bool is_damage(const struct finding *finding, const struct salvage_file *file,
                      const struct position *position, const char *text)
{
    struct chain chain = {.header = *finding->header, .at = *position};
    size_t length;
    enum rest rest;

    memcpy(chain.origin, finding->origin, CHAIN_SIZE);
    rest = chain_rest(&chain, text, (size_t)(file->bytes + file->size - text), (uint64_t)(text - file->bytes),
                      &length);
    return rest == REST_DAMAGE || rest == REST_LINE;
}

/* Does anything after the file's last line look as if it was a line of the log? A repeated line may have
 * overwritten one. */
static bool has_doubtful_end(const struct finding *finding, const struct salvage_file *file)
{
    const char *text = file->rest, *end = file->bytes + file->size, *lf;
    struct proved ignored;

    for (; (lf = memchr(text, '\n', (size_t)(end - text))) != NULL; text = lf + 1)
        if (!prove_line(&ignored, finding, &file->header, text, (size_t)(lf - text) + 1))
            break;
    return file->repeats || is_damage(finding, file, &file->at, text);
}

/* Are the bytes before end text, and not the end of that line? A piece that was cut out from within the line
 * into a later one, or into a torn write, leaves the end of the latter. Noise and NULs were written over the
 * line, and one bit of it may have flipped. */
static bool ends_in_other_text(const char *end, const struct last_line *line)
{
    const char *shown = end - CHAIN_HEX, *known = line->text + line->length - CHAIN_HEX;
    int different = 0;

    for (int i = 0; i < CHAIN_HEX; i++) {
        if (((unsigned char)shown[i] < 0x20 && shown[i] != '\n') || shown[i] == 0x7f)
            return false;
        different += __builtin_popcount((unsigned char)(shown[i] ^ known[i]));
    }
    return different > 1;
}

/* Does another file have the lines that were at the end of this one? Then the lines that follow there are
 * exactly as long as the damaged end, which may have ended as they do, or the last whole line of that end
 * still ends in the chain of one of them. */
static bool end_is_known(const struct finding *finding, const struct salvage_file *file)
{
    size_t length = (size_t)(file->bytes + file->size - file->rest), known = 0;
    const char *lf = memrchr(file->rest, '\n', length);
    unsigned char shown[CHAIN_SIZE];
    bool shows = lf && lf - file->rest > CHAIN_HEX && hex_decode(shown, lf - CHAIN_HEX, CHAIN_SIZE);
    struct position at = file->at;

    for (size_t i = 0; i < finding->count && finding->lines[i].use == USE_LOG; i++) {
        const struct proved *line = &finding->lines[i];

        if (line->last.n != at.n + 1)
            continue;
        at.n++;
        memcpy(at.chain, line->chain, CHAIN_SIZE);
        known += line->last.length;
        if (known == length && !ends_in_other_text(file->rest + length, &line->last))
            return true;
        if (shows && memcmp(shown, at.chain, CHAIN_SIZE) == 0)
            return !is_damage(finding, file, &at, lf + 1);
    }
    return false;
}

/* ---- what is left ---- */

static int by_token(const void *a, const void *b)
{
    const struct proved *first = a, *second = b;

    return first->serial != second->serial ? compare(first->serial, second->serial)
                                           : compare(first->last.n, second->last.n);
}

/* The lines of one serial, in order of n. The last one is the token's state, but no line brings back a
 * revoked token. Two tokens with one serial mean that two logs diverged; then every token is in doubt, and
 * one is enough here. */
static void take_token(struct salvage *salvage, const struct finding *finding, const struct proved *lines,
                       size_t count)
{
    struct last_line *state = &salvage->snapshot.lines[salvage->snapshot.count];
    uint64_t n = 0;

    for (size_t i = 0; i < count; i++) {
        const struct last_line *line = &lines[i].last;

        if (lines[i].use == USE_DOUBT)
            continue;
        if (n == 0 || !line_revoked(state->id) || line_revoked(line->id))
            *state = *line;
        n = line->n;
    }
    if (n == 0) {
        /* a missing line changed it, and no other is left; the header has not counted a later one */
        salvage->lost += lines->serial > salvage->header.base;
        return;
    }
    state->ends = !line_revoked(state->id) && (n < finding->everybody || n < lines[count - 1].last.n);
    salvage->snapshot.count++;
    /* a token created before the snapshot was in it, whichever of its lines is left */
    salvage->lost -= salvage->lost > 0 && lines->serial <= salvage->header.base;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct proved *)a)->last.id, ((const struct proved *)b)->last.id, ID_LENGTH);
}

/* A line that the snapshot stands for says that its token was revoked, and the snapshot does not: two logs
 * diverged before base, and a revocation in either of them counts. */
static void end_revoked_elsewhere(struct salvage *salvage, struct finding *finding)
{
    size_t count = 0;

    for (size_t i = 0; i < finding->count; i++)
        if (finding->lines[i].use == USE_NONE && line_revoked(finding->lines[i].last.id))
            finding->lines[count++] = finding->lines[i];
    qsort(finding->lines, count, sizeof(struct proved), by_id);
    for (size_t i = 0; i < salvage->snapshot.count; i++) {
        struct proved wanted = {.last = salvage->snapshot.lines[i]};

        if (!line_revoked(wanted.last.id) && bsearch(&wanted, finding->lines, count, sizeof(wanted), by_id))
            salvage->snapshot.lines[i].ends = true;
    }
}

/* Make the snapshot as a compaction would. A cutoff in the future comes from a wrong clock, and would drop
 * tokens that still work. */
static void make_snapshot(struct salvage *salvage, struct finding *finding, int64_t now)
{
    const struct proved *lines = finding->lines;
    struct snapshot *snapshot = &salvage->snapshot;
    size_t next;

    snapshot->lines = must_have(calloc(finding->count + 1, sizeof(*snapshot->lines)));
    salvage->lost = salvage->header.lines;
    salvage->unknown = finding->unknown;
    qsort(finding->lines, finding->count, sizeof(struct proved), by_token);
    for (size_t i = 0; i < finding->count; i = next) {
        for (next = i + 1; next < finding->count && lines[next].serial == lines[i].serial; next++)
            continue;
        if (lines[i].serial > 0)
            take_token(salvage, finding, &lines[i], next - i);
    }
    end_revoked_elsewhere(salvage, finding);
    if (cutoff_ahead(salvage->header.cutoff, now))
        salvage->header.cutoff = now;
    snapshot_sort(snapshot);
    snapshot_drop_dead(snapshot, salvage->header.cutoff);
    for (size_t i = 0; i < snapshot->count; i++)
        salvage->ends += snapshot->lines[i].ends;
}

bool salvage_find(struct salvage *salvage, struct salvage_file *files, size_t count, const char *domain,
                  int64_t now, struct fault *fault)
{
    struct finding finding = {.header = &salvage->header};

    memset(salvage, 0, sizeof(*salvage));
    if (!salvage_header(&salvage->header, files, count, domain, fault))
        return false;
    header_origin(finding.origin, &salvage->header);
    finding.lines = must_have(calloc(1, sizeof(*finding.lines))); /* qsort(3) must not get NULL */
    collect(&finding, &files[0], 0);
    if (files[0].wrong && finding.count == 0) {
        free(finding.lines);
        return fault_set(fault, "the header is damaged, and no line of the store belongs to the copy");
    }
    for (size_t i = 1; i < count; i++)
        collect(&finding, &files[i], i);
    sort_lines(&finding, files);
    for (size_t i = 0; i < count; i++) {
        /* the snapshot stands for all that a copy with a lesser base can have lost */
        files[i].doubtful = (i == 0 || files[i].header.base == salvage->header.base) &&
                            has_doubtful_end(&finding, &files[i]) && !end_is_known(&finding, &files[i]);
        if (files[i].doubtful)
            doubt_everybody(&finding, UINT64_MAX);
    }
    doubt_log(&finding);
    /* the log ends at the greatest line that proves itself, in whichever file */
    salvage->at = files[0].at;
    for (size_t i = 1; i < count; i++)
        if (files[i].at.n > salvage->at.n)
            salvage->at = files[i].at;
    make_snapshot(salvage, &finding, now);
    free(finding.lines);
    return true;
}
