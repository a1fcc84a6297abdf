#include "config.h"

#include <errno.h>
#include <libconfig.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "config_text.h"
#include "duration.h"
#include "nearest.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Appended to the file's own text, and must be found by the parser: an unterminated comment would hide it,
 * with other settings before it. */
static const char last_setting[] = "\ntoktab_end_of_file = \"reached\";\n";
static const char last_name[] = "toktab_end_of_file";

static const char wants_groups[] = "must be a list of groups: ( { name = \"example.com\"; } )";

/* The file that is being read, for messages. */
struct source {
    const char *path;
    struct fault *fault;
    int error;          /* what errno will be */
    unsigned mark_line; /* the line of last_setting */
};

/* A text from the file for a message, which must be one line. */
static const char *shown(const char *text)
{
    return utf8_has_controls(span_of(text)) ? "(a text with control characters, or not UTF-8)" : text;
}

static bool wrong(struct source *source, const config_setting_t *at, const char *name, const char *what)
{
    return fault_set(source->fault, "%s:%u: \"%s\" %s", source->path,
                     (unsigned)config_setting_source_line(at), shown(name), what);
}

static bool unknown_name(struct source *source, const config_setting_t *at, const char *const names[],
                         size_t count)
{
    const char *name = config_setting_name(at), *meant = nearest_name(name, names, count);

    return fault_set(source->fault, "%s:%u: unknown setting \"%s\"%s%s%s", source->path,
                     (unsigned)config_setting_source_line(at), name, meant ? ": did you mean \"" : "",
                     meant ? meant : "", meant ? "\"?" : "");
}

static bool no_memory(struct source *source)
{
    source->error = ENOMEM;
    return fault_set(source->fault, "%s: out of memory", source->path);
}

static bool take_string(struct source *source, const config_setting_t *setting, const char **text)
{
    *text = config_setting_get_string(setting);
    return *text || wrong(source, setting, config_setting_name(setting), "must be a string in double quotes");
}

static bool take_duration(struct source *source, const config_setting_t *setting, int64_t least,
                          int64_t *seconds)
{
    const char *text;

    if (!take_string(source, setting, &text))
        return false;
    return (duration_parse(span_of(text), seconds) && *seconds >= least) ||
           wrong(source, setting, config_setting_name(setting),
                 "must be a whole number with s, m, h, d or w, in double quotes: \"90d\"");
}

static bool take_flag(struct source *source, const config_setting_t *setting, bool *flag)
{
    if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
        return wrong(source, setting, config_setting_name(setting), "must be true or false");
    *flag = config_setting_get_bool(setting) != 0;
    return true;
}

static bool admin_valid(struct span admin)
{
    return admin.length > (admin.at[0] == '@' ? 1 : 0) && user_valid(admin) &&
           !memchr(admin.at, ',', admin.length) && (!admin_is_web(admin) || web_admin_valid(admin));
}

/* Check a list of strings. Returns the size of the list with commas and a NUL; 0 with the fault set. */
static size_t measure_list(struct source *source, const config_setting_t *setting, bool (*valid)(struct span))
{
    const char *name = config_setting_name(setting), *text;
    int count = config_setting_length(setting);
    size_t size = 1;

    if (!config_setting_is_list(setting) && !config_setting_is_array(setting))
        return wrong(source, setting, name, "must be a list of strings: [ \"a\", \"b\" ]");
    for (int i = 0; i < count; i++) {
        text = config_setting_get_string_elem(setting, i);
        if (!text)
            return wrong(source, setting, name, "must list strings in double quotes");
        if (text[0] == '\0' || !valid(span_of(text)))
            return fault_set(source->fault, "%s:%u: \"%s\" is not allowed in %s", source->path,
                             (unsigned)config_setting_source_line(setting), shown(text), name);
        size += strlen(text) + 1;
    }
    return size;
}

static bool take_list(struct source *source, const config_setting_t *setting, bool (*valid)(struct span),
                      char **list)
{
    size_t size = measure_list(source, setting, valid);
    char *end;

    if (size == 0)
        return false;
    free(*list);
    *list = end = calloc(1, size);
    if (!*list)
        return no_memory(source);
    for (int i = 0; i < config_setting_length(setting); i++) {
        if (i > 0)
            *end++ = ',';
        end = stpcpy(end, config_setting_get_string_elem(setting, i));
    }
    return true;
}

static bool take_name(struct source *source, const config_setting_t *setting, struct domain *domain)
{
    const char *text;

    if (!take_string(source, setting, &text))
        return false;
    if (!domain_name_valid(span_of(text)))
        return wrong(source, setting, text,
                     "is not a valid domain name: [a-z0-9][a-z0-9.-]*, at most 63 characters");
    snprintf(domain->name, sizeof(domain->name), "%s", text);
    return true;
}

static bool take_prefix(struct source *source, const config_setting_t *setting, struct domain *domain)
{
    const char *text;

    if (!take_string(source, setting, &text))
        return false;
    if (!token_prefix_valid(text, strlen(text)))
        return wrong(source, setting, text, "is not a valid prefix: [a-z][a-z0-9]*, 2 to 16 characters");
    snprintf(domain->prefix, sizeof(domain->prefix), "%s", text);
    return true;
}

