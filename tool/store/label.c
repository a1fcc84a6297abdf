#include "store/label.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool label_is(struct span escaped, const char *label)
{
    char text[LINE_SIZE_MAX];
    long length;

    if (text_is_plain(escaped))
        return span_equals(escaped, label);
    length = text_unescape(text, sizeof(text), escaped);
    return length >= 0 && span_equals((struct span){text, (size_t)length}, label);
}

size_t label_search(const struct tokens *tokens, const char *label, bool to_rotate, int64_t now,
                    const struct token **found)
{
    struct record record;
    size_t count = 0;

    for (size_t i = 0; i < tokens->count; i++)
        if (!(to_rotate && tokens->list[i].successor) && token_record(&tokens->list[i], &record) &&
            label_is(record.label, label) && record_active(&record, now))
            found[count++] = &tokens->list[i];
    return count;
}

static enum status say_candidates(const struct token *const found[], size_t count, const char *label)
{
    struct record record;

    say_field("label");
    fail(STATUS_USAGE, "label \"%.15s%s\": %zu active tokens have it: give the serial or id of one:", label,
         cut_mark(label), count);
    for (size_t i = 0; i < count && i < CANDIDATES_MAX; i++)
        if (token_record(found[i], &record))
            ref_say_candidate(&record);
    if (count > CANDIDATES_MAX)
        say("  … and %zu more (see toktab list)", count - CANDIDATES_MAX);
    return STATUS_USAGE;
}

static enum status find(const struct session *session, const struct chosen *chosen, char id[ID_LENGTH + 1])
{
    const char *label = chosen->label;
    const struct token **found;
    struct tokens tokens;
    size_t count = 0;
    enum status status = tokens_read_lines(&tokens, session);

    found = must_have(calloc(tokens.count + 1, sizeof(struct token *)));
    if (status == STATUS_DONE) {
        count = label_search(&tokens, label, chosen->to_rotate, (int64_t)time(NULL), found);
        say_field(count == 0 ? "label" : NULL);
        if (count == 0)
            status =
                fail(STATUS_NOT_FOUND,
                     "label \"%.15s%s\": in domain \"%s\" no active token%s has it (see toktab list)", label,
                     cut_mark(label), session->domain->name, chosen->to_rotate ? " without a successor" : "");
        if (count > 1)
            status = say_candidates(found, count, label);
    }
    if (count == 1) {
        memcpy(id, found[0]->id, ID_LENGTH);
        id[ID_LENGTH] = '\0';
    }
    free(found);
    tokens_free(&tokens);
    return status;
}

enum status chosen_take_label(void *chosen, int option)
{
    if (option != 'l')
        return STATUS_USAGE;
    ((struct chosen *)chosen)->label = optarg;
    return STATUS_DONE;
}

enum status refs_choose(struct refs *refs, const struct session *session, const struct chosen *chosen,
                        enum proof_of proof)
{
    char id[ID_LENGTH + 1], *text = id;
    enum status status;

    if (chosen->label) {
        status = find(session, chosen, id);
        if (status == STATUS_DONE)
            status = refs_make(refs, session->domain->name, &text, 1, proof);
        if (status == STATUS_DONE)
            refs->list[0].text = refs->list[0].name = strcpy(refs->chosen, id);
    } else {
        status = refs_make(refs, session->domain->name, chosen->texts, chosen->count, proof);
    }
    return status == STATUS_DONE ? refs_resolve(refs, session) : status;
}
