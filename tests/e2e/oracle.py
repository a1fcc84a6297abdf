#!/usr/bin/env python3
"""An independent reader and writer of toktab's tokens and stores.

It was made from the description of the format alone and shares no code with the library or the tool, so that each
can be held against the other; oracle_mend.py mends, likewise. It reads strictly: what the format does not allow is a
Fault. It writes whatever it is asked to, sound or hostile. It locks nothing, and is no tool for a store that somebody
uses.

    oracle.py generate --tokens N --domain D --out FILE [--tokens-out FILE] [--seed S]
    oracle.py read FILE
"""

import argparse
import gc
import hashlib
import json
import os
import random
import re
import sys
import zlib

from oracle_format import (
    ALPHABET,
    COLUMNS,
    LINE_LIMIT,
    NO_ID,
    Fault,
    Header,
    Record,
    chain_of,
    chain_start,
    digest_of,
    parse_header,
    parse_line,
    prove,
    proved,
    seal_of,
    sealed,
    token_hash,
    token_id,
)


SECTOR = 512


def changes(tokens, record):
    """Does a line change tokens, {id: (n, Record, text)}? P lines do not, and revoked absorbs."""
    before = tokens.get(record.id)
    return record.op != "P" and not (before and before[1].revoked is not None and record.revoked is None)


def snapshot(tokens, cutoff, basechain):
    """The snapshot's lines: the last of each id in order of n, sealed, without the ids that were dead before cutoff."""

    def kept(record):
        return cutoff is None or record.dead_at() is None or record.dead_at() >= cutoff

    entries = sorted(tokens.values(), key=lambda entry: entry[0])
    return [sealed(basechain, text) for _, record, text in entries if kept(record)]


# What stands after the last whole line that counts


def rest_kind(data, at, n, chain, start):
    """Of what a file has from at on, after line n: "" (nothing), "line", "torn", "unsynced" or "damage".

    chain: that of line n; start: chain(0) of the epoch
    """
    rest = data[at:]
    if not rest:
        return ""
    line = unended_line(rest, start)
    if line:
        return "line" if (line.n, line.before) == (n + 1, chain) else "damage"
    written, nuls, more = re.fullmatch(rb"([^\0]*)([\0\n]*)(.*)", rest, re.DOTALL).groups()
    if len(rest) >= LINE_LIMIT or not is_torn(written, n):
        return "damage"
    if more and (len(data) - len(more)) % SECTOR:
        return "damage"  # what was not synced are whole sectors up to here; a bit that flipped in a line is not
    if rest.count(b"\0") == 1 and has_all_columns(rest):
        return "damage"  # nor is it where it happens to be at the end of a sector
    if any(unended_line(piece, start) for piece in re.split(rb"[\n\0]", more)):
        return "damage"
    return "unsynced" if nuls else "torn"


def unended_line(text, start):
    """The Line that lacks nothing but its LF, or has another byte there; or lacks nothing."""
    return proved(text + b"\n", chain_of, start) or proved(text[:-1] + b"\n", chain_of, start)


def has_all_columns(text):
    columns = text.split(b"|", COLUMNS - 1)
    return len(columns) == COLUMNS and (len(columns[-1]) >= 32 or b"|" in columns[-1])


def is_torn(text, n):
    """Are these the first bytes of line n + 1, as far as one can see?"""
    number, bar, _ = text.partition(b"|")
    return (
        (b"%d|" % (n + 1)).startswith(number + bar)
        and all(byte >= 0x20 and byte != 0x7F for byte in text)
        and not has_all_columns(text)
    )


