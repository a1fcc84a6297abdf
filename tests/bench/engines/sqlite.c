#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

const char engine_name[] = "SQLite by primary key and the same hash";

static sqlite3_stmt *by_id;

static void run(sqlite3 *db, const char *sql)
{
    must(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(db));
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;

    must(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    return statement;
}

static void insert(sqlite3_stmt *into, const char *text, size_t length)
{
    struct kept kept = kept_of(text, length);

    sqlite3_bind_text(into, 1, id_of(text, length), ID_LENGTH, SQLITE_STATIC);
    sqlite3_bind_blob(into, 2, kept.hash, HASH_SIZE, SQLITE_STATIC);
    sqlite3_bind_int64(into, 3, kept.expires);
    must(sqlite3_step(into) == SQLITE_DONE && sqlite3_reset(into) == SQLITE_OK, "SQLite: inserting");
}

void engine_open(const char *directory, const struct tokens *tokens)
{
    sqlite3_stmt *into;
    sqlite3 *db;
    char *path;

    must(asprintf(&path, "%s/tokens.sqlite", directory) > 0, directory);
    must(sqlite3_open(path, &db) == SQLITE_OK, path);
    run(db, "PRAGMA journal_mode = WAL; PRAGMA mmap_size = 4294967296; PRAGMA cache_size = -1000000;"
            "CREATE TABLE tokens (id TEXT PRIMARY KEY, hash BLOB, expires INTEGER) WITHOUT ROWID; BEGIN");
    into = prepare(db, "INSERT INTO tokens VALUES (?, ?, ?)");
    for (size_t i = 0; i < tokens->count; i++)
        insert(into, tokens->text + i * (tokens->length + 1), tokens->length);
    sqlite3_finalize(into);
    run(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    by_id = prepare(db, "SELECT hash, expires FROM tokens WHERE id = ?");
    free(path);
}

bool engine_admits(const char *text, size_t length)
{
    bool admits = false;
    struct kept kept;

    sqlite3_bind_text(by_id, 1, id_of(text, length), ID_LENGTH, SQLITE_STATIC);
    if (sqlite3_step(by_id) == SQLITE_ROW && sqlite3_column_bytes(by_id, 0) == HASH_SIZE) {
        memcpy(kept.hash, sqlite3_column_blob(by_id, 0), HASH_SIZE);
        kept.expires = sqlite3_column_int64(by_id, 1);
        admits = fits(&kept, text, length);
    }
    sqlite3_reset(by_id);
    return admits;
}
