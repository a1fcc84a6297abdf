/* HEAD, as people type it and as it is written. */
#include "store/head.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char other[CHAIN_SIZE] = "another chain";
    char *text = new_string(data, size), written[HEAD_SIZE];
    struct expected_head expect, again;

    if (head_parse(&expect, text)) {
        head_format(written, expect.epoch, expect.n, expect.chain);
        assert(strcmp(text, written) == 0 && expect.answer == ANSWER_PENDING);
        again = expect;
        head_see_line(&expect, expect.n, expect.chain);
        assert(expect.answer == ANSWER_YES);
        head_see_line(&again, again.n, other);
        assert((again.answer == ANSWER_NO) == (memcmp(again.chain, other, CHAIN_SIZE) != 0));
    }
    free(text);
    return 0;
}
