/*
 * engine-etcd, the helper program of toktab for etcd, toktab-engine(7): keeps the log of a domain in etcd.
 *
 * It has no right to a store, and nothing that it says is trusted: the tool proves each line. It MUST answer
 * "done" only if a majority of etcd's nodes has the line, and "unavailable" only if none will ever have it by
 * this request.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "engine/keys.h"
#include "header.h"

static const char usage[] = "Usage: engine-etcd [-c CONF] lines|append DOMAIN\n"
                            "\n"
                            "Keeps the log of a domain of toktab in etcd. `toktab` runs it where the domain\n"
                            "has source = \"etcd\"; see toktab-engine(7).\n"
                            "\n"
                            "  -c CONF   the settings, instead of " SETTINGS_DEFAULT_PATH "\n";

/* Passwords and tokens go through JSON. */
static void wipe_and_free(void *memory)
{
    if (memory)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

/* The settings are wrong: whoever asked is told so in the language of the pipe. */
static int refuse(bool appends, const char *why)
{
    fprintf(stderr, "engine-etcd: %s\n", why);
    printf(appends ? "unavailable %s\n" : "!denied %s\n", why);
    return 1;
}

int main(int argc, char **argv)
{
    const char *path = SETTINGS_DEFAULT_PATH;
    struct settings settings;
    struct fault fault;
    struct etcd etcd;
    bool appends;
    int option, status;

    prctl(PR_SET_DUMPABLE, 0);
    json_set_alloc_funcs(malloc, wipe_and_free);
    while ((option = getopt(argc, argv, "c:h")) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (option != 'c')
            return 2;
        path = optarg;
    }
    argc -= optind;
    argv += optind;
    appends = argc > 0 && strcmp(argv[0], "append") == 0;
    if (argc != 2 || (!appends && strcmp(argv[0], "lines") != 0) || !domain_name_valid(span_of(argv[1]))) {
        fputs(usage, stderr);
        return 2;
    }
    if (!settings_load(&settings, path, &fault)) {
        status = refuse(appends, fault.text);
    } else if (!etcd_begin(&etcd, &settings)) {
        status = refuse(appends, etcd.why.text);
    } else {
        status = appends ? append_run(&etcd, argv[1]) : lines_run(&etcd, argv[1]);
        etcd_end(&etcd);
    }
    settings_free(&settings);
    return status;
}
