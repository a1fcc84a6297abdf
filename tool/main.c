#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "crypto.h"
#include "options.h"
#include "output.h"
#include "secret.h"

static const struct command *const commands[] = {
    &command_create, &command_list,    &command_show, &command_revoke, &command_rotate,  &command_update,
    &command_verify, &command_history, &command_scan, &command_check,  &command_compact, &command_domains,
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                      {"domain", required_argument, NULL, 'd'},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {"version", no_argument, NULL, 'V'},
                                      {0}};

static enum status help(void)
{
    char line[96];
    bool good = output_text("Usage: toktab [-c CONF] [-d DOMAIN] COMMAND [ARGS]\n"
                            "\n"
                            "API tokens in one flat file a domain, checked by nginx, PAM and any daemon.\n"
                            "\n");

    for (int i = 0; i < COMMANDS && good; i++) {
        snprintf(line, sizeof(line), "  %-8s  %s\n", commands[i]->name, commands[i]->summary);
        good = output_text(line);
    }
    good = good && output_text("\n"
                               "  -c, --config CONF    instead of " CONFIG_DEFAULT_PATH "\n"
                               "  -d, --domain DOMAIN  whose tokens\n"
                               "      --version\n"
                               "\n"
                               "`toktab COMMAND --help` says more, toktab(1) says all.\n");
    return good ? STATUS_DONE : output_failed();
}

static const struct command *find_command(const char *name)
{
    const char *names[COMMANDS];

    for (int i = 0; i < COMMANDS; i++) {
        names[i] = commands[i]->name;
        if (strcmp(name, names[i]) == 0)
            return commands[i];
    }
    say_unknown("command", "", name, names, COMMANDS);
    return NULL;
}

static enum status run_command(struct session *session, int argc, char **argv)
{
    const struct command *command;
    enum status status;

    if (argc < 1) {
        say("command: it is missing: see --help");
        return STATUS_USAGE;
    }
    command = find_command(argv[0]);
    if (!command)
        return STATUS_USAGE;
    restart_options();
    status = command->run(session, argc, argv);
    session_close(session);
    return status;
}

static enum status run(int argc, char **argv)
{
    struct session session = {.argv = argv};
    int option;

    while ((option = next_option(argc, argv, "+c:d:", longs)) != -1)
        switch (option) {
        case 'c':
            session.config_path = optarg;
            break;
        case 'd':
            session.domain_name = optarg;
            break;
        case 'V':
            return output_text("toktab " TOKTAB_VERSION "\n") ? STATUS_DONE : output_failed();
        case OPTION_HELP:
            return help();
        default:
            return STATUS_USAGE;
        }
    return run_command(&session, argc - optind, argv + optind);
}

/* A store must not be opened as descriptor 0, 1 or 2: a message would go into it. */
static bool have_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

/* Labels are UTF-8. Where the locale is not, they are shown as UTF-8 all the same. */
static void use_utf8(void)
{
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

int main(int argc, char **argv)
{
    secret_protect();
    if (!have_standard_streams())
        return STATUS_IO;
    use_utf8();
    signal(SIGPIPE, SIG_IGN); /* errors, so that what was begun is ended properly */
    signal(SIGXFSZ, SIG_IGN);
    if (crypto_start() < 0)
        return (int)fail(STATUS_MISSING, "libsodium: it finds no randomness");
    return (int)run(argc, argv);
}
