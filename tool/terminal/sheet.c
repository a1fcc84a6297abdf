#include "terminal/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/wrap.h"

enum {
    TERMINAL_WIDTH = 80, /* if the terminal does not tell */
    NARROWEST = 12,      /* a column does not wrap below this */
    BUFFER_SIZE = 64 * 1024,
    PLAIN = 0x40, /* beside a colour */
};

static struct span text_in(const struct cell *cell)
{
    return cell->text ? span_of(cell->text) : cell->plain;
}

/* The columns that the text of a cell takes, or a part of it. */
static size_t width_of(const struct cell *cell, struct span text)
{
    return cell->text ? wrap_width(text) : text.length;
}

static void measure(struct sheet *sheet, size_t column, const struct cell *cell, struct span text)
{
    size_t width = width_of(cell, text);

    if (width > sheet->width[column])
        sheet->width[column] = width;
    if (text.length != 1 || text.at[0] != '-')
        sheet->filled[column] = true;
}

static void leave_out_empty_columns(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->count; i++)
        if (sheet->columns[i].optional && !sheet->filled[i])
            sheet->width[i] = 0;
}

static char *pad(char *end, size_t width, size_t room)
{
    size_t missing = room > width ? room - width : 0;

    memset(end, ' ', missing);
    return end + missing;
}

static bool flush(struct sheet *sheet)
{
    size_t size = sheet->buffered;

    sheet->buffered = 0;
    return output_write(sheet->buffer, size);
}

/* Space for a line in the buffer; a line that is longer than the buffer makes it longer. NULL: the lines
 * before it cannot be written. */
static char *room_for(struct sheet *sheet, size_t size)
{
    if (sheet->buffered + size > BUFFER_SIZE && !flush(sheet))
        return NULL;
    if (!sheet->buffer || size > BUFFER_SIZE)
        sheet->buffer = must_have(realloc(sheet->buffer, size > BUFFER_SIZE ? size : BUFFER_SIZE));
    return sheet->buffer + sheet->buffered;
}

/* The next line of a row. rest: what of each cell is not printed yet. */
static bool print_line(struct sheet *sheet, const struct cell cells[], struct span rest[])
{
    enum { COLOUR_SIZE = sizeof("\033[33m\033[0m") };
    size_t size = 1, blanks = 0; /* not 0 without columns */
    char *line, *end;

    for (size_t i = 0; i < sheet->count; i++)
        size += rest[i].length + sheet->width[i] + COLOUR_SIZE + 1;
    line = end = room_for(sheet, size);
    if (!line)
        return false;
    for (size_t i = 0; i < sheet->count; i++) {
        bool wraps = sheet->terminal && sheet->columns[i].wraps;
        struct span part;
        size_t width;

        if (sheet->width[i] == 0)
            continue;
        part = wraps ? wrap_line(&rest[i], sheet->width[i]) : rest[i];
        width = width_of(&cells[i], part);
        if (end > line)
            *end++ = ' ';
        if (!wraps)
            rest[i].length = 0;
        if (sheet->columns[i].right)
            end = pad(end, width, sheet->width[i]);
        if (sheet->colours && cells[i].colour != COLOUR_NONE && part.length > 0)
            end += sprintf(end, "\033[%dm%.*s\033[0m", (int)cells[i].colour, (int)part.length, part.at);
        else if (part.length > 0)
            end = mempcpy(end, part.at, part.length);
        if (!sheet->columns[i].right)
            end = pad(end, width, sheet->width[i]);
        blanks = width < sheet->width[i] && !sheet->columns[i].right ? sheet->width[i] - width : 0;
    }
    end -= blanks; /* none at the end of the line */
    while (sheet->terminal && end > line && end[-1] == ' ')
        end--;
    *end++ = '\n';
    sheet->buffered += (size_t)(end - line);
    return true;
}

