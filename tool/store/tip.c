#include "store/tip.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "store/disk.h"

/* The end of the file, where its last lines are. */
struct window {
    const char *at, *end;
    bool from_start; /* it begins where the log does, so every line can be checked against the one before */
};

/* Move the chain to the last line that proves itself. *last: that line; at is NULL: there is none. A damaged
 * line before it is no reason to refuse a revocation, but two sound lines that do not follow one another are.
 */
static const char *find_last(struct chain *chain, const struct window *window, struct span *last)
{
    const char *text = window->at, *lf;
    bool follows = window->from_start;

    *last = (struct span){follows ? text : NULL, 0};
    for (; (lf = memchr(text, '\n', (size_t)(window->end - text))) != NULL; text = lf + 1) {
        size_t length = (size_t)(lf - text) + 1;
        struct position position;
        struct line line;

        if (!line_split(&line, text, length) || !chain_proves(chain->origin, &line, text, &position)) {
            follows = false;
            continue;
        }
        if (follows ? chain_line(chain, &line, text, length) != NULL
                    : position.n <= chain->at.n || !chain_resume(chain, &line, text))
            return "the last lines do not follow one another";
        follows = true;
        *last = (struct span){text, length};
    }
    return last->at ? NULL : "the last line is damaged";
}

static const char *judge_rest(struct tip *tip, const char *rest, size_t length)
{
    char text[LINE_SIZE_MAX];
    struct line line;
    size_t line_length;

    switch (chain_rest(&tip->chain, rest, length, tip->end, &line_length)) {
    case REST_NONE:
    case REST_TORN:
    case REST_UNSYNCED:
        return NULL;
    case REST_LINE:
        memcpy(text, rest, line_length);
        text[line_length] = '\n';
        tip->start = tip->end;
        tip->end += line_length;
        tip->lf_due = true;
        return chain_line(&tip->chain, &line, text, line_length + 1);
    case REST_DAMAGE:
    default:
        return "the end of the file is damaged";
    }
}

const char *tip_find(struct tip *tip, const char *domain, struct span head, struct span tail, uint64_t from)
{
    const char *head_end = memchr(head.at, '\n', head.length), *wrong, *lf;
    struct window window = {.end = tail.at + tail.length};
    struct span last;
    uint64_t log_start;

    if (!head_end)
        return "not a toktab store";
    wrong = chain_begin(&tip->chain, domain, head.at, (size_t)(head_end - head.at) + 1);
    if (wrong)
        return wrong;
    chain_skip_snapshot(&tip->chain);
    log_start = (uint64_t)(head_end - head.at) + 1 + tip->chain.header.bytes;
    if (from + tail.length < log_start)
        return "the snapshot is cut short";
    window.from_start = from <= log_start;
    lf = memchr(tail.at, '\n', tail.length);
    if (!window.from_start && !lf)
        return "the last line is damaged";
    window.at = window.from_start ? tail.at + (log_start - from) : lf + 1;
    wrong = find_last(&tip->chain, &window, &last);
    if (wrong)
        return wrong;
    tip->start = from + (uint64_t)(last.at - tail.at);
    tip->end = tip->start + last.length;
    tip->lf_due = false;
    tip->size = from + tail.length;
    wrong = judge_rest(tip, last.at + last.length, (size_t)(window.end - last.at) - last.length);
    return wrong ? wrong : chain_end(&tip->chain);
}

enum status tip_read(struct tip *tip, int fd, const char *domain, struct fault *fault)
{
    char head[LINE_SIZE_MAX], tail[TIP_TAIL];
    size_t head_size, tail_size;
    struct stat status;
    const char *wrong;
    uint64_t size;

    if (fstat(fd, &status) < 0)
        goto unreadable;
    size = (uint64_t)status.st_size;
    head_size = size < sizeof(head) ? (size_t)size : sizeof(head);
    tail_size = size < sizeof(tail) ? (size_t)size : sizeof(tail);
    if (!read_all(fd, head, head_size, 0) || !read_all(fd, tail, tail_size, size - tail_size))
        goto unreadable;
    wrong = tip_find(tip, domain, (struct span){head, head_size}, (struct span){tail, tail_size},
                     size - tail_size);
    if (!wrong)
        return STATUS_DONE;
    fault_set(fault, "%s: run `toktab check` to see the damage, and `toktab mend` to repair it", wrong);
    return STATUS_DAMAGED;

unreadable:
    fault_set(fault, "cannot be read: %s", strerror(errno));
    return STATUS_IO;
}
