#include "store/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "store/disk.h"
#include "store/source.h"
#include "terminal/patience.h"
#include "terminal/stall.h"

enum {
    STOP_SECONDS = 2, /* that source_stop() may take */
    CLEANING_SECONDS = 60,
};

struct engine {
    struct source source;
    bool started;
    bool more;     /* a line comes after the one that it has told of */
    int64_t until; /* when the whole answer must have come */
};

char **engine_command(const struct session *session, const char *verb)
{
    char **argv = must_have(calloc(4, sizeof(*argv)));

    argv[0] = composed("%s/engine-%s", session->config.engine_dir, session->domain->source);
    argv[1] = must_have(strdup(verb));
    argv[2] = must_have(strdup(session->domain->name));
    return argv;
}

void engine_command_free(char **argv)
{
    for (char **word = argv; *word; word++)
        free(*word);
    free(argv);
}

static bool write_to(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);

        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return true;
}

/* Start the program, or ask it once more. A program that has ended is noticed when nothing comes: it may have
 * said why before. False: it cannot be started. */
static bool ask(struct engine **running, const struct session *session, const char *head, const char *line,
                size_t length)
{
    static char *none[] = {NULL}; /* what a domain admin says must not reach a program of the owner's */
    struct engine *engine = *running;
    char **argv;

    if (!engine) {
        engine = *running = must_have(calloc(1, sizeof(*engine)));
        argv = engine_command(session, "append");
        engine->started =
            source_start(&engine->source, argv, session->caller.delegated ? none : environ, head);
        engine_command_free(argv);
        if (!engine->started)
            return false;
        write_to(engine->source.input, line, length);
    } else if (write_to(engine->source.input, head, strlen(head)) &&
               write_to(engine->source.input, "\n", 1)) {
        write_to(engine->source.input, line, length);
    }
    return true;
}

/* A program that has not answered is not asked again. */
static void give_up(struct engine **engine)
{
    if ((*engine)->started)
        source_stop(&(*engine)->source, false);
    free(*engine);
    *engine = NULL;
}

static bool next_answer(struct engine *engine, struct span *answer)
{
    bool answered;

    stall_alive(engine->until);
    answered = source_next(&engine->source, answer, engine->until) == HEARD_LINE;
    stall_alive(clock_now());
    return answered;
}

/* Does an answer begin with this word? *rest: what comes after it and a blank. */
static bool says(struct span answer, const char *word, struct span *rest)
{
    size_t length = strlen(word);

    if (answer.length <= length || memcmp(answer.at, word, length) != 0 || !strchr(" \n", answer.at[length]))
        return false;
    *rest = (struct span){answer.at + length + 1, answer.length - length - 1};
    return true;
}

static bool tells_line(struct engine *engine, struct span answer, struct span *there)
{
    engine->more = says(answer, "more", there);
    return engine->more || says(answer, "conflict", there);
}

bool engine_more(struct engine **engine, struct span *there)
{
    struct span answer;

    if (!(*engine)->more)
        return false;
    if (next_answer(*engine, &answer) && tells_line(*engine, answer, there))
        return true;
    give_up(engine); /* what it says later would be taken for the next answer */
    return false;
}

enum appended engine_append(struct engine **engine, const struct session *session, const char *head,
                            const char *line, size_t length, struct span *there, struct fault *fault)
{
    const char *name = session->domain->source;
    struct span answer, rest;

    if (!ask(engine, session, head, line, length)) {
        fault_set(fault, "the engine %s cannot be run: %.200s/engine-%s: %s", name,
                  session->config.engine_dir, name, strerror(errno));
        give_up(engine);
        return APPEND_UNAVAILABLE;
    }
    (*engine)->until = clock_now() + ANSWER_SECONDS * SECOND;
    if (next_answer(*engine, &answer)) {
        if (says(answer, "done", &rest))
            return APPENDED;
        if (tells_line(*engine, answer, there))
            return APPEND_CONFLICT;
        if (says(answer, "unavailable", &rest)) {
            fault_set(fault, "the engine %s: %.*s", name, rest.length > 0 ? (int)rest.length - 1 : 0,
                      rest.at);
            return APPEND_UNAVAILABLE;
        }
    }
    fault_set(fault, "the engine %s did not say whether it has the change", name);
    give_up(engine);
    return APPEND_UNKNOWN;
}

static void end_within(struct engine **engine, int64_t seconds)
{
    struct engine *running = *engine;
    int64_t until = clock_now() + seconds * SECOND;

    if (!running)
        return;
    close(running->source.input);
    running->source.input = -1;
    do
        running->source.start = running->source.end = 0; /* whatever it still says */
    while (source_wait(&running->source, until) == WAITED_BYTES);
    source_stop(&running->source, true);
    free(running);
    *engine = NULL;
}

void engine_end(struct engine **engine)
{
    end_within(engine, FAREWELL_SECONDS - STOP_SECONDS);
}

void engine_end_slowly(struct engine **engine)
{
    end_within(engine, CLEANING_SECONDS);
}
