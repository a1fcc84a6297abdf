"""What is acknowledged is on disk: locks, two writers, limits, and output that nobody takes. For kills see tests/fault."""

import contextlib
import ctypes
import fcntl
import json
import os
import random
import re
import resource
import signal
import subprocess
import threading
import time
import unittest

from freezer import Stopper, make_freezer
from harness import Site, SiteTest, killed_at_end, wait_until
from oracle_format import parse_token, token_id

WRITERS, CREATES = 2, 100


def typical_time(test):
    """How long a create takes here, in seconds: for choosing moments within one."""
    began = time.monotonic()
    for _ in range(5):
        test.create()
    return (time.monotonic() - began) / 5


def limit(resource_limit, value):
    return lambda: resource.setrlimit(resource_limit, (value, value))


def allow_core_dumps():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def is_at(process, lock_path):
    """Has the process the lock file open? Who is not root may not see that, but that it sleeps, for which there is no other reason."""
    folder = "/proc/%d/" % process.pid
    try:
        return lock_path in [os.readlink(folder + "fd/" + name) for name in os.listdir(folder + "fd")]
    except PermissionError:
        with open(folder + "stat") as stat:
            return re.match(r"\d+ \(toktab\) S", stat.read()) is not None
    except OSError:
        return False


class HeldLock(SiteTest):
    """By a create that was halted while it held the lock: stopped (SIGSTOP cannot be blocked), or frozen in a cgroup."""

    slow = True

    def ways_to_halt(self):
        """Where no cgroup can be made, all are stopped."""
        ways = [way for way in (Stopper(), make_freezer()) if way]
        for way in ways:
            self.addCleanup(way.close)
        return ways

    def holds_lock(self, process):
        """Is this halted process the one that keeps us from the lock, and does the lock file say so?"""
        with open(self.site.lock_path()) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return re.search(r"\b%d\b.*\b%d\b" % (process.pid, os.geteuid()), lock.read())
        return False

    @contextlib.contextmanager
    def holder(self, way):
        typical = typical_time(self)
        for tries in range(1000):
            process = self.site.start("create", "-l", "of the holder", preexec_fn=way.enter)
            time.sleep(random.uniform(0, typical * (1 + tries / 100)))  # the machine may have got more to do
            way.halt(process)
            if process.poll() is None and self.holds_lock(process):
                break
            way.go_on(process)
            process.communicate()
        else:
            raise AssertionError("never caught a create that holds the lock, or the lock file does not name its taker")
        try:
            yield process
        finally:
            process.kill()
            way.go_on(process)  # a frozen process cannot even die
            process.communicate()

    def test_waits_and_names_the_holder(self):
        """While one is frozen, where that can be: for whoever waits it is all the same."""
        with self.holder(self.ways_to_halt()[-1]) as holder:
            before, results = self.site.bytes(), []
            waiting = [
                threading.Thread(target=lambda args=args: results.append(self.run_tool(*args)), daemon=True)
                for args in (["create", "-l", "y"], ["revoke", "-y", "1"])
            ]
            for thread in waiting:
                thread.start()
            self.ok("list")  # readers want no lock
            self.ok("check")
            for thread in waiting:
                thread.join()
            self.assertEqual([result.code for result in results], [75, 75], list(map(str, results)))
            for result in results:
                self.assertIn(str(holder.pid), result.err)
            self.assertEqual(self.site.bytes(), before)

    def test_goes_on_when_it_is_released(self):
        for way in self.ways_to_halt():
            with self.holder(way) as holder:
                waiting = self.site.start("create", "-l", "y")
                with killed_at_end(waiting):
                    wait_until(lambda waiting=waiting: is_at(waiting, self.site.lock_path()), "create comes to the lock")
                    way.go_on(holder)
                    self.assertEqual((waiting.wait(30), holder.wait(30)), (0, 0))
            labels = [record.label for _, record, _ in self.site.read().log]
            self.assertEqual(labels[-2:], ["of the holder", "y"])

    def test_at_any_moment(self):
        """Whatever it was doing when it was halted: what it says afterwards is so, nothing is torn, and it has waited."""
        for way in self.ways_to_halt():
            for _ in range(15):
                token = self.create()
                process = self.site.start("revoke", "-y", token_id(token), preexec_fn=way.enter)
                with killed_at_end(process):
                    time.sleep(random.uniform(0, 0.01))
                    way.halt(process)
                    torn = self.site.bytes()
                    way.go_on(process)
                    self.assertEqual(process.wait(60), 0)
                self.assertEqual(self.site.bytes()[: len(torn)], torn)
                self.assertEqual(self.verdict(token), ("deny", "revoked"))
                self.assertEqual(self.site.read().torn, b"")

    def test_a_dead_holder_holds_nothing(self):
        for way in self.ways_to_halt():
            with self.holder(way):
                pass
            self.create()


