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
    chain_start,
    escape,
    escape_ext,
    escape_list,
    make_token,
    parse_token,
    token_hash,
    unescape,
    unescape_ext,
    unescape_list,
)

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

    def test_torn_tail(self):
        writer, _ = small_store()
        data = writer.data()
        for cut in range(1, len(writer.log[-1])):
            store = Store(data[:-cut])
            self.assertEqual((store.n, len(store.torn)), (5, len(writer.log[-1]) - cut))

    def test_every_flipped_byte_is_found(self):
        for compact in (False, True):
            writer, tokens = small_store()
            if compact:
                writer.compact(NOW, cutoff=NOW)
                writer.create(make_token())
            data = writer.data()
            for place in range(len(data) - 1):
                flipped = bytearray(data)
                flipped[place] ^= 1 + place % 255
                self.assertRaises(Fault, Store, bytes(flipped))

    def test_lost_moved_and_foreign_lines_are_found(self):
        writer, _ = small_store()
        header, log = writer.header.text(), writer.log
        other, _ = small_store()
        for lines in (log[1:], log[:2] + log[3:], [log[1], log[0]] + log[2:], log + log[-1:], log[:3] + log[2:]):
            self.assertRaises(Fault, Store, header + b"".join(lines))
        self.assertRaises(Fault, Store, Writer("example.com").header.text() + b"".join(log))
        self.assertRaises(Fault, Store, b"")
        self.assertRaises(Fault, Store, header[:-1])

    def test_revoked_absorbs(self):
        writer, tokens = small_store()
        before = writer.tokens[parse_token(tokens[2])[1]]
        writer.update(tokens[2], revoked=None, label="back again")
        self.assertEqual(Store(writer.data()).tokens[before[1].id], before)
        writer.compact(NOW)
        self.assertIn(before[2], writer.snapshot)

    def test_compaction(self):
        writer, tokens = small_store()
        n, chain, lines = writer.n, writer.chain, sorted(writer.tokens.values(), key=lambda entry: entry[0])
        writer.compact(NOW + 9, cutoff=NOW + 50)
        self.assertEqual(writer.snapshot, [line for _, record, line in lines if record.op != "R"])
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
            self.assertEqual(len(oracle.snapshot(writer.tokens, cutoff)), kept, cutoff)

    def test_a_snapshot_wants_its_point(self):
        writer, _ = small_store()
        writer.compact(NOW)
        self.assertRaises(Fault, Store, writer.data()[: -len(writer.log[0])])

    def test_mending(self):
        writer, tokens = small_store()
        old_head, count = writer.head(), len(writer.tokens)
        writer.mend(NOW + 5)
        store = Store(writer.data())
        self.assertEqual((store.header.epoch, store.n, len(store.tokens)), (NOW + 5, 7, count))
        self.assertEqual(store.header.basechain, chain_start(STOREID, NOW + 5))
        self.assertEqual(store.log[0][1].ext, (("mended", old_head),))

    def test_a_follower_keeps_the_points(self):
        compacted, tokens = small_store()
        follower, _ = small_store()
        compacted.compact(NOW)
        follower.append_raw(compacted.log[0][: compacted.log[0].rindex(b"|") + 1])
        self.assertEqual(Store(follower.data()).head(), compacted.head())


class Manual(unittest.TestCase):
    """The samples in toktab-store(5)."""

    path = os.path.join(os.path.dirname(oracle.__file__), "..", "..", "conf", "toktab-store.5")
    tokens = (
        "acme_ExampleTokenNeverUseThisSecretItIsPrintedInTheManual12009B2EU",
        "acme_SecondSampleAnotherSecretThatIsKnownToEveryReader45678929SVNN",
    )

    def setUp(self):
        with open(self.path, encoding="utf-8") as file:
            self.text = file.read()

    def sample(self, name):
        """The bytes of a sample store, which the page wraps into lines that go on after four spaces."""
        text = self.text.split('.\\" begin %s\n' % name)[1].split('.\\" end %s\n' % name)[0]
        lines = [line for line in text.splitlines(keepends=True) if not line.startswith(".")]
        return "".join(lines).replace("\n    ", "").replace("\\-", "-").encode()

    def test_store(self):
        store = Store(self.sample("vector.tokens"))
        self.assertEqual(store.head(), "1:3:604b5d89fe36f526bf92dc4cddd58e69")
        for token in self.tokens:
            self.assertIn(token, self.text)
            self.assertEqual(store.record(parse_token(token)[1]).hash, token_hash(token))
        first = store.record("ExampleToken")
        self.assertEqual((first.label, first.reason, first.state(NOW)),
            ("build|100% für CI", "laptop lost", "revoked"))
        self.assertEqual(store.record("SecondSample").ext, (("note", "made by hand"),))

    def test_compacted(self):
        writer = Writer("example.com", STOREID)
        for _, record, _ in Store(self.sample("vector.tokens")).log:
            writer.append(record)
        self.assertEqual(writer.data(), self.sample("vector.tokens"))
        writer.compact(1772496000, cutoff=1769904000)
        self.assertEqual(writer.data(), self.sample("vector-compacted.tokens"))
        self.assertEqual(writer.head(), "1:4:0cd56bbb4f048af1231c469a5ced9b51")
        self.assertEqual(len(oracle.snapshot(writer.tokens, 1769904001)), 1)


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
