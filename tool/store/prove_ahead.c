#include "store/prove_ahead.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "freshness.h"
#include "store/tip.h"
#include "terminal/progress.h"
#include "terminal/stall.h"

/* A store without a tip counts as small: the proof will say what is wrong. */
static bool is_large(const struct prove_ahead *proving, int fd, const char *domain)
{
    struct fault fault;
    struct tip tip;

    return proving->most_lines < UINT64_MAX && tip_read(&tip, fd, domain, &fault) == STATUS_DONE &&
           tip.chain.header.lines + (tip.chain.at.n - tip.chain.header.base) > proving->most_lines;
}

void prove_ahead_begin(struct prove_ahead *proving, const struct session *session, uint64_t most_lines)
{
    const char *domain = session->domain->name;
    struct storefile storefile;
    struct stat status;
    struct fault fault;

    *proving = (struct prove_ahead){.most_lines = most_lines};
    storefile_of_domain(&storefile, session->config.store_dir, domain);
    stall_watch(&storefile);
    proving->fd = storefile_open(&storefile, O_RDONLY, &status, &fault);
    if (proving->fd >= 0 && !is_large(proving, proving->fd, domain)) {
        proving->begun = prove_begin(&proving->proof, proving->fd, domain, NULL, &fault) &&
                         prove_on(&proving->proof, proving->fd, &progress_witness, &fault);
        progress_clear();
        if (!proving->begun)
            proof_free(&proving->proof);
    }
    stall_over();
}

static bool is_same_file(int a, int b)
{
    struct stat first, second;

    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && same_file(&first, &second);
}

enum status prove_ahead_finish(struct prove_ahead *proving, const struct log *log, struct fault *fault)
{
    struct fault what;
    bool good = true;

    if (proving->begun && !is_same_file(proving->fd, log->file)) {
        proof_free(&proving->proof);
        proving->begun = false;
    }
    if (!proving->begun) {
        if (is_large(proving, log->file, log->domain))
            return STATUS_DONE;
        proving->begun = true;
        good = prove_begin(&proving->proof, log->file, log->domain, NULL, &what);
    }
    if (good && prove_on(&proving->proof, log->file, NULL, &what) && prove_end(&proving->proof, &what))
        return STATUS_DONE;
    fault_set(
        fault,
        "%s/%s: %s: nothing was done: run `toktab check` to see the damage, and `toktab mend` to repair it",
        log->storefile.directory, log->storefile.name, what.text);
    return what.passing ? STATUS_IO : STATUS_DAMAGED;
}

void prove_ahead_end(struct prove_ahead *proving)
{
    if (proving->begun)
        proof_free(&proving->proof);
    if (proving->fd >= 0)
        close(proving->fd);
}
