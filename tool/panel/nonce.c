#include "panel/nonce.h"

#include <string.h>

#include "text.h"

struct nonce {
    unsigned char time[8], random[NONCE_RANDOM], mac[HASH_SIZE];
};

_Static_assert(sizeof(struct nonce) * 2 + 1 == NONCE_SIZE && sizeof(struct nonce) % HEX_STEP == 0,
               "no padding");

void nonces_start(struct nonces *nonces)
{
    memset(nonces, 0, sizeof(*nonces));
    crypto_random_bytes(nonces->key, sizeof(nonces->key));
}

static void add_text(struct digest *digest, const char *text)
{
    crypto_digest_add(digest, text, strlen(text) + 1); /* the NUL parts it from the next one */
}

/* BLAKE2b has no length extension: the key may stand in front. */
static void authenticate(const struct nonces *nonces, const struct purpose *purpose,
                         const struct nonce *nonce, unsigned char mac[HASH_SIZE])
{
    struct digest digest;

    crypto_digest_start(&digest, HASH_SIZE);
    crypto_digest_add(&digest, nonces->key, sizeof(nonces->key));
    crypto_digest_add(&digest, nonce->time, sizeof(nonce->time) + sizeof(nonce->random));
    add_text(&digest, purpose->user);
    add_text(&digest, purpose->action);
    add_text(&digest, purpose->domain);
    add_text(&digest, purpose->id);
    crypto_digest_end(&digest, mac, HASH_SIZE);
    crypto_wipe(&digest, sizeof(digest));
}

void nonce_make(const struct nonces *nonces, const struct purpose *purpose, int64_t now,
                char text[NONCE_SIZE])
{
    struct nonce nonce;

    memcpy(nonce.time, &now, sizeof(nonce.time));
    crypto_random_bytes(nonce.random, sizeof(nonce.random));
    authenticate(nonces, purpose, &nonce, nonce.mac);
    hex_encode(text, (const unsigned char *)&nonce, sizeof(nonce));
    text[NONCE_SIZE - 1] = '\0';
}

static struct nonce_used *find(struct nonces *nonces, const struct nonce *nonce)
{
    for (struct nonce_used *used = nonces->used; used < nonces->used + NONCES_MAX; used++)
        if (used->taken && memcmp(used->random, nonce->random, NONCE_RANDOM) == 0)
            return used;
    return NULL;
}

/* A free place for this user, or NULL. Frees those that nobody needs any more. */
static struct nonce_used *place_for(struct nonces *nonces, const unsigned char user[CHAIN_SIZE], int64_t now)
{
    struct nonce_used *place = NULL;
    size_t free = 0, own = 0;

    for (struct nonce_used *used = nonces->used; used < nonces->used + NONCES_MAX; used++) {
        used->taken = used->taken && now <= used->until;
        if (!used->taken) {
            place = used;
            free++;
        } else if (memcmp(used->user, user, CHAIN_SIZE) == 0) {
            own++;
        }
    }
    return own < free ? place : NULL;
}

enum nonce_answer nonce_use(struct nonces *nonces, const struct purpose *purpose, const char *text,
                            int64_t now, struct nonce_used **used)
{
    unsigned char mac[HASH_SIZE], user[CHAIN_SIZE];
    struct nonce nonce;
    struct digest digest;
    int64_t made;

    if (strlen(text) != NONCE_SIZE - 1 || !hex_decode((unsigned char *)&nonce, text, sizeof(nonce)))
        return NONCE_OLD;
    authenticate(nonces, purpose, &nonce, mac);
    if (!crypto_equal(mac, nonce.mac, sizeof(mac)))
        return NONCE_OLD;
    memcpy(&made, nonce.time, sizeof(made));
    if (now > made + NONCE_LIFE)
        return NONCE_OLD;
    *used = find(nonces, &nonce);
    if (*used)
        return NONCE_USED;
    crypto_digest_start(&digest, CHAIN_SIZE);
    add_text(&digest, purpose->user);
    crypto_digest_end(&digest, user, CHAIN_SIZE);
    *used = place_for(nonces, user, now);
    if (!*used)
        return NONCE_FULL;
    **used = (struct nonce_used){.taken = true, .until = made + NONCE_LIFE};
    memcpy((*used)->random, nonce.random, NONCE_RANDOM);
    memcpy((*used)->user, user, CHAIN_SIZE);
    return NONCE_GOOD;
}