class Store:
    """A store's bytes, read and proved. Raises Fault at the first thing that is wrong.

    header, n, chain; tokens: {id: (n, Record, text)}; log: [(n, Record, text)] from base+1 on;
    rest: the kind of what stands after the last whole line; torn: its bytes, unless they count
    """

    def __init__(self, data):
        end = data.find(b"\n") + 1
        if not end:
            raise Fault("header: not a whole line")
        self.header = parse_header(data[:end])
        self.n, self.chain = self.header.base, self.header.basechain
        self.prior = 0 if self.chain == self.header.start else None  # None: a line of this epoch that is gone
        self.tokens, self.snapshot, self.log = {}, [], []
        self._read_snapshot(data[end : end + self.header.bytes])
        self._read_log(data, end + self.header.bytes)
        if self.header.base and not self.log:
            raise Fault("a snapshot without its P line")

    def _read_snapshot(self, data):
        header, last = self.header, 0
        if len(data) != header.bytes or data.count(b"\n") != header.lines or data[-1:] not in (b"", b"\n"):
            raise Fault("snapshot: not %d lines in %d bytes" % (header.lines, header.bytes))
        self.snapshot = [text + b"\n" for text in data.split(b"\n")[:-1]]
        for text in self.snapshot:
            try:
                line = prove(text, seal_of, header.basechain)
            except Fault as fault:
                raise Fault("snapshot, after line %d: %s" % (last, fault)) from fault
            if not last < line.n <= header.base or line.record.op == "P" or line.record.id in self.tokens:
                raise Fault("snapshot: line %d does not belong here" % line.n)
            last = line.n
            self.tokens[line.record.id] = (last, line.record, text)
        if last == header.base:
            self.prior = line.record.serial if self.prior is None else self.prior
        if digest_of(self.snapshot) != header.digest:
            raise Fault("snapshot: its digest is wrong")
        if snapshot(self.tokens, header.cutoff, header.basechain) != self.snapshot:
            raise Fault("snapshot: holds what was dead before the cutoff")

    def _read_log(self, data, place):
        fault = None
        while not fault and (end := data.find(b"\n", place) + 1):
            try:
                self._read_line(data[place:end])
                place = end
            except Fault as found:
                fault = Fault("line %d: %s" % (self.n + 1, found))
        rest = data[place:]
        self.rest = rest_kind(data, place, self.n, self.chain, self.header.start)
        if self.rest == "damage":
            raise fault or Fault("after line %d: damage" % self.n)
        if self.rest == "line":
            self._read_line(unended_line(rest, self.header.start).text)
        self.torn = b"" if self.rest == "line" else rest

    def _read_line(self, text):
        line = prove(text, chain_of, self.header.start)
        if line.n != self.n + 1:
            raise Fault("its number is %d" % line.n)
        if line.before != self.chain:
            raise Fault("it follows on another line")
        if self.prior not in (line.prior, None):
            raise Fault("prior is not the token of the line before")
        if self.header.base and not self.log:
            self._check_point(line.record)
        if changes(self.tokens, line.record):
            self._check_change(line.n, line.record)
            self.tokens[line.record.id] = (line.n, line.record, text)
        self.log.append((line.n, line.record, text))
        self.n, self.chain, self.prior = line.n, line.chain, line.record.serial

    def _check_point(self, record):
        if record.op != "P" or (record.hash, record.expires) != (self.header.digest, self.header.cutoff):
            raise Fault("not the P line of the snapshot")

    def _check_change(self, n, record):
        before = self.tokens.get(record.id)
        if record.op == "C" and (before or record.serial != n):
            raise Fault("a create line of a known id, or with serial %d" % record.serial)
        fixed = ("hash", "serial", "created", "prev")
        if before and any(getattr(before[1], name) != getattr(record, name) for name in fixed):
            raise Fault("it changes what a token keeps for ever")

    def head(self):
        return "%d:%d:%s" % (self.header.epoch, self.n, self.chain)

    def record(self, id):
        return self.tokens[id][1]


def read_store(path):
    with open(path, "rb") as file:
        data = file.read()
    gc.disable()  # millions of tuples without cycles: looking for some would take most of the time
    try:
        return Store(data)
    finally:
        gc.enable()


class Writer:
    """A store that is being made, in memory. Sound, as long as append_raw and data are not misused."""

    def __init__(self, domain, storeid=None, epoch=1):
        storeid = storeid or random.randbytes(16).hex()
        self.header = Header(domain, storeid, epoch, basechain=chain_start(storeid, epoch))
        self.n, self.chain, self.prior = 0, self.header.basechain, 0
        self.tokens, self.snapshot, self.log = {}, [], []

    @classmethod
    def on(cls, store):
        """Goes on where a Store ends, without what is torn there."""
        writer = cls(store.header.domain, store.header.storeid, store.header.epoch)
        writer.header, writer.n, writer.chain, writer.prior = store.header, store.n, store.chain, store.prior
        writer.tokens, writer.snapshot = dict(store.tokens), list(store.snapshot)
        writer.log = [text for _, _, text in store.log]
        return writer

    def append_raw(self, columns):
        """Log a line of any columns: a list of the texts from id to ext, or the bytes before the chain as they are."""
        body = columns
        if not isinstance(body, bytes):
            body = "|".join([str(self.n + 1), *columns, str(self.prior), self.chain, ""]).encode()
        self.n, self.chain = self.n + 1, chain_of(self.header.start, body)
        serial = body.split(b"|", 5)[4:5]
        self.prior = int(serial[0]) if serial and serial[0].isdigit() else 0
        self.log.append(body + self.chain.encode() + b"\n")
        return self.log[-1]

    def append(self, record):
        line = self.append_raw(record.columns())
        if changes(self.tokens, record):
            self.tokens[record.id] = (self.n, record, line)
        return record

    def create(self, token, label="a token", time=1700000000, **more):
        record = Record(token_id(token), "C", token_hash(token), self.n + 1, time, time=time, label=label)
        return self.append(record._replace(**more))

    def update(self, token, op="U", **more):
        return self.append(self.tokens[token_id(token)][1]._replace(op=op, **more))

    def revoke(self, token, time=1700000000, **more):
        return self.update(token, "R", revoked=time, time=time, **more)

    def compact(self, time=1700000000, cutoff=None, by=("root", 0, None), ext=()):
        cutoff = max((t for t in (cutoff, self.header.cutoff) if t is not None), default=None)
        self.snapshot, self.log = snapshot(self.tokens, cutoff, self.chain), []
        self.header = self.header._replace(
            base=self.n, basechain=self.chain, cutoff=cutoff, lines=len(self.snapshot),
            bytes=sum(map(len, self.snapshot)), digest=digest_of(self.snapshot),
        )
        lines = [parse_line(text) for text in self.snapshot]
        self.tokens = {line.record.id: (line.n, line.record, line.text) for line in lines}
        self.append(Record(NO_ID, "P", self.header.digest, 0, time, cutoff, None, time, by, ext=ext))

    def begin_epoch(self, epoch, time=1700000000, by=("root", 0, None), old_head=None):
        """What mending does with what it kept."""
        mended = old_head or self.head()
        self.header = self.header._replace(epoch=epoch)
        self.chain, self.prior = self.header.start, 0
        self.compact(time, by=by, ext=(("mended", mended),))

    def mend(self, time=1700000000, by=("root", 0, None)):
        self.begin_epoch(max(self.header.epoch + 1, time * 1000000), time, by)

    def skip_to(self, n):
        """Pretend that n lines were written and compacted away."""
        self.n = n

    def head(self):
        return "%d:%d:%s" % (self.header.epoch, self.n, self.chain)

    def data(self):
        return self.header.text() + b"".join(self.snapshot) + b"".join(self.log)

    def write(self, path, mode=0o640):
        write_file(path, [self.data()], mode)


