/* A page in the making. Pure but for memory. */
#ifndef PANEL_HTML_H
#define PANEL_HTML_H

#include <stddef.h>

/* The text may hold a token: its memory is for secrets, and wiped when it grows and when it is freed. */
struct page {
    char *text;
    size_t length, size;
};

/*
 * The only two ways to write HTML. Both take a string literal alone: anything else does not compile. with()
 * puts its values, C strings, in the places of the $ of the literal, escaped so that they are safe in text
 * and in quoted attributes: attributes are always in double quotes, and no $ stands in a style, a script or
 * an on… attribute. The number of values must be the number of $, else the program aborts.
 */
#define markup(page, literal) page_put((page), "" literal "", sizeof(literal) - 1)
#define with(page, literal, ...)                                                                        \
    page_fill((page), "" literal "", sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), \
              (const char *const[]){__VA_ARGS__})

/* For the macros. page_put() is also for a whole file that is compiled in. */
void page_put(struct page *page, const char *text, size_t length);
void page_fill(struct page *page, const char *literal, size_t count, const char *const values[]);

void page_free(struct page *page);

#endif
