/* Keys that another system issued, as `toktab import` reads them. */
#include <stdlib.h>
#include <string.h>

#include "foreign.h"
#include "fuzz.h"
#include "terminal/secret.h"
#include "token/keyfile.h"

#define NOW INT64_C(1700000000)
#define LIFETIME (INT64_C(1) << 30)

/* What is kept could be created too, and lies in the text. */
static void check_key(const struct key *key, const char *text, size_t length, size_t lines)
{
    char label[LINE_SIZE_MAX];
    struct record record;
    long unescaped;

    assert(key->line >= 1 && key->line <= lines);
    assert(key->text.at >= text && key->text.at + key->text.length <= text + length);
    assert(foreign_shape_valid(key->text.at, key->text.length));
    assert(key->expires > NOW && key->expires <= NOW + LIFETIME);
    key_record(&record, key, NOW);
    unescaped = text_unescape(label, sizeof(label), record.label);
    assert(unescaped > 0 && label_valid((struct span){label, (size_t)unescaped}));
}

/* A complaint is one of those that are known, so it shows nothing of the text. */
static void check_complaint(const struct complaint *complaint, size_t lines)
{
    static const char *const words[] = {"key",     "label",    "scopes", "from",  "user",
                                        "expires", "not JSON", "no tab", "a NUL", "a member"};
    size_t known = 0;

    assert(complaint->line >= 1 && complaint->line <= lines);
    assert(strlen(complaint->what) < 100);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        known += strstr(complaint->what, words[i]) != NULL;
    assert(known > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char storeid[CHAIN_SIZE] = "some store";
    static char scopes[] = "read,write", admins[] = "";
    const struct domain domain = {
        .name = "example.com", .admins = admins, .scopes = scopes, .max_lifetime = LIFETIME, .foreign = true};
    char *text = malloc(size + 1);
    struct keyfile keyfile;
    size_t lines = 1;

    secret_wipe_json();
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    if (size > 0)
        memcpy(text, data, size);
    keyfile_parse(&keyfile, text, size, &domain, NOW);
    keyfile_identify(&keyfile, storeid);
    for (size_t i = 0; i < keyfile.count; i++)
        check_key(&keyfile.list[i], text, size, lines);
    keyfile_find_doubles(&keyfile);
    keyfile_sort_complaints(&keyfile);
    for (size_t i = 0; i < keyfile.complaint_count; i++) {
        check_complaint(&keyfile.complaints[i], lines);
        assert(i == 0 || keyfile.complaints[i - 1].line <= keyfile.complaints[i].line);
    }
    keyfile_free(&keyfile);
    free(text);
    return 0;
}
