/* Does a request come from a page of ours? Pure. */
#ifndef PANEL_ORIGIN_H
#define PANEL_ORIGIN_H

#include <stdbool.h>

/*
 * Headers as the browser sent them; NULL: it did not.
 *
 * Browsers send credentials of Basic authentication and client certificates with a form of any site, so a
 * POST must show where it comes from: Sec-Fetch-Site, which a browser sends only over https, and Origin. A
 * client that sends neither is no browser, and needs a nonce all the same.
 */
struct provenance {
    const char *own;        /* scheme, host and port of the page: https://tokens.example.com */
    const char *origin;     /* Origin */
    const char *fetch_site; /* Sec-Fetch-Site */
    const char *fetch_dest; /* Sec-Fetch-Dest */
};

/* May it change something? */
bool origin_allows_post(const struct provenance *from);

/* May it show a page? Not in a frame, and not to a script of another site. */
bool origin_allows_page(const struct provenance *from);

/* Is it the media type of a form? */
bool origin_sends_form(const char *content_type);

#endif
