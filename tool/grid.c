#include "grid.h"

#include <stdlib.h>

#include "output.h"

struct libscols_table *grid_make(void)
{
    struct libscols_table *table = must_have(scols_new_table());

    scols_table_enable_noencoding(table, 1);
    return table;
}

enum status grid_print(struct libscols_table *table)
{
    enum status status = STATUS_DONE;
    char *text = NULL;

    must_have(scols_print_table_to_string(table, &text) == 0 ? text : NULL);
    if (text[0] != '\0')
        status = output_line(text);
    free(text);
    return status;
}
