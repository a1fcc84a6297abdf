"""Stores by the oracle are read right by the tool, and the other way round."""

import os
import random
import time
import unittest

import damage
from harness import SiteTest
from oracle import Fault, Store, Writer, generate
from oracle_format import body_of, make_token, parse_line, token_hash, token_id

NOW = int(time.time())
CASES = int(os.environ.get("MEND_CASES", 30)) // 2
SCRIPTS = ("plain", "a|b %7C", "Müller", "本番", "🦊", 'q"uote', "sp  ace", "back\\slash")


def rfc3339(seconds):
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Interchange(SiteTest):
    def assert_read_right(self, writer):
        """list and check say of the store what the oracle says of it."""
        self.site.put(writer)
        store = Store(writer.data())
        expected = sorted(store.tokens.values(), key=lambda entry: entry[1].serial)
        listed = self.json("list", "--all")
        self.assertEqual(len(listed), len(expected))
        for token, (_, record, _) in zip(listed, expected):
            for key, value in (
                ("id", record.id), ("serial", record.serial), ("label", record.label), ("state", record.state(NOW)),
                ("scopes", list(record.scopes)), ("from", list(record.nets)), ("domain", "example.com"),
            ):
                self.assertEqual(token[key], value, (key, token))
            for key in ("reason", "user", "prev"):
                self.assertEqual(token[key] or "", getattr(record, key), (key, token))
            for key in ("created", "expires", "revoked"):
                said = token[key] and token[key].replace("+00:00", "Z")
                self.assertEqual(said, rfc3339(getattr(record, key)), (key, token))
        answer = self.json("check")
        self.assertEqual((answer["head"], answer["tokens"]), (writer.head(), len(expected)))
        return listed

    def random_store(self, seed, count):
        """A log of count tokens with every kind of column, and changes among them."""
        rng = random.Random(seed)
        writer, tokens = Writer("example.com"), []
        for number in range(count):
            token = self.site.guard(make_token(rng.choice(("tok", "acme", "z9")), rng=rng))
            tokens.append(token)
            writer.create(
                token, rng.choice(SCRIPTS) + " %d" % number, time=NOW - 10000 + number,
                expires=rng.choice((None, NOW - 50, NOW + 500000)), user=rng.choice(("", "bob", "b|b")),
                scopes=rng.choice(((), ("read",), ("read", "a:b%"))),
                by=rng.choice((("root", 0, None), ("a/b", 1000, 1000))),
                nets=rng.choice(((), ("10.0.0.0/8",), ("192.0.2.7/32", "2001:db8::/32"))),
                prev=rng.choice(("", token_id(tokens[0]))), ext=rng.choice(((), (("note", "x y"), ("flag", None)))),
            )
            choice, other = rng.random(), rng.choice(tokens)
            if choice < 0.15:
                writer.revoke(other, time=NOW - 10000 + number, reason=rng.choice(("", "left | gone")))
            elif choice < 0.3:
                writer.update(other, label="changed %d" % number, time=NOW - 10000 + number)
            elif choice < 0.35:
                writer.update(other, revoked=None, label="back?")
        return writer, tokens

    def state(self, writer, token):
        return writer.tokens[token_id(token)][1].state(NOW)

    def test_a_thousand_tokens(self):
        writer, tokens = self.random_store(1, 1000)
        self.assert_read_right(writer)
        writer.compact(NOW)
        self.assert_read_right(writer)

    def test_compacted_with_a_cutoff(self):
        writer, tokens = self.random_store(2, 60)
        count = len(writer.tokens)
        writer.compact(NOW, cutoff=NOW)
        self.assertLess(len(writer.tokens), count)
        self.assert_read_right(writer)
        dropped = next(token for token in tokens if token_id(token) not in writer.tokens)
        self.assertEqual(self.verdict(dropped), ("deny", "unknown"))
        writer.create(self.site.guard(make_token()), time=NOW)
        writer.compact(NOW, cutoff=NOW)
        self.assert_read_right(writer)

    def test_mended(self):
        writer, _ = self.random_store(3, 30)
        writer.mend(NOW)
        self.assert_read_right(writer)

    def test_points_in_the_middle_of_a_log(self):
        """A host that follows another has its P lines without having compacted."""
        compacting, tokens = self.random_store(4, 20)
        following = Writer("example.com", compacting.header.storeid)
        for line in compacting.log:
            following.append_raw(body_of(line))
        compacting.compact(NOW)
        following.append_raw(body_of(compacting.log[0]))
        following.tokens = dict(compacting.tokens)
        following.create(self.site.guard(make_token()), "later", time=NOW)
        self.assert_read_right(following)

    def test_large_numbers(self):
        for base in (2**31, 2**32 + 1, 10**10, 2**53 + 1):
            writer = Writer("example.com")
            writer.skip_to(base)
            tokens = [self.site.guard(make_token()) for _ in range(3)]
            for token in tokens:
                writer.create(token, "x")
            writer.compact(NOW)
            later = self.site.guard(make_token())
            writer.create(later, "later")
            self.assert_read_right(writer)
            self.assertEqual(self.json("show", token_id(later))["serial"], base + 5)
            self.assertEqual(self.verdict(later)[0], "allow")
            if base + 5 < 10**10:
                self.assertEqual(self.json("show", str(base + 5))["id"], token_id(later))

    def test_written_on_by_the_tool(self):
        """Create and revoke on top of what the oracle wrote, plain and compacted, small and with large numbers."""
        for compact, base in ((False, 0), (True, 0), (True, 2**32 + 1)):
            writer, tokens = self.random_store(5, 12)
            writer.skip_to(base or writer.n)
            token = self.site.guard(make_token())
            if base:
                writer = Writer("example.com")
                writer.skip_to(base)
            writer.create(token, "known", time=NOW)
            if compact:
                writer.compact(NOW)
            self.site.put(writer)
            before, n = self.site.bytes(), writer.n
            made = self.create("by the tool")
            self.ok("revoke", "-y", token_id(token), "-r", "why not")
            store = self.site.read()
            self.assertEqual(self.site.bytes()[: len(before)], before)
            self.assertEqual(store.n, n + 2)
            self.assertEqual(store.record(token_id(made)).serial, n + 1)
            self.assertIsNotNone(store.record(token_id(token)).revoked)
            self.assertEqual(self.json("check")["head"], store.head())
            lines = [parse_line(text) for _, _, text in store.log[-3:]]
            self.assertEqual([line.before for line in lines[1:]], [line.chain for line in lines[:-1]])
            self.assertEqual([line.prior for line in lines[1:]], [line.record.serial for line in lines[:-1]])

    def test_what_is_not_finished(self):
        """The tool goes on as the oracle does from what stands after the last LF."""
        writer, tokens = self.random_store(6, 12)
        whole = writer.data()
        living = next(token for token in tokens if self.state(writer, token) == "active")
        writer.revoke(living, time=NOW)
        line, n = writer.log[-1], writer.n
        for kind, rest in (
            ("line", line[:-1]), ("line", line[:-1] + b"x"), ("line", line[:-1] + b"\0"), ("torn", line[:-2]),
            ("torn", line[: len(line) // 2]), ("torn", b"%d" % n), ("unsynced", bytes(4095)),
            ("unsynced", line[:40] + bytes(-(len(whole) + 40) % 512) + line[40:]),
        ):
            with self.subTest(kind=kind, rest=rest[:50]):
                self.site.put(whole + rest)
                store = Store(whole + rest)
                self.assertEqual((store.rest, store.n), (kind, n - (kind != "line")))
                self.assertEqual(self.json("check")["head"], store.head())
                self.assertEqual(self.verdict(living) == ("deny", "revoked"), kind == "line")
                self.create()
                self.assertEqual(self.site.read().n, store.n + 1)
                sound = Writer.on(store).data()
                self.assertEqual(self.site.bytes()[: len(sound)], sound)

    def test_damage_at_the_end(self):
        writer, _ = self.random_store(7, 12)
        for rest in (b"x", writer.log[-1], writer.log[-1][:-1], writer.log[3][:-1], b"%d|a\n" % (writer.n + 1),
                b"\0x", bytes(4096)):
            with self.subTest(rest=rest[:50]):
                self.site.put(writer.data() + rest)
                self.assertRaises(Fault, self.site.read)
                self.expect(1, "check")
                self.refused(65, "create", "-l", "x", says="toktab mend")
                self.assertEqual(self.site.bytes(), writer.data() + rest)

    def test_check_agrees_on_damaged_stores(self):
        for kind in damage.KINDS:
            for number, case in enumerate(damage.cases(kind, CASES, "interchange")):
                with self.subTest(kind=kind, number=number):
                    self.site.put(case.files[0])
                    try:
                        head = Store(case.files[0]).head()
                    except Fault:
                        self.expect(1, "check")
                    else:
                        self.assertEqual(self.json("check")["head"], head)

    def test_compacts_to_the_same_bytes(self):
        writer, _ = self.random_store(8, 40)
        self.site.put(writer)
        self.ok("compact", "--drop-dead", "0s")
        point = self.site.read().log[0][1]
        writer.compact(point.time, point.expires, point.by)
        self.assertEqual(self.site.bytes(), writer.data())

    def test_revoke_keeps_what_it_does_not_know(self):
        token = self.site.guard(make_token())
        writer = Writer("example.com")
        writer.create(token, "x", ext=(("later", "some thing"), ("MFA", None)), prev="A" * 12, user="b|b",
            scopes=("a%b",), nets=("10.0.0.0/8",))
        self.site.put(writer)
        before = writer.tokens[token_id(token)][1]
        self.ok("revoke", "-y", "1")
        after = self.record(token)
        self.assertEqual(after, before._replace(op="R", revoked=after.revoked, time=after.time, by=after.by))

    def test_the_generator(self):
        lines = list(generate(5000, "example.com", seed=9))
        data = b"".join(line for line, _ in lines)
        self.site.put(data)
        self.assertEqual(self.json("check")["head"], Store(data).head())
        for _, token in lines[1::1250]:
            self.assertEqual(self.verdict(token.decode().strip())[0], "allow")

    def test_the_tools_store_is_read_by_the_oracle(self):
        tokens = [self.create(label, "-s", "read,write", "--from", "10.0.0.0/8,2001:db8::/32", "-u", "bob",
            "-e", "90d") for label in SCRIPTS]
        self.ok("revoke", "-y", "2", "4", "-r", "left | %")
        store = self.site.read()
        self.assertEqual([store.record(token_id(token)).hash for token in tokens], list(map(token_hash, tokens)))
        self.assertEqual([store.record(token_id(token)).label for token in tokens], list(SCRIPTS))
        states = [store.record(token_id(token)).state(NOW) for token in tokens]
        self.assertEqual([serial for serial, state in enumerate(states, 1) if state == "revoked"], [2, 4])
        self.assertEqual(self.json("check")["head"], store.head())


if __name__ == "__main__":
    unittest.main()
