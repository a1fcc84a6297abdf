/* Finds a token by its label. */
#ifndef LABEL_H
#define LABEL_H

#include "store/refs.h"
#include "store/tokens.h"

/* Is this the label? Pure. */
bool label_is(struct span escaped, const char *label);

/* The active tokens with exactly this label. to_rotate: only those without a successor. found has room for
 * all tokens. Returns how many. Pure. */
size_t label_search(const struct tokens *tokens, const char *label, bool to_rotate, int64_t now,
                    const struct token **found);

/* What a command was given to name its tokens. */
struct chosen {
    const char *label; /* NULL: texts are TOKEN-REFs */
    bool to_rotate;    /* as for label_search() */
    char **texts;
    int count;
};

/* For commands whose only own option is -l: take of struct options. */
enum status chosen_take_label(void *chosen, int option);

/*
 * Make the refs and resolve them: the TOKEN-REFs, or the one token of that label. Prints what is wrong, with
 * the candidates if the label means several tokens. Returns as refs_resolve() does; a label wants the whole
 * store proved. The caller calls refs_free() whatever is returned.
 */
enum status refs_choose(struct refs *refs, const struct session *session, const struct chosen *chosen,
                        enum proof_of proof);

#endif
