#include "panel/answer.h"

#include <stdlib.h>
#include <string.h>

#include "terminal/say.h"

/* clang-format off */
static const char html[] =
    "Content-Type: text/html; charset=utf-8\r\n"
    "Cache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'\r\n"
    /* not no-referrer: with it browsers send "Origin: null" with our own forms */
    "Referrer-Policy: same-origin\r\n"
    "X-Frame-Options: DENY\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Permissions-Policy: clipboard-write=(self)\r\n";
static const char style[] =
    "Content-Type: text/css; charset=utf-8\r\n"
    "Cache-Control: public, max-age=31536000, immutable\r\n";
static const char script[] =
    "Content-Type: text/javascript; charset=utf-8\r\n"
    "Cache-Control: public, max-age=31536000, immutable\r\n";
/* clang-format on */

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {303, "See Other"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

static void put_line(struct page *headers, char *line)
{
    page_put(headers, line, strlen(line));
    free(line);
}

void answer_headers(struct page *headers, const struct answer *answer)
{
    const char *fixed = answer->medium == MEDIUM_HTML    ? html
                        : answer->medium == MEDIUM_STYLE ? style
                                                         : script;

    put_line(headers, composed("Status: %d %s\r\n", answer->status, reason_of(answer->status)));
    page_put(headers, fixed, strlen(fixed));
    if (answer->location)
        put_line(headers, composed("Location: %s\r\n", answer->location));
    if (answer->status == 405)
        put_line(headers, composed("Allow: GET, HEAD%s\r\n", answer->form ? ", POST" : ""));
    if (answer->status == 503)
        put_line(headers, composed("Retry-After: 10\r\n"));
    put_line(headers,
             composed("X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n"
                      "Content-Length: %zu\r\n\r\n",
                      answer->page.length));
}

void answer_free(struct answer *answer)
{
    page_free(&answer->page);
    free(answer->location);
    *answer = (struct answer){0};
}