def write_file(path, chunks, mode=0o640):
    with open(path, "wb") as file:
        os.fchmod(file.fileno(), mode)
        for chunk in chunks:
            file.write(chunk)


def write_store(path, domain, *tokens, **more):
    """A store of these tokens; more: what each record says besides."""
    writer = Writer(domain)
    for token in tokens:
        writer.create(token, **more)
    writer.write(path)
    return writer


# Large stores, fast


def generate(count, domain, prefix="tok", seed=1, time=1700000000):
    """Yield the header line with None, then (line, token) of count new tokens. The same for the same seed."""
    rng = random.Random(seed)
    table = (ALPHABET * 5)[:256].encode()  # which is not even, and need not be here
    storeid = rng.randbytes(16).hex()
    header = Header(domain, storeid, basechain=chain_start(storeid, 1))
    yield header.text(), None
    chain, salt, blake, crc = header.basechain, bytes.fromhex(header.basechain), hashlib.blake2b, zlib.crc32
    start = prefix.encode() + b"_"
    crc_digits = [a + b + c for a in ALPHABET for b in ALPHABET for c in ALPHABET]
    for n in range(1, count + 1):
        characters = rng.randbytes(55).translate(table)
        body = start + characters
        high, low = divmod(crc(body), 62**3)
        token = body + (crc_digits[high] + crc_digits[low]).encode()
        hash = blake(token, digest_size=32, salt=characters[:12], person=b"toktab/token/v1").hexdigest()
        line = b"%d|%s|C|%s|%d|%d|-|-|%d|root/0/-||||token %d||||%d|%s|" % (
            n, characters[:12], hash.encode(), n, time, time, n, n - 1, chain.encode(),
        )
        chain = blake(line, digest_size=16, salt=salt, person=b"toktab/line/v1").hexdigest()
        yield line + chain.encode() + b"\n", token + b"\n"


def generate_files(count, domain, store_path, tokens_path=None, prefix="tok", seed=1):
    tokens = []

    def lines():
        for line, token in generate(count, domain, prefix, seed):
            if token and tokens_path:
                tokens.append(token)
            yield line

    write_file(store_path, lines())
    if tokens_path:
        write_file(tokens_path, tokens, 0o600)


def print_state(store, file):
    """The header and the tokens as JSON, a token a line, then HEAD."""
    about = {**store.header._asdict(), "head": store.head(), "torn": len(store.torn), "tokens": []}
    tokens = sorted(store.tokens.values(), key=lambda entry: entry[0])
    file.write(json.dumps(about)[:-2])
    file.write(",".join("\n" + json.dumps({"n": n, **record._asdict()}) for n, record, _ in tokens))
    file.write("]}\n%s\n" % store.head())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("generate", help="write a store of many tokens")
    make.add_argument("--tokens", type=int, required=True)
    make.add_argument("--domain", required=True)
    make.add_argument("--out", required=True)
    make.add_argument("--tokens-out", help="write the tokens too, one a line")
    make.add_argument("--prefix", default="tok")
    make.add_argument("--seed", type=int, default=1)
    commands.add_parser("read", help="prove a store, print its state and its HEAD").add_argument("file")
    options = parser.parse_args()

    if options.command == "generate":
        names = (options.domain, options.out, options.tokens_out)
        generate_files(options.tokens, *names, options.prefix, options.seed)
        return 0
    try:
        store = read_store(options.file)
    except (Fault, OSError) as error:
        print("oracle: %s: %s" % (options.file, error), file=sys.stderr)
        return 1
    print_state(store, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
