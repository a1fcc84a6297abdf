#include "columns.h"

#include <stdio.h>

#include "fixture.h"

#define HASH "a0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aefd6"
#define BEFORE "0f3d104b449ee3927860735bebb187b7"
#define CHAIN "3c384edc7cbab2d3748838196c76cdf9"

const char *const token_columns[COLUMNS] = {
    "7",          "ExampleToken",
    "U",          HASH,
    "3",          "1767225600",
    "1798761600", "-",
    "1767225601", "alice/1000/1001",
    "read,write", "192.0.2.0/24,2001:db8::/32",
    "deploy",     "build%7C100%25",
    "why",        "SecondSample",
    "a=b KEY",    "5",
    BEFORE,       CHAIN,
};

const char *const point_columns[COLUMNS] = {
    "7",          "------------",
    "P",          HASH,
    "0",          "1767225600",
    "1767225600", "-",
    "1767225600", "root/0/-",
    "",           "",
    "",           "",
    "",           "",
    "",           "5",
    BEFORE,       CHAIN,
};

size_t columns_join(char *text, size_t size, const char *const columns[COLUMNS], int column, const char *by)
{
    size_t length = 0;

    for (int i = 0; i < COLUMNS; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%s", i == column ? by : columns[i],
                                   i == COLUMN_CHAIN ? "\n" : "|");
    MUST(length < size);
    return length;
}
