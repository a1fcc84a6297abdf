"""toktab follow: the store of a host is what its source says, byte for byte, and nothing else."""

import contextlib
import copy
import json
import os
import random
import resource
import signal
import subprocess
import unittest

from fleet import FleetTest, log_command, stop
from harness import TOKTAB, killed_at_end, needs_root, wait_until
from hook_host import limited_memory
from oracle import Writer
from oracle_format import make_token, token_id

ROUNDS = 60


def changed(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]


class Once(FleetTest):
    def test_a_new_host(self):
        self.create()
        host = self.follower()
        self.once(host)
        self.assert_same(host)
        status, theirs = os.stat(host.path()), os.stat(self.site.path())
        self.assertEqual(status.st_mode, theirs.st_mode)
        self.assertEqual(sorted(host.files()), ["example.com.contact", "example.com.lock", "example.com.tokens"])
        self.assertTrue(os.path.isdir(os.path.join(host.store_dir, "used")))  # hosts note the last use here, too

    def test_lines_and_compactions(self):
        host = self.follower()
        for round in range(12):
            tokens = [self.create("token %d" % number) for number in range(random.randrange(4))]
            for token in tokens[1:]:
                self.ok("revoke", "-y", str(self.record(token).serial))
            if round % 3 == 2:
                self.ok("compact", *random.choice(([], ["--drop-dead", "0s"])))
            if tokens or host.files():
                self.once(host)
                self.assert_same(host)
            if not tokens:
                self.create()
        self.assertEqual(host.run("check").code, 0)

    def test_behind_a_compaction(self):
        host = self.follower()
        self.create()
        self.once(host)
        for _ in range(3):
            self.create()
            self.ok("compact")
            self.create()
        self.once(host)
        self.assert_same(host)

    def test_an_open_stream_over_compactions(self):
        host = self.follower()
        self.create()
        with self.following(host):
            self.wait_same(host)
            for _ in range(5):
                self.create()
                inode = os.stat(host.path()).st_ino
                self.ok("compact")
                self.wait_same(host)
                self.assertNotEqual(os.stat(host.path()).st_ino, inode)
                self.create()
                self.wait_same(host)

    def test_a_higher_epoch(self):
        host = self.follower()
        token = self.create()
        self.once(host)
        self.ok("mend", "-y")
        self.once(host)
        self.assert_same(host)
        with self.following(host):
            self.ok("revoke", "-y", "1")
            self.ok("mend", "-y")
            self.wait_same(host)
        self.assertEqual(host.run("verify", stdin=token).code, 1)

    def test_a_source_without_end(self):
        """Any command will do: a file that is printed, by whatever brings it here."""
        self.create()
        host = self.follower()
        self.once(host, 0, "--", "cat", self.site.path())
        self.assert_same(host)
        self.create()
        self.once(host, 0, "--", TOKTAB, "-c", self.site.conf, "log", "--from", "-")
        self.assert_same(host)

    def test_a_source_that_breaks_off(self):
        """A file that ends early is not taken if the command did not end well, and nothing that is cut."""
        self.create()
        self.create()
        data = self.site.bytes()
        host = self.follower()
        for end in range(0, len(data), 17):
            result = host.run("follow", "--once", "--", self.script(host, data[:end], "exit 1"))
            self.assertIn(result.code, (69, 1), result)
            self.assertNotIn("example.com.tokens", host.files())
        result = host.run("follow", "--once", "--", self.script(host, data[:-1]))
        self.assertEqual(result.code, 69, result)
        self.assertNotIn("example.com.tokens", host.files())

    def test_no_source(self):
        self.refused(2, "follow", "--once", says="has no source")
        host = self.follower()
        result = self.once(host, 69, says="no such file")  # the writer has no store
        self.assertNotIn("started again", result.err)
        self.once(host, 69, "--", "/nonexistent/command", says="cannot be run")

    def test_before_the_first_contact(self):
        """A host that has no store yet does not know that there are no tokens."""
        host = self.follower()
        for args in (("list",), ("history",), ("check", "-A"), ("domains",)):
            result = host.run(*args, "--json")
            self.assertEqual((result.code, result.err.count("toktab follow")), (0, 1), result)
        self.assertEqual([json.loads(host.run(*args, "--json").out) for args in (("list",), ("history",), ("check", "-A"))],
            [[], [], []])
        self.assertIsNone(json.loads(host.run("domains", "--json").out)[0]["tokens"])
        for args in (("check",), ("show", "1"), ("show", "-l", "CI")):
            result = host.run(*args)
            self.assertEqual(result.code, 66, result)
            self.assertIn("`toktab follow` brings it", result.err)  # not: create the first token
        result = host.run("scan", stdin=make_token())  # nobody knows whether it works
        self.assertEqual((result.code, result.err.count("toktab follow")), (66, 1), result)

    def test_a_relay(self):
        """Any follower can be followed."""
        self.create()
        first = self.follower()
        second = self.follower(first)
        with self.following(first), self.following(second):
            self.wait_same(second)
            self.create()
            self.ok("compact")
            self.create()
            self.wait_same(second)


