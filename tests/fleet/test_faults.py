"""What goes wrong between hosts: links that are down, a writer that was put back, one that comes back after another was
promoted, sources that lie, a full disk. A follower writes nothing then but what follows on what it has."""

import os
import random
import re
import subprocess
import threading
import time
import unittest

import oracle
from harness import wait_until
from host import needs
from network import Follower, LogServer, Network, Writer
from oracle_format import make_token, token_id

DOWN = 2, 8, 30  # seconds


@needs("ip", "nginx", "nsenter")
class FleetCase(unittest.TestCase):
    def setUp(self):
        self.network = Network()
        self.addCleanup(self.network.close)
        self.writer = self.keep(Writer(self.network))
        self.token = self.writer.create()

    def keep(self, what):
        self.addCleanup(what.close)
        return what

    def follower(self, server=None, **settings):
        follower = self.keep(Follower(self.network, server or self.writer.server, **settings))
        follower.caught_up(self.writer)
        return follower

    def revoke(self, token, at=None):
        (at or self.writer).tool("revoke", "-y", token_id(token))

    def answers(self, follower, status, *tokens):
        for token in tokens:
            self.assertEqual(follower.nginx().ask(token=token).status, status, follower.tail())

    def unchanged(self, follower, before):
        self.assertEqual(follower.bytes(), before)
        if follower.web:
            self.assertEqual(follower.alerts(), [])


class LinkDown(FleetCase):
    def test_each_is_right_when_it_is_back(self):
        followers = [self.follower(max_lag="5s") for _ in DOWN]
        for follower in followers:
            self.answers(follower, 200, self.token)
            follower.cut(True)
        cut = time.monotonic()
        later = self.writer.create()
        self.revoke(self.token)
        self.back, self.looked = {}, threading.Event()
        threads = [threading.Thread(target=self.wait_and_connect, args=(follower, cut + seconds, seconds))
                   for follower, seconds in zip(followers, DOWN)]
        for thread in threads:
            thread.start()
        self.without_contact(followers[-1], later)
        self.looked.set()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(self.back), list(DOWN))
        times = ", ".join("%d s: %.2f s" % pair for pair in sorted(self.back.items()))
        print("right again after a link was down: " + times, flush=True)
        for follower in followers:
            self.answers(follower, 401, self.token)
            self.answers(follower, 200, later)
            wait_until(lambda: follower.site.run("check", "--fleet").code == 0, "contact")
            self.assertEqual(follower.alerts(), [])

    def wait_and_connect(self, follower, until, seconds):
        time.sleep(max(0, until - time.monotonic()))
        if seconds == DOWN[-1]:
            self.looked.wait()
        follower.cut(False)
        began = time.monotonic()
        follower.caught_up(self.writer)
        self.back[seconds] = time.monotonic() - began

    def without_contact(self, follower, later):
        """It goes on with what it has, and says so."""
        wait_until(lambda: follower.site.run("check", "--fleet").code == 69, "too long without contact")
        self.answers(follower, 200, self.token)
        self.answers(follower, 401, later)


class WriterPutBack(FleetCase):
    """An old copy takes the place of the writer's store: shorter, then grown again, then compacted beyond the follower."""

    def test_nothing_is_written(self):
        follower = self.follower()
        gone, old = self.writer.create(), self.writer.bytes()
        self.revoke(gone)
        kept = self.writer.create()
        follower.caught_up(self.writer)
        self.answers(follower, 401, gone)
        before, n = follower.bytes(), follower.tail()[1]
        self.writer.put(old)
        follower.wait_for("the source ends at n=%d, this host has %d" % (n - 2, n))
        self.unchanged(follower, before)
        for _ in range(3):
            self.writer.create()
        follower.wait_for("fork: ")
        self.unchanged(follower, before)
        self.assertEqual(follower.site.run("check", "--fleet").code, 1)
        said = len(follower.messages())
        self.writer.tool("compact")
        follower.stop()
        follower.start()
        wait_until(lambda: "fork: " in follower.messages()[said:], "the fork of a compacted store")
        self.unchanged(follower, before)
        self.answers(follower, 401, gone)
        self.answers(follower, 200, kept, self.token)
        self.writer.tool("mend", "-y")  # an admin says that the old copy is meant
        follower.caught_up(self.writer)
        self.answers(follower, 401, gone)
        self.answers(follower, 401, kept)
        self.assertEqual(follower.alerts(), [])


