#include "terminal/options.h"

#include <stdio.h>
#include <string.h>

#include "nearest.h"
#include "terminal/meant.h"
#include "terminal/output.h"
#include "terminal/say.h"

enum { NAMES_MAX = 32, SEE_SIZE = 32 };

enum status say_unknown(const char *kind, const char *mark, const char *what, const char *const names[],
                        size_t count, const char *see)
{
    const char *meant = meant_name(what, names, count);

    if (meant)
        return fail(STATUS_USAGE, "unknown %s %s%.15s%s: did you mean %s%s?", kind, mark, what,
                    cut_mark(what), mark, meant);
    return fail(STATUS_USAGE, "unknown %s %s%.15s%s (see %s --help)", kind, mark, what, cut_mark(what), see);
}

/* argument: "-o", "--word" or "--word=value"; option: its character, or 0 for an unknown word */
static void say_wrong(const char *argument, int option, const struct option *longs, const char *see)
{
    const char *names[NAMES_MAX];
    char word[64];
    size_t count = 0, meant = 0;

    for (; count < NAMES_MAX && longs[count].name; count++) {
        names[count] = longs[count].name;
        if (option != 0 && longs[count].val == option && strncmp(argument, "--", 2) == 0) {
            fail(STATUS_USAGE, "option --%s takes no value (see %s --help)", names[count], see);
            return;
        }
    }
    if (option != 0) {
        const char *name = meant_letter((char)option, names, count);

        if (name)
            fail(STATUS_USAGE, "unknown option -%c: did you mean --%s?", option, name);
        else
            fail(STATUS_USAGE, "unknown option -%c (see %s --help)", option, see);
        return;
    }
    strncpy(word, argument + 2, sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    word[strcspn(word, "=")] = '\0';
    for (size_t i = 0; i < count; i++)
        meant += strncmp(names[i], word, strlen(word)) == 0;
    if (meant > 1)
        fail(STATUS_USAGE, "ambiguous option --%s (see %s --help)", word, see);
    else
        say_unknown("option", "--", word, names, count, see);
}

/* What every command has beside its own options. */
static const struct option common[] = {
    {"config", required_argument, NULL, 'c'}, {"domain", required_argument, NULL, 'd'}, {0}};

/* The tool's own options stand before the command; argv[0] is then a path. */
static bool of_tool(const struct options *options)
{
    return options->shorts[0] == '+';
}

/* All options that may stand here. */
static void gather(struct option all[NAMES_MAX], const struct options *options)
{
    size_t count = 0;

    for (const struct option *own = options->longs; own->name && count < NAMES_MAX - 3; own++)
        all[count++] = *own;
    for (const struct option *other = common; other->name && !of_tool(options); other++)
        all[count++] = *other;
    all[count] = (struct option){0};
}

/* The value that a form would mark. expiry and scope are what messages call them. */
static const char *field_of(const struct option *all, int option)
{
    while (all->name && all->val != option)
        all++;
    if (!all->name || all->has_arg != required_argument)
        return NULL;
    return option == 'e' ? "expiry" : option == 's' ? "scope" : all->name;
}

/* The next option's character; -1 after the last; '?' after printing an error. */
static int next_option(int argc, char **argv, const struct options *options, const struct option *all)
{
    char silent[64] = "", see[SEE_SIZE];
    bool tool = of_tool(options);
    int option;

    /* a ":" in front makes getopt_long() tell a missing value from an unknown option */
    snprintf(silent, sizeof(silent), "%s:c:d:h%s", tool ? "+" : "", options->shorts + tool);
    opterr = 0;
    option = getopt_long(argc, argv, silent, all, NULL);
    snprintf(see, sizeof(see), "toktab%s%.15s", tool ? "" : " ", tool ? "" : argv[0]);
    if (option == ':') {
        say_field(field_of(all, optopt));
        fail(STATUS_USAGE, "option %s needs a value (see %s --help)", argv[optind - 1], see);
        return '?';
    }
    if (option == '?')
        say_wrong(argv[optind - 1], optopt, all, see);
    return option == 'h' ? OPTION_HELP : option;
}

static enum status take(int option, const struct options *options, void *context, struct where *where,
                        struct given *given)
{
    switch (option) {
    case OPTION_JSON:
        given->json = true;
        return STATUS_DONE;
    case OPTION_COPY:
        given->copy = true;
        return STATUS_DONE;
    case 'n':
        given->no_newline = true;
        return STATUS_DONE;
    case 'y':
        given->yes = true;
        return STATUS_DONE;
    case 'c':
        where->config = optarg;
        return STATUS_DONE;
    case 'd':
        where->domain = optarg;
        return STATUS_DONE;
    default:
        return options->take(context, option);
    }
}

/* `toktab list revoked` wants an option. */
static bool arguments_good(int argc, char **argv, const struct options *options)
{
    const char *names[NAMES_MAX], *word = argc - optind > options->most ? argv[optind + options->most] : NULL;
    size_t count = 0;

    for (const struct option *own = options->longs; own->name && count < NAMES_MAX; own++)
        if (own->has_arg == no_argument)
            names[count++] = own->name;
    word = word ? nearest_name(word, names, count) : NULL;
    if (!word)
        return arguments_fit(argc, argv, options->least, options->most, options->missing);
    fail(STATUS_USAGE, "unexpected argument \"%.15s%s\": did you mean --%s?", argv[optind + options->most],
         cut_mark(argv[optind + options->most]), word);
    return false;
}

enum status options_parse(int argc, char **argv, const struct options *options, void *context,
                          struct where *where, struct given *given)
{
    struct option all[NAMES_MAX];
    bool seen[NAMES_MAX] = {false};
    int option;

    gather(all, options);
    for (size_t i = 0; all[i].name; i++) /* before the command */
        seen[i] = (all[i].val == 'c' && where->config) || (all[i].val == 'd' && where->domain);
    while ((option = next_option(argc, argv, options, all)) != -1) {
        enum status status;
        size_t known = 0;

        if (option == '?')
            return STATUS_USAGE;
        while (all[known].val != option)
            known++;
        say_field(field_of(all, option));
        if (seen[known] && all[known].has_arg == required_argument && option != 's' &&
            option != OPTION_FROM) /* only the values of those two add up */
            return fail(STATUS_USAGE, "option --%s: given twice", all[known].name);
        seen[known] = true;
        if (option == OPTION_HELP) {
            given->help = true;
            return options->help ? output_help(options->help) : STATUS_DONE;
        }
        status = take(option, options, context, where, given);
        if (status != STATUS_DONE)
            return status;
        say_field(NULL);
    }
    return arguments_good(argc, argv, options) ? STATUS_DONE : STATUS_USAGE;
}

bool arguments_fit(int argc, char **argv, int least, int most, const char *missing)
{
    int count = argc - optind;
    bool has_value = false; /* an option: the argument may be the rest of it, as in -l CI deploy */

    for (int i = 1; i < optind; i++)
        has_value |= argv[i][0] != '-';
    if (count < least)
        fail(STATUS_USAGE, "%s", missing);
    else if (count > most)
        fail(STATUS_USAGE, "unexpected argument \"%.15s%s\"%s (see toktab %.15s --help)", argv[optind + most],
             cut_mark(argv[optind + most]),
             has_value ? ": a value with blanks needs quotes, as in -l \"CI deploy\"" : "", argv[0]);
    return count >= least && count <= most;
}

bool arguments_or_label(int argc, char **argv, int least, const char *label)
{
    if (!label)
        return arguments_fit(argc, argv, least, argc,
                             "which token? give its serial or id, or its label with -l");
    if (optind < argc)
        fail(STATUS_USAGE, "-l: give a label or a TOKEN-REF, not both");
    return optind == argc;
}
