#include "terminal/options.h"

#include <stdio.h>
#include <string.h>

#include "nearest.h"
#include "terminal/say.h"

enum { NAMES_MAX = 32, SEE_SIZE = 32 };

/* The command whose --help a message names. name: argv[0], which for the tool itself is a path. */
static const char *help_of(char see[SEE_SIZE], const char *name, const char *shorts)
{
    snprintf(see, SEE_SIZE, "toktab%s%.15s", shorts[0] == '+' ? "" : " ", shorts[0] == '+' ? "" : name);
    return see;
}

enum status say_unknown(const char *kind, const char *mark, const char *what, const char *const names[],
                        size_t count, const char *see)
{
    const char *meant = nearest_name(what, names, count);

    if (meant)
        return fail(STATUS_USAGE, "unknown %s %s%.15s%s: did you mean %s%s?", kind, mark, what,
                    cut_mark(what), mark, meant);
    return fail(STATUS_USAGE, "unknown %s %s%.15s%s (see %s --help)", kind, mark, what, cut_mark(what), see);
}

/* argument: "--word" or "--word=value" */
static void say_unknown_long(const char *argument, const struct option *longs, const char *see)
{
    const char *names[NAMES_MAX];
    char word[64];
    size_t count = 0, meant = 0;

    while (longs[count].name && count < NAMES_MAX) {
        names[count] = longs[count].name;
        count++;
    }
    strncpy(word, argument + 2, sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    word[strcspn(word, "=")] = '\0';
    for (size_t i = 0; i < count; i++)
        meant += strncmp(names[i], word, strlen(word)) == 0;
    if (meant > 1)
        say("ambiguous option --%s (see %s --help)", word, see);
    else
        say_unknown("option", "--", word, names, count, see);
}

static void say_wrong(const char *argument, int option, const struct option *longs, const char *see)
{
    for (const struct option *known = longs; known->name; known++)
        if (option != 0 && known->val == option && strncmp(argument, "--", 2) == 0) {
            say("option --%s takes no value (see %s --help)", known->name, see);
            return;
        }
    if (option != 0)
        say("unknown option -%c (%s%s --help)", option,
            option == 'c' || option == 'd' ? "-c and -d come before the command; see " : "see ", see);
    else
        say_unknown_long(argument, longs, see);
}

/* The next option's character; -1 behind the last; '?' after printing an error. */
static int next_option(int argc, char **argv, const struct options *options)
{
    const char *shorts = options->shorts;
    char silent[64] = "", see[SEE_SIZE];
    int option;

    /* a ":" in front makes getopt_long() tell a missing value from an unknown option */
    strcat(silent, shorts[0] == '+' ? "+:" : ":");
    strncat(silent, shorts + (shorts[0] == '+'), sizeof(silent) - 4);
    strcat(silent, "h");
    opterr = 0;
    option = getopt_long(argc, argv, silent, options->longs, NULL);
    if (option == ':') {
        say("option %s needs a value (see %s --help)", argv[optind - 1], help_of(see, argv[0], shorts));
        return '?';
    }
    if (option == '?')
        say_wrong(argv[optind - 1], optopt, options->longs, help_of(see, argv[0], shorts));
    return option == 'h' ? OPTION_HELP : option;
}

/* Do the option's values add up? */
static bool is_list(int option)
{
    return option == 's' || option == OPTION_FROM;
}

/* Refuse a second value: one of the two would be lost. */
static enum status see(bool seen[NAMES_MAX], const struct option *longs, int option)
{
    size_t i = 0;

    while (longs[i].val != option)
        i++;
    if (seen[i] && longs[i].has_arg == required_argument && !is_list(option))
        return fail(STATUS_USAGE, "option --%s: given twice", longs[i].name);
    seen[i] = true;
    return STATUS_DONE;
}

enum status each_option(int argc, char **argv, const struct options *options, void *context, bool *help)
{
    enum status status = STATUS_DONE;
    bool seen[NAMES_MAX] = {false};
    int option;

    while (status == STATUS_DONE && !*help && (option = next_option(argc, argv, options)) != -1) {
        if (option == OPTION_HELP)
            *help = true;
        else
            status = option == '?' ? STATUS_USAGE : see(seen, options->longs, option);
        if (status == STATUS_DONE && !*help)
            status = options->take(context, option);
    }
    return status;
}

/* context: json */
static enum status take_json(void *context, int option)
{
    bool *json = context;

    *json = option == OPTION_JSON;
    return STATUS_DONE;
}

enum status json_option(int argc, char **argv, const struct option *longs, bool *json, bool *help)
{
    const struct options options = {"", longs, take_json};

    return each_option(argc, argv, &options, json, help);
}

void restart_options(void)
{
    optind = 0;
}

bool arguments_fit(int argc, char **argv, int least, int most, const char *missing)
{
    int count = argc - optind;

    if (count < least)
        say("%s", missing);
    else if (count > most)
        say("unexpected argument \"%.15s%s\" (see toktab %.15s --help)", argv[optind + most],
            cut_mark(argv[optind + most]), argv[0]);
    return count >= least && count <= most;
}
