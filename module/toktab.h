/*
 * toktab.h - ask whether an API token is good.
 *
 *     struct toktab *table = toktab_open(NULL, error, sizeof(error));
 *     struct toktab_request request = { .size = sizeof(request), .domain = "example.com" };
 *     struct toktab_result result;
 *
 *     result.size = sizeof(result);
 *     if (toktab_verify(table, token, strlen(token), &request, &result) == TOKTAB_ALLOW)
 *         serve(result.id, result.label);
 *
 * Read this first:
 *
 *   - Only TOKTAB_ALLOW admits. TOKTAB_DENY and TOKTAB_ERROR both refuse; they differ so that a
 *     host can answer "your token is bad" to one and "come back later" to the other.
 *   - Any number of threads may use a table at once, and so may both processes after fork(). Only
 *     toktab_close() must have it to itself.
 *   - Nothing has to be reloaded. Once `toktab revoke` says that a token is revoked, the next
 *     toktab_verify() in every process refuses it, and once `toktab create` prints a token, the next one
 *     admits it.
 *   - The library writes to no stream, installs no signal handler, starts no thread, and does not
 *     touch locale, umask, environment or working directory. It leaves errno as it was, unless a
 *     function says that it sets errno.
 *   - No copy of the token is left behind, neither on the stack nor on the heap. Wipe yours when you have the
 *     answer.
 *   - A table keeps one descriptor for each domain; with `once`, none. A daemon may close it with all
 *     others after toktab_open(); the table opens it again when it needs it.
 *   - The host's user must be able to read the stores at their path, even after setuid() and chroot().
 *     Otherwise the answer is TOKTAB_ERROR once stale_limit (toktab.conf(5)) has passed.
 *   - A call takes up to 64 KiB of stack.
 *   - Unless the configuration turns track_usage off, toktab_verify() notes when a token was last admitted,
 *     at most once a minute per token, with some twenty system calls. It writes used/DOMAIN.UID beside the
 *     store (toktab-store(5)), and creates that file if the directory used/ exists. It writes no other
 *     file, and no verdict changes if it cannot write this one.
 *   - Don't fork in a signal handler that may have interrupted toktab_verify(). A program that forks
 *     while other threads may be inside syslog(3) must set a log function of its own.
 *
 * Link with `pkg-config --cflags --libs toktab`, or find the functions in "libtoktab.so.0" by dlopen(3)
 * and dlsym(3). toktab(3) has the same in a manual, and names a daemon to copy from.
 *
 * toktab(1), toktab.conf(5), toktab-store(5).
 */
#ifndef TOKTAB_H
#define TOKTAB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sockaddr;

/* The answer. DENY is 0, so that a zeroed or forgotten answer refuses. */
enum toktab_verdict {
    TOKTAB_DENY = 0,
    TOKTAB_ALLOW = 1,
    TOKTAB_ERROR = 2,
};

/* Why it is the answer. Later versions may add reasons: treat one that you do not know by its verdict. */
enum toktab_reason {
    TOKTAB_REASON_NONE = 0,  /* with ALLOW */
    TOKTAB_REASON_MALFORMED, /* DENY: not the text of a token, or mistyped: its checksum is wrong; nor, where
                                the domain has foreign keys, of a key: 20 to 512 visible ASCII characters */
    TOKTAB_REASON_UNKNOWN,   /* DENY: the domain has no such token */
    TOKTAB_REASON_REVOKED,   /* DENY: it was revoked */
    TOKTAB_REASON_EXPIRED,   /* DENY: its time is over */
    TOKTAB_REASON_SCOPE,     /* DENY: it lacks a scope that the request demands */
    TOKTAB_REASON_NETWORK, /* DENY: it is bound to networks, and the client's address is in none or unknown */
    TOKTAB_REASON_USER,    /* DENY: it belongs to another user than the request names */
    TOKTAB_REASON_UNSUPPORTED, /* DENY: its record asks for something that this version does not know */
    TOKTAB_REASON_STORE,       /* ERROR: the store is missing, not to be trusted, damaged or unreadable */
    TOKTAB_REASON_REQUEST, /* ERROR: the call is wrong: unknown domain or scope, a struct of the wrong size */
};

/* "expires" of a token that does not expire. */
#define TOKTAB_NEVER INT64_MAX

