#include <errno.h>
#include <lmdb.h>

#include "engine.h"

const char engine_name[] = "LMDB get and the same hash";

static MDB_txn *reading;
static MDB_dbi dbi;

static void must_mdb(int code)
{
    errno = code > 0 ? code : EPROTO;
    must(code == 0, mdb_strerror(code));
}

static void put(MDB_txn *writing, const char *text, size_t length)
{
    struct kept kept = kept_of(text, length);
    MDB_val key = {ID_LENGTH, (void *)(uintptr_t)id_of(text, length)}, value = {sizeof(kept), &kept};

    must_mdb(mdb_put(writing, dbi, &key, &value, 0));
}

void engine_open(const char *directory, const struct tokens *tokens)
{
    MDB_env *env;
    MDB_txn *writing;

    must_mdb(mdb_env_create(&env));
    must_mdb(mdb_env_set_mapsize(env, (size_t)1 << 32));
    must_mdb(mdb_env_open(env, directory, MDB_NOSYNC, 0600));
    must_mdb(mdb_txn_begin(env, NULL, 0, &writing));
    must_mdb(mdb_dbi_open(writing, NULL, 0, &dbi));
    for (size_t i = 0; i < tokens->count; i++)
        put(writing, tokens->text + i * (tokens->length + 1), tokens->length);
    must_mdb(mdb_txn_commit(writing));
    must_mdb(mdb_txn_begin(env, NULL, MDB_RDONLY, &reading));
    mdb_txn_reset(reading);
}

bool engine_admits(const char *text, size_t length)
{
    MDB_val key = {ID_LENGTH, (void *)(uintptr_t)id_of(text, length)}, value;
    bool admits;

    must_mdb(mdb_txn_renew(reading)); /* a new snapshot, which sees each change */
    admits = mdb_get(reading, dbi, &key, &value) == 0 && fits(value.mv_data, text, length);
    mdb_txn_reset(reading);
    return admits;
}