static bool take_source(struct source *source, const config_setting_t *setting, char **taken,
                        bool may_be_engine)
{
    const char *text;

    if (!take_string(source, setting, &text))
        return false;
    if (!source_valid(text) || (!may_be_engine && source_is_engine(text)))
        return wrong(source, setting, config_setting_name(setting),
                     may_be_engine
                         ? "must be a command, its words separated by blanks, or the name of an engine"
                         : "must be a command of several words, or a path");
    free(*taken);
    *taken = strdup(text);
    return *taken || no_memory(source);
}

static bool take_domain_setting(struct source *source, const config_setting_t *setting, struct domain *domain)
{
    static const char *const names[] = {
        "name",        "prefix",      "admins",  "scopes", "default_lifetime", "max_lifetime",
        "stale_limit", "track_usage", "foreign", "source", "snapshot",         "max_lag"};
    const char *name = config_setting_name(setting);

    if (strcmp(name, "name") == 0)
        return take_name(source, setting, domain);
    if (strcmp(name, "prefix") == 0)
        return take_prefix(source, setting, domain);
    if (strcmp(name, "admins") == 0)
        return take_list(source, setting, admin_valid, &domain->admins);
    if (strcmp(name, "scopes") == 0)
        return take_list(source, setting, scope_valid, &domain->scopes);
    if (strcmp(name, "default_lifetime") == 0)
        return take_duration(source, setting, 1, &domain->default_lifetime);
    if (strcmp(name, "max_lifetime") == 0)
        return take_duration(source, setting, 1, &domain->max_lifetime);
    if (strcmp(name, "stale_limit") == 0)
        return take_duration(source, setting, 0, &domain->stale_limit);
    if (strcmp(name, "track_usage") == 0)
        return take_flag(source, setting, &domain->track_usage);
    if (strcmp(name, "foreign") == 0)
        return take_flag(source, setting, &domain->foreign);
    if (strcmp(name, "source") == 0)
        return take_source(source, setting, &domain->source, true);
    if (strcmp(name, "snapshot") == 0)
        return take_source(source, setting, &domain->snapshot, false);
    if (strcmp(name, "max_lag") == 0)
        return take_duration(source, setting, 1, &domain->max_lag);
    return unknown_name(source, setting, names, LENGTH(names));
}

static bool make_room(struct source *source, struct config *config, size_t count)
{
    config->domains = calloc(count, sizeof(*config->domains));
    return config->domains || no_memory(source);
}

/* Count the domain before it owns memory, so that config_unload() frees it. */
static bool take_domain(struct source *source, const config_setting_t *group, struct config *config)
{
    struct domain *domain = &config->domains[config->count++];

    if (!domain_start(domain))
        return no_memory(source);
    if (!config_setting_is_group(group))
        return wrong(source, group, "domains", wants_groups);
    for (int i = 0; i < config_setting_length(group); i++)
        if (!take_domain_setting(source, config_setting_get_elem(group, (unsigned)i), domain))
            return false;
    if (domain->name[0] == '\0')
        return wrong(source, group, "name", "is missing in this domain");
    if (domain->max_lifetime > 0 && domain->default_lifetime > domain->max_lifetime)
        return wrong(source, config_setting_get_member(group, "default_lifetime"), "default_lifetime",
                     "is longer than max_lifetime");
    for (size_t i = 0; i + 1 < config->count; i++)
        if (strcmp(config->domains[i].name, domain->name) == 0)
            return wrong(source, group, domain->name, "is the name of two domains");
    return true;
}

static bool take_domains(struct source *source, const config_setting_t *list, struct config *config)
{
    int count = config_setting_length(list);

    if (!config_setting_is_list(list) || count == 0)
        return wrong(source, list, "domains", wants_groups);
    if (!make_room(source, config, (size_t)count))
        return false;
    for (int i = 0; i < count; i++)
        if (!take_domain(source, config_setting_get_elem(list, (unsigned)i), config))
            return false;
    return true;
}

