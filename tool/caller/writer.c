#include "caller/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = 160 };

static ssize_t read_start(int fd, char *bytes, size_t size)
{
    ssize_t got;

    do
        got = pread(fd, bytes, size, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

/* The epoch in DOMAIN.writer; 0: there is no such file, or none that names an epoch. */
static uint64_t named_epoch(int directory, const char *domain)
{
    char name[DOMAIN_NAME_MAX + sizeof(".writer")], text[24];
    uint64_t epoch = 0;
    ssize_t got = -1;
    int fd;

    snprintf(name, sizeof(name), "%s.writer", domain);
    fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
        got = read_start(fd, text, sizeof(text));
        close(fd);
    }
    if (got < 2 || text[got - 1] != '\n' || !decimal_parse((struct span){text, (size_t)got - 1}, &epoch))
        return 0;
    return epoch;
}

bool writer_named(int directory, const char *domain, uint64_t epoch)
{
    return epoch != 0 && named_epoch(directory, domain) == epoch;
}

/* The epoch of the open store; 0: its header is damaged. */
static uint64_t epoch_of(int store)
{
    char text[LINE_SIZE_MAX];
    ssize_t got = read_start(store, text, sizeof(text));
    const char *lf = got > 0 ? memchr(text, '\n', (size_t)got) : NULL;
    struct header header;

    return lf && !header_parse(&header, text, (size_t)(lf - text) + 1) ? header.epoch : 0;
}

enum status writer_may(const struct domain *domain, int directory, int store, struct fault *fault)
{
    uint64_t epoch = store >= 0 ? epoch_of(store) : 0, named;
    char name[NAME_SIZE];

    if (domain->source[0] == '\0' || source_is_engine(domain->source))
        return STATUS_DONE;
    named = named_epoch(directory, domain->name);
    /* the writer's own store may be so damaged that it must be mended to show its epoch */
    if (named != 0 && (named == epoch || (store >= 0 && epoch == 0)))
        return STATUS_DONE;
    writer_source_name(name, sizeof(name), domain->source);
    fault_set(fault, "this host follows %s: change it there, or `toktab promote`", name);
    return STATUS_NOT_PERMITTED;
}

/* The next word of a command, or an empty span. */
static struct span next_word(const char **at)
{
    const char *start = *at + strspn(*at, " ");

    *at = start + strcspn(start, " ");
    return (struct span){start, (size_t)(*at - start)};
}

void writer_source_name(char *name, size_t size, const char *source)
{
    static const char valued[] = "BbcDEeFIiJLlmOopQRSWw"; /* letters of ssh(1) that a word follows */
    const char *at = source, *slash, *sign;
    struct span word = next_word(&at);

    slash = memrchr(word.at, '/', word.length);
    if (slash)
        word = (struct span){slash + 1, word.length - (size_t)(slash + 1 - word.at)};
    if (span_equals(word, "ssh")) {
        for (word = next_word(&at); word.length > 0 && word.at[0] == '-'; word = next_word(&at))
            if (word.length == 2 && memchr(valued, word.at[1], sizeof(valued) - 1))
                next_word(&at);
        sign = memrchr(word.at, '@', word.length);
        if (sign)
            word = (struct span){sign + 1, word.length - (size_t)(sign + 1 - word.at)};
        if (word.length > 0) {
            snprintf(name, size, "%.*s", (int)word.length, word.at);
            return;
        }
    }
    snprintf(name, size, "\"%.*s%s\"", (int)size - 8, source, strlen(source) + 8 > size ? "…" : "");
}
