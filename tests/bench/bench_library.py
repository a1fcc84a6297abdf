"""The library: verifying, opening a table, following a change; other ways to look a token up; PAM."""

import os

from rows import Row
from common import BUILD, COUNTED, HUGE, SMALL, counted, program

VERIFY = {
    SMALL: {"toktab_verify / one salted hash": "<=2.2"},
    "great": {"toktab_verify / that hash and two dependent reads": "<=1.3"},
    HUGE: {"toktab_verify / that hash and two dependent reads": "<=1.4"},
}
REFUSED = {
    "a malformed token / a valid one": "<=0.3",
    "an unknown token / a valid one": "<=1.05",
    "a revoked token / a valid one": "<=1.05",
}
THREADS = {"two threads on one handle / two processes": ">=0.97"}
OPEN = {"toktab_open / hashing the lines once": "<=1.3", "memory of a token beyond its last line": "<=20"}
FOLLOW = {"a host's time for one change / the same at 1,000": "<=1.1"}
PAM = {"PAM / the hash that pam_unix needs": "<=1"}
ENGINES = {
    "lmdb": {"LMDB get and the same hash / toktab_verify": ">=2"},
    "cdb": {"TinyCDB find and the same hash / toktab_verify": ">=1"},
    "sqlite": {"SQLite by primary key and the same hash / toktab_verify": ">=4"},
    "jwt": {"JWT HS256, by libjwt / toktab_verify": ">=5"},
    "shadow": {"reading the file on each request / toktab_verify": ">=10000"},
}


def instructions(bench, store, what):
    out = bench.path("callgrind.out")
    few, many = (counted(out, os.path.join(BUILD, "bench-count"), store, what, count) for count in COUNTED)
    return (many - few) / (COUNTED[1] - COUNTED[0])


def verify(bench):
    for tokens in bench.sizes():
        goals = VERIFY.get(tokens) or VERIFY["great"]
        yield from program("verify", bench.store(tokens), bench.rounds, goals=goals, tokens=tokens)
    small = bench.store(SMALL)
    verified, hashed = (instructions(bench, small, what) for what in ("verify", "hash"))
    yield Row("instructions of toktab_verify / of one salted hash", "", "", [verified / hashed], SMALL)
    yield Row("instructions of toktab_verify", "insn", "", [verified], SMALL)
    yield Row("instructions of one salted hash", "insn", "", [hashed], SMALL)
    yield from program("verify", small, bench.rounds, "tracked", tokens=SMALL)
    yield from program("answers", small, bench.rounds, goals=REFUSED, tokens=SMALL)
    yield from program("threads", small, bench.rounds, goals=THREADS, tokens=SMALL)


def engines(bench):
    for name, goals in ENGINES.items():
        folder = bench.new(name)
        yield from program("engine-" + name, bench.store(bench.great), bench.few(11), folder, goals=goals,
                           tokens=bench.great)
        bench.forget(folder)


def open_table(bench):
    for tokens in bench.sizes()[1:]:
        yield from program("open", bench.store(tokens), bench.few(11), goals=OPEN, tokens=tokens)
    yield from program("follow", bench.store(SMALL), bench.store(bench.great), bench.rounds, goals=FOLLOW,
                       tokens=bench.great)


def pam(bench):
    module = os.path.join(BUILD, "pam", "pam_toktab.so")
    yield from program("pam", bench.store(SMALL), bench.rounds, module, goals=PAM, tokens=SMALL)
    yield from program("pam", bench.store(bench.great), bench.few(), module, tokens=bench.great)
