"""Hostile stores: each line is chained as it should be, but says what the format does not allow."""

import unittest

from harness import SiteTest
from oracle import Fault, Store, Writer
from oracle_format import DIGEST_OF_NOTHING, NO_ID, Record, chain_start, make_token, token_hash, token_id

NOW = 1700000000


def columns_of(token, **changed):
    """The texts of a good create line's columns, with some replaced as they stand."""
    record = Record(token_id(token), "C", token_hash(token), 2, NOW, time=NOW, label="x")
    columns = dict(zip(Record._fields, record.columns()))
    assert changed.keys() <= columns.keys()
    return list({**columns, **changed}.values())


BAD_COLUMNS = [
    {"id": "A" * 11}, {"id": "A" * 13}, {"id": "A" * 11 + "-"}, {"id": NO_ID}, {"id": ""}, {"op": "X"},
    {"op": ""}, {"op": "c"}, {"op": "CC"}, {"op": "R"},
    {"hash": "0" * 63}, {"hash": "A" * 64}, {"hash": "g" * 64}, {"hash": ""}, {"serial": "02"}, {"serial": ""},
    {"serial": "-2"}, {"serial": "two"},
    {"serial": "99999999999999999999999"}, {"created": "x"}, {"created": ""}, {"created": "-"},
    {"created": "99999999999999999999999"},
    {"expires": ""}, {"expires": "never"}, {"expires": "-1"}, {"expires": "4102444800x"},
    {"expires": "99999999999999999999999"},
    {"expires": " 4102444800"}, {"expires": "0x7fffffff"}, {"expires": "04102444800"}, {"revoked": ""},
    {"revoked": "no"}, {"time": "-"},
    {"time": ""}, {"by": ""}, {"by": "root"}, {"by": "root/0"}, {"by": "root/zero/-"}, {"by": "root/0/-/1"},
    {"scopes": "a b"}, {"scopes": "a,,b"},
    {"nets": "10.0.0.0/33"}, {"nets": "nonsense"}, {"nets": "10.0.0.0/8,"}, {"label": "%zz"}, {"label": "%7c"},
    {"label": "%"}, {"label": "a\tb"},
    {"user": "%"}, {"reason": "%0"}, {"prev": "short"}, {"ext": "9bad"}, {"ext": "aB=1"}, {"ext": "=x"},
    {"ext": "é=1"}, {"ext": " "},
]


# A verdict and its record need none of these, so a reader may leave them to check.
NOT_FOR_A_VERDICT = {"created", "time", "by", "reason", "prev"}


