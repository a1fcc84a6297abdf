"""The tool: neither writing nor revoking the newest token reads the whole store. Against htpasswd, sqlite3, grep, and one
pass over the file with the hash."""

import os
import secrets
import subprocess
import sysconfig
import tempfile

from rows import Row, ratios
from common import BUILD, SMALL, TOOL, create, peak_memory, timed, tool

UNPROVED = 20_000  # a smaller store is proved before anything is appended
WAIT = 2  # milliseconds that a writer waits before it reports success
KEYS = 100_000
TEXT = 512 * 1024 * 1024


def write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines)
    return path


def make_database(bench):
    """1,000,000 rows, for sqlite3."""
    path = bench.path("tokens.sqlite")
    rows = write(bench.path("rows.csv"), ("%s,%s\n" % (secrets.token_hex(6), "0" * 64) for _ in range(bench.great)))
    sql = ("PRAGMA journal_mode = WAL; CREATE TABLE tokens (id TEXT PRIMARY KEY, hash TEXT) WITHOUT ROWID;\n"
           ".mode csv\n.import %s tokens\n" % rows)
    subprocess.run(["sqlite3", path], input=sql, check=True, encoding="utf-8", stdout=subprocess.DEVNULL)
    return path


def make_passwords(bench):
    """1,000,000 users, for htpasswd."""
    return write(bench.path("users"), ("user%07d:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n" % i for i in range(bench.great)))


def insert_row(database):
    sql = "PRAGMA synchronous = FULL; INSERT INTO tokens VALUES ('%s', '%s')" % (secrets.token_hex(6), "0" * 64)
    return timed("sqlite3", database, sql).taken


def changes(bench):
    """create and revoke."""
    stores = {tokens: bench.store(tokens, "tool") for tokens in (SMALL, UNPROVED, bench.great)}
    database, users = make_database(bench), make_passwords(bench)
    log = os.path.join(stores[bench.great], "default.tokens")
    times = {}

    def note(key, value):
        times.setdefault(key, []).append(value)

    for _ in range(bench.rounds):
        for tokens, store in stores.items():
            created, token_id = create(store)
            note(("create", tokens), created.taken)
            note(("revoke", tokens), tool(store, "revoke", "-y", token_id).taken)
        note("grep", timed("grep", "-m1", "-F", token_id, log).taken)
        note("sqlite3", insert_row(database))
        note("add", timed("htpasswd", "-bs", users, "measured", "secret").taken)
        note("delete", timed("htpasswd", "-D", users, "measured").taken)
    created, revoked = times["create", bench.great], times["revoke", bench.great]
    yield Row("create / the same at 20,000 tokens", "", "<=1.1", ratios(created, times["create", UNPROVED]), bench.great)
    yield Row("create / the same at 1,000 tokens", "", "", ratios(created, times["create", SMALL]), bench.great)
    yield Row("create but for the wait of 2 ms / sqlite3 inserting a row", "", "<=1",
              ratios([taken - WAIT for taken in created], times["sqlite3"]), bench.great)
    yield Row("revoke, the last id / one pass of grep -m1 -F", "", "<=1", ratios(revoked, times["grep"]), bench.great)
    yield Row("htpasswd adding / create", "", ">=100", ratios(times["add"], created), bench.great)
    yield Row("htpasswd deleting / revoke", "", ">=10", ratios(times["delete"], revoked), bench.great)
    for tokens in stores:
        yield Row("create", "ms", "", times["create", tokens], tokens)
        yield Row("revoke", "ms", "", times["revoke", tokens], tokens)
    for what in ("sqlite3", "grep"):
        yield Row(what, "ms", "", times[what], bench.great)


def reading(bench):
    """list and check."""
    store = bench.store(bench.great)
    log = os.path.join(store, "default.tokens")
    times = {"list": [], "check": [], "pass": []}
    for _ in range(bench.few(11)):
        times["list"].append(tool(store, "list").taken)
        times["check"].append(tool(store, "check").taken)
        times["pass"].append(timed(os.path.join(BUILD, "bench-pass"), log).taken)
    yield Row("list / one pass over the file with the hash", "", "<=3", ratios(times["list"], times["pass"]), bench.great)
    yield Row("check / one pass over the file with the hash", "", "<=1.4", ratios(times["check"], times["pass"]), bench.great)
    of_great, of_small = (peak_memory(TOOL, "-c", at + "/toktab.conf", "check") for at in (store, bench.store(SMALL)))
    yield Row("memory of check / the same at 1,000 tokens", "", "<=1.1", [of_great / of_small], bench.great)
    for what, values in times.items():
        yield Row("one pass with the hash" if what == "pass" else what, "ms", "", values, bench.great)


def importing(bench):
    """import into an empty store."""
    keys = write(bench.path("keys"), ("Number %d\tsk-live-%s\n" % (i, secrets.token_hex(24)) for i in range(KEYS)))
    times = {"import": [], "pass": []}
    for _ in range(bench.few()):
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
            write(folder + "/toktab.conf",
                  'store_dir = "%s";\ndomains = ( { name = "default"; foreign = true; } );\n' % folder)
            times["import"].append(tool(folder, "import", "-y", keys).taken)
            times["pass"].append(timed(os.path.join(BUILD, "bench-pass"), folder + "/default.tokens").taken)
    yield Row("import / one pass over its file with the hash", "", "<=5", ratios(times["import"], times["pass"]), KEYS)
    yield Row("import", "ms", "", times["import"], KEYS)


def start(bench):
    times = {command: [] for command in ("true", TOOL)}
    for _ in range(bench.rounds * 10):
        times["true"].append(timed("true").taken)
        times[TOOL].append(timed(TOOL, "--version").taken)
    yield Row("start of the tool (toktab --version) beyond true", "ms", "<=2",
              [a - b for a, b in zip(times[TOOL], times["true"])])


def write_text(path):
    """Python's own library, over and over: words, underscores and lines as source code has them."""
    folder = sysconfig.get_path("stdlib")
    sources = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".py")]
    with open(path, "wb") as file:
        while file.tell() < TEXT:
            for source in sources:
                with open(source, "rb") as text:
                    file.write(text.read())
        file.truncate(TEXT)


def scan(bench):
    """scan against grep -F for one fixed string, over the same text in the page cache."""
    scans, ratio = [], []
    text = bench.path("text")
    write_text(text)
    for _ in range(bench.few(11)):
        taken = tool(bench.store(SMALL), "scan", text).taken
        ratio.append(taken / timed("grep", "-F", "-c", "tok_none_has_this", text, status=1).taken)
        scans.append(TEXT / 1000 / taken)
    os.unlink(text)
    yield Row("scan / grep -F, source code", "", "", ratio)
    yield Row("scan, source code", "MB/s", ">=500", scans)


def rows(bench):
    for measure in (changes, reading, importing, start, scan):
        yield from measure(bench)