class Concurrency(SiteTest):
    def test_two_writers(self):
        tokens, failures = [], []

        def write(number):
            for place in range(CREATES):
                result = self.site.run("create", "-l", "%d of writer %d" % (place, number))
                if result.code == 0:
                    tokens.append(self.site.guard(result.out.strip()))
                else:
                    failures.append(str(result))

        threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        store = self.site.read()
        self.assertEqual((store.n, store.torn), (WRITERS * CREATES, b""))
        self.assertEqual(set(store.tokens), {token_id(token) for token in tokens})
        serials = sorted(record.serial for _, record, _ in store.tokens.values())
        self.assertEqual(serials, list(range(1, store.n + 1)))
        self.assertEqual(self.json("check")["head"], store.head())

    def test_two_first_writers(self):
        """Both find no store: one makes it, the other must not make it again."""
        for _ in range(10):
            site = Site()
            self.addCleanup(site.close)
            processes = [site.start("create", "-l", "x") for _ in range(3)]
            tokens = [process.communicate()[0].decode().strip() for process in processes]
            self.assertEqual([process.returncode for process in processes], [0, 0, 0])
            self.assertEqual(set(site.read().tokens), {token_id(token) for token in tokens})

    def test_one_token_revoked_by_two(self):
        for _ in range(10):
            token = self.create()
            processes = [self.site.start("revoke", "-y", token_id(token)) for _ in range(2)]
            for process in processes:
                process.communicate()
            self.assertEqual([process.returncode for process in processes], [0, 0])
            self.assertIsNotNone(self.record(token).revoked)


class LastNewline(SiteTest):
    """An editor strips the last newline of a file, or a bit flips in it: what was acknowledged stays."""

    def test_a_revocation_is_not_undone(self):
        for end in (b"", b"J", b"\0", b"\r"):
            token, other = self.create("revoked"), self.create("other")
            self.ok("revoke", "-y", token_id(token))
            data = self.site.bytes()
            self.site.put(data[:-1] + end)
            with self.subTest(end=end):
                self.assertEqual(self.verdict(token), ("deny", "revoked"))
                self.assertEqual(self.verdict(other)[0], "allow")
                self.ok("revoke", "-y", token_id(token))
                self.ok("revoke", "-y", token_id(other))
                self.assertEqual(self.site.bytes()[: len(data)], data)
                self.assertEqual((self.verdict(token), self.verdict(other)), (("deny", "revoked"),) * 2)
                self.assertEqual(self.json("check")["head"], self.site.read().head())

    def test_of_the_only_line(self):
        """The first one, and the one that a compaction ends with."""
        self.create("first")
        for _ in range(2):
            data = self.site.bytes()
            self.site.put(data[:-1])
            self.ok("list")
            self.create("next")
            self.assertEqual(self.site.bytes()[: len(data)], data)
            self.ok("compact")

    def test_compacted(self):
        token = self.create("revoked")
        self.ok("revoke", "-y", "1")
        head = self.site.read().head()
        self.site.put(self.site.bytes()[:-1])
        self.ok("compact")
        self.assertEqual(self.verdict(token), ("deny", "revoked"))
        self.assertEqual((self.site.read().header.base, self.expect(0, "check", "--expect", head).code), (2, 0))


