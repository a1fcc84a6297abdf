/* What people type for a token. */
#include "store/refs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* What is none is said on standard error: not here, a hundred thousand times a second. */
static enum status make_quietly(struct refs *refs, char *text)
{
    static FILE *nowhere;
    FILE *kept = stderr;
    enum status status;

    if (!nowhere)
        nowhere = fopen("/dev/null", "we");
    if (!nowhere)
        abort();
    stderr = nowhere;
    status = refs_make(refs, "example.com", &text, 1, PROOF_OF_FOUND);
    stderr = kept;
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = new_string(data, size);
    struct refs refs;
    enum status status = make_quietly(&refs, text);

    assert(status == STATUS_DONE || status == STATUS_USAGE);
    if (status == STATUS_DONE) {
        assert(base62_valid(text, strlen(text)) && strlen(text) <= ID_LENGTH);
        assert((strspn(text, "0123456789") == strlen(text) && strlen(text) <= 10) ==
               (refs.list[0].serial > 0));
        assert(refs.list[0].serial == 0 || refs.list[0].serial == strtoull(text, NULL, 10));
        assert(refs.list[0].serial > 0 || strlen(text) >= 4);
    }
    refs_free(&refs);
    free(text);
    return 0;
}
