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

/* The epochs in DOMAIN.writer, at most two, a line each. Returns how many; 0: there is no such file, or it
 * holds something else. */
static size_t named_epochs(int directory, const char *domain, uint64_t epochs[2])
{
    char name[DOMAIN_NAME_MAX + sizeof(".writer")], text[48];
    const char *at = text, *lf;
    ssize_t got = -1;
    size_t count = 0;
    int fd;

    snprintf(name, sizeof(name), "%s.writer", domain);
    fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
        got = read_start(fd, text, sizeof(text));
        close(fd);
    }
    for (; got > 0; got -= lf + 1 - at, at = lf + 1, count++) {
        lf = memchr(at, '\n', (size_t)got);
        if (!lf || count == 2 || !decimal_parse((struct span){at, (size_t)(lf - at)}, &epochs[count]))
            return 0;
    }
    return count;
}

bool writer_named(int directory, const char *domain, uint64_t epoch)
{
    uint64_t epochs[2];
    size_t count = named_epochs(directory, domain, epochs);

    return epoch != 0 && ((count > 0 && epochs[0] == epoch) || (count > 1 && epochs[1] == epoch));
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
    uint64_t epoch = store >= 0 ? epoch_of(store) : 0, epochs[2];
    char name[NAME_SIZE];

    if (domain->source[0] == '\0' || source_is_engine(domain->source))
        return STATUS_DONE;
    /* the writer's own store may be so damaged that it must be mended to show its epoch */
    if (writer_named(directory, domain->name, epoch) ||
        (store >= 0 && epoch == 0 && named_epochs(directory, domain->name, epochs) > 0))
        return STATUS_DONE;
    writer_source_name(name, sizeof(name), domain->source);
    fault_set(fault, "this host follows %s: change it there, or `toktab promote`", name);
    return STATUS_NOT_PERMITTED;
}

bool writer_unsettled(const struct domain *domain, int directory, int store, uint64_t *epoch)
{
    uint64_t epochs[2];

    if (domain->source[0] == '\0' || source_is_engine(domain->source) ||
        named_epochs(directory, domain->name, epochs) != 2)
        return false;
    *epoch = epoch_of(store);
    return *epoch != 0 && (epochs[0] == *epoch || epochs[1] == *epoch);
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
