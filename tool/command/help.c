#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "terminal/options.h"
#include "terminal/output.h"

static const char help[] = "Usage: toktab help [COMMAND]\n"
                           "\n"
                           "Shows help for COMMAND, as `toktab COMMAND --help` does; without COMMAND,\n"
                           "lists the commands.\n";

static const char usage[] = "Usage: toktab [-c CONF] [-d DOMAIN] [--as NAME] COMMAND [ARGS]\n";

static const struct command *const commands[] = {
    &command_create,  &command_list,    &command_show,   &command_revoke, &command_rotate,  &command_update,
    &command_verify,  &command_history, &command_import, &command_scan,   &command_check,   &command_mend,
    &command_compact, &command_domains, &command_log,    &command_follow, &command_promote, &command_help,
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

enum status help_print(void)
{
    char line[96];
    bool good = output_text(usage);

    for (int i = 0; i < COMMANDS && good; i++) {
        snprintf(line, sizeof(line), "  %-8s  %s\n", commands[i]->name, commands[i]->summary);
        good = output_text(line);
    }
    good = good &&
           output_text("\n"
                       "  -c, --config CONF    use CONF instead of " CONFIG_DEFAULT_PATH "\n"
                       "  -d, --domain DOMAIN  work on DOMAIN; -c and -d may also follow the command\n"
                       "      --as NAME        act as the web user NAME: web:alice@example.com\n"
                       "      --version        print the version; see toktab(1), `toktab COMMAND --help`\n");
    return good ? STATUS_DONE : output_failed();
}

const struct command *command_find(const char *name)
{
    const char *names[COMMANDS];

    for (int i = 0; i < COMMANDS; i++) {
        names[i] = commands[i]->name;
        if (strcmp(name, names[i]) == 0)
            return commands[i];
    }
    if (strcmp(name, "version") == 0)
        say("unknown command version: did you mean toktab --version?");
    else
        say_unknown("command", "", name, names, COMMANDS, "toktab");
    return NULL;
}

static const struct option longs[] = {{"help", no_argument, NULL, OPTION_HELP}, {0}};

static const struct options options = {.shorts = "", .longs = longs, .help = help, .most = 1};

static enum status run(struct session *session, int argc, char **argv)
{
    const struct command *command;
    struct given given = {0};
    enum status status = options_parse(argc, argv, &options, NULL, &session->where, &given);

    if (status != STATUS_DONE || given.help)
        return status;
    if (optind == argc)
        return help_print();
    command = command_find(argv[optind]);
    return command ? output_help(command->help) : STATUS_USAGE;
}

const struct command command_help = {"help", "show help for a command", help, run};