class Refusals(FleetTest):
    def test_every_change_is_refused(self):
        token = self.create()
        host = self.follower()
        self.once(host)
        before = host.bytes()
        keys = "label\tkey-0123456789abcdefghij\n"
        for args, stdin in (
            (["create", "-l", "x"], None), (["revoke", "-y", "1"], None), (["rotate", "1"], None),
            (["update", "1", "-l", "x"], None), (["compact"], None), (["mend", "-y"], None),
            (["scan", "--revoke"], token), (["import", "-y", "-"], keys),
        ):
            with self.subTest(args=args):
                result = host.run(*args, stdin=stdin)
                self.assertEqual(result.code, 77, result)
                self.assertIn("this host follows", result.err)
                self.assertIn("change it there, or `toktab promote`", result.err)
                self.assertEqual(result.out if args[0] != "scan" else "", "", result)
        self.assertEqual(host.bytes(), before)
        self.assertEqual(host.run("list").code, 0)
        self.assertEqual(host.run("check").code, 0)

    def test_before_there_is_a_store(self):
        host = self.follower()
        self.assertEqual(host.run("create", "-l", "x").code, 77)
        self.assertEqual(host.files(), [])

    def test_names_the_host(self):
        host = self.follower()
        for source, name in (
            ("ssh toktab@w1 toktab -d default log --from - --follow", "w1"), ("/usr/bin/ssh -p 22 -v w2.example.com", "w2.example.com"),
            ("ssh -i key -l toktab w3 toktab log", "w3"), ("curl https://w4/log", '"curl https://w4/log"'),
            ("ssh -v -p 22", '"ssh -v -p 22"'), ("ssh -4C w5", "w5"), ("curl " + "w" * 300, '"curl ' + "w" * 147 + '…"'),
        ):
            self.point_at(host, source)
            result = host.run("create", "-l", "x")
            self.assertEqual(result.code, 77, result)
            self.assertIn("this host follows %s: change it there, or `toktab promote`" % name, result.err)

    def test_an_engine(self):
        """Not a command: this version cannot ask it, and does not write past it."""
        host = self.follower()
        self.point_at(host, "etcd")
        result = host.run("create", "-l", "x")
        self.assertEqual(result.code, 69, result)
        self.assertIn("etcd", result.err)


