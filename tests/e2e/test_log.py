"""toktab log: what it prints of a store, for whoever follows it."""

import os
import select
import subprocess
import unittest

from fleet import FleetTest
from harness import NOBODY, killed_at_end, needs_root, wait_until
from oracle import Writer
from oracle_format import make_token


def read_until(stream, marks):
    """All that comes, up to and with one of these endings."""
    data = b""
    while not any(mark in data for mark in marks):
        if not select.select([stream], [], [], 30)[0]:
            raise AssertionError("nothing more came than %r" % data)
        more = os.read(stream.fileno(), 65536)
        if not more:
            raise AssertionError("ended after %r" % data)
        data += more
    return data


class Log(FleetTest):
    def store(self, tokens=5):
        writer = Writer("example.com")
        for _ in range(tokens):
            writer.create(self.site.guard(make_token()))
        return writer

    def test_whole_file(self):
        self.site.put(self.store())
        self.assertEqual(self.ok("log").stdout, self.site.bytes())
        self.assertEqual(self.ok("log", "--from", "-", stdin="\n").stdout, self.site.bytes())

    def test_lines_behind_a_head(self):
        writer = self.store(0)
        heads = [writer.head()]
        for number in range(300):
            writer.create(make_token(), "label %d " % number + "x" * (number % 100))
            heads.append(writer.head())
        self.site.put(writer)
        for n in (0, 1, 2, 7, 150, 299, 300):
            with self.subTest(n=n):
                self.assertEqual(self.ok("log", "--from", heads[n]).stdout, b"".join(writer.log[n:]))
                self.assertEqual(self.ok("log", "--from", "-", stdin=heads[n] + "\n").stdout, b"".join(writer.log[n:]))

    def test_before_a_compaction(self):
        writer = self.store()
        old = writer.head()
        token = make_token()
        writer.create(token)
        base = writer.head()
        writer.compact()
        writer.revoke(token)
        self.site.put(writer)
        self.assertEqual(self.ok("log", "--from", old).stdout, self.site.bytes())
        self.assertEqual(self.ok("log", "--from", base).stdout, b"".join(writer.log))
        writer.mend()
        self.site.put(writer)
        self.assertEqual(self.ok("log", "--from", base).stdout, self.site.bytes())

    def test_a_head_of_another_log(self):
        writer = self.store()
        head = writer.head()
        self.site.put(writer)
        other = head[:-1] + ("0" if head[-1] != "0" else "1")
        result = self.refused(1, "log", "--from", other, says="does not contain this HEAD")
        self.assertEqual(result.stdout, writer.header.text() + b"!fork\n")

    def test_a_head_beyond_the_end(self):
        writer = self.store()
        self.site.put(writer)
        writer.create(make_token())
        result = self.refused(1, "log", "--from", writer.head(), says="ends before this HEAD")
        self.assertEqual(result.stdout, b"!behind\n")
        writer.mend()
        self.refused(1, "log", "--from", writer.head(), says="ends before this HEAD")

    def test_what_is_no_head(self):
        self.site.put(self.store())
        for text in ("", "1:2", "1:2:3", "x" * 300, "1:1:" + "g" * 32, "01:1:" + "0" * 32):
            self.refused(2, "log", "--from", text or "0", says="HEAD")
            if text:
                self.refused(2, "log", "--from", "-", stdin=text + "\n", says="HEAD")
        result = self.site.run("log", "--from", "-", preexec_fn=lambda: os.dup2(os.open(self.site.dir, os.O_RDONLY), 0))
        self.assertEqual(result.code, 74, result)
        self.assertIn("standard input: cannot be read: ", result.err)
        self.refused(66, "-d", "nosuch", "log")

    def test_no_store(self):
        self.refused(66, "log", says="no such file")

    def test_what_is_behind_the_last_line(self):
        """A torn line is not sent; one that only lacks its LF is, with it."""
        writer = self.store()
        whole = writer.data()
        last = writer.create(make_token()) and writer.log[-1]
        for rest, sent in ((last[:40], b""), (last[:-1], last), (b"\0" * 100, b"")):
            with self.subTest(rest=rest):
                self.site.put(whole + rest)
                self.assertEqual(self.ok("log").stdout, whole + sent)

    def test_a_head_whose_line_lacks_its_lf(self):
        writer = self.store()
        old = writer.head()
        writer.create(make_token())
        head, last = writer.head(), writer.log[-1]
        self.site.put(writer.data()[:-1])
        self.assertEqual(self.ok("log", "--from", old).stdout, last)
        self.assertEqual(self.ok("log", "--from", head).stdout, b"")
        other = head[:-1] + ("0" if head[-1] != "0" else "1")
        self.assertEqual(self.refused(1, "log", "--from", other, says="does not contain").stdout,
            writer.header.text() + b"!fork\n")
        with killed_at_end(self.site.start("log", "--from", head, "--follow")) as process:
            self.assertEqual(process.stdout.readline(), b"=%s\n" % head.encode())
            self.ok("revoke", "-y", "1")  # which puts the LF there first
            line = process.stdout.readline()
            while line.startswith(b"="):
                line = process.stdout.readline()
        self.assertEqual(line, self.site.bytes()[len(writer.data()) :])

    def test_damage_stays_here(self):
        writer = self.store(20)
        head = writer.head()
        writer.create(make_token())
        data = bytearray(writer.data())
        data[len(data) // 2] ^= 1
        self.site.put(bytes(data))
        result = self.refused(65, "log", says="toktab check")
        self.assertTrue(writer.data().startswith(result.stdout))
        self.assertLess(len(result.stdout), len(data) // 2)
        self.assertEqual(self.ok("log", "--from", head).stdout, writer.log[-1])  # which is sound

    def test_damage_at_the_end(self):
        writer = self.store()
        for rest in b"\x01rubbish", b"rubbish|" + b"x" * 50, b"x" * 5000:
            with self.subTest(rest=rest[:9]):
                self.site.put(writer.data() + rest)
                self.assertEqual(self.refused(65, "log", says="toktab check").stdout, writer.data())
                result = self.refused(65, "log", "--follow", says="toktab check")
                self.assertEqual(result.stdout, writer.data() + b"!unavailable\n")

    def test_what_is_no_store(self):
        for data in b"", b"rubbish", b"rubbish\n", b"x" * 5000 + b"\n":
            self.site.put(data)
            self.assertEqual(self.refused(65, "log", says="toktab check").stdout, b"")

    def test_output_that_cannot_be_written(self):
        writer = self.store()
        self.site.put(writer)
        head = writer.head()
        other = head[:-1] + ("0" if head[-1] != "0" else "1")
        writer.create(make_token())
        for args in ((), ("--from", head, "--follow"), ("--from", other), ("--from", writer.head())):
            with self.subTest(args), open("/dev/full", "wb") as full:
                self.refused(74, "log", *args, stdout=full)

    def test_a_snapshot_that_is_cut_short(self):
        """Each line that is left is sound."""
        writer = self.store(20)
        writer.compact()
        lines = writer.data().splitlines(keepends=True)
        for left in (1, 10, len(lines) - 1):
            self.site.put(b"".join(lines[:left]))
            self.refused(65, "log", says="toktab check")

    def test_follow(self):
        """Lines as they come, and a beat behind them and each second."""
        self.create()
        with killed_at_end(self.site.start("log", "--from", "-", "--follow", stdin=subprocess.PIPE)) as process:
            process.stdin.write(b"\n")
            process.stdin.flush()
            seen = read_until(process.stdout, [b"\n="])
            self.assertTrue(seen.startswith(self.site.bytes()))
            seen = b""
            for _ in range(3):
                before = self.site.bytes()
                self.create()
                added = self.site.bytes()[len(before):]
                beat = b"=" + self.json("check")["head"].encode() + b"\n"
                seen = read_until(process.stdout, [added + beat])
            self.ok("compact")
            point = b"".join(text for _, _, text in self.site.read().log)
            read_until(process.stdout, [point + b"=" + self.json("check")["head"].encode()])
            self.ok("mend", "-y")
            read_until(process.stdout, [self.site.bytes() + b"="])
            beats = read_until(process.stdout, [b"\n=" + self.json("check")["head"].encode()])
            self.assertNotIn(b"!", beats)
            process.stdin.close()
            process.stdin = None
            self.assertEqual(process.wait(30), 0)

    def test_follow_a_line_that_lacks_its_end(self):
        """It is sent with its LF, and not again when the next writer has put that there."""
        writer = self.store()
        self.site.put(writer.data()[:-1])
        with killed_at_end(self.site.start("log", "--follow")) as process:
            beat = b"=" + writer.head().encode() + b"\n"
            self.assertEqual(read_until(process.stdout, [beat]), writer.data() + beat)
            self.create()
            added = self.site.bytes()[len(writer.data()):]
            beat = b"=" + self.json("check")["head"].encode() + b"\n"
            seen = read_until(process.stdout, [beat])
            self.assertEqual([line for line in seen.splitlines(keepends=True) if line[:1] != b"="], [added])

    def test_follow_without_standard_input(self):
        self.create()
        head = self.json("check")["head"]
        with killed_at_end(self.site.start("log", "--from", head, "--follow")) as process:
            read_until(process.stdout, [b"=" + head.encode()])
            self.create()
            read_until(process.stdout, [b"=" + self.json("check")["head"].encode()])
            self.assertIsNone(process.poll())

    def test_a_reader_that_ends(self):
        self.create()
        with killed_at_end(self.site.start("log", "--follow")) as process:
            read_until(process.stdout, [b"\n="])
            process.stdout.close()
            process.stdout = None
            self.assertEqual(process.wait(30), 0)

    def test_a_store_that_goes_back_and_is_damaged(self):
        """It cannot say where it stands, so it ends."""
        writer = self.store(3)
        damaged = bytearray(writer.data())
        damaged[-20] ^= 1
        writer.create(make_token())
        self.site.put(bytes(damaged))
        self.refused(65, "log", "--from", writer.head(), "--follow", says="toktab check")

    def test_a_store_that_goes_back(self):
        """An older copy is put in its place: nothing but the beat tells; when it goes on otherwise, it is a fork."""
        self.create()
        old = self.site.bytes()
        self.create()
        with killed_at_end(self.site.start("log", "--follow")) as process:
            read_until(process.stdout, [b"\n="])
            self.site.put(old)
            lower = b"=" + self.json("check")["head"].encode()
            seen = read_until(process.stdout, [lower])
            self.assertEqual(seen.replace(b"\n", b"")[-len(lower):], lower)
            self.create()
            self.assertIn(b"!fork\n", read_until(process.stdout, [b"!fork\n"]))
            self.assertEqual(process.wait(30), 1)

    def test_a_store_that_goes_back_and_is_cured(self):
        self.create()
        old = self.site.bytes()
        self.create()
        whole = self.site.bytes()
        with killed_at_end(self.site.start("log", "--follow")) as process:
            read_until(process.stdout, [b"\n="])
            self.site.put(old)
            read_until(process.stdout, [b"=" + self.json("check")["head"].encode()])
            self.site.put(whole)
            read_until(process.stdout, [b"=" + self.json("check")["head"].encode()])
            self.create()
            seen = read_until(process.stdout, [b"=" + self.json("check")["head"].encode()])
            self.assertIn(self.site.bytes()[len(whole):], seen)

    @needs_root
    def test_whoever_may_read_the_store(self):
        """A member of the stores' group, which cannot write."""
        self.create()
        os.chown(self.site.path(), -1, NOBODY)
        os.chown(self.site.store_dir, -1, NOBODY)
        os.chmod(self.site.store_dir, 0o2710)
        self.assertEqual(self.ok("log", user=NOBODY).stdout, self.site.bytes())
        os.chmod(self.site.path(), 0o600)
        self.refused(77, "log", user=NOBODY)

    def test_memory(self):
        """What it holds does not grow with the store."""
        writer = self.store()
        for number in range(20000):
            writer.create(make_token(), "label %d" % number)
        self.site.put(writer)
        with killed_at_end(self.site.start("log", "--follow")) as process:
            read_until(process.stdout, [b"\n="])
            self.assert_small(process)


if __name__ == "__main__":
    unittest.main()
