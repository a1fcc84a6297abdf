#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "crypto.h"
#include "store/change.h"
#include "store/extend.h"
#include "store/lock.h"
#include "store/propose.h"
#include "store/prove_ahead.h"
#include "terminal/ask.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/secret.h"
#include "token/describe.h"
#include "token/finder.h"
#include "token/keyfile.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] import [OPTIONS] FILE\n"
    "\n"
    "Takes keys that another system issued into the store, where they work like\n"
    "tokens. Takes all keys or none: if one is bad, prints its line number and writes\n"
    "nothing.\n"
    "The domain must have foreign = true; see toktab.conf(5).\n"
    "\n"
    "FILE (\"-\": stdin) has one key per line: its label, a tab, and the key. Or it has\n"
    "JSON: an array of objects, or one object after the other. Each has label and\n"
    "key, and optionally expires, scopes, from and user, as for create.\n"
    "\n"
    "  -y, --yes    do not ask; required if there is no terminal\n"
    "      --json   print the new tokens as JSON\n"
    "\n"
    "Example: toktab import keys.tsv\n";

static const struct option longs[] = {{"yes", no_argument, NULL, 'y'},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

enum { COMPLAINTS_SHOWN = 50 };

struct request {
    struct given given;
    struct keyfile keys;
    bool identified;                   /* have the keys ids? */
    unsigned char storeid[CHAIN_SIZE]; /* which these are for */
};

/* ---- the file ---- */

/* Open it as stdin. Root and a domain admin open it before they become the owner of the stores: that owner
 * may not be able to read it, or able to read what the admin may not. */
static enum status open_file(struct session *session, char **name)
{
    bool delegated;
    enum status status = session_find_delegated(session, &delegated);
    int fd;

    if (status != STATUS_DONE || strcmp(*name, "-") == 0)
        return status;
    if (delegated)
        return fail(STATUS_NOT_PERMITTED,
                    "import: through sudo or with --as, give the keys on stdin: toktab import - < FILE");
    fd = open(*name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
    hide_secrets(*name); /* messages show it */
    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
        return fail(status_of(errno), "%s: cannot be read: %s", *name, strerror(errno));
    close(fd);
    *name = (char *)(uintptr_t)"-"; /* for the process that sudo runs */
    return STATUS_DONE;
}

/* imported: so many were, before there was anything to complain of. */
static enum status say_complaints(struct keyfile *keys, size_t imported)
{
    size_t count = keys->complaint_count;

    keyfile_sort_complaints(keys);
    for (size_t i = 0; i < count && i < COMPLAINTS_SHOWN; i++)
        fail(STATUS_USAGE, "line %zu: %s", keys->complaints[i].line, keys->complaints[i].what);
    if (count > COMPLAINTS_SHOWN)
        say("and %zu more", count - COMPLAINTS_SHOWN);
    return fail(STATUS_USAGE, imported > 0 ? "nothing more was imported" : "nothing was imported");
}

/* Give the keys, from one on, their ids in the store that was proved, and complain of those that it has. */
static void check_known(struct request *request, const struct proof *proof, size_t from)
{
    struct keyfile *keys = &request->keys;
    unsigned char storeid[CHAIN_SIZE];
    struct line line;

    hex_decode(storeid, proof->chain.header.storeid, CHAIN_SIZE);
    if (!request->identified || memcmp(storeid, request->storeid, CHAIN_SIZE) != 0) {
        request->identified = true;
        memcpy(request->storeid, storeid, CHAIN_SIZE);
        keyfile_identify(keys, storeid);
    }
    for (size_t i = from; i < keys->count; i++) {
        const char *known = index_find(&proof->index, keys->list[i].id);

        if (!known)
            continue;
        line_split_accepted(&line, known);
        keyfile_complain(keys, keys->list[i].line,
                         composed("the key is in the store already, as token %.*s",
                                  (int)line.column[COLUMN_SERIAL].length, line.column[COLUMN_SERIAL].at));
    }
}

static void check_sizes(struct keyfile *keys, const char *by)
{
    struct record record;

    for (size_t i = 0; i < keys->count; i++) {
        key_record(&record, &keys->list[i], keys->now);
        record.by = span_of(by);
        if (extend_too_long(&record))
            keyfile_complain(keys, keys->list[i].line,
                             composed("too much for one line of the store: give fewer scopes or networks"));
    }
}

/* ---- what is written ---- */

static enum status write_keys(struct request *request, const struct session *session, struct log *log,
                              struct fault *fault)
{
    struct keyfile *keys = &request->keys;
    struct extension extension;
    struct record record;
    bool noted = journal_has_reader();
    enum status status = extend_begin(&extension, log, session, fault);

    if (status != STATUS_DONE)
        return status;
    for (size_t i = 0; i < keys->count && status == STATUS_DONE; i++) {
        key_record(&record, &keys->list[i], keys->now);
        status = extend_add(&extension, log, &record, fault);
        keys->list[i].serial = record.serial;
    }
    if (status != STATUS_DONE) {
        newfile_abandon(&extension.file);
        return status;
    }
    for (size_t i = 0; i < keys->count && noted; i++) {
        key_record(&record, &keys->list[i], keys->now);
        journal_note(&log->journal, session->caller.by, log->domain, &record);
    }
    return extend_install(&extension, log, fault);
}

/* An engine takes one line at a time, and others get their turn in between. *count: of the keys that it has.
 */
static enum status write_one_by_one(struct request *request, const struct session *session, struct log *log,
                                    struct prove_ahead *proving, size_t *count, struct fault *fault)
{
    struct keyfile *keys = &request->keys;
    size_t before = *count;
    enum status status, proved;

    do {
        struct key *key = &keys->list[*count];
        struct record record;

        do {
            key_record(&record, key, keys->now);
            status = change_append(log, session, &record, false, fault);
            proved = status == STATUS_AGAIN ? prove_ahead_finish(proving, log, fault) : STATUS_DONE;
            if (proved != STATUS_DONE)
                status = proved;
            else if (status == STATUS_AGAIN)
                check_known(request, &proving->proof, *count);
        } while (status == STATUS_AGAIN && keys->complaint_count == 0);
        if (status == STATUS_DONE) {
            key->serial = record.serial;
            (*count)++;
        }
    } while (status == STATUS_DONE && *count < keys->count && !log_held_long(log));
    if (*count > before && change_sync(log, fault) != STATUS_DONE)
        return STATUS_IO;
    return keys->complaint_count > 0 ? STATUS_DONE : status;
}

/* Under one lock: all that are left, or with an engine some of them. */
static enum status append(struct request *request, const struct session *session, struct prove_ahead *proving,
                          size_t *count, struct fault *fault)
{
    struct log log;
    enum status status = log_begin(&log, session, LOG_CREATION, fault);

    if (status != STATUS_DONE)
        return status;
    status = prove_ahead_finish(proving, &log, fault);
    if (status == STATUS_DONE) /* since the last time, somebody may have been faster */
        check_known(request, &proving->proof, *count);
    if (status == STATUS_DONE && request->keys.complaint_count == 0) {
        if (log_has_engine(&log)) {
            status = write_one_by_one(request, session, &log, proving, count, fault);
        } else {
            status = write_keys(request, session, &log, fault);
            *count = status == STATUS_DONE ? request->keys.count : 0;
        }
    }
    change_end(&log, session);
    return status;
}

static enum status append_all(struct request *request, const struct session *session,
                              struct prove_ahead *proving)
{
    const struct keyfile *keys = &request->keys;
    struct fault fault;
    size_t count = 0;
    enum status status = append(request, session, proving, &count, &fault);

    while (status == STATUS_DONE && keys->complaint_count == 0 && count < keys->count) {
        lock_let_others();
        status = append(request, session, proving, &count, &fault);
    }
    if (count > 0 && count < keys->count)
        say("imported the first %zu key%s, not the rest", count, plural(count));
    if (status == STATUS_DONE && keys->complaint_count > 0)
        return say_complaints(&request->keys, count);
    return status == STATUS_DONE ? status : fail(status, "%s", fault.text);
}

static enum status print(const struct request *request, const struct session *session)
{
    const struct keyfile *keys = &request->keys;
    const struct key *first = keys->list, *last = first + keys->count - 1;
    struct record record;
    json_t *array;

    if (!request->given.json && keys->count == 1)
        say("imported 1 key into domain %s, as token %" PRIu64, session->domain->name, first->serial);
    else if (!request->given.json)
        say("imported %zu keys into domain %s, %s tokens %" PRIu64 " to %" PRIu64, keys->count,
            session->domain->name, last->serial - first->serial < keys->count ? "as" : "among", first->serial,
            last->serial);
    if (!request->given.json)
        return STATUS_DONE;
    array = must_have(json_array());
    for (size_t i = 0; i < keys->count; i++) {
        key_record(&record, &keys->list[i], keys->now);
        record.by = span_of(session->caller.by);
        json_append(array, describe_json(&record, session->domain->name, keys->now));
    }
    return print_json(array);
}

/* ---- the command ---- */

static enum status confirm(const struct request *request, const struct session *session)
{
    const struct keyfile *keys = &request->keys;
    size_t endless = 0;
    char *question;
    enum status status;

    for (size_t i = 0; i < keys->count; i++)
        endless += keys->list[i].expires == TIME_NEVER;
    if (endless == 0)
        say("%zu key%s for domain %s", keys->count, plural(keys->count), session->domain->name);
    else
        say("%zu key%s for domain %s; %zu never expire%s", keys->count, plural(keys->count),
            session->domain->name, endless, endless == 1 ? "s" : "");
    if (request->given.yes)
        return STATUS_DONE;
    question = composed("Import %s?", keys->count == 1 ? "it" : "them");
    status = ask(question, "nothing was imported");
    free(question);
    return status;
}

static enum status take_keys(struct request *request, const struct session *session)
{
    struct keyfile *keys = &request->keys;
    struct prove_ahead proving;
    enum status status;

    if (keys->complaint_count == 0 && keys->count == 0)
        return fail(STATUS_USAGE, "no keys: nothing was imported");
    keyfile_find_doubles(keys);
    check_sizes(keys, session->caller.by);
    prove_ahead_begin(&proving, session, UINT64_MAX);
    if (proving.begun)
        check_known(request, &proving.proof, 0);
    status = keys->complaint_count > 0 ? say_complaints(keys, 0) : confirm(request, session);
    if (status == STATUS_DONE)
        status = append_all(request, session, &proving);
    if (status == STATUS_DONE)
        status = print(request, session);
    prove_ahead_end(&proving);
    return status;
}

static enum status import(struct session *session, struct request *request)
{
    enum status status = session_open_to_change(session);
    size_t length;
    char *text;

    if (status != STATUS_DONE)
        return status;
    if (!session->domain->foreign)
        return fail(STATUS_USAGE, "domain \"%s\" takes no keys of other systems: set foreign = true in %s",
                    session->domain->name, session->config.path ? session->config.path : CONFIG_DEFAULT_PATH);
    status = secret_read_all(&text, &length);
    if (status == STATUS_DONE) {
        secret_wipe_json();
        keyfile_parse(&request->keys, text, length, session->domain, (int64_t)time(NULL));
        status = take_keys(request, session);
        keyfile_free(&request->keys);
    }
    crypto_free(text);
    crypto_wipe_stack();
    return status;
}

static const struct options options = {.shorts = "y",
                                       .longs = longs,
                                       .help = help,
                                       .least = 1,
                                       .most = 1,
                                       .missing = "which file? name one, or - for stdin"};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {0};
    enum status status = options_parse(argc, argv, &options, NULL, &session->where, &request.given);

    if (status != STATUS_DONE || request.given.help)
        return status;
    if (!request.given.yes)
        status = ask_on_terminal("import");
    if (status == STATUS_DONE)
        status = open_file(session, &argv[optind]);
    return status == STATUS_DONE ? import(session, &request) : status;
}

const struct command command_import = {"import", "take keys that another system issued", help, run};