class Hostile(SiteTest):
    def setUp(self):
        super().setUp()
        self.good, self.bad = self.site.guard(make_token()), self.site.guard(make_token())
        self.writer = Writer("example.com")
        self.writer.create(self.good, "good")

    def put(self):
        self.site.put(self.writer)
        self.assertRaises(Fault, Store, self.writer.data())

    def assert_never_allowed(self, token):
        self.assertIn(self.verdict(token)[0], ("deny", "error"))

    def assert_no_crash(self):
        for args in (["list"], ["list", "--json"], ["show", "1"], ["show", token_id(self.bad)]):
            self.assertIn(self.run_tool(*args).code, (0, 65, 66), args)

    def test_bad_columns(self):
        for changed in BAD_COLUMNS:
            with self.subTest(**changed):
                self.writer = Writer("example.com")
                self.writer.create(self.good, "good")
                self.writer.append_raw(columns_of(self.bad, **changed))
                self.put()
                self.expect(1, "check")
                if not changed.keys() <= NOT_FOR_A_VERDICT:
                    self.assert_never_allowed(self.bad)

    def test_wrong_counts_of_columns(self):
        for columns in (columns_of(self.bad)[:-1], columns_of(self.bad) + [""], [], [""], ["A" * 12]):
            self.writer = Writer("example.com")
            self.writer.append_raw(columns)
            self.put()
            self.expect(1, "check")
            self.assert_never_allowed(self.bad)
            self.assert_no_crash()

    def test_bad_numbers_of_lines(self):
        line = "|".join(columns_of(self.bad)) + "|"
        for number in ("1", "3", "02", "", "x", "-2", "+2", "2 ", "99999999999999999999999999"):
            self.writer = Writer("example.com")
            self.writer.create(self.good)
            self.writer.append_raw(("%s|%s" % (number, line)).encode())
            self.put()
            self.expect(1, "check")
            self.expect(65, "list")
            self.assert_never_allowed(self.bad)
            self.refused(65, "create", "-l", "x")

    def test_bytes_that_are_no_text(self):
        for bad in (b"\xff", b"\0", b"\r", b"\x7f", b"\x1b", b"\xed\xa0\x80", b"\xc0\xaf"):
            with self.subTest(bad=bad):
                self.writer = Writer("example.com")
                body = "2|" + "|".join(columns_of(self.bad, label="@@")) + "|"
                self.writer.create(self.good)
                self.writer.append_raw(body.encode().replace(b"@@", bad))
                self.put()
                self.expect(1, "check")
                self.assert_never_allowed(self.bad)
                self.assert_no_crash()

    def test_line_lengths(self):
        def writer_with(length):
            line = Writer("example.com").append_raw(columns_of(self.bad, serial="1", scopes="x"))
            writer = Writer("example.com")
            line = writer.append_raw(columns_of(self.bad, serial="1", scopes="x" * (length - len(line) + 1)))
            self.assertEqual(len(line), length)
            return writer

        self.site.put(writer_with(4096))
        self.ok("check")
        self.assertEqual(self.verdict(self.bad)[0], "allow")
        for length in (4097, 5000, 100000):
            self.writer = writer_with(length)
            self.put()
            self.expect(1, "check")
            self.expect(65, "list")
            self.assert_never_allowed(self.bad)

    def test_a_create_line_with_another_serial(self):
        self.writer.append_raw(columns_of(self.bad, serial="1"))
        self.put()
        self.expect(1, "check")

    def test_an_update_that_changes_the_hash(self):
        """Somebody who can append must not give a known id another secret unnoticed."""
        forged = self.site.guard(make_token(id=token_id(self.good)))
        self.writer.update(self.good, hash=token_hash(forged))
        self.put()
        self.expect(1, "check")

    def assert_check_says(self, complaint):
        self.site.put(self.writer)
        self.assertIn(complaint, self.expect(1, "check").err)

    def test_an_id_that_is_created_twice(self):
        self.writer.append_raw(self.writer.tokens[token_id(self.good)][1]._replace(serial=2).columns())
        self.assert_check_says("line 3: creates an id that already exists")

    def test_a_change_of_a_token_that_was_never_created(self):
        self.writer.create(self.bad, op="U")
        self.assert_check_says("line 3: changes a token that was never created")

    def test_another_prior(self):
        self.writer.prior = 7
        self.writer.create(self.bad)
        self.assert_check_says("line 3: bad column prior")

    def test_two_tokens_of_one_serial(self):
        """In a snapshot, where a serial is no longer the number of a line."""
        self.writer.create(self.bad, op="U", serial=1)
        self.writer.compact()
        self.assert_check_says("two tokens have the serial 1")

    # Headers

    def assert_bad_header(self, data, writers_look=True):
        self.site.put(data)
        self.assertRaises(Fault, Store, data)
        with self.subTest(header=data.split(b"\n")[0]):
            self.expect(1, "check")
            self.expect(65, "list")
            self.assertEqual(self.verdict(self.good)[0], "error")
            if writers_look:
                self.refused(65, "create", "-l", "x")

    def test_headers(self):
        good, log = self.writer.header, b"".join(self.writer.log)
        text = good.text().decode()
        unpadded = text.replace("0" * 19 + "1|", "1|")
        for header in (
            good._replace(lines=1),
            good._replace(bytes=1),
            good._replace(base=1),
            good._replace(epoch=2),
            good._replace(digest="0" * 64),
            good._replace(basechain="0" * 32),
            good._replace(storeid="0" * 31),
            good._replace(storeid=good.storeid.replace(good.storeid[0], "A")),
            good._replace(domain="Example.com"),
            good._replace(domain=""),
        ):
            self.assert_bad_header(header.text() + log, writers_look=False)
        for line in (unpadded, text.replace("toktab1", "toktab2"), text[:-2] + "\n", text[:-1] + "|\n",
                "|" + text, "x" * 5000 + "\n"):
            self.assert_bad_header(line.encode() + log)

    def test_another_version_says_so(self):
        data = self.writer.data().replace(b"toktab1|", b"toktab2|", 1)
        self.site.put(data)
        self.refused(65, "list", says=self.site.path())

    # Snapshots

    def compacted(self):
        self.writer.create(self.bad, "bad")
        self.writer.revoke(self.bad)
        self.writer.compact(cutoff=NOW - 5)
        self.assertTrue(Store(self.writer.data()))
        return self.writer

    def assert_bad_snapshot(self, header, snapshot, log):
        data = header.text() + b"".join(snapshot) + b"".join(log)
        self.assertRaises(Fault, Store, data)
        self.site.put(data)
        with self.subTest(header=header, lines=len(snapshot)):
            self.expect(1, "check")
            self.expect(65, "list")
            self.assertEqual(self.verdict(self.good)[0], "error")

    def test_snapshots(self):
        writer = self.compacted()
        header, snapshot, log = writer.header, writer.snapshot, writer.log
        flipped = [snapshot[0][:50] + b"x" + snapshot[0][51:], snapshot[1]]
        size = len(snapshot[0])
        for args in (
            (header, flipped, log),
            (header, snapshot[::-1], log),
            (header, snapshot[:1], log),
            (header._replace(lines=1, bytes=size), snapshot[:1], log),
            (header._replace(lines=3), snapshot, log),
            (header._replace(bytes=header.bytes - 1), snapshot, log),
            (header._replace(bytes=2**63), snapshot, log),
            (header._replace(bytes=10**20 - 1), snapshot, log),
            (header._replace(base=header.base + 1), snapshot, log),
            (header._replace(cutoff=None), snapshot, log),
            (header._replace(cutoff=NOW), snapshot, log),
            (header._replace(digest=DIGEST_OF_NOTHING), snapshot, log),
            (header, snapshot, []),
            (header._replace(basechain=chain_start(header.storeid, 1)), snapshot, log),
        ):
            self.assert_bad_snapshot(*args)

    def test_a_first_line_that_is_no_point(self):
        writer = self.compacted()
        replaced = Writer("example.com", writer.header.storeid)
        replaced.header, replaced.n, replaced.chain = writer.header, writer.header.base, writer.header.basechain
        replaced.snapshot = writer.snapshot
        token = self.site.guard(make_token())
        replaced.create(token)
        self.assert_bad_snapshot(replaced.header, replaced.snapshot, replaced.log)


