"""The oracle against facts that were worked out without it, and against itself."""

import io
import os
import random
import subprocess
import sys
import tempfile
import unittest

import oracle
from oracle import Store, Writer
from oracle_format import (
    Fault,
    Record,
    base62,
    body_of,
    chain_start,
    digest_of,
    escape,
    escape_ext,
    escape_list,
    make_token,
    parse_line,
    parse_token,
    seal_of,
    sealed,
    token_hash,
    unescape,
    unescape_ext,
    unescape_list,
)
from oracle_mend import mend

ID = "0123456789AB"
SECRET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
TOKEN = "tok_" + ID + SECRET + "411KXD"
STOREID = "00112233445566778899aabbccddeeff"
NOW = 1700000000


class Tokens(unittest.TestCase):
    def test_crc_digits(self):
        # The check value of CRC-32/IEEE is cbf43926; 3421780262 = ((((3*62+45)*62+35)*62+27)*62+22)*62+14.
        self.assertEqual(base62(0xCBF43926, 6), "3jZRME")
        self.assertEqual(base62(0, 6), "000000")
        self.assertEqual(base62(61, 6), "00000z")
        self.assertEqual(base62(2**32 - 1, 6), "4gfFC3")
        self.assertRaises(ValueError, base62, 62**6, 6)

    def test_token(self):
        self.assertEqual(make_token("tok", ID, SECRET), TOKEN)
        self.assertEqual(parse_token(TOKEN), ("tok", ID, SECRET))
        self.assertEqual(len(make_token("a" * 16)), 16 + 1 + 61)
        for bad in ("", TOKEN[:-1], TOKEN + "0", TOKEN[:-1] + "E", TOKEN.replace("_", "-"), "Tok" + TOKEN[3:],
                "t" + TOKEN[3:]):
            self.assertRaises(Fault, parse_token, bad)

    def test_hash(self):
        # As crypto_generichash_blake2b_salt_personal of libsodium 1.0.18 has it.
        self.assertEqual(token_hash(TOKEN), "c20bc8ea321d8f147906ac32f4e795f4743522e178a9f0dc4ce091c71b577bc8")

    def test_chain_start(self):
        # As crypto_generichash_blake2b of libsodium 1.0.18 has it.
        self.assertEqual(chain_start(STOREID, 1), "367d566e90403dca9afdd5e178f32257")
        self.assertNotEqual(chain_start(STOREID, 2), chain_start(STOREID, 1))


class Text(unittest.TestCase):
    def test_escapes(self):
        self.assertEqual(escape("a|b%c\n\x7f é 🦊"), "a%7Cb%25c%0A%7F é 🦊")
        self.assertEqual(escape("a/b", "/"), "a%2Fb")
        self.assertEqual(unescape("a%7Cb%25c%0A%7F é"), "a|b%c\n\x7f é")
        for bad in ("%7c", "%", "%4", "%41", "%G0", "a\nb", "\x7f"):
            self.assertRaises(Fault, unescape, bad)

    def test_lists(self):
        for items in ((), ("a",), ("a", "b"), ("a,b", "c|d")):
            self.assertEqual(unescape_list(escape_list(items)), items)
        self.assertEqual(escape_list(("a,b", "c")), "a%2Cb,c")

    def test_ext(self):
        items = (("note", "two words = 2"), ("flag", None), ("empty", ""), ("MUST", "1"))
        self.assertEqual(escape_ext(items), "note=two%20words%20=%202 flag empty= MUST=1")
        self.assertEqual(unescape_ext(escape_ext(items)), items)
        for bad in (" a", "a ", "a  b", "1a", "aB", "Ab", "=x", "é"):
            self.assertRaises(Fault, unescape_ext, bad)


def small_store():
    rng = random.Random(7)
    writer = Writer("example.com", STOREID)
    tokens = [make_token(rng=rng) for _ in range(4)]
    for token in tokens:
        writer.create(token, "label | %", expires=NOW + 100 if token == tokens[3] else None)
    writer.update(tokens[1], label="changed", time=NOW + 1)
    writer.revoke(tokens[2], reason="left", time=NOW + 2)
    return writer, tokens