class Lies(FleetTest):
    """Whatever the source says, the store stays what it was; and what is true is taken afterwards."""

    def setUp(self):
        super().setUp()
        self.tokens = [make_token() for _ in range(6)]
        self.writer = Writer("example.com")
        for token in self.tokens[:3]:
            self.writer.create(token)
        self.site.put(self.writer)
        self.host = self.follower()
        self.once(self.host)
        self.before = self.host.bytes()

    def next_lines(self, count=3):
        for token in self.tokens[3:3 + count]:
            self.writer.create(token)
        return self.writer.log[-count:]

    def lie(self, data, code, says=(), then=""):
        result = self.once(self.host, code, "--", self.script(self.host, data, then), says=says)
        self.assertEqual(self.host.bytes(), self.before, result)
        return result

    def cured(self):
        self.site.put(self.writer)
        self.once(self.host)
        self.assert_same(self.host)
        self.assertEqual(self.host.run("check").code, 0)

    def test_garbage(self):
        for data in (b"hello\n", b"\n", b"\0\0\0\n", os.urandom(3000).replace(b"!", b"") + b"\n", b"=1:2\n", b"=\n", b"!\n",
                b"!nonsense\n", b"toktab1|\n", b"toktab2|x\n", b"\xff" * 4000 + b"\n"):
            with self.subTest(data=data[:20]):
                self.lie(data, 1, "no line of this store")
        self.cured()

    def test_an_endless_line(self):
        self.lie(b"4|" + b"x" * 70000, 1, "without an end")
        self.lie(b"4|" + b"x" * 4095 + b"\n", 1, "without an end")
        self.cured()

    def test_half_lines(self):
        line = self.next_lines(1)[0]
        for end in (1, 20, len(line) - 1):
            self.lie(line[:end], 69)
        self.lie(line[:50] + b"\n", 1, "shape of a line")
        self.cured()

    def test_flipped_bits(self):
        line = self.next_lines(1)[0]
        for place in random.sample(range(len(line) - 1), 25):
            with self.subTest(place=place):
                result = self.host.run("follow", "--once", "--", self.script(self.host, changed(line, place)))
                self.assertIn(result.code, (1, 69), result)
                self.assertEqual(self.host.bytes(), self.before)
        self.cured()

    def test_duplicates(self):
        lines = self.next_lines()
        data = b"".join(self.writer.log[:4] + self.writer.log[:2] + lines[:2] + lines[1:] + lines[-1:])
        self.once(self.host, 0, "--", self.script(self.host, data))
        self.site.put(self.writer)
        self.assert_same(self.host)

    def test_another_order_and_a_gap(self):
        first, second, third = self.next_lines()
        for data in (second, third + first, second + third):
            self.lie(data, 1, "gap")
        result = self.host.run("follow", "--once", "--", self.script(self.host, first + third))
        self.assertEqual(result.code, 1, result)
        self.assertEqual(self.host.bytes(), self.before + first)
        self.cured()

    def test_a_gap_that_the_file_fills(self):
        self.next_lines()
        self.site.put(self.writer)
        path = self.script(self.host, b"")
        with open(path, "w") as file:  # lines only for whoever has a store, as an engine that lost its old ones
            file.write('#!/bin/sh\nread head\nif [ "$head" ]; then echo "!gap"; else cat %s; fi\n' % self.site.path())
        self.once(self.host, 0, "--", path)
        self.assert_same(self.host)

    def test_a_gap_that_nothing_fills(self):
        self.lie(b"!gap\n", 1, ["fetching the whole file", "does not have the whole file either"])
        self.assertIn('"state": "gap"', self.host.run("check", "--fleet", "--json").out)
        new = self.follower()
        self.once(new, 1, "--", self.script(new, self.writer.log[-1]), says="gap")
        self.assertNotIn("example.com.tokens", new.files())
        self.cured()

    def test_another_store(self):
        other = Writer("example.com")
        other.create(self.tokens[0])
        self.lie(other.data(), 1, "another store")
        self.lie(other.log[0], 1, "checksum")
        self.lie(Writer("elsewhere").data(), 1, "domain elsewhere")
        self.cured()

    def test_a_lower_epoch(self):
        old = self.writer.data()
        head = self.writer.head()
        self.writer.mend()
        self.cured()
        self.before = self.host.bytes()
        self.lie(old, 1, "fenced")
        self.lie(b"=%s\n" % head.encode(), 1, "fenced")
        self.cured()

    def test_a_fork(self):
        other = Writer.on(self.site.read())
        self.next_lines(1)
        other.create(self.tokens[5])
        self.cured()
        self.before = self.host.bytes()
        self.lie(other.log[-1], 1, "fork")
        self.lie(b"=%s\n" % other.head().encode(), 1, "fork")
        self.lie(b"!fork\n", 1, "fork")
        self.lie(other.data(), 1, "fork")
        other.create(self.tokens[4])
        self.lie(other.log[-1], 1, "fork")
        other.compact()
        self.lie(other.data(), 1, "fork")
        self.cured()

    def test_a_fork_that_its_snapshot_hides(self):
        """No line of the snapshot is another than ours, but what we have revoked works there."""
        for revoked, changed_there in ((0, (2, 2, 2)), (1, (2, 1, 2))):
            with self.subTest(changed_there=changed_there):
                other = Writer.on(self.site.read())
                self.writer.revoke(self.tokens[revoked])
                self.cured()
                self.before = self.host.bytes()
                for number in changed_there:
                    other.update(self.tokens[number], label="changed")
                other.compact()
                self.lie(other.data(), 1, "fork")
                self.lie(other.data() + b"=%s\n" % other.head().encode(), 1, "fork")
        self.cured()

    def test_a_file_that_no_program_would_take(self):
        """Each line is sealed, but one token is there twice: of a higher epoch, as a host's first file, or of its epoch."""
        says = ["programs would refuse", "this id is in the snapshot twice"]
        other = Writer.on(self.site.read())
        first = other.tokens[token_id(self.tokens[0])]
        other.update(self.tokens[0], label="changed")
        other.tokens["again"] = first
        mended = copy.deepcopy(other)
        mended.mend()
        self.lie(mended.data(), 1, says)
        self.assertIn('"state": "garbage"', self.host.run("check", "--fleet", "--json").out)
        new = self.follower()
        self.once(new, 1, "--", self.script(new, mended.data()), says=says)
        self.assertNotIn("example.com.tokens", new.files())
        other.compact()
        other.create(self.tokens[5])
        self.once(new, 1, "--", self.script(new, other.data()), says=says)
        self.assertEqual([name for name in new.files() if ".tokens" in name], [])
        self.cured()

    def test_an_older_log(self):
        old, head = self.writer.data(), self.writer.head()
        self.next_lines()
        self.cured()
        self.before = self.host.bytes()
        self.lie(b"=%s\n" % head.encode(), 1, "ends at n=3, this host has 6")
        self.lie(old + b"=%s\n" % head.encode(), 1, "ends at n=3")
        self.lie(b"!behind\n", 1, "ends before")
        self.cured()

    def test_bad_columns(self):
        """Lines whose chain is right, and which no reader would take."""
        good = self.writer.create(self.tokens[3])
        for spoilt in ({"serial": 1}, {"label": ""}, {"label": "\u202e" * 200}, {"created": -1}):
            writer = Writer.on(self.site.read())
            writer.append(good._replace(**spoilt))
            with self.subTest(spoilt=spoilt):
                self.lie(writer.log[-1], 1, "no line of this store")
        self.cured()

    def test_a_file_that_is_cut_or_changed(self):
        self.writer.revoke(self.tokens[0])
        self.writer.compact()
        self.next_lines()
        data = self.writer.data()
        head = b"=%s\n" % self.writer.head().encode()
        lines = data.splitlines(keepends=True)
        for number in range(len(lines)):
            self.lie(b"".join(lines[:number] + lines[number + 1:]) + head, 1)
        for _ in range(20):
            place = random.randrange(len(data) - 1)
            result = self.host.run("follow", "--once", "--", self.script(self.host, changed(data, place) + head))
            self.assertEqual(result.code, 1, result)
            self.assertEqual(self.host.bytes(), self.before)
        self.assertEqual([name for name in self.host.files() if ".new-" in name], [])
        self.cured()

    def test_a_compaction_of_another_snapshot(self):
        """The digest is not that of our lines: the line is kept, and the file fetched."""
        other = Writer.on(self.site.read())
        other.tokens = dict(list(other.tokens.items())[1:])
        other.compact()
        path = self.script(self.host, other.log[-1])
        with open(path, "w") as file:
            file.write('#!/bin/sh\nread head\nif [ "$head" ]; then cat %s.data; else echo "!unavailable"; fi\n' % path)
        self.once(self.host, 69, "--", path, says="another than the source's")
        self.assertEqual(self.host.bytes(), self.before + other.log[-1])
        self.assertEqual(self.host.run("check").code, 0)

    def test_a_file_that_is_wanted_and_cannot_be_had_yet(self):
        """A source that cannot answer now is asked for it again."""
        other = Writer.on(self.site.read())
        other.tokens = dict(list(other.tokens.items())[1:])
        other.compact()
        for reason in "unavailable", "denied":
            with self.subTest(reason=reason):
                self.host.put(self.before)
                path = self.script(self.host, other.log[-1])
                with open(path + ".file", "wb") as file:
                    file.write(other.data())
                with open(path, "w") as file:
                    file.write("#!/bin/sh\nread head\necho \"$head\" >>%(path)s.log\n"
                               "if [ \"$head\" ]; then cat %(path)s.data\n"
                               "elif [ $(grep -c '^$' %(path)s.log) = 1 ]; then echo '!%(reason)s'\n"
                               "else cat %(path)s.file; fi\necho =%(head)s\nexec cat\n"
                               % {"path": path, "reason": reason, "head": other.head()})  # fmt: skip
                with self.following(self.host, "--", path):
                    wait_until(lambda: self.host.bytes() == other.data(), "the file")
                os.unlink(path + ".log")

    def test_says_it_once(self):
        """An alert a minute, however often the source is asked."""
        path = self.script(self.host, b"")
        with open(path, "w") as file:
            file.write("#!/bin/sh\nread head\necho asked >>%s.log\necho hello\n" % path)

        def asked():
            with contextlib.suppress(FileNotFoundError), open(path + ".log") as file:
                return file.read().count("asked") >= 3

        with killed_at_end(self.host.start("follow", "--", path)) as process:
            wait_until(asked, "it is asked again and again")
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        self.assertEqual(err.count(b"no line of this store"), 1, err)
        with open(os.path.join(self.host.store_dir, "example.com.contact")) as file:
            self.assertEqual(file.read().split("|")[1], "garbage")


