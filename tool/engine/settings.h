/*
 * The settings of engine-etcd, toktab-engine(7): lines of NAME = VALUE. They are so few and so flat that they
 * need no libconfig, which only toktab.conf has.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"

enum { NODES_MAX = 16, VALUE_MAX = 1023, PASSWORD_SIZE = 512 };

#define SETTINGS_DEFAULT_PATH TOKTAB_SYSCONFDIR "/toktab/etcd.conf"
#define TOKEN_FILE_DEFAULT "/run/toktab/etcd.token"

struct settings {
    char *text;             /* of the file, to which the others point */
    char *nodes[NODES_MAX]; /* URLs without a path, of VALUE_MAX bytes at most, like each text below */
    size_t node_count;
    unsigned nodes_line;          /* of the file */
    char *prefix;                 /* of all keys, without a slash at its end */
    char *ca, *certificate, *key; /* files; NULL: not given */
    char *user;                   /* NULL: etcd knows no users */
    char *password_file;          /* NULL: the credential "etcd-password" that systemd gives */
    char *token_file;             /* where all programs of this host keep what etcd gave for the password */
    unsigned interval;            /* milliseconds between two polls */
};

/* Read them; what is refused is as for toktab.conf. False with fault. The caller calls settings_free()
 * whatever is returned. */
bool settings_load(struct settings *settings, const char *path, struct fault *fault);
void settings_free(struct settings *settings);

/* Read the password, which nobody but its owner may read. The caller wipes it. False with fault. */
bool settings_password(const struct settings *settings, char password[PASSWORD_SIZE], struct fault *fault);

#endif