class Stores(unittest.TestCase):
    def test_empty(self):
        writer = Writer("example.com", STOREID)
        store = Store(writer.data())
        self.assertEqual((store.n, store.tokens, store.torn), (0, {}, b""))
        self.assertEqual(store.head(), "1:0:" + chain_start(STOREID, 1))
        # BLAKE2b-256 of nothing is well known.
        self.assertIn(b"|0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8|", writer.data())

    def test_reads_what_it_writes(self):
        writer, tokens = small_store()
        store = Store(writer.data())
        self.assertEqual(store.head(), writer.head())
        self.assertEqual(store.tokens, writer.tokens)
        self.assertEqual(store.n, 6)
        states = [store.record(parse_token(token)[1]).state(NOW + 100) for token in tokens]
        self.assertEqual(states, ["active", "active", "revoked", "expired"])

    def test_every_flipped_bit_is_found(self):
        """But in the LF after the last line, which counts all the same."""
        for compact in (False, True):
            writer, _ = small_store()
            if compact:
                writer.compact(NOW, cutoff=NOW)
                writer.create(make_token())
            data = writer.data()
            for place in range(len(data)):
                flipped = bytearray(data)
                flipped[place] ^= 1 << place % 8
                if place < len(data) - 1:
                    self.assertRaises(Fault, Store, bytes(flipped))
                else:
                    self.assertEqual(Store(bytes(flipped)).head(), writer.head())

    def test_lines_name_what_stands_before_them(self):
        writer, tokens = small_store()
        writer.compact(NOW)
        writer.revoke(tokens[0])
        writer.mend(NOW)
        writer.revoke(tokens[1])
        writer.update(tokens[3], label="y")
        lines = [parse_line(line) for line in writer.snapshot + writer.log]
        self.assertEqual([(line.n, line.prior) for line in lines],
            [(4, 3), (5, 4), (6, 2), (8, 0), (9, 0), (10, 0), (11, 2)])
        self.assertEqual([line.before for line in lines[4:]],
            [writer.header.start] + [line.chain for line in lines[4:-1]])
        writer.prior = 3
        writer.update(tokens[3], label="z")
        self.assertRaises(Fault, Store, writer.data())

    def test_lost_moved_and_foreign_lines_are_found(self):
        writer, _ = small_store()
        header, log = writer.header.text(), writer.log
        other, _ = small_store()
        for lines in (log[1:], log[:2] + log[3:], [log[1], log[0]] + log[2:], log + log[-1:], log[:3] + log[2:]):
            self.assertRaises(Fault, Store, header + b"".join(lines))
        self.assertRaises(Fault, Store, Writer("example.com").header.text() + b"".join(log))
        self.assertRaises(Fault, Store, Writer("example.com", STOREID, 2).header.text() + b"".join(log))
        self.assertRaises(Fault, Store, b"")
        self.assertRaises(Fault, Store, header[:-1])

    def test_revoked_absorbs(self):
        writer, tokens = small_store()
        before = writer.tokens[parse_token(tokens[2])[1]]
        writer.update(tokens[2], revoked=None, label="back again")
        self.assertEqual(Store(writer.data()).tokens[before[1].id], before)
        writer.compact(NOW)
        self.assertIn(sealed(writer.header.basechain, before[2]), writer.snapshot)

    def test_compaction(self):
        writer, tokens = small_store()
        n, chain, lines = writer.n, writer.chain, sorted(writer.tokens.values(), key=lambda entry: entry[0])
        writer.compact(NOW + 9, cutoff=NOW + 50)
        self.assertEqual([body_of(text) for text in writer.snapshot],
            [body_of(text) for _, record, text in lines if record.op != "R"])
        self.assertEqual([text[-33:-1].decode() for text in writer.snapshot],
            [seal_of(chain, body_of(text)) for text in writer.snapshot])
        self.assertEqual(writer.header.digest, digest_of(writer.snapshot))
        self.assertEqual((writer.header.base, writer.header.basechain), (n, chain))
        store = Store(writer.data())
        self.assertEqual((store.n, len(store.tokens), store.head()), (7, 3, writer.head()))
        self.assertEqual(store.log[0][1], Record(
            op="P", hash=writer.header.digest, created=NOW + 9, time=NOW + 9, expires=NOW + 50,
        ))
        writer.create(make_token(), time=NOW + 10)
        writer.compact(NOW + 20, cutoff=NOW)  # earlier than the header's: that one stays
        store = Store(writer.data())
        self.assertEqual((store.header.cutoff, store.header.base, store.n), (NOW + 50, 8, 9))

    def test_dead_before_the_cutoff(self):
        writer, tokens = small_store()
        for cutoff, kept in ((None, 4), (NOW + 2, 4), (NOW + 3, 3), (NOW + 100, 3), (NOW + 101, 2)):
            self.assertEqual(len(oracle.snapshot(writer.tokens, cutoff, writer.chain)), kept, cutoff)

    def test_a_snapshot_wants_its_point(self):
        writer, _ = small_store()
        writer.compact(NOW)
        self.assertRaises(Fault, Store, writer.data()[: -len(writer.log[0])])

    def test_a_follower_keeps_the_points(self):
        compacted, tokens = small_store()
        follower, _ = small_store()
        compacted.compact(NOW)
        follower.append_raw(body_of(compacted.log[0]))
        self.assertEqual(Store(follower.data()).head(), compacted.head())

    def test_is_written_on(self):
        for compact in (False, True):
            writer, tokens = small_store()
            if compact:
                writer.compact(NOW)
            store = Store(writer.data()[:-1])
            again = Writer.on(store)
            self.assertEqual(again.data(), writer.data())
            for each in (again, writer):
                each.revoke(tokens[0])
            self.assertEqual(again.data(), writer.data())
            Store(again.data())


