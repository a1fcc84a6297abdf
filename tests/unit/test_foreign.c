/* Keys that another system issued: which texts may be one, their ids, and what a host answers to them. */
#include "foreign.h"
#include "scene.h"
#include "suites.h"

#include <string.h>
#include <unistd.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

#define KEY "sk-example-key-of-another-system-42" /* of toktab-store(5) */

/* ---- which texts ---- */

#define BODY "ExampleTokenNeverUseThisSecretItIsPrintedInTheManual12009B2EU"

static const struct {
    const char *text;
    bool valid;
} shapes[] = {
    {KEY, true},
    {"0123456789abcdefghi", false}, /* 19 characters */
    {"0123456789abcdefghij", true},
    {"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", true},
    {"0123456789 abcdefghij", false},
    {"0123456789abcdefghij\n", false},
    {"0123456789abcdefghij\x7f", false},
    {"0123456789abcdefghij\x1f", false},
    {"0123456789abcdefgh\xc3\xa4", false},
    {"a0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aefd6", true},
    {"acme_" BODY, false},                                                         /* a token */
    {"acme_ExampleTokenNeverUseThisSecretItIsPrintedInTheManual120000000", false}, /* of a wrong checksum */
    {"ACME_" BODY, true},
    {"acme-" BODY, true},
    {"acme_" BODY "x", true},
};

START_TEST(shape_of_a_key)
{
    const char *text = shapes[_i].text;

    ck_assert_msg(foreign_shape_valid(text, strlen(text)) == shapes[_i].valid, "%s", text);
}
END_TEST

START_TEST(length_of_a_key)
{
    char text[FOREIGN_MAX + 1];

    memset(text, 'k', sizeof(text));
    for (size_t length = 0; length <= sizeof(text); length++)
        ck_assert(foreign_shape_valid(text, length) == (length >= FOREIGN_MIN && length <= FOREIGN_MAX));
}
END_TEST

/* ---- the id ---- */

START_TEST(key_of_the_manual)
{
    struct bytes file = file_read("tests/unit/vector.tokens");
    unsigned char storeid[CHAIN_SIZE], hash[HASH_SIZE];
    char id[ID_LENGTH + 1] = "", hex[HASH_HEX + 1] = "";
    struct header header;

    ck_assert_ptr_null(
        header_parse(&header, file.at, (size_t)((char *)memchr(file.at, '\n', file.length) - file.at) + 1));
    ck_assert(hex_decode(storeid, header.storeid, sizeof(storeid)));
    foreign_id(id, KEY, strlen(KEY), storeid);
    ck_assert_str_eq(id, "wUpMn3Y7JHUj");
    crypto_hash_token(hash, KEY, strlen(KEY), id);
    hex_encode(hex, hash, sizeof(hash));
    ck_assert_str_eq(hex, "b99d3410e9110769b39ad94a0b7e196a48bca2142be203bd58d738925c3f3660");
    storeid[0] ^= 1; /* each store has its own */
    foreign_id(id, KEY, strlen(KEY), storeid);
    ck_assert_str_ne(id, "wUpMn3Y7JHUj");
    bytes_free(&file);
}
END_TEST

/* ---- a host ---- */

/* A sample whose "token" is a key, as an import into this store makes it. */
static void sample_of_key(struct sample *sample, const char *key, const struct header *header)
{
    unsigned char storeid[CHAIN_SIZE];

    sample_make(sample);
    strcpy(sample->token, key);
    ck_assert(hex_decode(storeid, header->storeid, sizeof(storeid)));
    foreign_id(sample->record.id, key, strlen(key), storeid);
    crypto_hash_token(sample->record.hash, key, strlen(key), sample->record.id);
}

static void start(struct scene *s, const char *settings)
{
    scene_start(s, "60s");
    host_close(&s->host);
    host_open_with(&s->host, s->directory, settings);
    sample_of_key(&s->c, KEY, &s->forge.header);
    forge_create(&s->forge, &s->c);
}

START_TEST(a_key_is_admitted)
{
    struct scene s;
    struct toktab_result result;
    struct toktab_status status = {.size = sizeof(status)};

    start(&s, "foreign = true;");
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, NULL, &result), "allow");
    ck_assert_str_eq(result.id, s.c.record.id);
    ck_assert_uint_eq(result.serial, 3);
    EXPECT(s, a, "allow");
    EXPECT(s, d, "deny unknown");
    ck_assert_int_eq(toktab_status(s.host.table, NULL, &status), 0);
    ck_assert_int_eq(status.foreign, 1);
    forge_revoke(&s.forge, &s.c);
    EXPECT(s, c, "deny revoked");
    scene_end(&s);
}
END_TEST