class End(SiteTest):
    """What no writer left after the last line may have been a revocation: nobody writes, and new readers admit nobody."""

    def test_nobody_writes(self):
        token = self.create("good")
        self.create("other")
        data = self.site.bytes()
        for damaged in (data + b"x", data[:-40] + b"!" + data[-39:], data[:-2] + b"!x", data + b"\n"):
            with self.subTest(end=damaged[-50:]):
                self.site.put(damaged)
                for args in (("create", "-l", "x"), ("revoke", "-y", "1"), ("update", "1", "-l", "x"), ("rotate", "1"),
                        ("compact",)):
                    self.refused(65, *args, says=self.site.path())
                    self.assertEqual(self.site.bytes(), damaged)
                self.refused(65, "list", says=self.site.path())
                self.assertEqual(self.verdict(token), ("error", "store"))

    def test_mended_it_goes_on(self):
        token = self.create("good")
        self.site.put(self.site.bytes() + b"x")
        self.assertIn("toktab: %s: its end is damaged" % self.site.path(), self.ok("mend", "-y").err)
        self.assertEqual(self.verdict(token), ("deny", "revoked"))
        self.assertEqual(self.verdict(self.create("next"))[0], "allow")


class Middle(SiteTest):
    """Whoever makes a token proves a store of up to 10,000 lines first: no host admits it from a damaged one. In a larger
    store they look at the header and the end; update and rotate look back to the line that created the token."""

    def put(self, count):
        """A store of that many lines with a flipped bit in the middle."""
        tokens, writer = [self.site.guard(make_token()) for _ in range(8)], Writer("example.com")
        for token in tokens:
            writer.create(token)
        for number in range(count - len(tokens)):
            writer.update(tokens[number % len(tokens)], label="label %d" % number)
        data = bytearray(writer.data())
        data[len(data) // 2] ^= 4
        self.site.put(bytes(data))
        return tokens, bytes(data)

    def test_flipped_bit(self):
        tokens, data = self.put(2000)
        self.refused(65, "list", says=self.site.path())
        self.refused(65, "show", "1")
        self.assertEqual(self.verdict(tokens[0])[0], "error")
        self.assertEqual(self.run_tool("verify", stdin=tokens[0]).code, 65)
        self.expect(1, "check")
        self.assertEqual(self.site.bytes(), data)
        self.ok("revoke", "-y", token_id(tokens[3]))  # for running hosts, which have read what is damaged now
        self.assertEqual(self.site.bytes()[: len(data)], data)
        self.assertEqual(self.json("mend", "-y")["lost"], 0)
        self.assertEqual(self.verdict(tokens[3]), ("deny", "revoked"))
        self.assertEqual(self.verdict(tokens[4])[0], "allow")

    def test_no_token_that_no_host_admits(self):
        for count in (20, 10000):
            tokens, data = self.put(count)
            for args in (("create", "-l", "x"), ("rotate", token_id(tokens[1])), ("rotate", "1", "--grace", "0s")):
                with self.subTest(lines=count, args=args):
                    self.refused(65, *args, says=(self.site.path(), "line ", "toktab mend"))
                    self.assertEqual(self.site.bytes(), data)
            self.ok("mend", "-y")
            self.assertEqual(self.verdict(self.create("after"))[0], "allow")

    def test_a_larger_store_is_not_proved(self):
        _, data = self.put(10001)
        self.create("unproved")
        self.assertEqual(self.site.bytes()[: len(data)], data)

    def test_a_successor_is_rotated(self):
        """rotate looks back to the line that created its predecessor, whose rotation may have been killed halfway."""
        for _ in range(2):
            self.create()
        self.ok("rotate", "1")
        lines = self.site.bytes().splitlines(keepends=True)
        lines[2] = lines[2][:20] + bytes([lines[2][20] ^ 4]) + lines[2][21:]
        self.site.put(b"".join(lines))
        self.refused(65, "rotate", "3", says="since the token or its predecessor was created")
        self.refused(65, "rotate", "2", says="damaged")
        self.ok("update", "3", "-l", "other")

    def test_no_change_hides_a_revocation(self):
        """A change behind a revocation that is damaged, or that a stale block hides, would have mending take the token for
        a good one."""
        (dead, other), writer = [self.site.guard(make_token()) for _ in range(2)], Writer("example.com")
        start = len(writer.data())
        writer.create(dead)
        created = writer.data()[start:]
        writer.create(other)
        revoked = len(writer.data())
        writer.revoke(dead)
        behind = len(writer.data())
        for number in range(10000):
            writer.update(other, label="label %d" % number)
        data = writer.data()
        flipped = data[: revoked + 20] + bytes([data[revoked + 20] ^ 4]) + data[revoked + 21 :]
        for damaged in (flipped, data[:behind] + created + data[behind:], data[:revoked] + data[behind:]):
            self.site.put(damaged)
            for reference in ("1", token_id(dead), token_id(dead)[:11]):
                for args in (("update", reference, "-l", "x"), ("rotate", reference), ("rotate", "--grace", "0s", reference)):
                    with self.subTest(args=args):
                        self.refused(65, *args, says=(self.site.path(), "toktab mend"))
            self.assertEqual(self.site.bytes(), damaged)
            self.ok("mend", "-y")
            self.assertEqual(self.verdict(dead), ("deny", "revoked"))

    def test_damage_before_the_token_was_created(self):
        """stops no change of it, in a store that is too large to prove."""
        writer, old, new = Writer("example.com"), self.site.guard(make_token()), self.site.guard(make_token())
        writer.create(old)
        for number in range(10000):
            writer.update(old, label="label %d" % number)
        writer.create(new)
        data = bytearray(writer.data())
        data[len(data) // 2] ^= 4
        self.site.put(bytes(data))
        self.ok("update", token_id(new), "-l", "changed")
        self.refused(65, "update", token_id(old), "-l", "x")
        self.ok("rotate", token_id(new))

    def test_a_snapshot_counts(self):
        self.put(20)
        self.ok("mend", "-y")
        data = bytearray(self.site.bytes())
        header = self.site.read().header
        data[len(header.text()) + header.bytes // 2] ^= 4
        self.site.put(bytes(data))
        self.refused(65, "create", "-l", "x", says="toktab mend")
        self.refused(65, "update", "5", "-l", "x", says="toktab mend")


if __name__ == "__main__":
    unittest.main()