class Rests(unittest.TestCase):
    """What stands after the last LF, and what the next writer makes of it."""

    def setUp(self):
        self.writer, self.tokens = small_store()
        self.before = self.writer.data()
        self.writer.revoke(self.tokens[0], reason="a | b")
        self.line = self.writer.log[-1]

    def assert_rest(self, kind, rest):
        """The kind, and whether the revocation counts."""
        data = self.before + rest
        if kind == "damage":
            self.assertRaises(Fault, Store, data)
            return
        store = Store(data)
        counts = kind == "line"
        self.assertEqual((store.rest, store.n, store.torn), (kind, 6 + counts, b"" if counts else rest))
        self.assertEqual(Writer.on(store).data(), self.before + self.line * counts)

    def test_a_line_without_its_end(self):
        self.assert_rest("line", self.line[:-1])
        for other in set(range(256)) - {10}:
            self.assert_rest("line", self.line[:-1] + bytes([other]))
        self.assert_rest("damage", self.line[:-1] + b"xx")
        self.assert_rest("damage", self.line[:-1] + self.line)

    def test_a_line_that_is_not_the_next(self):
        for text in self.writer.log[:-1]:
            self.assert_rest("damage", text[:-1])
        forked, _ = small_store()
        forked.update(self.tokens[1], label="other")
        forked.revoke(self.tokens[1])
        self.assert_rest("damage", forked.log[-1][:-1])

    def test_torn(self):
        for length in range(1, len(self.line) - 1):
            self.assert_rest("torn", self.line[:length])
        self.assert_rest("torn", b"7|" + b"x" * 4093)
        for rest in (b"6", b"8|", b"70", b"07", b"|", b"x", b"7\n", b"7|a\x1f", b"7|a\x7f", b"7|" + b"x" * 4094):
            self.assert_rest("damage", rest)

    def test_a_whole_line_that_fails_to_prove(self):
        for at in (at for at in range(len(self.line) - 1) if self.line[at : at + 1] != b"|"):
            self.assert_rest("damage", self.line[:at] + b"!" + self.line[at + 1 : -1])

    def test_unsynced(self):
        room = -len(self.before) % 512
        for rest in (b"\0", b"\0\n", b"\0" * 4095, b"7|x\0\0", b"7|x" + bytes(room - 3) + b"more|of|it\n"):
            self.assert_rest("unsynced", rest)
        for rest in (
            b"\0" * 4096, b"x\0", b"\0x", b"\0\nx", bytes(room) + self.line, bytes(room) + self.line[:-1],
            bytes(room) + b"\n" + self.line, b"7|x" + bytes(room) + b"more",
        ):
            self.assert_rest("damage", rest)

    def test_a_bit_that_makes_a_nul(self):
        place = self.line.index(b" ")
        self.assert_rest("damage", self.line[:place] + b"\0" + self.line[place + 1 :])