START_TEST(elsewhere_a_key_is_malformed)
{
    struct scene s;
    struct toktab_status status = {.size = sizeof(status)};

    start(&s, _i == 0 ? "foreign = false;" : "");
    EXPECT(s, c, "deny malformed");
    EXPECT(s, a, "allow");
    ck_assert_int_eq(toktab_status(s.host.table, NULL, &status), 0);
    ck_assert_int_eq(status.foreign, 0);
    scene_end(&s);
}
END_TEST

static void expect_answer(struct scene *s, const char *text, const char *answer)
{
    strcpy(s->d.token, text);
    ck_assert_msg(strcmp(host_ask(&s->host, &s->d), answer) == 0, "%s: not %s", text, answer);
}

START_TEST(other_texts)
{
    struct scene s;
    char hash[HASH_HEX + 1] = "";

    start(&s, "foreign = true;");
    expect_answer(&s, "sk-example-key-of-another-system-43", "deny unknown");
    expect_answer(&s, KEY "\n", "deny malformed");
    expect_answer(&s, "Bearer " KEY, "deny malformed");
    expect_answer(&s, "too-short", "deny malformed");
    expect_answer(&s, "", "deny malformed");
    expect_answer(&s, "acme_" BODY, "deny unknown");
    expect_answer(&s, "acme_ExampleTokenNeverUseThisSecretItIsPrintedInTheManual120000000", "deny malformed");
    hex_encode(hash, s.c.record.hash, HASH_SIZE); /* what a stolen store shows */
    expect_answer(&s, hash, "deny unknown");
    hex_encode(hash, s.a.record.hash, HASH_SIZE);
    expect_answer(&s, hash, "deny unknown");
    expect_answer(&s, KEY, "allow");
    scene_end(&s);
}
END_TEST

/* Another store at the path: its keys have other ids, and this one's are in trouble as its tokens are. */
START_TEST(without_its_store)
{
    struct scene s;

    start(&s, "foreign = true; stale_limit = \"60s\";");
    EXPECT(s, c, "allow");
    ck_assert_int_eq(unlink(s.forge.path), 0);
    ck_assert_int_eq(
        toktab_status(s.host.table, NULL, &(struct toktab_status){.size = sizeof(struct toktab_status)}), 0);
    EXPECT(s, c, "allow");
    expect_answer(&s, "sk-example-key-of-another-system-43", "error store");
    host_close(&s.host);
    host_open_with(&s.host, s.directory, "foreign = true;");
    EXPECT(s, c, "error store");
    expect_answer(&s, "too-short", "deny malformed");
    scene_end(&s);
}
END_TEST

/* A host that asks once finds the key in one pass over the file, or, in doubt, by a reader. */
START_TEST(asked_once)
{
    struct toktab_options options = {.size = sizeof(options), .once = 1};
    char path[SCRATCH_PATH];
    struct scene s;

    start(&s, "foreign = true;");
    host_close(&s.host);
    path_join(path, s.directory, "toktab.conf"); /* as start() has left it */
    options.config = path;
    s.host.table = toktab_open(&options, NULL, 0);
    ck_assert_ptr_nonnull(s.host.table);
    for (int i = 0; i < 2; i++) {
        EXPECT(s, c, "allow");
        EXPECT(s, a, "allow");
        expect_answer(&s, "sk-example-key-of-another-system-43", "deny unknown");
        expect_answer(&s, "too-short", "deny malformed");
    }
    file_append(s.forge.path, "4|torn", 6);
    EXPECT(s, c, "allow");
    file_append(s.forge.path, "\n", 1);
    EXPECT(s, c, "error store");
    ck_assert_int_eq(unlink(s.forge.path), 0);
    EXPECT(s, c, "error store");
    forge_end(&s.forge);
    forge_start(&s.forge, s.directory, HOST_DOMAIN); /* another store, in which keys have other ids */
    EXPECT(s, c, "deny unknown");
    sample_of_key(&s.c, KEY, &s.forge.header);
    forge_create(&s.forge, &s.c);
    EXPECT(s, c, "allow");
    scene_end(&s);
}
END_TEST

Suite *foreign_suite(void)
{
    Suite *suite = suite_create("foreign");
    TCase *texts = tcase_create("texts"), *host = tcase_create("host");

    tcase_add_loop_test(texts, shape_of_a_key, 0, LENGTH(shapes));
    tcase_add_test(texts, length_of_a_key);
    tcase_add_test(texts, key_of_the_manual);
    suite_add_tcase(suite, texts);
    tcase_add_test(host, a_key_is_admitted);
    tcase_add_loop_test(host, elsewhere_a_key_is_malformed, 0, 2);
    tcase_add_test(host, other_texts);
    tcase_add_test(host, without_its_store);
    tcase_add_test(host, asked_once);
    suite_add_tcase(suite, host);
    return suite;
}
