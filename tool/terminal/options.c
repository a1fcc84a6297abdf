#include "terminal/options.h"

#include <string.h>

#include "nearest.h"
#include "terminal/say.h"

enum { NAMES_MAX = 32 };

enum status say_unknown(const char *kind, const char *mark, const char *what, const char *const names[],
                        size_t count)
{
    const char *meant = nearest_name(what, names, count);

    if (meant)
        return fail(STATUS_USAGE, "%s %s%.15s%s: there is none: did you mean %s%s?", kind, mark, what,
                    cut_mark(what), mark, meant);
    return fail(STATUS_USAGE, "%s %s%.15s%s: there is none: see --help", kind, mark, what, cut_mark(what));
}

/* argument: "--word" or "--word=value" */
static void say_unknown_long(const char *argument, const struct option *longs)
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
        say("option --%s: it may mean more than one: see --help", word);
    else
        say_unknown("option", "--", word, names, count);
}

static void say_wrong(const char *argument, int option, const struct option *longs)
{
    for (const struct option *known = longs; known->name; known++)
        if (option != 0 && known->val == option && strncmp(argument, "--", 2) == 0) {
            say("option --%s: it takes no value: see --help", known->name);
            return;
        }
    if (option != 0)
        say("option -%c: there is none: see --help%s", option,
            option == 'c' || option == 'd' ? "; -c and -d come before the command" : "");
    else
        say_unknown_long(argument, longs);
}

/* The next option's character; -1 behind the last; '?' for an error, which was printed. */
static int next_option(int argc, char **argv, const char *shorts, const struct option *longs)
{
    char silent[64] = "";
    int option;

    /* a ":" in front tells a missing value from an unknown option */
    strcat(silent, shorts[0] == '+' ? "+:" : ":");
    strncat(silent, shorts + (shorts[0] == '+'), sizeof(silent) - 4);
    strcat(silent, "h");
    opterr = 0;
    option = getopt_long(argc, argv, silent, longs, NULL);
    if (option == ':') {
        say("option %s: it wants a value: see --help", argv[optind - 1]);
        return '?';
    }
    if (option == '?')
        say_wrong(argv[optind - 1], optopt, longs);
    return option == 'h' ? OPTION_HELP : option;
}

/* Do its values add up? */
static bool is_list(int option)
{
    return option == 's' || option == OPTION_FROM;
}

/* Of two values one would be lost. */
static enum status see(bool seen[NAMES_MAX], const struct option *longs, int option)
{
    size_t i = 0;

    while (longs[i].val != option)
        i++;
    if (seen[i] && longs[i].has_arg == required_argument && !is_list(option))
        return fail(STATUS_USAGE, "option --%s: it is said twice", longs[i].name);
    seen[i] = true;
    return STATUS_DONE;
}

enum status each_option(int argc, char **argv, const char *shorts, const struct option *longs,
                        enum status (*take)(void *context, int option), void *context, bool *help)
{
    enum status status = STATUS_DONE;
    bool seen[NAMES_MAX] = {false};
    int option;

    while (status == STATUS_DONE && !*help && (option = next_option(argc, argv, shorts, longs)) != -1) {
        if (option == OPTION_HELP)
            *help = true;
        else
            status = option == '?' ? STATUS_USAGE : see(seen, longs, option);
        if (status == STATUS_DONE && !*help)
            status = take(context, option);
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
    return each_option(argc, argv, "", longs, take_json, json, help);
}

void restart_options(void)
{
    optind = 0;
}

bool arguments_fit(int argc, char **argv, int least, int most, const char *what)
{
    int count = argc - optind;

    if (count < least)
        say("%s: it is missing: see --help", what);
    else if (count > most)
        say("argument \"%.15s%s\": it is one too many: see --help", argv[optind + most],
            cut_mark(argv[optind + most]));
    return count >= least && count <= most;
}