class Promote(FleetCase):
    def test_the_old_writer_comes_back(self):
        one, two = self.follower(), self.follower()
        gone = self.writer.create()
        for follower in one, two:
            follower.caught_up(self.writer)
        for command in (["create", "-l", "x"], ["revoke", "-y", token_id(gone)], ["update", token_id(gone), "-l", "x"],
                        ["rotate", token_id(gone)], ["compact"], ["mend", "-y"]):  # fmt: skip
            self.assertEqual(one.site.run(*command).code, 77, command)
        self.writer.server.close_all()
        unsent = self.writer.create()

        one.stop()
        self.assertIn("default.contact", one.site.files())
        one.tool("promote")
        self.assertNotIn("default.contact", one.site.files())  # nobody is alarmed by the age of it
        self.revoke(gone, one)
        token = one.site.guard(one.tool("create", "-l", "by the new writer").out.strip())
        server = self.keep(LogServer(self.network, one))
        two.follow(server)
        two.kill()
        two.caught_up(one)
        self.answers(two, 401, gone, unsent)
        self.answers(two, 200, token, self.token)

        before = two.bytes()
        two.follow(self.writer.server)  # as where two's admin has not heard of it
        two.kill()
        two.wait_for("fenced")
        self.writer.create()
        self.unchanged(two, before)
        self.assertEqual(one.site.run("create", "-l", "still the writer").code, 0)
        self.unchanged(two, before)
        oracle.Store(one.bytes())
        one.start()  # the unit still runs: it does not listen to the old writer
        one.wait_for("this host is the writer")
        self.assertEqual(one.site.run("create", "-l", "and still").code, 0)


class Relay(FleetCase):
    def test_a_follower_serves_others(self):
        first = self.follower()
        relay = self.keep(LogServer(self.network, first))
        second = self.follower(relay)
        for _ in range(5):
            token = self.writer.create()
            second.caught_up(self.writer)
            self.answers(second, 200, token)
            self.revoke(token)
            self.writer.tool("compact")
            second.caught_up(self.writer)
            self.answers(second, 401, token)
        self.assertEqual(second.alerts(), [])


LIAR = """#!/bin/sh
read -r head
exec cat %s
"""