/* File names are appended with a slash. */
static size_t length_without_slashes(const char *path)
{
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

static bool take_directory(struct source *source, const config_setting_t *setting, char **path)
{
    const char *text, *name = config_setting_name(setting);

    if (!take_string(source, setting, &text))
        return false;
    if (text[0] != '/')
        return wrong(source, setting, name, "must be an absolute path");
    if (utf8_has_controls(span_of(text)))
        return wrong(source, setting, name, "must be UTF-8 without control characters");
    free(*path);
    *path = strndup(text, length_without_slashes(text));
    return *path || no_memory(source);
}

/* Is this our own last setting, not one with the same name in the file? */
static bool is_mark(const struct source *source, const config_setting_t *setting)
{
    return setting && strcmp(config_setting_name(setting), last_name) == 0 &&
           (unsigned)config_setting_source_line(setting) == source->mark_line;
}

static bool take_setting(struct source *source, const config_setting_t *setting, struct config *config)
{
    static const char *const names[] = {"store_dir", "engine_dir", "domains"};
    const char *name = config_setting_name(setting);

    if (strcmp(name, "store_dir") == 0)
        return take_directory(source, setting, &config->store_dir);
    if (strcmp(name, "engine_dir") == 0)
        return take_directory(source, setting, &config->engine_dir);
    if (strcmp(name, "domains") == 0)
        return take_domains(source, setting, config);
    return is_mark(source, setting) || unknown_name(source, setting, names, LENGTH(names));
}

static bool take_all(struct source *source, const config_t *parsed, struct config *config)
{
    const config_setting_t *root = config_root_setting(parsed);

    if (!is_mark(source, config_lookup(parsed, last_name)))
        return fault_set(source->fault, "%s: unterminated comment: /* without */", source->path);
    for (int i = 0; i < config_setting_length(root); i++)
        if (!take_setting(source, config_setting_get_elem(root, (unsigned)i), config))
            return false;
    return true;
}

/* text ends with last_setting. */
static bool parse(struct source *source, const char *text, struct config *config)
{
    locale_t locale = uselocale((locale_t)0); /* libconfig sets another one, and does not restore this one */
    config_t parsed;
    bool good;

    config_init(&parsed);
    good = config_read_string(&parsed, text) == CONFIG_TRUE;
    uselocale(locale);
    if (good)
        good = take_all(source, &parsed, config);
    else if (config_error_line(&parsed) >= (int)source->mark_line)
        good = fault_set(source->fault,
                         "%s: %s: the file ends inside a setting: look for a missing ), ], } or \"",
                         source->path, config_error_text(&parsed));
    else
        good = fault_set(source->fault, "%s:%d: %s", source->path, config_error_line(&parsed),
                         config_error_text(&parsed));
    config_destroy(&parsed);
    return good;
}

/* Set the defaults. */
static bool fill_in(struct source *source, struct config *config)
{
    if (!config->store_dir)
        config->store_dir = strdup(CONFIG_DEFAULT_STORE_DIR);
    if (!config->engine_dir)
        config->engine_dir = strdup(CONFIG_DEFAULT_ENGINE_DIR);
    if (!config->store_dir || !config->engine_dir)
        return no_memory(source);
    if (config->domains)
        return true;
    if (!make_room(source, config, 1))
        return false;
    config->count = 1;
    if (!domain_start(&config->domains[0]))
        return no_memory(source);
    snprintf(config->domains[0].name, sizeof(config->domains[0].name), "%s", CONFIG_DEFAULT_DOMAIN);
    return true;
}

static bool read_and_parse(struct source *source, struct config *config)
{
    size_t length;
    unsigned line;
    const char *refused;
    char *text = config_file_read(source->path, sizeof(last_setting), &length, source->fault);
    bool good;

    source->error = text ? EINVAL : errno;
    if (!text)
        return false;
    memcpy(text + length, last_setting, sizeof(last_setting));
    refused = config_text_wrong(text, length, &line);
    source->mark_line = line + 1;
    good = refused ? fault_set(source->fault, "%s:%u: %s", source->path, line, refused)
                   : parse(source, text, config);
    free(text);
    return good;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct domain *)a)->name, ((const struct domain *)b)->name);
}

int config_load(struct config *config, const char *path, struct fault *fault)
{
    struct source source = {.path = path ? path : CONFIG_DEFAULT_PATH, .fault = fault};
    bool good;

    memset(config, 0, sizeof(*config));
    good = read_and_parse(&source, config);
    if (!good && !path && source.error == ENOENT) { /* the system's file may be missing */
        fault->text[0] = '\0';
        good = true;
    } else if (good && !(config->path = strdup(source.path)))
        good = no_memory(&source);
    if (good && fill_in(&source, config)) {
        qsort(config->domains, config->count, sizeof(*config->domains), by_name);
        return 0;
    }
    config_unload(config);
    errno = source.error;
    return -1;
}

void config_unload(struct config *config)
{
    for (size_t i = 0; i < config->count; i++)
        domain_free(&config->domains[i]);
    free(config->domains);
    free(config->store_dir);
    free(config->engine_dir);
    free(config->path);
    memset(config, 0, sizeof(*config));
}

bool config_copy_one(struct config *one, const struct config *config, const struct domain *domain)
{
    *one = (struct config){.store_dir = strdup(config->store_dir), .domains = malloc(sizeof(*domain))};
    if (one->domains) {
        one->count = 1;
        one->path = config->path ? strdup(config->path) : NULL;
        if (domain_copy(&one->domains[0], domain) && one->store_dir && (one->path || !config->path))
            return true;
    }
    config_unload(one);
    errno = ENOMEM;
    return false;
}

static int compare_name(const void *name, const void *domain)
{
    return strcmp(name, ((const struct domain *)domain)->name);
}

const struct domain *config_domain(const struct config *config, const char *name)
{
    if (!name && config->count == 1)
        return &config->domains[0];
    return bsearch(name ? name : CONFIG_DEFAULT_DOMAIN, config->domains, config->count,
                   sizeof(*config->domains), compare_name);
}
