#include "terminal/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pages.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/wrap.h"

enum {
    TERMINAL_WIDTH = 80, /* if the terminal does not tell */
    NARROWEST = 12,      /* a column does not wrap below this */
    BUFFER_SIZE = 64 * 1024,
    PIECE_MOST = 32 * 1024 * 1024, /* of the memory for rows */
    PLAIN = 0x40,                  /* beside a colour */
    LONG = 0xff,                   /* in place of a length: it follows */
};

/* Memory for rows. Each stands in one piece. */
struct piece {
    struct piece *next;
    size_t size, used;
    char bytes[];
};

/* A cell of the row that is printed. */
struct shown {
    struct span rest; /* what is not printed yet */
    bool plain;       /* printable ASCII */
    enum colour colour;
};

static size_t width_of(bool plain, struct span text)
{
    return plain ? text.length : wrap_width(text);
}

static void measure(struct sheet *sheet, size_t column, const struct cell *cell, struct span text)
{
    size_t width = width_of(!cell->text, text);

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

static char *pad(char *end, size_t blanks)
{
    while (blanks-- > 0)
        *end++ = ' ';
    return end;
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

/* The next line of a row. */
static bool print_line(struct sheet *sheet, struct shown cells[])
{
    enum { COLOUR_SIZE = sizeof("\033[33m\033[0m") };
    size_t size = 1, blanks = 0; /* not 0 without columns */
    char *line, *end;

    for (size_t i = 0; i < sheet->count; i++)
        size += cells[i].rest.length + sheet->width[i] + COLOUR_SIZE + 1;
    line = end = room_for(sheet, size);
    if (!line)
        return false;
    for (size_t i = 0; i < sheet->count; i++) {
        struct span part = cells[i].rest;
        size_t width, missing;

        if (sheet->width[i] == 0)
            continue;
        if (sheet->terminal && sheet->columns[i].wraps)
            part = wrap_line(&cells[i].rest, sheet->width[i]);
        else
            cells[i].rest.length = 0;
        width = width_of(cells[i].plain, part);
        missing = width < sheet->width[i] ? sheet->width[i] - width : 0;
        if (end > line)
            *end++ = ' ';
        if (sheet->columns[i].right)
            end = pad(end, missing);
        if (sheet->colours && cells[i].colour != COLOUR_NONE && part.length > 0)
            end += sprintf(end, "\033[%dm%.*s\033[0m", (int)cells[i].colour, (int)part.length, part.at);
        else if (part.length > 0)
            end = mempcpy(end, part.at, part.length);
        blanks = sheet->columns[i].right ? 0 : missing;
        end = pad(end, blanks);
    }
    end -= blanks; /* none at the end of the line */
    while (sheet->terminal && end > line && end[-1] == ' ')
        end--;
    *end++ = '\n';
    sheet->buffered += (size_t)(end - line);
    return true;
}

static bool any_left(const struct sheet *sheet, const struct shown cells[])
{
    for (size_t i = 0; i < sheet->count; i++)
        if (sheet->width[i] > 0 && cells[i].rest.length > 0)
            return true;
    return false;
}

static bool print_row(struct sheet *sheet, struct shown cells[])
{
    bool good;

    do
        good = print_line(sheet, cells);
    while (good && sheet->terminal && any_left(sheet, cells));
    return good;
}

/* Space for so many bytes of a row, in one piece. */
static char *room_to_keep(struct sheet *sheet, size_t size)
{
    struct piece *last = sheet->last, *piece;
    size_t wish = last ? 2 * last->size : BUFFER_SIZE;

    if (last && last->size - last->used >= size)
        return last->bytes + last->used;
    wish = wish < PIECE_MOST ? wish : PIECE_MOST;
    wish = wish > sizeof(*piece) + size ? wish : sizeof(*piece) + size;
    piece = must_have(pages_allocate(wish));
    *piece = (struct piece){.size = wish - sizeof(*piece)};
    *(last ? &last->next : &sheet->first) = piece;
    sheet->last = piece;
    return piece->bytes;
}

static char *keep(char *end, const struct cell *cell, struct span text)
{
    *end++ = (char)(cell->text ? cell->colour : cell->colour | PLAIN);
    *end++ = (char)(text.length < LONG ? text.length : LONG);
    if (text.length >= LONG)
        end = mempcpy(end, &text.length, sizeof(text.length));
    return mempcpy(end, text.at, text.length);
}

static const char *take(const char *at, struct shown *cell)
{
    int colour = (unsigned char)*at++;

    cell->colour = (enum colour)(colour & ~PLAIN);
    cell->plain = colour & PLAIN;
    cell->rest.length = (unsigned char)*at++;
    if (cell->rest.length == LONG) {
        memcpy(&cell->rest.length, at, sizeof(cell->rest.length));
        at += sizeof(cell->rest.length);
    }
    cell->rest.at = at;
    return at + cell->rest.length;
}

void sheet_row(struct sheet *sheet, const struct cell cells[])
{
    struct span texts[SHEET_COLUMNS];
    char *start, *end;
    size_t count = sheet->count, size = 0;

    for (size_t i = 0; i < count; i++) {
        texts[i] = cells[i].text ? span_of(cells[i].text) : cells[i].plain;
        measure(sheet, i, &cells[i], texts[i]);
        size += 2 + sizeof(texts[i].length) + texts[i].length;
    }
    start = end = room_to_keep(sheet, size);
    for (size_t i = 0; i < count; i++) {
        end = keep(end, &cells[i], texts[i]);
        free(cells[i].text);
    }
    sheet->last->used += (size_t)(end - start);
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
    struct shown cells[SHEET_COLUMNS] = {0};
    bool good;

    if (sheet->terminal)
        fit(sheet);
    for (size_t i = 0; i < sheet->count; i++)
        cells[i] = (struct shown){.rest = span_of(sheet->columns[i].heading), .plain = true};
    good = sheet->no_headings || print_row(sheet, cells);
    for (const struct piece *piece = sheet->first; piece && good; piece = piece->next)
        for (const char *at = piece->bytes, *end = at + piece->used; at < end && good;) {
            for (size_t i = 0; i < sheet->count; i++)
                at = take(at, &cells[i]);
            good = print_row(sheet, cells);
        }
    return good && flush(sheet);
}

static void free_rows(struct sheet *sheet)
{
    for (struct piece *piece = sheet->first, *next; piece; piece = next) {
        next = piece->next;
        free(piece);
    }
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
    free_rows(sheet);
    free(sheet->buffer);
    return status;
}