class LyingSource(FleetCase):
    """The source is a program that prints what it is told to, and ends as if all were well."""

    def setUp(self):
        super().setUp()
        self.writer.tool("mend", "-y")  # so that there are lower epochs
        self.writer.create()
        self.follower = self.follower()
        self.follower.nginx()
        self.follower.stop()
        self.before = self.follower.bytes()
        for _ in range(4):
            self.writer.create()
        self.lines = self.writer.bytes()[len(self.before):].splitlines(keepends=True)
        self.lie = os.path.join(self.follower.site.dir, "lie")
        liar = os.path.join(self.follower.site.dir, "liar")
        with open(liar, "w") as file:
            os.fchmod(file.fileno(), 0o755)
            file.write(LIAR % self.lie)
        self.follower.source_is(liar + " x")

    def tell(self, data):
        with open(self.lie, "wb") as file:
            file.write(data)
        done = self.follower.site.run("follow", "--once")
        self.assertGreaterEqual(done.code, 0, done)
        self.assertNotIn("Sanitizer", done.err)
        return done

    def forged(self, end):
        """Another's store of the same log, as far as the lines before end; what it holds besides is well made."""
        return oracle.Writer.on(oracle.Store(b"".join(self.before.splitlines(keepends=True)[:end])))

    def lies(self):
        lines = self.lines
        header = self.forged(None).header
        yield "garbage", os.urandom(5000)
        yield "text", b"ssh: Could not resolve hostname w1\n"
        yield "NULs", bytes(8192)
        yield "half a line", lines[0][:100]
        yield "a line without its LF", lines[0][:-1]
        yield "another operation", lines[0].replace(b"|C|", b"|R|")
        yield "a gap", b"".join(lines[1:])
        yield "another order", lines[1] + lines[0]
        yield "a line too long", b"x" * 5000 + b"\n"
        yield "two lines in one", lines[0][:-1] + lines[0]
        yield "half a file", self.before[:len(self.before) // 2]
        yield "an unknown reason", b"!because\n"
        yield "no HEAD", b"=0:0:0\n=" + b"f" * 3000 + b"\n"
        yield "the HEAD of more lines than it sends", b"=%d:99:%s\n" % (header.epoch, b"f" * 32)

        other = oracle.Writer("default")
        other.create(make_token())
        yield "another store", other.data()
        yield "another store's line", other.log[0]
        other = oracle.Writer("other", header.storeid, header.epoch + 5)
        yield "another domain", other.data()
        lower = oracle.Writer("default", header.storeid, header.epoch - 1)
        for _ in range(9):
            lower.create(make_token())
        yield "a lower epoch", lower.data()
        yield "a lower epoch's HEAD", b"=%s\n" % lower.head().encode()
        yield "a file that ends before ours", self.forged(-1).data()
        fork = self.forged(-1)
        for _ in range(3):
            fork.create(make_token())
        yield "another last line", fork.log[-3]
        yield "a fork as lines", b"".join(fork.log[-2:])
        yield "a fork as a file", fork.data()
        fork.compact()
        fork.create(make_token())
        yield "a fork that was compacted", fork.data()

    def test_nothing_is_written(self):
        for name, data in self.lies():
            with self.subTest(name):
                done = self.tell(data)
                self.assertNotEqual(done.code, 0, done)
                self.unchanged(self.follower, self.before)
        self.endless()
        self.goes_on()

    def goes_on(self):
        self.follower.follow(self.writer.server)
        self.follower.start()
        self.follower.caught_up(self.writer)
        self.assertEqual([name for name in self.follower.site.files() if name.startswith(".")], [])

    def endless(self):
        """It is not kept in memory."""
        with open(self.lie, "wb") as file:
            file.truncate(1 << 30)
        command = [self.follower.site.tool(), "-c", self.follower.site.conf, "follow", "--once"]
        done = subprocess.run(["prlimit", "--as=%d" % (1 << 28), *command], capture_output=True, timeout=60, check=False)
        self.assertGreater(done.returncode, 0, done)
        self.unchanged(self.follower, self.before)

    def test_duplicates_do_no_harm(self):
        """Engines may send them."""
        last, lines = self.before.splitlines(keepends=True)[-1], self.lines
        self.tell(last + lines[0] * 2 + lines[1] + lines[0] + lines[1] + b"".join(lines[2:]) + lines[2])
        self.follower.caught_up(self.writer)

    def test_damage_in_transfer(self):
        """Whatever becomes of the stream, what is written is the writer's, up to some line."""
        seed = random.SystemRandom().randrange(10**9)
        dice = random.Random(seed)
        whole, start = self.writer.bytes(), len(self.before)
        for _ in range(60):
            stream = bytearray(whole[start:] if dice.random() < 0.5 else whole)
            at, length = dice.randrange(len(stream)), dice.choice((1, 1, 10, 300))
            kind = dice.randrange(5)
            if kind == 0:
                stream[at] ^= 1 << dice.randrange(8)
            elif kind == 1:
                del stream[at:at + length]
            elif kind == 2:
                stream[at:at] = dice.randbytes(length)
            elif kind == 3:
                stream[at:at] = stream[dice.randrange(len(stream)):][:length]
            else:
                del stream[at:]
            self.tell(bytes(stream))
            now = self.follower.bytes()
            self.assertTrue(whole.startswith(now) and now.endswith(b"\n"), "SEED=%d: %r" % (seed, bytes(stream)))
            start = len(now)
            if start == len(whole):
                self.writer.create()
                self.writer.create()
                whole = self.writer.bytes()
        self.assertEqual(self.follower.alerts(), [])
        self.goes_on()


class DiskFull(FleetCase):
    """A follower's disk is full: it goes on with what it has, and by itself as soon as there is room."""

    def test_full_and_free(self):
        follower = self.keep(Follower(self.network, self.writer.server, room="1m"))
        follower.caught_up(self.writer)
        self.answers(follower, 200, self.token)
        ballast = os.path.join(follower.site.store_dir, "ballast")
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        self.revoke(self.token)  # the room kept for it is enough
        wait_until(lambda: follower.nginx().ask(token=self.token).status == 401, "a revocation on a full disk")
        tokens = []
        while "No space left" not in follower.messages():
            tokens.append(self.writer.create())
            self.assertLess(len(tokens), 2000, follower.messages())
        self.answers(follower, 401, self.token)
        self.assertEqual(follower.alerts(), [])
        os.unlink(ballast)
        follower.caught_up(self.writer)
        self.answers(follower, 200, *tokens[-3:])
        oracle.Store(follower.bytes())
        self.assertEqual([name for name in follower.site.files() if re.match(r"\.", name)], [])


if __name__ == "__main__":
    unittest.main()
