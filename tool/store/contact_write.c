#include "store/contact_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"

void contact_write(int directory, const char *domain, const struct contact *contact)
{
    char name[DOMAIN_NAME_MAX + sizeof(".contact")], text[CONTACT_TEXT_SIZE];
    size_t length = contact_format(text, contact);
    struct stat of_directory, file;
    bool good;
    int fd;

    snprintf(name, sizeof(name), "%s.contact", domain);
    fd = openat(directory, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    if (fd < 0)
        return;
    good = fstat(fd, &file) == 0 && fstat(directory, &of_directory) == 0 && S_ISREG(file.st_mode);
    if (good && file.st_gid != of_directory.st_gid)
        good = fchown(fd, (uid_t)-1, of_directory.st_gid) == 0 || errno == EPERM;
    if (good && (file.st_mode & 07777) != 0640)
        good = fchmod(fd, 0640) == 0;
    good = good && pwrite(fd, text, length, 0) == (ssize_t)length;
    if (good && (uint64_t)file.st_size > length && ftruncate(fd, (off_t)length) < 0)
        errno = 0;
    close(fd);
}