/* Bytes that the texts of a result take at most, with their NULs: no line of a store is longer. */
#define TOKTAB_TEXT_SIZE 4096

/* A table: the tokens of all domains of one configuration. */
struct toktab;

/* How to open a table. Fill size, zero the rest, then set what you need. */
struct toktab_options {
    size_t size; /* sizeof(struct toktab_options) */

    /* Path of the configuration; NULL for the system's (toktab.conf(5)), which may be missing: then
     * there is one domain, "default". */
    const char *config;

    /* Receives what an admin should know, as one line of text without a newline; priority is one of
     * syslog(3): LOG_ALERT when a store cannot be used, once for each fault (with `once`, for each
     * question); LOG_NOTICE when it can be used again; LOG_WARNING when the last use of tokens cannot be
     * noted. It is called without a lock
     * from whichever thread noticed, perhaps from several at once; it must return, and must not call
     * these functions.
     * NULL: syslog(LOG_AUTHPRIV | priority). No message holds a token or a part of one. */
    void (*log)(void *log_context, int priority, const char *message);
    void *log_context;

    /* The only domain that the table knows, for a host that asks for no other: it need not be able to read
     * the other domains' stores. NULL: all domains. */
    const char *domain;

    /* 1: the host asks only once or twice and then closes the table, as a PAM module does. toktab_open()
     * reads no store. Each toktab_verify() and toktab_recheck() reads the whole file and proves only the
     * lines that concern the token; it reads nothing if the last call was about the same token and the file
     * has not changed since. One question is five times cheaper that way, many cost more. toktab(3) says how
     * the answers for a damaged store differ. 0: any other host. */
    int once;
};

/* What a token is asked for. Fill size, zero the rest, then set what you know. */
struct toktab_request {
    size_t size;                   /* sizeof(struct toktab_request) */
    const char *domain;            /* whose tokens; NULL: "default" if there is one, else the only one */
    const char *scopes;            /* the token must have all of these: "read,write"; NULL or "": none */
    const struct sockaddr *client; /* AF_INET or AF_INET6 address of the client; NULL, or of another
                                      family: not known, which denies tokens that are bound to networks */
    const char *user; /* whom the client claims to be; NULL: the host does not know. "" is a user whom no
                         token belongs to */
};

/*
 * The answer in full. Fill size and leave the rest as it is: the library fills it, whatever the verdict. If
 * size is too small, the library writes nothing and returns TOKTAB_ERROR.
 *
 * label, user and scopes point into text, so they last as long as the struct. In a copy of the struct they
 * still point into the original: copy the texts instead.
 */
struct toktab_result {
    size_t size; /* sizeof(struct toktab_result) */
    enum toktab_verdict verdict;
    enum toktab_reason reason;

    /* The token's identity: filled with ALLOW, and with DENY if the client presented a token of the
     * domain (revoked, expired, scope, network, user, unsupported); otherwise "" and 0. */
    uint64_t serial;
    int64_t created;    /* seconds since the epoch, UTC */
    int64_t expires;    /* likewise, or TOKTAB_NEVER */
    const char *label;  /* UTF-8; a control character, should there be one, as %XX */
    const char *user;   /* UTF-8; "": the token names none */
    const char *scopes; /* "read,write"; "": none */
    char id[16];        /* 12 characters and NUL: may be logged */

    char text[TOKTAB_TEXT_SIZE]; /* holds label, user and scopes; the library writes no more than they take */
};

/* The state of a store. Fill size; the library fills the rest. */
struct toktab_status {
    size_t size; /* sizeof(struct toktab_status) */

    int good;          /* 1: the store is good; 0: toktab_verify() admits nobody, or soon will not */
    int foreign;       /* 1: the domain admits keys that another system issued (toktab.conf(5)), so that any
                          text may be a secret; 0: only tokens, which can be told by their shape */
    uint64_t epoch;    /* of the log, and the number of the last line that was read, as in the HEAD of */
    uint64_t line;     /* `toktab check`; 0: the store was never read */
    uint64_t tokens;   /* on record, including revoked and expired ones */
    int64_t last_good; /* seconds since the store was last known to be good; -1: it never was */
    int64_t last_contact; /* seconds since `toktab follow` last heard from its source and all was well;
                             INT64_MAX: it never did; -1: this host follows none */
    char why[512];        /* what is wrong, as one line that names the store; "": nothing */
};

