#include "question.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "foreign.h"
#include "load.h"

/* Decide by a token's line; NULL: the store has none. */
static void decide(const struct question *question, const char *found, const unsigned char hash[HASH_SIZE],
                   int64_t now, struct toktab_result *result)
{
    struct line line;

    if (found)
        line_split_for_verdict(&line, found);
    if (found && (!question->token || hex_equals(line.column[COLUMN_HASH].at, hash, HASH_SIZE)))
        policy_decide(result, &line, &question->demand, now);
    else
        policy_answer(result, TOKTAB_DENY, TOKTAB_REASON_UNKNOWN);
}

/* Look the token up in the current index. Returns whether its id is known. */
static bool look_up(struct reader *reader, const struct question *question, struct toktab_result *result)
{
    struct pass pass = generations_enter(&reader->generations);
    const struct index *index = &reader->generation[pass.generation];
    unsigned char hash[HASH_SIZE] = {0};
    const char *found;

    index_prefetch(index, question->id); /* the memory arrives while the token is hashed */
    if (question->token)
        crypto_hash_token(hash, question->token, question->length, question->id);
    found = index_find(index, question->id);
    decide(question, found, hash, reader_clock(reader), result);
    generations_leave(&reader->generations, pass);
    return found != NULL;
}

/* The same question about a store: a foreign key gets its id there. room: for that id. */
static struct question with_id(const struct question *question, const char *storeid, char room[ID_LENGTH])
{
    struct question same = *question;
    unsigned char salt[CHAIN_SIZE] = {0};

    hex_decode(salt, storeid, sizeof(salt)); /* a valid one: it is from a header */
    foreign_id(room, same.token, same.length, salt);
    same.id = room;
    return same;
}

/* In trouble a refused token stays refused; an unknown one may have been created since, so the answer is an
 * error; a good one is admitted until stale_limit. */
void question_ask(struct reader *reader, const struct question *question, struct toktab_result *result)
{
    enum standing standing = reader_look(reader, question->began);
    char room[ID_LENGTH];
    struct question same;
    bool known;

    if (standing == STANDING_NONE) {
        policy_answer(result, TOKTAB_ERROR, TOKTAB_REASON_STORE);
        return;
    }
    if (!question->id) {
        same = with_id(question, reader->storeid, room);
        question = &same;
    }
    known = look_up(reader, question, result);
    if (standing == STANDING_GOOD && result->verdict == TOKTAB_ERROR &&
        !atomic_exchange(&reader->complained, true))
        notice_say(reader->notice, LOG_ALERT,
                   "store %s/%s: the line of token %.12s is invalid: run `toktab check`",
                   reader->storefile.directory, reader->storefile.name, question->id);
    if (standing == STANDING_GOOD)
        return;
    if (result->verdict == TOKTAB_DENY ? !known : !reader_still_trusted(reader))
        policy_answer(result, TOKTAB_ERROR, TOKTAB_REASON_STORE);
}

static bool read_storeid(char storeid[STOREID_HEX + 1], const struct storefile *storefile, const char *domain)
{
    struct progress progress;
    struct fault ignored;
    struct stat status;
    int fd = storefile_open(storefile, O_RDONLY, &status, &ignored);
    bool good = fd >= 0 && load_header(&progress, fd, domain, &ignored);

    if (good)
        memcpy(storeid, progress.chain.header.storeid, STOREID_HEX + 1);
    if (fd >= 0)
        close(fd);
    return good;
}

/* A pass does not know the times of other lines, by which a reader's clock may be ahead: was the token still
 * good then? */
static bool expires_too_soon(const struct toktab_result *result, int64_t now)
{
    return result->expires > now && result->expires - now <= CLOCK_TRUST;
}

/* Ask by one pass over the file. False: it leaves a doubt. */
static bool pass_once(const char *store_dir, struct onepass *onepass, const struct domain *domain,
                      const struct question *question, struct toktab_result *result,
                      char storeid[STOREID_HEX + 1])
{
    unsigned char hash[HASH_SIZE] = {0};
    struct storefile storefile;
    char room[ID_LENGTH];
    struct question same;
    struct timespec now;

    storefile_of_domain(&storefile, store_dir, domain->name);
    storeid[0] = '\0';
    if (!question->id && !read_storeid(storeid, &storefile, domain->name))
        return false;
    same = question->id ? *question : with_id(question, storeid, room);
    if (!onepass_find(onepass, &storefile, domain->name, same.id) ||
        (!question->id && strcmp(onepass->storeid, storeid) != 0)) /* another store came in between */
        return false;
    if (same.token)
        crypto_hash_token(hash, same.token, same.length, same.id);
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    decide(&same, onepass->found, hash, now.tv_sec, result);
    memcpy(storeid, onepass->storeid, STOREID_HEX + 1);
    return result->verdict != TOKTAB_ERROR && !expires_too_soon(result, now.tv_sec);
}

/* Ask a reader, which lives as long as the question. */
static void read_once(const struct once *once, const struct domain *domain, const struct question *question,
                      struct toktab_result *result, char storeid[STOREID_HEX + 1])
{
    struct reader *reader = aligned_alloc(_Alignof(struct reader), sizeof(*reader));

    if (reader && reader_open(reader, once->store_dir, domain->name, domain->stale_limit, once->notice)) {
        question_ask(reader, question, result);
        memcpy(storeid, reader->storeid, STOREID_HEX + 1);
        reader_close(reader);
    } else {
        policy_answer(result, TOKTAB_ERROR, TOKTAB_REASON_STORE);
    }
    free(reader);
}

void question_ask_once(struct once *once, const struct domain *domain, const struct question *question,
                       struct toktab_result *result, char storeid[STOREID_HEX + 1])
{
    bool mine = !atomic_flag_test_and_set_explicit(&once->busy, memory_order_acquire), done;
    struct onepass own;
    int cancel_state;

    /* open(2) and pread(2) would end a thread that was cancelled */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    memset(&own.identity, 0, sizeof(own.identity));
    done = pass_once(once->store_dir, mine ? &once->last : &own, domain, question, result, storeid);
    if (mine)
        atomic_flag_clear_explicit(&once->busy, memory_order_release);
    if (!done)
        read_once(once, domain, question, result, storeid);
    pthread_setcancelstate(cancel_state, NULL);
}
