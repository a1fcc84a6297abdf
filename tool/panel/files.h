/* The style sheet and the script, compiled in. Their names hold their checksums, so browsers keep them for
 * ever. */
#ifndef PANEL_FILES_H
#define PANEL_FILES_H

#include <stdbool.h>

#include "panel/answer.h"

extern char style_name[], script_name[];

/* Make the names. Call it once before anything else. */
void files_start(void);

/* Is there one of this name? */
bool files_have(const char *name);

/* Answer with the file of this name, which is there. */
void files_answer(struct answer *answer, const char *name);

#endif
