#include "terminal/meant.h"

#include <string.h>

#include "nearest.h"

/* A word of other tools, and ours: a command, an option or a column. */
static const char *const synonyms[][2] = {
    {"ls", "list"},           {"dir", "list"},
    {"tokens", "list"},       {"rm", "revoke"},
    {"del", "revoke"},        {"delete", "revoke"},
    {"remove", "revoke"},     {"destroy", "revoke"},
    {"disable", "revoke"},    {"invalidate", "revoke"},
    {"add", "create"},        {"new", "create"},
    {"make", "create"},       {"mint", "create"},
    {"issue", "create"},      {"gen", "create"},
    {"generate", "create"},   {"get", "show"},
    {"info", "show"},         {"cat", "show"},
    {"view", "show"},         {"describe", "show"},
    {"inspect", "show"},      {"renew", "rotate"},
    {"roll", "rotate"},       {"replace", "rotate"},
    {"regenerate", "rotate"}, {"edit", "update"},
    {"set", "update"},        {"modify", "update"},
    {"change", "update"},     {"rename", "update"},
    {"extend", "update"},     {"test", "verify"},
    {"validate", "verify"},   {"journal", "history"},
    {"audit", "history"},     {"changes", "history"},
    {"find", "scan"},         {"grep", "scan"},
    {"search", "scan"},       {"fsck", "check"},
    {"status", "check"},      {"repair", "mend"},
    {"fix", "mend"},          {"recover", "mend"},
    {"restore", "mend"},      {"gc", "compact"},
    {"prune", "compact"},     {"purge", "compact"},
    {"vacuum", "compact"},    {"usage", "help"},
    {"man", "help"},          {"force", "yes"},
    {"name", "label"},        {"title", "label"},
    {"description", "label"}, {"comment", "label"},
    {"ttl", "expires"},       {"lifetime", "expires"},
    {"until", "expires"},     {"ip", "from"},
    {"network", "from"},      {"cidr", "from"},
    {"owner", "user"},        {"username", "user"},
    {"message", "reason"},    {"columns", "output"},
    {"fields", "output"},     {"no-header", "no-headings"},
    {"clipboard", "copy"},
};

static const struct {
    char letter;
    const char *meant;
} letters[] = {{'V', "version"}, {'v', "version"}, {'?', "help"}, {'f', "yes"}, {'j', "json"}, {'a', "all"}};

static const char *find(const char *word, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, names[i]) == 0)
            return names[i];
    return NULL;
}

const char *meant_name(const char *word, const char *const names[], size_t count)
{
    for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++) {
        const char *name = strcmp(word, synonyms[i][0]) == 0 ? find(synonyms[i][1], names, count) : NULL;

        if (name)
            return name;
    }
    return nearest_name(word, names, count);
}

const char *meant_letter(char letter, const char *const names[], size_t count)
{
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        const char *name = letter == letters[i].letter ? find(letters[i].meant, names, count) : NULL;

        if (name)
            return name;
    }
    return NULL;
}
