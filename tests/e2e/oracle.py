#!/usr/bin/env python3
"""An independent reader and writer of toktab's tokens and stores.

It was made from toktab-store(5) alone and shares no code with the library or the tool, so that each can
be held against the other. It reads strictly: what the format does not allow is a Fault. It writes whatever
it is asked to, sound or hostile. It locks nothing, and is no tool for a store that somebody uses.

    oracle.py generate --tokens N --domain D --out FILE [--tokens-out FILE] [--seed S]
    oracle.py read FILE
"""

import argparse
import gc
import hashlib
import json
import os
import random
import sys
import zlib

from oracle_format import (
    ALPHABET,
    NO_ID,
    Fault,
    Header,
    Record,
    chain_next,
    chain_start,
    parse_header,
    parse_line,
    token_hash,
    token_id,
)


def changes(tokens, record):
    """Does a line change tokens, {id: (n, Record, line)}? P lines do not, and revoked absorbs."""
    before = tokens.get(record.id)
    return record.op != "P" and not (before and before[1].revoked is not None and record.revoked is None)


def snapshot(tokens, cutoff):
    """The snapshot's lines: the last of each id in order of n, but for the ids that were dead before cutoff."""

    def kept(record):
        return cutoff is None or record.dead_at() is None or record.dead_at() >= cutoff

    return [line for _, record, line in sorted(tokens.values(), key=lambda entry: entry[0]) if kept(record)]


class Store:
    """A store's bytes, read and proved. Raises Fault at the first thing that is wrong.

    header, n, chain; tokens: {id: (n, Record, line)}; log: [(n, Record, line)] from base+1 on;
    torn: bytes behind the last whole line
    """

    def __init__(self, data):
        end = data.find(b"\n") + 1
        if not end:
            raise Fault("header: not a whole line")
        self.header = parse_header(data[:end])
        self.n, self.chain = self.header.base, self.header.basechain
        self.tokens, self.log = {}, []
        self._read_snapshot(data[end : end + self.header.bytes])
        *lines, self.torn = data[end + self.header.bytes :].split(b"\n")
        for line in lines:
            self._read_line(line + b"\n")
        if self.header.base and not self.log:
            raise Fault("a snapshot without its P line")

    def _read_snapshot(self, data):
        header, last = self.header, 0
        if len(data) != header.bytes or hashlib.blake2b(data, digest_size=32).hexdigest() != header.digest:
            raise Fault("snapshot: its digest is wrong")
        if data.count(b"\n") != header.lines or data[-1:] not in (b"", b"\n"):
            raise Fault("snapshot: not %d whole lines" % header.lines)
        for line in data.split(b"\n")[:-1]:
            try:
                n, record, _, _ = parse_line(line + b"\n")
            except Fault as fault:
                raise Fault("snapshot, after line %d: %s" % (last, fault)) from fault
            if not last < n <= header.base or record.op == "P" or record.id in self.tokens:
                raise Fault("snapshot: line %d does not belong here" % n)
            self.tokens[record.id] = (n, record, line + b"\n")
            last = n
        if snapshot(self.tokens, header.cutoff) != [line for _, _, line in self.tokens.values()]:
            raise Fault("snapshot: holds what was dead before the cutoff")

    def _read_line(self, line):
        expected = self.n + 1
        try:
            n, record, body, chain = parse_line(line)
            if n != expected:
                raise Fault("its number is %d" % n)
            if chain != chain_next(self.chain, body):
                raise Fault("its chain is wrong")
            if self.header.base and not self.log:
                self._check_point(record)
            if changes(self.tokens, record):
                self._check_change(n, record)
                self.tokens[record.id] = (n, record, line)
        except Fault as fault:
            raise Fault("line %d: %s" % (expected, fault)) from fault
        self.log.append((n, record, line))
        self.n, self.chain = n, chain

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
        self.n, self.chain = 0, self.header.basechain
        self.tokens, self.snapshot, self.log = {}, [], []

    def append_raw(self, columns):
        """Chain a line of any columns between n and chain: a list of texts, or bytes as they are."""
        body = columns if isinstance(columns, bytes) else "|".join([str(self.n + 1), *columns, ""]).encode()
        self.n, self.chain = self.n + 1, chain_next(self.chain, body)
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
        self.snapshot, self.log = snapshot(self.tokens, cutoff), []
        data = b"".join(self.snapshot)
        digest = hashlib.blake2b(data, digest_size=32).hexdigest()
        self.header = self.header._replace(
            base=self.n, basechain=self.chain, cutoff=cutoff, lines=len(self.snapshot), bytes=len(data), digest=digest
        )
        kept = set(self.snapshot)
        self.tokens = {id: entry for id, entry in self.tokens.items() if entry[2] in kept}
        self.append(Record(NO_ID, "P", digest, 0, time, cutoff, None, time, by, ext=ext))

    def mend(self, time=1700000000, by=("root", 0, None)):
        """A new epoch on top of what is there."""
        old_head, epoch = self.head(), max(self.header.epoch + 1, time)
        self.chain = chain_start(self.header.storeid, epoch)
        self.header = self.header._replace(epoch=epoch)
        self.compact(time, by=by, ext=(("mended", old_head),))

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
    chain, blake, crc = bytes.fromhex(header.basechain), hashlib.blake2b, zlib.crc32
    start = prefix.encode() + b"_"
    crc_digits = [a + b + c for a in ALPHABET for b in ALPHABET for c in ALPHABET]
    for n in range(1, count + 1):
        characters = rng.randbytes(55).translate(table)
        body = start + characters
        high, low = divmod(crc(body), 62**3)
        token = body + (crc_digits[high] + crc_digits[low]).encode()
        hash = blake(token, digest_size=32, salt=characters[:12], person=b"toktab/token/v1").hexdigest()
        line = b"%d|%s|C|%s|%d|%d|-|-|%d|root/0/-||||token %d||||" % (
            n, characters[:12], hash.encode(), n, time, time, n,
        )
        chain = blake(chain + line, digest_size=16).digest()
        yield line + chain.hex().encode() + b"\n", token + b"\n"


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
