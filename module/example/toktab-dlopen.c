/*
 * For programs that must also run without libtoktab: link this file instead of -ltoktab. It provides the
 * functions of toktab.h by dlopen(3) and dlsym(3). Without the library toktab_open() fails with ENOENT and
 * says why; without a table no token is admitted.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <toktab.h>

static struct {
    struct toktab *(*open)(const struct toktab_options *, char *, size_t);
    int (*check_request)(const struct toktab *, const struct toktab_request *, char *, size_t);
    enum toktab_verdict (*verify)(struct toktab *, const char *, size_t, const struct toktab_request *,
                                  struct toktab_result *);
    enum toktab_verdict (*recheck)(struct toktab *, const char *, const struct toktab_request *,
                                   struct toktab_result *);
    int (*status)(struct toktab *, const char *, struct toktab_status *);
    const char *(*reason_name)(enum toktab_reason);
    void (*close)(struct toktab *);
} library;

static char failure[256]; /* "": all functions were found */

/* As POSIX recommends, because C cannot convert void * to a function pointer. */
static void find(void *handle, const char *name, void *function)
{
    *(void **)function = handle ? dlsym(handle, name) : NULL;
    if (!*(void **)function && failure[0] == '\0')
        snprintf(failure, sizeof(failure), "%s", dlerror());
}

/* The library stays loaded until the process ends. */
static void load(void)
{
    void *handle = dlopen("libtoktab.so.0", RTLD_NOW | RTLD_LOCAL);

    find(handle, "toktab_open", &library.open);
    find(handle, "toktab_check_request", &library.check_request);
    find(handle, "toktab_verify", &library.verify);
    find(handle, "toktab_recheck", &library.recheck);
    find(handle, "toktab_status", &library.status);
    find(handle, "toktab_reason_name", &library.reason_name);
    find(handle, "toktab_close", &library.close);
}

struct toktab *toktab_open(const struct toktab_options *options, char *error, size_t error_size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, load);
    if (failure[0] == '\0')
        return library.open(options, error, error_size);
    if (error && error_size > 0)
        snprintf(error, error_size, "%s", failure);
    errno = ENOENT;
    return NULL;
}

/* A caller of these functions has got a table from toktab_open(), so they are loaded. */

int toktab_check_request(const struct toktab *table, const struct toktab_request *request, char *error,
                         size_t error_size)
{
    return library.check_request(table, request, error, error_size);
}

enum toktab_verdict toktab_verify(struct toktab *table, const char *token, size_t length,
                                  const struct toktab_request *request, struct toktab_result *result)
{
    return table ? library.verify(table, token, length, request, result) : TOKTAB_ERROR;
}

enum toktab_verdict toktab_recheck(struct toktab *table, const char *id, const struct toktab_request *request,
                                   struct toktab_result *result)
{
    return table ? library.recheck(table, id, request, result) : TOKTAB_ERROR;
}

int toktab_status(struct toktab *table, const char *domain, struct toktab_status *status)
{
    return library.status(table, domain, status);
}

const char *toktab_reason_name(enum toktab_reason reason)
{
    return library.reason_name ? library.reason_name(reason) : "unknown reason";
}

void toktab_close(struct toktab *table)
{
    if (table)
        library.close(table);
}