class Limits(SiteTest):
    def test_file_size(self):
        """RLIMIT_FSIZE passes through sudo: it must not tear the store, nor kill the tool."""
        for size in (0, 1, 100, 1500):
            site = Site()
            self.addCleanup(site.close)
            for _ in range(12):
                site.run("create", "-l", "x")
            before = site.bytes()
            self.assertGreater(len(before), size)
            for args in (["create", "-l", "y"], ["revoke", "-y", "1"]):
                result = site.run(*args, preexec_fn=limit(resource.RLIMIT_FSIZE, size))
                self.assertIn(result.code, (73, 74), result)
                self.assertIn("toktab: ", result.err)
                self.assertEqual(result.out, "")
            store = site.read()
            self.assertEqual((store.n, site.bytes()[: len(before)]), (12, before))
            self.assertEqual(site.run("create", "-l", "z").code, 0)
            self.assertEqual((site.read().n, site.read().torn), (13, b""))

    def test_file_size_in_the_middle_of_a_line(self):
        """What was written of it is taken back."""
        self.create()
        before = self.site.bytes()
        result = self.run_tool("create", "-l", "x" * 100, preexec_fn=limit(resource.RLIMIT_FSIZE, len(before) + 50))
        self.assertIn(result.code, (73, 74), result)
        self.assertEqual(self.site.bytes(), before)
        self.create()
        self.assertEqual((self.site.read().n, self.site.read().torn), (2, b""))

    def test_file_size_before_the_newline(self):
        """A line that proves itself is not taken back: hosts may have applied it."""
        sizes = []
        for _ in range(2):  # from the second on, lines are as long as the one before
            self.create()
            sizes.append(len(self.site.bytes()))
        size = sizes[1] + sizes[1] - sizes[0] - 1
        self.refused(74, "create", "-l", "a token", preexec_fn=limit(resource.RLIMIT_FSIZE, size), says="cannot vouch")
        self.assertEqual(len(self.site.bytes()), size)
        self.create()
        self.assertEqual((self.site.read().n, self.site.read().torn), (4, b""))

    def test_a_new_store_under_a_limit(self):
        result = self.run_tool("create", "-l", "x", preexec_fn=limit(resource.RLIMIT_FSIZE, 10))
        self.assertIn(result.code, (73, 74), result)
        self.assertFalse(os.path.exists(self.site.path()))
        self.create()

    def test_few_descriptors(self):
        self.create()
        for count in range(3, 9):
            result = self.run_tool("list", preexec_fn=limit(resource.RLIMIT_NOFILE, count))
            self.assertIn(result.code, (0, 69, 71, 74, 77, 78, 127), result)

    def test_space_is_kept_for_revocations(self):
        self.create()
        status = os.stat(self.site.path())
        if not self.keeps_space_here():
            self.skipTest("this file system cannot allocate after the end of a file: %s" % self.site.dir)
        self.assertGreaterEqual(status.st_blocks * 512, status.st_size + 32768)

    def keeps_space_here(self):
        with open(os.path.join(self.site.dir, "probe"), "wb") as file:
            libc = ctypes.CDLL(None, use_errno=True)
            keep_size = 1
            return libc.fallocate(file.fileno(), keep_size, ctypes.c_long(0), ctypes.c_long(65536)) == 0


