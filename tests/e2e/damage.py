"""Stores whose truth is known, and the kinds of damage that can befall them."""

import contextlib
import copy
import functools
import random
import typing

from oracle import Store, Writer
from oracle_format import Fault, escape, make_token, token_id

NOW = 1700000000
LINES = 60
BLOCK = 4096
SHAPES = ("plain", "compacted", "mended")


class History:
    """A store to which things have happened: the same things for the same seed, to other tokens in each domain.

    tokens       {id: token}, of all that ever were
    older        the file as it was some time ago, in this epoch
    uncompacted  the file just before it was compacted, if it was
    given_up     the file of the epoch before, with the changes that were given up, if there was one
    """

    def __init__(self, seed, shape, domain="example.com", lines=LINES):
        self.seed, self.shape = seed, shape
        self.rng, self.secrets = random.Random(seed), random.Random("%s %s" % (seed, domain))
        self.writer = Writer(domain, "%032x" % self.secrets.getrandbits(128))
        self.tokens, self.time, self.older, self.uncompacted, self.given_up = {}, NOW, None, None, None
        turn = {"plain": -1, "compacted": lines * 2 // 3, "mended": lines // 3}[shape]
        noticed, step = self.rng.randrange(lines // 3 + 1, lines), 0
        while len(self.writer.snapshot) + len(self.writer.log) < lines:
            if step == turn:
                self._compact() if shape == "compacted" else self._begin_epoch(lines // 3)
            if step == noticed:
                self.older = self.data()
            self._change()
            step += 1

    def data(self):
        return self.writer.data()

    def alive(self):
        return {id for id, (_, record, _) in self.writer.tokens.items() if record.revoked is None}

    def _change(self):
        self.time += 60
        dice, label = self.rng.random(), "token %d %s" % (self.writer.n, "x" * self.rng.randrange(40))
        alive = sorted(self.alive(), key=lambda id: self.writer.tokens[id][1].serial)
        if dice < 0.6 or not alive:
            token = make_token(rng=self.secrets)
            self.tokens[token_id(token)] = token
            self.writer.create(token, label, self.time)
        elif dice < 0.75:
            self.writer.update(self.tokens[self.rng.choice(alive)], label=label, time=self.time)
        else:
            self.writer.revoke(self.tokens[self.rng.choice(alive)], self.time, reason=self.rng.choice(("", "left")))

    def _compact(self):
        self.uncompacted = self.data()
        self.writer.compact(self.time, self.rng.choice((None, self.time - 600)))

    def _begin_epoch(self, changes):
        """Back to a backup, from which others have gone on meanwhile."""
        others = copy.deepcopy(self)
        others.secrets.seed("%s others" % self.writer.header.storeid)
        others.rng.seed(others.secrets.random())
        for _ in range(changes):
            others._change()
        self.given_up = others.data()
        self.tokens.update(others.tokens)
        self.writer.mend(self.time)


# Damage: functions of a source of chance, a store's bytes and its History, which return the damaged bytes


def flip_a_bit(rng, data, history):
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def flip_three_bits(rng, data, history):
    for _ in range(3):
        data = flip_a_bit(rng, data, history)
    return data


def insert_a_byte(rng, data, history):
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(1) + data[at:]


def delete_a_byte(rng, data, history):
    at = rng.randrange(len(data))
    return data[:at] + data[at + 1 :]


def edit_a_label(rng, data, history):
    lines = data.splitlines(keepends=True)
    at = rng.choice([at for at, line in enumerate(lines) if b"|token " in line])
    columns = lines[at].split(b"|")
    columns[13] = escape(rng.choice(("edited by hand", "x" * 100, ""))).encode()
    return b"".join(lines[:at] + [b"|".join(columns)] + lines[at + 1 :])


def delete_a_line(rng, data, history):
    lines = data.splitlines(keepends=True)
    at = rng.randrange(1, len(lines))
    return b"".join(lines[:at] + lines[at + 1 :])


def swap_lines(rng, data, history):
    lines = data.splitlines(keepends=True)
    one, other = rng.sample(range(1, len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def repeat_a_line(rng, data, history):
    lines = data.splitlines(keepends=True)
    lines.insert(rng.randrange(1, len(lines) + 1), rng.choice(lines[1:]))
    return b"".join(lines)


def overwrite_a_line(rng, data, history):
    lines = data.splitlines(keepends=True)
    lines[rng.randrange(1, len(lines))] = rng.choice(lines[1:])
    return b"".join(lines)


def overwrite(data, at, block):
    return data[:at] + block + data[at + len(block) :]


def zero_512_bytes(rng, data, history):
    at = rng.randrange(len(data) - 512)
    return overwrite(data, rng.choice((at, at // 512 * 512)), bytes(512))


def noise_of_512_bytes(rng, data, history):
    at = rng.randrange(len(data) - 512)
    return overwrite(data, rng.choice((at, at // 512 * 512)), rng.randbytes(512))


def cut_300_bytes_out(rng, data, history):
    at = rng.randrange(len(data) - 300)
    return data[:at] + data[at + 300 :]


def sibling_of(history):
    return history_of(history.seed, history.shape, "example.org").data()


def a_block_of(other):
    """Damage that puts one of the 4 KiB blocks of another file where it was there."""

    def damage(rng, data, history):
        there = other(history)
        at = BLOCK * rng.randrange((min(len(there), len(data)) - 1) // BLOCK + 1)
        return overwrite(data, at, there[at : at + BLOCK])

    return damage

KINDS = {
    "a flipped bit": flip_a_bit,
    "three flipped bits": flip_three_bits,
    "an inserted byte": insert_a_byte,
    "a deleted byte": delete_a_byte,
    "an edited label": edit_a_label,
    "a deleted line": delete_a_line,
    "swapped lines": swap_lines,
    "a repeated line": repeat_a_line,
    "an overwritten line": overwrite_a_line,
    "zeros": zero_512_bytes,
    "noise": noise_of_512_bytes,
    "a hole": cut_300_bytes_out,
    "a block from before a compaction": a_block_of(lambda history: history.uncompacted),
    "a block of a sibling": a_block_of(sibling_of),
    "a block that was given up": a_block_of(lambda history: history.given_up),
}
ONLY_IN = {"a block from before a compaction": ("compacted",), "a block that was given up": ("mended",)}
LOSE_BYTES = ("a deleted line", "zeros", "a hole")
HEALED = ("a flipped bit", "an edited label", "a deleted line")  # by a copy that has what is missing
HISTORIES = 20

history_of = functools.lru_cache(None)(History)


class Case(typing.NamedTuple):
    """copy: "no", "whole" or "older"; files: the damaged store, then the copy; history: what is true of them."""

    kind: str
    copy: str
    files: list
    history: History

    def may_live(self):
        """The ids that may work when this has been mended.

        Nothing shows that a file lost lines at its end: it is a sound store, only a shorter one.
        """
        alive = self.history.alive()
        if self.kind in LOSE_BYTES:
            with contextlib.suppress(Fault):
                tokens = Store(self.files[0]).tokens
                alive |= {id for id, (_, record, _) in tokens.items() if record.revoked is None}
        return alive


def cases(kind, count, seed):
    """That many Cases, the same for the same seed: on stores of each shape, with each sort of copy."""
    rng = random.Random("%s %s" % (kind, seed))
    shapes = ONLY_IN.get(kind, SHAPES)
    for number in range(count):
        history = history_of(rng.randrange(HISTORIES), shapes[number % len(shapes)])
        damaged = data = history.data()
        while damaged == data:
            damaged = KINDS[kind](rng, data, history)
        copy = ("no", "whole", "older")[number // len(shapes) % 3]
        yield Case(kind, copy, [damaged, *{"no": [], "whole": [data], "older": [history.older]}[copy]], history)
