"""toktab check: HEAD, --expect, and the faults that it finds and names."""

import os
import re
import unittest

from harness import SiteTest
from oracle import Writer
from oracle_format import make_token

NOW = 1700000000


class Check(SiteTest):
    def tokens(self, count):
        return [self.site.guard(make_token()) for _ in range(count)]

    def expectation(self, head):
        result = self.run_tool("check", "--expect", head)
        return result.code

    def small_store(self, compact=False):
        writer = Writer("example.com")
        tokens = self.tokens(5)
        for token in tokens:
            writer.create(token, "label | %")
        writer.update(tokens[1], label="changed")
        writer.revoke(tokens[2])
        if compact:
            writer.compact()
            writer.create(*self.tokens(1))
            writer.revoke(tokens[3])
        self.site.put(writer)
        return writer

    def test_head_is_the_oracles(self):
        for label in ("one", "two", "three"):
            self.create(label)
            self.assertIn(self.site.read().head(), self.ok("check").out.split())
        self.ok("revoke", "-y", "2")
        answer = self.json("check")
        self.assertEqual(set(answer), {"head", "lines", "tokens", "faults"})
        self.assertEqual((answer["head"], answer["tokens"], answer["faults"]), (self.site.read().head(), 3, []))
        self.assertEqual(answer["lines"], 4)

    def test_expect_yes(self):
        heads = []
        for _ in range(3):
            self.create()
            heads.append(self.site.read().head())
        self.assertEqual([self.expectation(head) for head in heads], [0, 0, 0])
        self.assertIn("the log contains this HEAD", self.ok("check", "--expect", heads[0]).err)

    def test_expect_no(self):
        writer = self.small_store()
        epoch, n, chain = writer.head().split(":")
        other = ("0" if chain[0] != "0" else "1") + chain[1:]
        self.assertEqual(self.expectation("%s:%s:%s" % (epoch, n, other)), 1)
        self.assertEqual(self.expectation("1:3:%s" % other), 1)
        self.assertEqual(self.expectation("1:%d:%s" % (writer.n + 1, chain)), 1)
        self.assertEqual(self.expectation("1:%d:%s" % (writer.n - 1, chain)), 1)

    def test_expect_cannot_tell(self):
        writer = Writer("example.com")
        heads = []
        for token in self.tokens(3):
            writer.create(token)
            heads.append(writer.head())
        writer.compact()
        heads.append(writer.head())
        self.site.put(writer)
        self.assertEqual([self.expectation(head) for head in heads], [69, 69, 0, 0])
        epoch, n, chain = heads[2].split(":")
        self.assertEqual(self.expectation("1:3:" + heads[1].split(":")[2]), 1)
        writer.mend()
        self.site.put(writer)
        self.assertEqual([self.expectation(head) for head in heads], [69] * 4)
        self.assertEqual(self.expectation(writer.head()), 0)

    def test_expect_a_later_epoch(self):
        writer = self.small_store()
        self.assertEqual(self.expectation("2" + writer.head()[1:]), 1)

    def test_expect_nonsense(self):
        head = self.small_store().head()
        for bad in ("", "1", "1:2", "x:1:" + "0" * 32, "1:1:" + "A" * 32, head + "0", head[:-1], "0" + head, " " + head):
            self.refused(2, "check", "--expect", bad)

    def test_expect_of_a_damaged_store(self):
        writer = self.small_store()
        data = bytearray(writer.data())
        data[len(writer.header.text()) + 30] ^= 1
        self.site.put(bytes(data))
        self.assertEqual(self.expectation(writer.head()), 1)

    def test_an_empty_store(self):
        writer = Writer("example.com")
        self.site.put(writer)
        answer = self.json("check")
        self.assertEqual((answer["head"], answer["lines"], answer["tokens"]), (writer.head(), 0, 0))

    def assert_fault(self, data, *lines):
        """check finds damage, and names one of these lines: by their place in the log, or in the file, one more."""
        self.site.put(data)
        result = self.expect(1, "check")
        said = result.out + result.err
        if lines:
            numbers = set(map(int, re.findall(r"\b\d+\b", said)))
            allowed = {number for line in lines for number in (line, line + 1)}
            self.assertTrue(numbers & allowed, "none of lines %s is named: %s" % (lines, result))
        return result

    def test_flipped_bytes(self):
        """But for the byte that ends the last line, which counts all the same."""
        for compact in (False, True):
            writer = self.small_store(compact)
            data = writer.data()
            starts, start = [], len(writer.header.text()) + writer.header.bytes
            for line in writer.log:
                starts.append(start)
                start += len(line)
            places = set(range(0, len(data) - 1, 23))
            for start in [0, len(writer.header.text()), *starts]:
                places |= {start, start + 1, start + 2, start - 1, start - 2} & set(range(len(data) - 1))
            for place in sorted(places):
                flipped = bytearray(data)
                flipped[place] ^= 1 << place % 8
                index = sum(1 for start in starts if start <= place)
                n = writer.header.base + index
                lines = (n, data.count(b"\n", 0, place)) if index else ()
                with self.subTest(compact=compact, place=place):
                    self.assert_fault(bytes(flipped), *lines)

    def test_damage_in_json(self):
        writer = self.small_store()
        data = bytearray(writer.data())
        data[len(writer.header.text()) + 30] ^= 1
        self.site.put(bytes(data))
        self.assertTrue(self.json("check", code=1)["faults"])

    def test_lost_moved_and_foreign_lines(self):
        writer = self.small_store()
        header, log = writer.header.text(), writer.log
        other = Writer("example.com", writer.header.storeid)
        other.create(*self.tokens(1))
        for lines, named in (
            (log[1:], (1, 2)),
            (log[:2] + log[3:], (3, 4)),
            ([log[1], log[0]] + log[2:], (1, 2)),
            (log + log[-1:], (len(log), len(log) + 1)),
            (log[:3] + log[2:], (3, 4)),
            (log[:3] + other.log + log[3:], (1, 4, 5)),
            (log[:3] + [b"\n"] + log[3:], (4, 5)),
            (log[:3] + [b"hello\n"] + log[3:], (4, 5)),
            (log[:3] + [b"\0" * 100 + b"\n"] + log[3:], (4, 5)),
        ):
            self.assert_fault(header + b"".join(lines), *named)
        self.assert_fault(Writer("example.com").header.text() + b"".join(log), 1)

    def test_lost_at_the_end_is_found_by_expect(self):
        writer = self.small_store()
        self.site.put(writer.data()[: -len(writer.log[-1])])
        self.ok("check")
        self.assertEqual(self.expectation(writer.head()), 1)

    def test_a_last_line_without_its_newline_counts(self):
        writer = self.small_store()
        for data in (writer.data()[:-1], writer.data()[:-1] + b"J"):
            self.site.put(data)
            self.assertEqual(self.expectation(writer.head()), 0)
            self.assertIn("lacks its newline", self.ok("check").err)
            self.ok("create", "-l", "x", may_show_token=True)
            self.assertEqual(self.site.bytes()[: len(writer.data())], writer.data())
            self.assertNotIn("newline", self.ok("check").err)

    def test_what_a_writer_left_is_no_fault(self):
        """A kill or a power cut: the next change cuts it off, and check says which of them it was."""
        writer = self.small_store()
        head, data = writer.head(), writer.data()
        for rest, says in (
            (b"8", "1 byte of an unfinished line"),
            (b"8|abc", "5 bytes of an unfinished line"),
            (b"8|" + b"x" * 4093, "4095 bytes of an unfinished line"),
            (b"\0" * 50, "50 bytes left by a power cut"),
            (b"8|abc\0\0\n", "8 bytes left by a power cut"),
            (b"\0" * 4095, "4095 bytes left by a power cut"),
        ):
            with self.subTest(rest=rest[:10]):
                self.site.put(data + rest)
                answer = self.json("check")
                self.assertEqual((answer["head"], answer["faults"]), (head, []))
                self.assertEqual(self.expectation(head), 0)
                said = self.ok("check").err
                self.assertIn(says + ", which the next change removes", said)
                self.assertIn("sound: ", said)
                self.assertEqual(self.site.bytes(), data + rest)
        self.create("x")
        said = self.ok("check").err
        self.assertNotIn("unfinished", said)
        self.assertNotIn("power cut", said)

    def test_what_no_writer_left_is_damage(self):
        writer = self.small_store()
        for rest in (b"x", b"7|", b"9|", b"\n", b"8|a\tb", b"8|a\n", b"x\0", b"8|a\0b", b"8|" + b"x" * 4094, b"\0" * 4096,
                writer.log[-1][:-1], writer.log[0]):
            with self.subTest(rest=rest[:10]):
                said = self.assert_fault(writer.data() + rest, writer.n + 1).err
                self.assertIn("toktab mend", said)
                self.assertNotIn("next change", said)
                self.assertEqual(self.site.bytes(), writer.data() + rest)

    def test_suggests_mend_for_damage_alone(self):
        writer = self.small_store()
        self.site.put(writer)
        self.assertNotIn("mend", self.ok("check").err)
        self.site.put(writer.data()[:-1])
        self.assertNotIn("mend", self.ok("check").err)
        said = self.assert_fault(writer.data()[:-40] + b"!" + writer.data()[-39:]).err
        self.assertIn("run `toktab mend`, with a backup", said)
        self.assertNotIn("restore", said)

    def test_one_is_not_several(self):
        self.create()
        self.assertIn("sound: 1 line, 1 token;", self.ok("check").err)
        self.create()
        self.assertIn("sound: 2 lines, 2 tokens;", self.ok("check").err)

    def test_garbage_instead_of_a_store(self):
        for data in (b"", b"\n", b"toktab1", b"toktab1|\n", b"\0" * 4096, b"x" * 100000, b"\n" * 5000,
                bytes(range(256)) * 100):
            self.site.put(data)
            self.expect(1, "check")

    def test_permissions(self):
        self.create()
        for mode in (0o660, 0o642, 0o644):
            os.chmod(self.site.path(), mode)
            self.refused((1, 77), "check")
        os.chmod(self.site.path(), 0o640)
        os.chmod(self.site.store_dir, 0o770)
        self.refused((1, 77), "check")
        os.chmod(self.site.store_dir, 0o750)
        self.ok("check")


if __name__ == "__main__":
    unittest.main()