class Faults(FleetTest):
    def test_silence(self):
        """A source that says nothing is started anew; it and all that it has started are ended."""
        self.create()
        host = self.follower()
        path = os.path.join(host.dir, "silent")
        with open(path, "w") as file:
            file.write('#!/bin/sh\necho started >>%s.log\n[ $(wc -l <%s.log) -gt 1 ] && exec %s\nsleep 1000 &\nwait\n' % (
                path, path, log_command(self.site)))
        os.chmod(path, 0o700)
        with self.following(host, "--", path):
            self.wait_same(host)
        with open(path + ".log") as file:
            self.assertEqual(file.read(), "started\n" * 2)

    def test_stopped_source(self):
        """As a network that is gone: the source process lives, and nothing comes."""
        self.create()
        host = self.follower()
        with self.following(host) as process:
            self.wait_same(host)
            child = int(open("/proc/%d/task/%d/children" % (process.pid, process.pid)).read().split()[0])
            os.kill(child, signal.SIGSTOP)
            self.create()
            self.wait_same(host)

    def test_killed_at_any_moment(self):
        """Both ends, at random, while there are changes and compactions: in the end they are the same."""
        host = self.follower()
        self.create()
        follower = host.start("follow", stderr=subprocess.DEVNULL)
        try:
            for round in range(ROUNDS):
                what = random.randrange(10)
                if what == 0:
                    self.ok("compact", *random.choice(([], ["--drop-dead", "0s"])))
                elif what < 4:
                    follower.kill()
                    follower.communicate()
                    if what == 3 and os.path.exists(host.path()):  # as a writer that is killed in its write leaves it
                        self.tear(host)
                    follower = host.start("follow", stderr=subprocess.DEVNULL)
                elif what < 6:
                    self.kill_source(follower)
                else:
                    self.create("token %d" % round)
            self.wait_same(host)
        finally:
            follower.kill()
            follower.communicate()
        self.assertEqual(host.run("check").code, 0)
        self.assertEqual([name for name in host.files() if ".new-" in name and not self.settle(host)], [])

    def settle(self, host):
        """What a kill left of a new file is gone with the next one."""
        self.ok("compact")
        self.once(host)
        return not [name for name in host.files() if ".new-" in name]

    def tear(self, host):
        have, whole = host.bytes(), self.site.bytes()
        if whole.startswith(have) and len(whole) > len(have) + 20:
            with open(host.path(), "ab") as file:
                file.write(whole[len(have):len(have) + 20])

    @staticmethod
    def kill_source(follower):
        try:
            with open("/proc/%d/task/%d/children" % (follower.pid, follower.pid)) as file:
                for child in file.read().split():
                    os.kill(int(child), signal.SIGKILL)
        except (ProcessLookupError, FileNotFoundError):
            pass

    def test_torn_tail(self):
        self.create()
        host = self.follower()
        self.once(host)
        have = len(host.bytes())
        self.create()
        added = self.site.bytes()[have:]
        for rest in (added[:30], added[:-1], b"\0" * 200):
            with self.subTest(rest=rest[:10]):
                with open(host.path(), "r+b") as file:
                    file.truncate(have)
                    file.seek(have)
                    file.write(rest)
                self.once(host)
                self.assert_same(host)

    def test_full_disk(self):
        """As where the disk is full: an alert, nothing half written, and the rest when there is room."""
        self.create()
        host = self.follower()
        self.once(host)
        have = host.bytes()
        for _ in range(3):
            self.create()
        self.assertFalse(self.site.bytes() == have)

        def little_room():
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(have) + 100, len(have) + 100))

        result = host.run("follow", "--once", preexec_fn=little_room)
        self.assertEqual(result.code, 74, result)
        self.assertIn("cannot be written", result.err)
        self.assertEqual(host.bytes(), have)
        self.ok("compact")
        self.assertEqual(host.run("follow", "--once", preexec_fn=little_room).code, 74)
        self.assertEqual(host.run("check").code, 0)
        self.once(host)
        self.assert_same(host)

    def test_damage_here(self):
        """It is fetched anew as soon as the damaged file is moved away."""
        self.create()
        host = self.follower()
        self.once(host)
        data = host.bytes()
        host.put(changed(data, len(data) - 50))
        self.once(host, 74, says="move it away")
        result = host.run("check")
        self.assertEqual(result.code, 1, result)
        self.assertIn("move it away, and `toktab follow` fetches it anew", result.err)
        self.assertNotIn("toktab mend", result.err)  # it is refused here
        os.unlink(host.path())
        self.once(host)
        self.assert_same(host)

    def test_memory(self):
        writer = Writer("example.com")
        for number in range(20000):
            writer.create(make_token(), "label %d" % number)
        self.site.put(writer)
        host = self.follower()
        with self.following(host) as process:
            self.wait_same(host)
            self.ok("compact")
            self.wait_same(host)
            self.assert_small(process)

    def test_memory_of_comparisons(self):
        """Whether a file stands for this host's log is asked without keeping the lines of both."""
        little_memory = limited_memory(8 << 20)
        writer = Writer("example.com")
        for number in range(20000):
            writer.create(make_token(), "label %d" % number)
        host = self.follower()
        self.site.put(writer)
        self.once(host)
        token = self.create()
        self.ok("compact")
        self.assertEqual(host.run("follow", "--once", preexec_fn=little_memory).code, 0)
        self.assert_same(host)
        self.ok("revoke", "-y", str(self.record(token).serial))
        self.ok("mend", "-y")
        self.assertEqual(host.run("follow", "--once", preexec_fn=little_memory).code, 0)
        self.assert_same(host)

    def test_a_source_is_told_to_end(self):
        """Before it is killed: a script may have files to remove, as the example that pulls by HTTPS."""
        self.create()
        host = self.follower()
        path = self.script(host, b"")
        with open(path, "w") as file:
            file.write("#!/bin/sh\ntrap 'echo told >%s.log; exit 1' TERM\necho garbage\n"
                       "while true; do sleep 0.01; done\n" % path)
        self.once(host, 1, "--", path, says="no line of this store")
        with open(path + ".log") as file:
            self.assertEqual(file.read(), "told\n")

    def test_ends_with_nothing_left(self):
        self.create()
        host = self.follower()
        with host.start("follow") as process:
            self.wait_same(host)
            child = int(open("/proc/%d/task/%d/children" % (process.pid, process.pid)).read().split()[0])
            stop(process)
            self.assertEqual(process.returncode, -signal.SIGTERM)
        wait_until(lambda: not os.path.exists("/proc/%d" % child), "the source has ended")


