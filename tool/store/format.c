#include "store/format.h"

size_t change_format(char text[LINE_SIZE_MAX], struct record *record, const unsigned char origin[CHAIN_SIZE],
                     unsigned char chain[CHAIN_SIZE])
{
    size_t length = record->n > 0 ? record_format(text, record) : 0;

    if (length == 0 && record->n > 0 && record->op == OPERATION_REVOKE) {
        /* a revoked token needs no rights; its label and the reason still tell what it was */
        record->scopes = record->nets = record->ext = (struct span){"", 0};
        length = record_format(text, record);
    }
    return length == 0 ? 0 : chain_finish(text, length, origin, chain);
}
