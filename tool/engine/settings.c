#include "engine/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_file.h"
#include "text.h"

enum { INTERVAL_DEFAULT = 250, INTERVAL_LEAST = 20, INTERVAL_MOST = 1000 };

#define BLANKS " \t\r"
#define CREDENTIAL "etcd-password"

static bool take_nodes(struct settings *settings, char *value)
{
    char *rest = NULL;

    for (char *word = strtok_r(value, BLANKS, &rest); word; word = strtok_r(NULL, BLANKS, &rest)) {
        size_t scheme = strncmp(word, "http://", 7) == 0 ? 7 : strncmp(word, "https://", 8) == 0 ? 8 : 0;
        size_t length = strlen(word);

        if (length > scheme && word[length - 1] == '/')
            word[length - 1] = '\0';
        if (scheme == 0 || word[scheme] == '\0' || length > VALUE_MAX || strpbrk(word + scheme, "/@?#") ||
            settings->node_count == NODES_MAX)
            return false;
        settings->nodes[settings->node_count++] = word;
    }
    return settings->node_count > 0;
}

/* Is what a node is sent encrypted, or does it stay on this host? */
static bool is_private(const char *url)
{
    const char *name = strstr(url, "//") + 2;
    size_t length = strcspn(name, ":");
    char host[INET_ADDRSTRLEN] = "";
    struct in_addr address;

    if (strncmp(url, "https:", 6) == 0 || strcmp(name, "[::1]") == 0 || strncmp(name, "[::1]:", 6) == 0)
        return true;
    if (length >= sizeof(host))
        return false;
    memcpy(host, name, length);
    return strcmp(host, "localhost") == 0 ||
           (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

/* A password, and the token that it gets, must not be read on the way. */
static bool check_privacy(const struct settings *settings, const char *path, struct fault *fault)
{
    for (size_t i = 0; settings->user && i < settings->node_count; i++)
        if (!is_private(settings->nodes[i]))
            return fault_set(fault,
                             "%s:%u: \"nodes\": %.80s would show the password to the network: use https://",
                             path, settings->nodes_line, settings->nodes[i]);
    return true;
}

static bool take_interval(struct settings *settings, const char *value)
{
    uint64_t number;

    if (!decimal_parse(span_of(value), &number) || number < INTERVAL_LEAST || number > INTERVAL_MOST)
        return false;
    settings->interval = (unsigned)number;
    return true;
}

/* NULL, or what is wrong. The settings keep value. */
static const char *take(struct settings *settings, const char *name, char *value)
{
    const struct {
        const char *name;
        char **text;
    } texts[] = {{"prefix", &settings->prefix},
                 {"ca", &settings->ca},
                 {"certificate", &settings->certificate},
                 {"key", &settings->key},
                 {"user", &settings->user},
                 {"password_file", &settings->password_file},
                 {"token_file", &settings->token_file}};

    if (value[0] == '\0')
        return "has no value";
    if (strcmp(name, "nodes") == 0)
        return take_nodes(settings, value) ? NULL : "must be URLs: https://192.0.2.1:2379 https://...";
    if (strcmp(name, "interval_ms") == 0)
        return take_interval(settings, value) ? NULL : "must be milliseconds from 20 to 1000";
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(name, texts[i].name) == 0) {
            if (strlen(value) > VALUE_MAX)
                return "has more than 1023 characters";
            if (strcmp(name, "user") == 0 && utf8_length(span_of(value)) < 0)
                return "is not UTF-8";
            *texts[i].text = value;
            return NULL;
        }
    return "is no setting";
}

/* Cut the blanks around a text, in place. */
static char *trimmed(char *text)
{
    size_t length;

    text += strspn(text, BLANKS);
    length = strlen(text);
    while (length > 0 && strchr(BLANKS, text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

static bool parse(struct settings *settings, const char *path, char *text, struct fault *fault)
{
    unsigned number = 0;
    char *line;

    while ((line = strsep(&text, "\n")) != NULL) {
        char *name = trimmed(line), *value = strchr(name, '=');
        const char *wrong = "is not NAME = VALUE";

        number++;
        if (name[0] == '\0' || name[0] == '#')
            continue;
        if (value) {
            *value++ = '\0';
            name = trimmed(name);
            wrong = take(settings, name, trimmed(value));
            settings->nodes_line = strcmp(name, "nodes") == 0 ? number : settings->nodes_line;
        }
        if (wrong)
            return fault_set(fault, "%s:%u: \"%.40s\" %s", path, number, name, wrong);
    }
    if (settings->node_count == 0)
        return fault_set(fault, "%s: \"nodes\" is missing", path);
    if (settings->prefix && settings->prefix[strlen(settings->prefix) - 1] == '/')
        settings->prefix[strlen(settings->prefix) - 1] = '\0';
    return check_privacy(settings, path, fault);
}

bool settings_load(struct settings *settings, const char *path, struct fault *fault)
{
    static char usual_prefix[] = "/toktab", usual_token_file[] = TOKEN_FILE_DEFAULT;
    size_t length;
    char *text = config_file_read(path, 1, &length, fault);

    *settings = (struct settings){
        .text = text, .prefix = usual_prefix, .token_file = usual_token_file, .interval = INTERVAL_DEFAULT};
    if (!text)
        return false;
    text[length] = '\0';
    if (strlen(text) != length)
        return fault_set(fault, "%s: contains a NUL byte", path);
    return parse(settings, path, text, fault);
}

void settings_free(struct settings *settings)
{
    free(settings->text);
}

bool settings_password(const struct settings *settings, char password[PASSWORD_SIZE], struct fault *fault)
{
    const char *given = settings->password_file, *credentials = getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_MAX];
    struct stat status;
    ssize_t got = -1;
    int fd;

    if (!given && !credentials)
        return fault_set(fault, "user %s has no password: set password_file", settings->user);
    snprintf(path, sizeof(path), "%s%s", given ? given : credentials, given ? "" : "/" CREDENTIAL);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return fault_set(fault, "%s: cannot open it: %s", path, strerror(errno));
    if (fstat(fd, &status) == 0 && given && status.st_mode & 077) {
        close(fd);
        return fault_set(fault, "%s: others may read it (mode %04o): chmod 600 it", path,
                         (unsigned)(status.st_mode & 07777));
    }
    got = read(fd, password, PASSWORD_SIZE - 1);
    close(fd);
    password[got > 0 ? got : 0] = '\0';
    if (strlen(password) == PASSWORD_SIZE - 1 && !strchr(password, '\n')) {
        explicit_bzero(password, PASSWORD_SIZE);
        return fault_set(fault, "%s: the password has more than %d bytes", path, PASSWORD_SIZE - 2);
    }
    password[strcspn(password, "\n")] = '\0';
    if (utf8_length(span_of(password)) < 0) {
        explicit_bzero(password, PASSWORD_SIZE);
        return fault_set(fault, "%s: the password is not UTF-8", path);
    }
    return password[0] != '\0' || fault_set(fault, "%s: holds no password", path);
}
