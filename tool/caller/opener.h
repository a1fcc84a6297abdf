/*
 * Opens files, and those below directories, with the rights that the process has when opener_begin() is
 * called. A process of its own does it, because root gives its rights up when it becomes the owner of the
 * stores, who may not be able to open them.
 */
#ifndef OPENER_H
#define OPENER_H

#include <limits.h>
#include <stdbool.h>

struct opener {
    int socket;
    int error; /* why not all files were given out; 0: they were */
};

struct opened {
    int fd;    /* for reading; the caller closes it; -1: it cannot be opened */
    int error; /* why not */
    char name[PATH_MAX];
};

/* names: files of any kind, and directories, below which regular files are opened and symbolic links are not
 * followed; ends with NULL. False with errno. */
bool opener_begin(struct opener *opener, char **names);

/* The next file. False: no file is left, or opener->error says why not. */
bool opener_next(struct opener *opener, struct opened *opened);
void opener_end(struct opener *opener);

#endif
