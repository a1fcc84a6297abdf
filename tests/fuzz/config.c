/* A configuration's text: what config_text_wrong() lets pass must be no danger in libconfig. */
#include "config.h"
#include "config_file.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_text.h"
#include "fuzz.h"

// NOLINTBEGIN(bugprone-reserved-identifier,readability-inconsistent-declaration-parameter-name)

/* libconfig loses a text that a syntax error follows. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so";
}

static bool loading, included;

/* In place of the C library's, for libconfig too, which opens by it what an @include names. */
FILE *fopen(const char *path, const char *mode)
{
    FILE *(*next)(const char *, const char *) =
        (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen");

    included = included || loading;
    return next(path, mode);
}

// NOLINTEND(bugprone-reserved-identifier,readability-inconsistent-declaration-parameter-name)

static char path[4096];

static void remove_file(void)
{
    unlink(path);
}

static void write_file(const char *text, size_t length)
{
    static int fd = -1;
    const char *directory = getenv("TMPDIR");

    if (fd < 0) {
        snprintf(path, sizeof(path), "%s/toktab-fuzz-XXXXXX", directory ? directory : "/tmp");
        fd = mkstemp(path);
        atexit(remove_file);
    }
    if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, text, length, 0) != (ssize_t)length)
        abort();
}

static bool load(struct config *config, const char *text, size_t length)
{
    struct fault fault = {0};
    bool good;

    write_file(text, length);
    loading = true;
    good = config_load(config, path, &fault) == 0;
    loading = false;
    assert(!included);
    assert(good == (fault.text[0] == '\0'));
    return good;
}

static void check_domain(const struct config *config, const struct domain *domain)
{
    struct span foreign;

    assert(domain_name_valid(span_of(domain->name)) && config_domain(config, domain->name) == domain);
    assert(token_prefix_valid(domain->prefix, strlen(domain->prefix)));
    assert(domain->stale_limit >= 0 && domain->default_lifetime >= 0);
    assert(domain->max_lifetime == 0 || domain->default_lifetime <= domain->max_lifetime);
    assert(span_list_whole(span_of(domain->admins)));
    assert(domain_has_scopes(domain, span_of(domain->scopes), &foreign));
}

static void assert_same(const struct config *a, const struct config *b)
{
    assert(strcmp(a->store_dir, b->store_dir) == 0 && a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct domain *x = &a->domains[i], *y = &b->domains[i];

        assert(strcmp(x->name, y->name) == 0 && strcmp(x->prefix, y->prefix) == 0);
        assert(strcmp(x->admins, y->admins) == 0 && strcmp(x->scopes, y->scopes) == 0);
        assert(x->default_lifetime == y->default_lifetime && x->max_lifetime == y->max_lifetime);
        assert(x->stale_limit == y->stale_limit && x->track_usage == y->track_usage);
    }
}

/* Whatever backslashes are left stand in comments: without them the file says the same. */
static void check_backslashes(const struct config *config, char *text, size_t length)
{
    struct config without;
    bool good;

    for (size_t i = 0; i < length; i++)
        if (text[i] == '\\')
            text[i] = ' ';
    good = load(&without, text, length);
    assert(good);
    assert_same(config, &without);
    config_unload(&without);
}

/* Nothing in the file hides what comes after it. */
static void check_end(char *text, size_t length)
{
    static const char more[] = "\nunheard_of = true;\n";
    struct config hidden;
    bool good;

    memcpy(text + length, more, sizeof(more) - 1);
    good = load(&hidden, text, length + sizeof(more) - 1);
    assert(!good);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[CONFIG_SIZE_MAX + 64];
    struct config config;
    unsigned line, lines = 1;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    if (size > CONFIG_SIZE_MAX || config_text_wrong((const char *)data, size, &line)) {
        assert(size > CONFIG_SIZE_MAX || (line >= 1 && line <= lines));
        return 0;
    }
    memcpy(text, data, size);
    if (!load(&config, text, size))
        return 0;
    assert(config.store_dir[0] == '/' && config.count > 0);
    for (size_t i = 0; i < config.count; i++)
        check_domain(&config, &config.domains[i]);
    check_backslashes(&config, text, size);
    check_end(text, size);
    config_unload(&config);
    return 0;
}
