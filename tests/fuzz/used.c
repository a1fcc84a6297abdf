/* The file of last uses, whatever somebody of its group has written there. */
#include <string.h>

#include "fuzz.h"
#include "used.h"

static uint64_t take_word(const uint8_t **data, size_t *size)
{
    unsigned char word[USAGE_SLOT] = {0};
    size_t length = *size < sizeof(word) ? *size : sizeof(word);

    memcpy(word, *data, length);
    *data += length;
    *size -= length;
    return usage_decode(word);
}

/* What the slot holds, found without a window. */
static uint64_t reference(const uint8_t *data, size_t size, uint64_t serial)
{
    return serial < size / USAGE_SLOT ? usage_decode(data + serial * USAGE_SLOT) : 0;
}

static void check_serial(struct used *used, const uint8_t *data, size_t size, uint64_t serial,
                         int64_t created, int64_t now)
{
    uint64_t time = used_time(used, serial);
    int64_t believed = usage_believed(time, created, now);

    assert(time == reference(data, size, serial));
    assert(believed == 0 || (believed >= created && believed <= now));
    assert(believed == 0 || time - (uint64_t)believed <= 60);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t serial = take_word(&data, &size);
    int64_t created = (int64_t)(take_word(&data, &size) >> 1);
    int64_t now = (int64_t)take_word(&data, &size);
    struct used used = {.fd = file_with(data, size)};

    check_serial(&used, data, size, serial, created, now);
    for (uint64_t i = 0; i <= size / USAGE_SLOT; i++) /* in order, then back */
        check_serial(&used, data, size, i, created, now);
    check_serial(&used, data, size, serial % (size / USAGE_SLOT + 1), created, now);
    return 0;
}
