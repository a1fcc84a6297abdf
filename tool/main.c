#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "command/command.h"
#include "crypto.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/secret.h"
#include "token/describe.h"

static const struct option longs[] = {
    {"config", required_argument, NULL, 'c'},       {"domain", required_argument, NULL, 'd'},
    {"as", required_argument, NULL, OPTION_AS},     {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION}, {0}};

struct request {
    struct session session;
    bool version;
    struct given given;
};

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    switch (option) {
    case OPTION_AS:
        request->session.web_name = optarg;
        return web_admin_valid(span_of(optarg))
                   ? STATUS_DONE
                   : fail(STATUS_USAGE,
                          "--as: \"%.15s%s\" is not a name: give web: and 1 to 128 characters of "
                          "A-Z a-z 0-9 . _ @ + -",
                          optarg, cut_mark(optarg));
    case OPTION_VERSION:
        request->version = true;
        return STATUS_DONE;
    default:
        return STATUS_USAGE;
    }
}

static const struct options options = {.shorts = "+", .longs = longs, .take = take_option, .most = INT_MAX};

static enum status run(int argc, char **argv)
{
    struct request request = {.session = {.argv = argv}};
    const struct command *command;
    enum status status =
        options_parse(argc, argv, &options, &request, &request.session.where, &request.given);

    if (status != STATUS_DONE)
        return status;
    if (request.given.help)
        return help_print();
    if (request.version)
        return output_text("toktab " TOKTAB_VERSION "\n") ? STATUS_DONE : output_failed();
    argc -= optind;
    argv += optind;
    if (argc < 1) {
        /* whoever captures stdout must not take the help for a token */
        dup2(STDERR_FILENO, STDOUT_FILENO);
        help_print();
        return STATUS_USAGE;
    }
    command = command_find(argv[0]);
    if (!command)
        return STATUS_USAGE;
    optind = 0; /* restarts getopt_long() */
    status = command->run(&request.session, argc, argv);
    session_close(&request.session);
    return status;
}

/* As getopt_long() sees it in any command, but that an option's value may look like it. */
static bool asks_for_json(char **argv)
{
    for (; *argv && strcmp(*argv, "--") != 0; argv++)
        if (strlen(*argv) > 2 && strncmp("--json", *argv, strlen(*argv)) == 0)
            return true;
    return false;
}

/* Whoever asked for JSON gets the reason of a failure so too, unless the command has printed its own JSON. If
 * this cannot be written, the message on stderr and the exit status still tell. */
static void print_failure(enum status status)
{
    const struct failure *failure = failure_of(status);

    if (failure && !output_begun() &&
        write_json(
            must_have(json_pack("{s:{s:i, s:s?, s:s, s:o*}}", "error", "status", (int)status, "field",
                                failure->field, "text", failure->text, "candidates", describe_candidates()))))
        output_text("\n");
}

/* A store opened as descriptor 0, 1 or 2 would get messages written into it. */
static enum status have_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        if (errno != EBADF)
            return fail(STATUS_IO, "descriptor %d: cannot be examined: %s", fd, strerror(errno));
        if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return fail(STATUS_IO, "descriptor %d: closed, and /dev/null cannot be opened in its place", fd);
    }
    return STATUS_DONE;
}

/* A stack that ends in the middle of a change would leave it half done, and out of the system's log. */
static enum status have_stack(void)
{
    enum { NEEDED = 256 * 1024 };
    struct rlimit limit;

    if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur >= NEEDED)
        return STATUS_DONE;
    limit.rlim_cur = NEEDED;
    if (limit.rlim_max >= NEEDED && setrlimit(RLIMIT_STACK, &limit) == 0)
        return STATUS_DONE;
    return fail(STATUS_MISSING, "the limit of the stack is too small: allow %d KiB (ulimit -s)",
                NEEDED / 1024);
}

static char **arguments; /* for libsodium, which passes none */

static void end_without_randomness(void)
{
    enum status status = fail(STATUS_MISSING, "libsodium: the source of randomness failed");

    if (asks_for_json(arguments))
        print_failure(status);
    exit((int)status);
}

int main(int argc, char **argv)
{
    enum status status;

    secret_protect();
    status = have_standard_streams();
    /* labels are UTF-8, and are shown so in any locale */
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    /* errors instead, so that the command can finish properly */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* where it is ignored, no child can be waited for */
    if (status == STATUS_DONE)
        status = have_stack();
    arguments = argv;
    crypto_on_failure(end_without_randomness);
    if (status == STATUS_DONE && crypto_start() < 0)
        status = fail(STATUS_MISSING, "libsodium: no source of randomness");
    if (status == STATUS_DONE)
        status = run(argc, argv);
    if (status != STATUS_DONE && asks_for_json(argv))
        print_failure(status);
    return (int)status;
}
