#include "terminal/sheet.h"

#include <libsmartcols.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "terminal/output.h"
#include "terminal/progress.h"

/* Characters that cannot be shown have no width. */
static size_t width_of(const char *text)
{
    mbstate_t state = {0};
    size_t width = 0, length;
    wchar_t character;

    while ((length = mbrtowc(&character, text, MB_LEN_MAX, &state)) > 0 && length <= MB_LEN_MAX) {
        int cells = wcwidth(character);

        width += cells > 0 ? (size_t)cells : 0;
        text += length;
    }
    return width;
}

static char *pad(char *end, size_t width, size_t room)
{
    size_t missing = room > width ? room - width : 0;

    memset(end, ' ', missing);
    return end + missing;
}

static bool print_row(const struct sheet *sheet, const struct cell cells[])
{
    size_t size = 1; /* not 0 without columns */
    char *line, *end;
    bool good;

    for (size_t i = 0; i < sheet->count; i++)
        size += strlen(cells[i].text) + sheet->width[i] + 1;
    line = end = must_have(malloc(size));
    for (size_t i = 0; i < sheet->count; i++) {
        size_t width = width_of(cells[i].text);
        bool last = i + 1 == sheet->count;

        if (sheet->columns[i].right)
            end = pad(end, width, sheet->width[i]);
        end = mempcpy(end, cells[i].text, strlen(cells[i].text));
        if (!sheet->columns[i].right && !last)
            end = pad(end, width, sheet->width[i]);
        *end++ = last ? '\n' : ' ';
    }
    good = output_write(line, (size_t)(end - line));
    free(line);
    return good;
}

/* For a program: measure the row, or print it once all rows are measured. Frees the texts. */
static bool take_row(struct sheet *sheet, const struct cell cells[])
{
    bool good = true;

    if (sheet->measured)
        good = print_row(sheet, cells);
    else
        for (size_t i = 0; i < sheet->count; i++) {
            size_t width = width_of(cells[i].text);

            sheet->width[i] = width > sheet->width[i] ? width : sheet->width[i];
        }
    for (size_t i = 0; i < sheet->count; i++)
        free(cells[i].text);
    return good;
}

static bool take_headings(struct sheet *sheet)
{
    struct cell cells[SHEET_COLUMNS] = {0};

    for (size_t i = 0; i < sheet->count; i++)
        cells[i].text = must_have(strdup(sheet->columns[i].heading));
    return take_row(sheet, cells);
}

enum status sheet_row(struct sheet *sheet, const struct cell cells[])
{
    struct libscols_line *row;

    if (!sheet->measured && ++sheet->rows % 1024 == 0)
        progress_show(sheet->rows, "rows");
    if (!sheet->table)
        return take_row(sheet, cells) ? STATUS_DONE : output_failed();
    row = must_have(scols_table_new_line(sheet->table, NULL));
    for (size_t i = 0; i < sheet->count; i++) {
        scols_line_refer_data(row, i, cells[i].text);
        if (sheet->colours && cells[i].colour)
            scols_cell_set_color(scols_line_get_cell(row, i), cells[i].colour);
    }
    return STATUS_DONE;
}

static void make_table(struct sheet *sheet)
{
    sheet->table = must_have(scols_new_table());
    scols_table_enable_noencoding(sheet->table, 1);
    scols_table_enable_colors(sheet->table, sheet->colours);
    scols_table_enable_noheadings(sheet->table, sheet->no_headings);
    for (size_t i = 0; i < sheet->count; i++)
        must_have(scols_table_new_column(sheet->table, sheet->columns[i].heading, 0,
                                         sheet->columns[i].right   ? SCOLS_FL_RIGHT
                                         : sheet->columns[i].wraps ? SCOLS_FL_WRAP
                                                                   : 0));
}

/* The rows of a table for a terminal are in the table; for a program, they are asked for again. */
static enum status print_all(struct sheet *sheet, sheet_rows *rows, void *context)
{
    enum status status;
    char *text = NULL;

    if (!sheet->terminal) {
        sheet->measured = true;
        return sheet->no_headings || take_headings(sheet) ? rows(sheet, context) : output_failed();
    }
    must_have(scols_print_table_to_string(sheet->table, &text) == 0 ? text : NULL);
    status = output_line(text);
    free(text);
    return status;
}

enum status sheet_print(struct sheet *sheet, sheet_rows *rows, void *context)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    enum status status;

    sheet->terminal = isatty(STDOUT_FILENO);
    sheet->colours =
        sheet->terminal && !(no_color && no_color[0] != '\0') && !(term && strcmp(term, "dumb") == 0);
    if (sheet->terminal)
        make_table(sheet);
    else
        take_headings(sheet);
    status = rows(sheet, context);
    progress_clear();
    if (status == STATUS_DONE && sheet->rows > 0)
        status = print_all(sheet, rows, context);
    scols_unref_table(sheet->table);
    return status;
}
