#include "command/check_fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "contact.h"
#include "store/head.h"
#include "store/numbered.h"
#include "store/tip.h"
#include "terminal/output.h"
#include "token/describe.h"

/* The words of DOMAIN.contact that mean that somebody must do something. */
static const struct {
    const char *state, *what;
} refusals[] = {
    {"fork", "fork: the source's log is another than this host's"},
    {"behind", "the source ends before this host's log: an old copy was put back there"},
    {"fenced", "the source is of a lower epoch: another host was promoted since"},
    {"other", "the source is another store"},
    {"garbage", "the source sends what is no line of this store"},
    {"own", "this host's own store is damaged, or `toktab follow` may not read or write it"},
};

struct fleet {
    const char *domain;
    char own[HEAD_SIZE];
    struct contact contact;
    bool heard, writer;
    int64_t ago; /* seconds; -1: never */
};

/* Is the HEAD that the source said last in our log, as far as that can be told? */
static void find_fork(struct fleet *fleet, int store, const struct chain *chain)
{
    struct expected_head head;
    struct numbered numbered;
    struct position ours;
    bool sound = true;

    if (!fleet->heard || !head_parse(&head, fleet->contact.head) || head.epoch != chain->header.epoch ||
        head.n <= chain->header.base || head.n > chain->at.n)
        return;
    ours = chain->at;
    numbered_make(&numbered, store);
    if (head.n < chain->at.n)
        sound = numbered_find(&numbered, head.n) == FOUND_LINE && head_of_line(&ours, chain, numbered.at);
    numbered_free(&numbered);
    if (!sound || memcmp(ours.chain, head.chain, CHAIN_SIZE) != 0)
        snprintf(fleet->contact.state, sizeof(fleet->contact.state), "%s", sound ? "fork" : "own");
}

static enum status look(struct fleet *fleet, const struct session *session)
{
    struct storefile storefile;
    struct fault fault;
    struct stat store;
    enum status status;
    struct tip tip;
    int fd = session_open_store(&storefile, session, &store, &status);

    if (fd < 0)
        return status;
    status = tip_read(&tip, fd, fleet->domain, &fault);
    if (status != STATUS_DONE) {
        close(fd);
        return fail(status, "%s/%s: %s", storefile.directory, storefile.name, fault.text);
    }
    head_format(fleet->own, tip.chain.header.epoch, tip.chain.at.n, tip.chain.at.chain);
    fleet->writer =
        session->domain->source[0] == '\0' ||
        (!source_is_engine(session->domain->source) && session_is_writer(session, tip.chain.header.epoch));
    fleet->heard = !fleet->writer && contact_read(&fleet->contact, storefile.directory, fleet->domain);
    fleet->ago = -1;
    if (fleet->heard && fleet->contact.time > 0)
        fleet->ago = (int64_t)time(NULL) - fleet->contact.time;
    find_fork(fleet, fd, &tip.chain);
    close(fd);
    return STATUS_DONE;
}

static enum status print(const struct fleet *fleet, bool json)
{
    const char *source = fleet->heard && fleet->contact.head[0] ? fleet->contact.head : NULL;
    char line[128];
    enum status status;

    if (json)
        return print_json(must_have(json_pack(
            "{s:s, s:s, s:s?, s:o, s:s}", "domain", fleet->domain, "head", fleet->own, "source", source,
            "contact", fleet->ago < 0 ? json_null() : json_integer((json_int_t)fleet->ago), "state",
            fleet->writer  ? "writer"
            : fleet->heard ? fleet->contact.state
                           : "unknown")));
    snprintf(line, sizeof(line), "head    %s", fleet->own);
    status = output_line(line);
    if (status != STATUS_DONE || fleet->writer)
        return status;
    snprintf(line, sizeof(line), "source  %s", source ? source : "-");
    status = output_line(line);
    snprintf(line, sizeof(line), "contact %" PRId64 " s ago", fleet->ago);
    return status != STATUS_DONE ? status : output_line(fleet->ago < 0 ? "contact never" : line);
}

static enum status judge(const struct fleet *fleet, const struct session *session)
{
    const char *domain = fleet->domain;

    if (fleet->writer) {
        say("domain %s: this host is the writer", domain);
        return STATUS_DONE;
    }
    for (size_t i = 0; fleet->heard && i < sizeof(refusals) / sizeof(refusals[0]); i++)
        if (strcmp(fleet->contact.state, refusals[i].state) == 0)
            return fail(STATUS_NO, "domain %s: %s: nothing of it is written here", domain, refusals[i].what);
    if (fleet->ago < 0)
        return fail(STATUS_MISSING, "domain %s: no contact with the source yet: does `toktab follow` run?",
                    domain);
    if (fleet->ago > session->domain->max_lag)
        return fail(STATUS_MISSING, "domain %s: no contact with the source for %" PRId64 " seconds (%s)",
                    domain, fleet->ago, fleet->contact.state);
    return STATUS_DONE;
}

enum status check_fleet(const struct session *session, bool json)
{
    struct fleet fleet = {.domain = session->domain->name};
    enum status status = look(&fleet, session);

    if (status == STATUS_DONE)
        status = print(&fleet, json);
    return status == STATUS_DONE ? judge(&fleet, session) : status;
}
