/* A file of last uses, whatever its owner has written there. */
#include <string.h>

#include "fuzz.h"
#include "store/used.h"
#include "usage_file.h"

#define STOREID "00112233445566778899aabbccddeeff"

enum { USES = 40 }; /* fewer than are read at once */

static uint64_t take_word(const uint8_t **data, size_t *size)
{
    unsigned char word[USAGE_SLOT] = {0};
    size_t length = *size < sizeof(word) ? *size : sizeof(word);

    memcpy(word, *data, length);
    *data += length;
    *size -= length;
    return usage_decode(word);
}

/* What the slot holds, found without a window; 0: nothing that can be. */
static uint64_t reference(const uint8_t *data, size_t size, uint64_t serial, int64_t now)
{
    uint64_t slots = size < 16 ? 0 : (size - 16) / 8, time;

    if (slots == 0 ||
        memcmp(data, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16) != 0 ||
        serial >= slots)
        return 0;
    time = usage_decode(data + 16 + serial * 8);
    if (now < 1 || time == 0 || time > (uint64_t)now + 60)
        return 0;
    return time < (uint64_t)now ? time : (uint64_t)now;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t serial = take_word(&data, &size), before = take_word(&data, &size);
    int64_t now = (int64_t)take_word(&data, &size), since = 0;
    struct use uses[USES + 3];
    size_t count = 0;
    int fd = file_with(data, size);

    for (uint64_t i = 0; i < USES; i++) /* in order, then as it comes */
        uses[count++] = (struct use){.serial = i, .time = before};
    uses[count++] = (struct use){.serial = serial, .time = before};
    uses[count++] = (struct use){.serial = serial % USES, .time = before};
    uses[count++] = (struct use){.serial = serial, .time = before};
    used_merge(fd, STOREID, now, uses, count, &since);
    for (size_t i = 0; i < count; i++) {
        uint64_t expected = uses[i].serial == 0 ? 0 : reference(data, size, uses[i].serial, now);

        assert(uses[i].time == (expected > before ? expected : before));
    }
    assert(since == (int64_t)reference(data, size, 0, now));
    return 0;
}
