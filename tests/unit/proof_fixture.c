#include "proof_fixture.h"

#include <string.h>

void forge_four(struct forge *forge, struct sample samples[4])
{
    char directory[SCRATCH_PATH];

    scratch_directory(directory);
    forge_start(forge, directory, PROOF_DOMAIN);
    for (int i = 0; i < 4; i++) {
        sample_make(&samples[i]);
        forge_create(forge, &samples[i]);
    }
    forge_revoke(forge, &samples[2]);
    forge_revoke(forge, &samples[3]);
}

const char *prove_file(struct chain *chain, const struct bytes *file, unsigned *at)
{
    const char *text = file->at, *end = file->at + file->length, *lf, *wrong = NULL;
    size_t length;

    for (*at = 1; (lf = memchr(text, '\n', (size_t)(end - text))) != NULL; ++*at) {
        struct line line;

        length = (size_t)(lf - text) + 1;
        wrong = *at == 1 ? chain_begin(chain, PROOF_DOMAIN, text, length)
                         : chain_line(chain, &line, text, length);
        if (wrong)
            break;
        text += length;
    }
    if (*at == 1)
        return wrong ? wrong : "no header";
    if (chain_rest(chain, text, (size_t)(end - text), (uint64_t)(text - file->at), &length) == REST_DAMAGE)
        return wrong ? wrong : "its end is damaged";
    return chain_end(chain);
}

bool is_sound(const struct bytes *file)
{
    struct chain chain;
    unsigned at;

    return prove_file(&chain, file, &at) == NULL;
}
