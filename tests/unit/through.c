#include "through.h"

#include <string.h>

void forge_four(struct forge *forge, struct sample samples[4])
{
    char directory[SCRATCH_PATH];

    scratch_directory(directory);
    forge_start(forge, directory, THROUGH_DOMAIN);
    for (int i = 0; i < 4; i++) {
        sample_make(&samples[i]);
        forge_create(forge, &samples[i]);
    }
    forge_revoke(forge, &samples[2]);
    forge_revoke(forge, &samples[3]);
}

const char *chain_through(struct chain *chain, const struct bytes *file, unsigned *at)
{
    const char *text = file->at, *end = file->at + file->length, *wrong = NULL;

    for (*at = 1; !wrong && text < end; ++*at) {
        const char *lf = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)(lf - text) + 1;
        struct line line;

        if (!lf) /* a torn tail */
            break;
        wrong =
            *at == 1 ? chain_begin(chain, THROUGH_DOMAIN, text, length) : chain_line(chain, &line, text, length);
        if (wrong)
            return wrong;
        text += length;
    }
    return chain_end(chain);
}

bool is_sound(const struct bytes *file)
{
    struct chain chain;
    unsigned at;

    return chain_through(&chain, file, &at) == NULL;
}