class OwnTrouble(FleetTest):
    """A damaged line far from the end is no fork, neither for those who follow this host nor for itself."""

    def setUp(self):
        super().setUp()
        writer = Writer("example.com")
        for _ in range(80):
            writer.create(make_token(), "x" * 120)
        self.site.put(writer)
        self.host = self.follower()
        self.once(self.host)
        self.lines = self.host.bytes().splitlines(keepends=True)

    def damaged(self, number):
        """Files whose line of that number cannot be believed."""
        line = self.lines[number]
        for spoilt in (changed(line, len(line) - 10), changed(line, 20), b"x" + line[1:], b""):
            yield b"".join(self.lines[:number] + [spoilt] + self.lines[number + 1:])

    def state(self, host):
        return json.loads(host.run("check", "--fleet", "--json").out)["state"]

    def test_of_a_relay(self):
        """It says that it cannot answer."""
        behind = self.follower(self.host)
        for data in self.damaged(2):
            with self.subTest(data=data[:1200]):
                behind.put(b"".join(self.lines[:3]))
                self.host.put(data)
                result = self.once(behind, 69)
                self.assertNotIn("fork", result.err)
                self.assertEqual(self.state(behind), "unavailable")
                self.assertEqual(behind.bytes(), b"".join(self.lines[:3]))
        self.host.put(b"".join(self.lines))
        self.once(behind)
        self.assert_same(behind)

    def test_of_this_host(self):
        for data in self.damaged(2):
            for source in (self.lines[2], b"=1:2:%s\n" % self.lines[2][-33:-1]):
                with self.subTest(data=data[:1200], source=source):
                    self.host.put(data)
                    result = self.once(self.host, 74, "--", self.script(self.host, source), says="toktab check")
                    self.assertNotIn("fork", result.err)
                    self.assertEqual(self.state(self.host), "own")
                    self.assertEqual(self.host.bytes(), data)

    def test_check_fleet(self):
        """Neither, where the source has said last that it stands there."""
        for data in self.damaged(2):
            self.host.put(b"".join(self.lines[:3]))
            self.once(self.host, 0, "--", self.script(self.host, b"=1:2:%s\n" % self.lines[2][-33:-1]))
            self.host.put(data)
            result = self.host.run("check", "--fleet")
            self.assertEqual(result.code, 1, result)
            self.assertIn("own store", result.err)

    @needs_root
    def test_a_store_that_may_not_be_read(self):
        os.chmod(self.host.path(), 0o644)
        self.once(self.host, 74, says="readable by everybody")
        os.chmod(self.host.path(), 0o640)
        self.assertEqual(self.state(self.host), "own")


