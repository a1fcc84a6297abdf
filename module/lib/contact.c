#include "contact.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static bool made_of(struct span text, const char *allowed, size_t most)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] == '\0' || !strchr(allowed, text.at[i]))
            return false;
    return text.length <= most;
}

bool contact_parse(struct contact *contact, const char *text, size_t length)
{
    const char *end = text + length, *first = memchr(text, '|', length),
               *second = first ? memchr(first + 1, '|', (size_t)(end - first) - 1) : NULL;
    struct span state, head;
    uint64_t time;

    if (!second || end[-1] != '\n')
        return false;
    state = (struct span){first + 1, (size_t)(second - first) - 1};
    head = (struct span){second + 1, (size_t)(end - second) - 2};
    if (!decimal_parse((struct span){text, (size_t)(first - text)}, &time) || time > INT64_MAX ||
        state.length == 0 || !made_of(state, "abcdefghijklmnopqrstuvwxyz", CONTACT_STATE_SIZE - 1) ||
        !made_of(head, "0123456789abcdef:", CONTACT_HEAD_SIZE - 1))
        return false;
    *contact = (struct contact){.time = (int64_t)time};
    memcpy(contact->state, state.at, state.length);
    memcpy(contact->head, head.at, head.length);
    return true;
}

size_t contact_format(char text[CONTACT_TEXT_SIZE], const struct contact *contact)
{
    return (size_t)snprintf(text, CONTACT_TEXT_SIZE, "%" PRId64 "|%s|%s\n", contact->time, contact->state,
                            contact->head);
}

bool contact_read(struct contact *contact, const char *directory, const char *domain)
{
    char path[PATH_MAX], text[CONTACT_TEXT_SIZE + 1];
    const char *end;
    ssize_t got = -1;
    int fd, error;

    errno = ENAMETOOLONG;
    if (snprintf(path, sizeof(path), "%s/%s.contact", directory, domain) >= PATH_MAX)
        return false;
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    do
        got = pread(fd, text, sizeof(text), 0);
    while (got < 0 && errno == EINTR);
    error = got < 0 ? errno : EINVAL;
    close(fd);
    errno = error;
    end = got > 0 ? memchr(text, '\n', (size_t)got) : NULL; /* what follows is left of a longer line before */
    return end && contact_parse(contact, text, (size_t)(end - text) + 1);
}