static bool any_left(const struct sheet *sheet, const struct span rest[])
{
    for (size_t i = 0; i < sheet->count; i++)
        if (sheet->width[i] > 0 && rest[i].length > 0)
            return true;
    return false;
}

static bool print_row(struct sheet *sheet, const struct cell cells[])
{
    struct span rest[SHEET_COLUMNS] = {0};
    bool good;

    for (size_t i = 0; i < sheet->count; i++)
        rest[i] = text_in(&cells[i]);
    do
        good = print_line(sheet, cells, rest);
    while (good && sheet->terminal && any_left(sheet, rest));
    return good;
}

static void keep(struct sheet *sheet, const struct cell *cell, struct span text)
{
    size_t size = 1 + text.length + 1;
    char *end;

    if (sheet->kept_room - sheet->kept_size < size) {
        sheet->kept_room = 2 * sheet->kept_room + size + BUFFER_SIZE;
        sheet->kept = must_have(realloc(sheet->kept, sheet->kept_room));
    }
    end = sheet->kept + sheet->kept_size;
    *end++ = (char)(cell->text ? cell->colour : cell->colour | PLAIN);
    end = mempcpy(end, text.at, text.length);
    *end = '\0';
    sheet->kept_size += size;
}

void sheet_row(struct sheet *sheet, const struct cell cells[])
{
    for (size_t i = 0; i < sheet->count; i++) {
        struct span text = text_in(&cells[i]);

        measure(sheet, i, &cells[i], text);
        keep(sheet, &cells[i], text);
        free(cells[i].text);
    }
    if (++sheet->rows % 1024 == 0)
        progress_show(sheet->rows, "rows");
}

/* Make the widest of the columns that may wrap narrower, until the table fits. */
static void fit(struct sheet *sheet)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    size_t room = known ? size.ws_col : TERMINAL_WIDTH, total = 0;

    for (size_t i = 0; i < sheet->count; i++)
        total += sheet->width[i] > 0 ? sheet->width[i] + 1 : 0; /* with a blank between two columns */
    for (; total > room + 1; total--) {
        size_t widest = sheet->count;

        for (size_t i = 0; i < sheet->count; i++)
            if (sheet->columns[i].wraps && sheet->width[i] > NARROWEST &&
                (widest == sheet->count || sheet->width[i] > sheet->width[widest]))
                widest = i;
        if (widest == sheet->count)
            return;
        sheet->width[widest]--;
    }
}

static bool print_all(struct sheet *sheet)
{
    struct cell cells[SHEET_COLUMNS] = {0};
    char *at = sheet->kept;
    bool good;

    if (sheet->terminal)
        fit(sheet);
    for (size_t i = 0; i < sheet->count; i++)
        cells[i].plain = span_of(sheet->columns[i].heading);
    good = sheet->no_headings || print_row(sheet, cells);
    for (uint64_t row = 0; row < sheet->rows && good; row++) {
        for (size_t i = 0; i < sheet->count; i++) {
            int colour = (unsigned char)*at++;

            cells[i].colour = (enum colour)(colour & ~PLAIN);
            cells[i].plain = span_of(at);
            cells[i].text = colour & PLAIN ? NULL : at;
            at += cells[i].plain.length + 1;
        }
        good = print_row(sheet, cells);
    }
    return good && flush(sheet);
}

enum status sheet_print(struct sheet *sheet, sheet_rows *rows, void *context)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    enum status status = STATUS_DONE;

    sheet->terminal = isatty(STDOUT_FILENO);
    sheet->colours =
        sheet->terminal && !(no_color && no_color[0] != '\0') && !(term && strcmp(term, "dumb") == 0);
    for (size_t i = 0; i < sheet->count; i++)
        sheet->width[i] = strlen(sheet->columns[i].heading);
    rows(sheet, context);
    progress_clear();
    leave_out_empty_columns(sheet);
    if (sheet->rows > 0 && !print_all(sheet))
        status = output_failed();
    free(sheet->kept);
    free(sheet->buffer);
    return status;
}