class Monitoring(FleetTest):
    def check(self, host, code):
        result = host.run("check", "--fleet")
        self.assertEqual(result.code, code, result)
        return result

    def test_check_fleet(self):
        self.create()
        host = self.follower()
        self.assertIn("`toktab follow` brings it", self.check(host, 66).err)  # not: create a token
        self.once(host)
        head = self.json("check")["head"]
        self.assertRegex(self.check(host, 0).out, r"\Ahead    %s\nsource  %s\ncontact \d+ s ago\n\Z" % (head, head))
        result = host.run("check", "--fleet", "--json")
        self.assertRegex(result.out, '"state": "good"')
        self.assertIn("is the writer", self.ok("check", "--fleet").err)
        self.refused(2, "check", "--fleet", "-A", says="--fleet")

    def test_no_contact(self):
        self.create()
        host = self.follower()
        self.once(host)
        path = os.path.join(host.store_dir, "example.com.contact")
        with open(path) as file:
            time, state, head = file.read().split("|")
        with open(path, "w") as file:
            file.write("%d|%s|%s" % (int(time) - 29, state, head))
        with open(path, "w") as file:
            file.write("%d|%s|%s" % (int(time) - 100, state, head))
        self.assertIn("no contact", self.check(host, 69).err)
        os.unlink(path)
        self.assertIn("no contact", self.check(host, 69).err)
        with open(path, "w") as file:
            file.write("nonsense\n")
        self.assertIn("contact never", self.check(host, 69).out)

    def test_fork(self):
        self.create()
        host = self.follower()
        self.once(host)
        old = self.site.bytes()
        self.create()
        self.once(host)
        self.site.put(old)
        self.once(host, 1)
        self.assertIn("ends before", self.check(host, 1).err)
        self.create()
        self.once(host, 1)
        self.assertIn("fork", self.check(host, 1).err)


if __name__ == "__main__":
    unittest.main()
