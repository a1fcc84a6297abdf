/* What `toktab follow` does with what one source says, until that source's life is over. */
#ifndef LISTEN_H
#define LISTEN_H

#include "store/alert.h"
#include "store/following.h"
#include "store/source.h"

/* Alerts beside those of enum trouble. */
enum { ALERT_DISK = TROUBLES, ALERT_CONTACT, ALERT_WRITER, ALERT_FILE, ALERT_LOST };

/* How a source's life ended. */
enum end {
    END_LEVEL,   /* with --once: this host has all */
    END_ANEW,    /* ask again at once: the store was changed, or the file is needed */
    END_CONTACT, /* it is gone or silent */
    END_DENIED,  /* it refuses to answer */
    END_REFUSED, /* nothing of it is taken */
    END_DISK,    /* this host's store cannot be written; or, with --once, not be read */
    END_WRITER,  /* with --once: this host is the writer */
};

struct follow {
    const struct session *session;
    char **argv;     /* of the source */
    char **snapshot; /* of what prints the whole file, if the source does not have it; NULL: none */
    bool once, want_file;
    bool fetching; /* the snapshot's command is asked, not the source */
    struct alerts alerts;
    struct following following;
    struct source source;
    bool alive; /* it has kept its promise since we last waited */
};

/* What DOMAIN.contact says if this host's store cannot be read or written. */
const char *listen_state(enum status status);

/* The source was started. Stops it. */
enum end listen_to_source(struct follow *follow);

#endif