class Vectors(unittest.TestCase):
    """The stores in tests/unit, which toktab-store(5) shows."""

    folder = os.path.join(os.path.dirname(oracle.__file__), "..", "unit")
    tokens = {
        "ExampleToken": "acme_ExampleTokenNeverUseThisSecretItIsPrintedInTheManual12009B2EU",
        "SecondSample": "acme_SecondSampleAnotherSecretThatIsKnownToEveryReader45678929SVNN",
        "ThirdExample": "acme_ThirdExampleThisOneExpiredAndWasDroppedByTheCompaction30kYUie",
        "FourthSample": "acme_FourthSampleThisOneWasCreatedAfterTheCompactionAndLives4GCQOw",
    }
    admin = ("alice", 1000, 1000)

    def bytes(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def states(self, store):
        """Of each token, at the time of mending."""
        for id, (_, record, _) in store.tokens.items():
            self.assertEqual(record.hash, token_hash(self.tokens[id]))
        return {id: record.state(1774224000) for id, (_, record, _) in store.tokens.items()}

    def compacted(self):
        writer = Writer.on(Store(self.bytes("vector.tokens")))
        writer.compact(1772496000, cutoff=1769904000)
        return writer

    def test_plain(self):
        store = Store(self.bytes("vector.tokens"))
        self.assertEqual(store.head(), "1:4:0040640696ade1b8114a1b76c8dd15f9")
        self.assertEqual(self.states(store),
            {"ExampleToken": "revoked", "SecondSample": "active", "ThirdExample": "expired"})
        first = store.record("ExampleToken")
        self.assertEqual((first.label, first.reason), ("build|100% für CI", "laptop lost"))
        self.assertEqual(store.record("SecondSample").ext, (("note", "made by hand"),))
        writer = Writer("example.com", STOREID)
        for _, record, _ in store.log:
            writer.append(record)
        self.assertEqual(writer.data(), self.bytes("vector.tokens"))

    def test_compacted(self):
        writer = self.compacted()
        self.assertEqual(writer.data(), self.bytes("vector-compacted.tokens"))
        self.assertEqual(writer.head(), "1:5:09d926e2b18abbe773a3fda8ef74132b")
        self.assertEqual(self.states(Store(writer.data())), {"ExampleToken": "revoked", "SecondSample": "active"})

    def test_mended(self):
        writer = self.compacted()
        second, fourth = self.tokens["SecondSample"], self.tokens["FourthSample"]
        writer.update(second, label="cron at night", time=1773100800, by=self.admin)
        writer.create(fourth, "monitoring", 1773187200, by=self.admin, scopes=("read",))
        self.assertEqual(writer.head(), "1:7:b61f38aec8ff210e106cd8d7a038b520")
        done = mend([writer.data().replace(writer.log[1], b"")], "example.com", 1774224000123456, 1774224000,
            reason="mended: a change of this token was lost")
        self.assertEqual((done.ended, done.lost), (["SecondSample"], 0))
        self.assertEqual(done.writer.data(), self.bytes("vector-mended.tokens"))
        self.assertEqual(done.writer.head(), "1774224000123456:9:9112d065a595bc1059fda19b1f162b11")
        self.assertEqual(self.states(Store(done.writer.data())),
            {"ExampleToken": "revoked", "SecondSample": "revoked", "FourthSample": "active"})

    def test_are_described(self):
        text = self.bytes("vectors.txt").decode()
        for known in (*self.tokens.values(), *(Store(self.bytes("vector%s.tokens" % name)).head()
                for name in ("", "-compacted", "-mended"))):
            self.assertIn(known, text)


class Generator(unittest.TestCase):
    def test_is_sound_and_deterministic(self):
        lines = list(oracle.generate(300, "example.com", seed=5))
        self.assertEqual(lines, list(oracle.generate(300, "example.com", seed=5)))
        self.assertNotEqual(lines, list(oracle.generate(300, "example.com", seed=6)))
        store = Store(b"".join(line for line, _ in lines))
        self.assertEqual(store.n, 300)
        for _, token in lines[1:]:
            text = token.decode().rstrip("\n")
            self.assertEqual(store.record(parse_token(text)[1]).hash, token_hash(text))

    def test_commands(self):
        with tempfile.TemporaryDirectory() as folder:
            store, tokens = os.path.join(folder, "store"), os.path.join(folder, "tokens")
            command = [sys.executable, oracle.__file__]
            make = ["generate", "--tokens", "20", "--domain", "example.com", "--out", store, "--tokens-out", tokens]
            subprocess.run(command + make, check=True)
            with open(tokens) as file:
                self.assertEqual(len({parse_token(line.rstrip("\n")) for line in file}), 20)
            done = subprocess.run(command + ["read", store], check=True, capture_output=True, text=True)
            self.assertEqual(done.stdout.splitlines()[-1], oracle.read_store(store).head())
            with open(store, "r+b") as file:
                file.seek(1000)
                file.write(b"!")
            self.assertEqual(subprocess.run(command + ["read", store], capture_output=True).returncode, 1)

    def test_prints_state(self):
        writer, _ = small_store()
        file = io.StringIO()
        oracle.print_state(Store(writer.data()), file)
        self.assertTrue(file.getvalue().endswith(writer.head() + "\n"))


if __name__ == "__main__":
    unittest.main()
