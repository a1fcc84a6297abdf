"""How the operations grow: with the number of tokens, with the changes behind them, with the processes that verify, and with
the domains of a configuration. In processor time: these are no ratios, and the machine may be busy. It has nothing of what
create and revoke wait for: the disk, and 2 ms.
"""

import concurrent.futures
import os

from common import HUGE, SMALL, create, program, tool
from rows import Row

MANY = 100_000
CHANGES = (1000, 10_000, 100_000, 1_000_000)
PROCESSES = (1, 2, 4, 8)
DOMAINS = (1, 10, 100, 1000)
LIBRARY = {"toktab_verify": "verify", "toktab_open": "open", "memory of a token": "memory of a token",
           "a host's time for one change": "a host follows one change"}


def renamed(rows, more=""):
    """Those rows of a program that show how it grows. Of few tokens the memory is mostly the table's own."""
    return [row._replace(what=LIBRARY[row.what] + more) for row in rows
            if row.what in LIBRARY and (row.unit != "bytes" or row.tokens >= MANY)]


def commands(store, rounds):
    """Each command's milliseconds of the processor. compact comes last, and once: it changes what is read afterwards."""
    times = {command: [] for command in ("create", "revoke", "list", "check", "history", "compact")}
    for _ in range(rounds):
        created, token_id = create(store)
        times["create"].append(created.busy)
        times["revoke"].append(tool(store, "revoke", "-y", token_id).busy)
        times["list"].append(tool(store, "list").busy)
        times["check"].append(tool(store, "check").busy)
        times["history"].append(tool(store, "history", token_id).busy)
    times["compact"].append(tool(store, "compact").busy)
    return times


def with_tokens(bench):
    sizes = [10 ** power for power in range(3, 8) if 10 ** power < bench.great] + [bench.great]
    for tokens in sizes + ([HUGE] if bench.all else []):
        rounds = bench.few(1 if tokens == HUGE else 3 if tokens > 100_000 else 7)
        store = bench.store(tokens, "growth")
        for name in ("verify", "open"):
            yield from renamed(program(name, store, rounds, tokens=tokens))
        yield from renamed(program("follow", bench.store(SMALL), store, rounds, tokens=tokens))
        os.sync()  # or the first change would write out the store, which is new
        for command, times in commands(store, rounds).items():
            yield Row(command, "ms", "", times, tokens)
        bench.forget(store)


def with_history(bench):
    for changes in CHANGES:
        rounds, more = bench.few(3), ", and {:,} changes".format(changes)
        store = bench.store(SMALL, "history", changes)
        for name in ("verify", "open"):
            yield from renamed(program(name, store, rounds, tokens=SMALL), more)
        for command, times in commands(store, rounds).items():
            yield Row(command + more, "ms", "", times, SMALL)
        bench.forget(store)


def with_processes(bench):
    """Each verifies at the same time; their processor time, which waiting for a processor is no part of."""
    store = bench.store(bench.great)
    for count in PROCESSES:
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            asked = [pool.submit(program, "verify", store, bench.few(3), tokens=bench.great) for _ in range(count)]
            found = [row for each in asked for row in each.result() if row.what == "toktab_verify"]
        yield Row("verify, by each of %d processes" % count, "ns", "", [value for row in found for value in row.values],
                  bench.great)


def with_domains(bench):
    """Other domains beside one of 1,000 tokens, each with a token of its own."""
    store = bench.store(SMALL, "domains")
    conf = os.path.join(store, "toktab.conf")
    for count in DOMAINS:
        rounds, more = bench.few(3), ", %d domain%s" % (count, "" if count == 1 else "s")
        others = ["d%d" % number for number in range(1, count)]
        with open(conf, "w", encoding="utf-8") as file:
            file.write('store_dir = "%s";\ndomains = (%s\n{ name = "default"; track_usage = false; } );\n'
                       % (store, "".join("\n{ name = \"%s\"; }," % name for name in others)))
        for name in others:
            if not os.path.exists(os.path.join(store, name + ".tokens")):
                tool(store, "create", "-l", "measured", domain=name)
        for name in ("verify", "open"):
            yield from renamed(program(name, store, rounds, tokens=SMALL), more)
        yield Row("create" + more, "ms", "", [create(store)[0].busy for _ in range(rounds)], SMALL)


def rows(bench):
    for measure in (with_tokens, with_history, with_processes, with_domains):
        yield from measure(bench)