/*
 * Open the table of a configuration, and read the stores of its domains, or of the one that is wanted.
 *
 * options     NULL for the defaults; nothing of it is kept but log and log_context
 * error       receives one line that says what is wrong and where; NULL if nobody wants to know
 * error_size  bytes at error
 *
 * Returns a table, which the caller passes to toktab_close(); or NULL, with errno set:
 *   EINVAL  the configuration is bad, or a struct has the wrong size
 *   ENOENT  the named configuration does not exist, or has no such domain
 *   EPERM   the configuration is not a regular file, or others can write it or replace it
 *   ELOOP   a symbolic link on its path leads nowhere
 *   other   it cannot be read (open(2), read(2)), or there is no memory (ENOMEM)
 *
 * A store that is missing or bad is no reason to fail: toktab_verify() answers TOKTAB_ERROR until
 * it is there, and then admits its tokens without being told.
 *
 * The configuration is parsed by libconfig, which does not survive a failing malloc(); this is the
 * only function that runs it. Not async-signal-safe.
 */
struct toktab *toktab_open(const struct toktab_options *options, char *error, size_t error_size);

/*
 * Can this request ever be answered? For hosts that want to find a mistyped domain or scope when
 * they start, not when the first client comes. The store is not looked at. request may be NULL, as
 * for toktab_verify().
 *
 * Returns 0; or -1 with errno ENOENT (no such domain) or EINVAL (the domain does not have such a
 * scope, or a struct of the wrong size), and one line in error, which may be NULL.
 */
int toktab_check_request(const struct toktab *table, const struct toktab_request *request, char *error,
                         size_t error_size);

/*
 * Is this token good for this request, now?
 *
 * token    the text that the client sent, length bytes, no NUL needed; any bytes at all are allowed
 * request  NULL: any token of the default domain
 * result   NULL if the verdict is enough
 *
 * Returns the verdict, which is also in result. Never fails in any other way, leaves errno alone, is
 * thread-safe, and is not async-signal-safe.
 *
 * A call costs one BLAKE2b (RFC 7693) of the token's text; two for a text that has not the shape of a token
 * and may be a foreign key; none for any other text. It makes no system call if the last look at the
 * store began less than a millisecond ago; otherwise it makes one (fstat), and once a second a few more. The
 * very next call still sees every change that the tool has acknowledged, because the tool waits two
 * milliseconds between making a change durable and saying so. If the store has changed, the library reads on
 * from where it stopped.
 */
enum toktab_verdict toktab_verify(struct toktab *table, const char *token, size_t length,
                                  const struct toktab_request *request, struct toktab_result *result);

/*
 * Is a token that this process has admitted still good? For sessions that outlast a request: the caller keeps
 * the id that toktab_verify() put into its result, and not the token.
 *
 * An id is public and proves nothing. Never pass one that came from a client.
 *
 * id       12 characters and NUL; result->id is allowed
 * request  as for toktab_verify(): the same token gets the same verdict and reason for it
 * result   receives the answer; with NULL the verdict is TOKTAB_ERROR
 *
 * Costs what toktab_verify() costs, without the hash. Notes no use. Thread-safe; leaves errno alone.
 */
enum toktab_verdict toktab_recheck(struct toktab *table, const char *id, const struct toktab_request *request,
                                   struct toktab_result *result);

/*
 * Look at a store now, by its path too, and tell whether it is good: for hosts that report their health, and
 * for workers that check when they start whether they can read it. The library reads what has changed and
 * logs trouble, as in toktab_verify().
 *
 * domain  whose store; NULL: as in struct toktab_request
 *
 * Returns 0 with status filled, whether the store is good or not; or -1 with errno ENOENT (no such domain) or
 * EINVAL (no table, one that was opened with `once`, or a struct of the wrong size). Thread-safe.
 */
int toktab_status(struct toktab *table, const char *domain, struct toktab_status *status);

/*
 * A reason's name, as logs and `toktab verify` have it: "revoked", "network" …; "none" for
 * TOKTAB_REASON_NONE and "unknown reason" for any other number. A constant string.
 */
const char *toktab_reason_name(enum toktab_reason reason);

/*
 * Close a table and free all that belongs to it. No thread may be inside another function with it.
 * NULL is allowed. errno is left alone. After fork() each process closes its own.
 */
void toktab_close(struct toktab *table);

#ifdef __cplusplus
}
#endif

#endif
