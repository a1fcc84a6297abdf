#include "nearest.h"

#include <string.h>

enum { WORD_MAX = 63 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* The Levenshtein distance, whatever the case; SIZE_MAX: the word is too long. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], length = strlen(b);

    if (length > WORD_MAX)
        return (size_t)-1;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t above = row[j], replaced = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));

            row[j] = least(replaced, least(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[length];
}

const char *nearest_name(const char *word, const char *const names[], size_t count)
{
    const char *nearest = NULL;
    size_t most = strlen(word) / 3 + 1, best = most + 1;

    for (size_t i = 0; i < count; i++) {
        size_t differs = distance(word, names[i]);

        if (differs < best) {
            best = differs;
            nearest = names[i];
        }
    }
    return nearest;
}