class Output(SiteTest):
    """A token that nobody could see must not stay in use unnoticed."""

    def assert_told(self, result):
        """Exit 74; if the token was made, its id is named, so that it can be revoked."""
        self.assertEqual(result.code, 74, result)
        self.assertEqual(self.site.read().torn, b"")
        for id in self.site.read().tokens:
            self.assertIn(id, result.err)
            self.assertIn("revoke", result.err)
        for name in self.site.files():
            with open(os.path.join(self.site.store_dir, name), "rb") as file:
                self.assertNotRegex(file.read(), rb"_[0-9A-Za-z]{61}", name)

    def test_full_device(self):
        with open("/dev/full", "wb") as full:
            self.assert_told(self.run_tool("create", "-l", "x", stdout=full))

    def test_full_device_and_json(self):
        with open("/dev/full", "wb") as full:
            self.assert_told(self.run_tool("create", "-l", "x", "--json", stdout=full))

    def test_broken_pipe(self):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "wb") as pipe:
            self.assert_told(self.run_tool("create", "-l", "x", stdout=pipe))

    def test_full_pipe_that_does_not_block(self):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        try:
            while True:
                os.write(writer, b"x" * 4096)
        except BlockingIOError:
            pass
        with os.fdopen(writer, "wb") as pipe, os.fdopen(reader, "rb"):
            self.assert_told(self.run_tool("create", "-l", "x", stdout=pipe))

    def test_closed(self):
        result = self.run_tool("create", "-l", "x", preexec_fn=lambda: os.close(1))
        if os.path.exists(self.site.path()):
            self.assert_told(result)
        self.assertEqual(result.code, 74, result)

    def test_a_full_pipe_holds_no_lock(self):
        """A creator that waits for its reader must not keep others from revoking."""
        self.create()
        reader, writer = os.pipe()
        size = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
        os.write(writer, b"x" * size)
        process = self.site.start(
            "create", "-l", "waits", stdout=writer, stderr=subprocess.DEVNULL, preexec_fn=allow_core_dumps
        )
        os.close(writer)
        with killed_at_end(process), os.fdopen(reader, "rb") as pipe:
            wait_until(lambda: self.site.read().n == 2, "the line is on disk before the token is printed")
            self.ok("revoke", "-y", "1")
            self.assertIsNone(process.poll())
            with open("/proc/%d/limits" % process.pid) as limits:
                self.assertRegex(limits.read(), r"Max core file size +0 ", "a core dump would hold the token")
            token = pipe.read()[size:].decode().strip()
            self.assertEqual(process.wait(30), 0)
        parse_token(token)
        self.assertEqual(self.verdict(token)[0], "allow")

    def test_signals(self):
        """A token that is on the disk is shown or named, whatever signal comes then."""
        self.create()
        before = self.site.bytes()
        kinds = [getattr(signal, "SIG" + name) for name in "HUP INT QUIT TRAP ABRT USR1 USR2 ALRM TERM STKFLT VTALRM PROF IO "
            "PWR XCPU".split() if hasattr(signal, "SIG" + name)]
        for number in (*kinds, signal.SIGRTMIN, signal.SIGRTMAX):
            for args in (("create", "-l", "x"), ("rotate", "1", "--grace", "1h")):
                with self.subTest(signal=number, args=args):
                    self.site.put(before)
                    self.assert_shown_or_named(number, before, *args)

    def assert_shown_or_named(self, number, before, *args):
        n = self.site.read().n
        reader, writer = os.pipe()
        os.write(writer, b"x" * fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ))
        # nohup(1) before the tests would have it ignored
        process = self.site.start(*args, stdout=writer, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
        os.close(writer)

        def ended():
            process.send_signal(number)
            return process.poll() is not None

        with killed_at_end(process), os.fdopen(reader, "rb"):
            wait_until(lambda: self.site.read().n > n, "the line is on disk")
            wait_until(ended, "its end by signal %d" % number)
            err = process.stderr.read().decode()
        self.assertEqual(process.returncode, 74, err)
        made = next(id for id in self.site.read().tokens if id not in before.decode())
        self.assertRegex(err, "was created, but could not be shown: revoke it \\(toktab revoke %s\\)" % made)

    def test_nohup(self):
        """A signal that was ignored stays ignored."""
        self.create()
        reader, writer = os.pipe()
        os.write(writer, b"x" * (size := fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)))
        process = self.site.start("create", "-l", "x", stdout=writer,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        os.close(writer)
        with killed_at_end(process), os.fdopen(reader, "rb") as pipe:
            wait_until(lambda: self.site.read().n == 2, "the line is on disk")
            process.send_signal(signal.SIGHUP)
            parse_token(self.site.guard(pipe.read()[size:].decode().strip()))
            self.assertEqual(process.wait(30), 0)

    def test_messages_that_nobody_takes(self):
        """stderr full: the token is still printed and good, or the command says it failed."""
        with open("/dev/full", "wb") as full:
            result = self.site.run("create", "-l", "x", "--json", stderr=full)
        self.assertIn(result.code, (0, 74), result)
        if result.code == 0:
            self.assertEqual(self.verdict(json.loads(result.out)["token"])[0], "allow")


if __name__ == "__main__":
    unittest.main()
