"""toktab compact: what the new file holds, who may read it, and what happens to those who use the store meanwhile."""

import contextlib
import os
import random
import resource
import signal
import stat
import struct
import subprocess
import threading
import time
import unittest

from harness import IS_ROOT, NOBODY, Site, SiteTest, killed_at_end, needs_root
from oracle import Writer
from oracle_format import make_token, token_id

NOW = 1700000000
INTERRUPTIONS = 20


def without_point(data, header):
    """Header and snapshot: all that is a function of the log and the cutoff alone."""
    return data[: len(header.text()) + header.bytes]


class Compact(SiteTest):
    def tokens(self, count):
        return [self.site.guard(make_token()) for _ in range(count)]

    def busy_store(self, **first):
        """Tokens that live, have expired, were revoked, and one that somebody tried to bring back."""
        writer = Writer("example.com")
        for number, token in enumerate(self.tokens(12)):
            writer.create(token, "label %d | %%" % number, scopes=("read", "write"), nets=("192.0.2.0/24",), **first)
            if number % 3 == 0:
                writer.update(token, label="changed", expires=NOW + number)
            if number % 4 == 0:
                writer.revoke(token, time=NOW - number, reason="gone")
            if number == 4:
                writer.update(token, revoked=None)
        return writer

    def compacted(self, writer, *args):
        """Have both compact the same log. The tool's P line says when and by whom."""
        self.site.put(writer)
        answer = self.json("compact", *args)
        store = self.site.read()
        _, point, _ = store.log[0]
        writer.compact(point.time, store.header.cutoff, point.by)
        return answer, store

    def test_bytes_are_the_oracles(self):
        for args in ((), ("--drop-dead", "0s"), ("--drop-dead", "1000w")):
            writer = self.busy_store()
            before = len(writer.data())
            with self.subTest(args=args):
                answer, store = self.compacted(writer, *args)
                self.assertEqual(self.site.bytes(), writer.data())
                self.assertEqual(answer,
                    {"head": store.head(), "bytes_before": before, "bytes_after": len(writer.data())})
                self.assertEqual(self.json("check")["head"], store.head())

    def test_again_and_again(self):
        writer = self.busy_store()
        for _ in range(3):
            self.compacted(writer)
            self.assertEqual(self.site.bytes(), writer.data())
            writer.create(*self.tokens(1))

    def test_an_empty_store(self):
        writer = Writer("example.com")
        self.compacted(writer)
        self.assertEqual(self.site.bytes(), writer.data())
        self.create()
        self.ok("check")

    def test_head_goes_on(self):
        writer = self.busy_store()
        self.site.put(writer)
        old = writer.head()
        result = self.ok("compact")
        self.assertEqual(result.out, self.site.read().head() + "\n")
        self.ok("check", "--expect", result.out.strip())
        self.ok("check", "--expect", old)  # the last line before it
        self.create()
        self.ok("check", "--expect", result.out.strip())
        self.ok("compact")
        self.refused(69, "check", "--expect", old, says="cannot tell")
        other = old[:-1] + ("0" if old[-1] != "0" else "1")
        self.refused(69, "check", "--expect", other)
        self.refused(1, "check", "--expect", "1:99:" + "0" * 32)

    def test_the_same_point_and_cutoff_give_the_same_bytes(self):
        writer = self.busy_store()
        self.site.put(writer)
        self.ok("compact", "--drop-dead", "0s")
        first, header = self.site.bytes(), self.site.read().header
        cutoff = header.cutoff
        writer.compact(cutoff=cutoff)  # another host, at another time
        self.assertEqual(without_point(first, header), without_point(writer.data(), writer.header))

    def test_the_cutoff_never_goes_back(self):
        writer = self.busy_store()
        self.site.put(writer)
        self.ok("compact", "--drop-dead", "1d")
        cutoff = self.site.read().header.cutoff
        self.assertLessEqual(abs(cutoff - (time.time() - 86400)), 60)
        for args in ((), ("--drop-dead", "2d"), ("--drop-dead", "1000w")):
            self.ok("compact", *args)
            self.assertEqual(self.site.read().header.cutoff, cutoff)
        self.ok("compact", "--drop-dead", "1h")
        self.assertGreater(self.site.read().header.cutoff, cutoff)

    def test_an_age_before_time_began_is_no_cutoff(self):
        self.create()
        self.ok("compact", "--drop-dead", "50000w")
        self.assertIsNone(self.site.read().header.cutoff)

    def test_dropped_tokens_are_unknown_and_their_serials_stay_used(self):
        writer = Writer("example.com")
        gone, kept = self.tokens(2)
        writer.create(gone)
        writer.create(kept)
        writer.revoke(gone)
        self.site.put(writer)
        self.ok("compact", "--drop-dead", "0s")
        self.assertEqual(self.verdict(gone), ("deny", "unknown"))
        self.assertEqual(self.verdict(kept)[0], "allow")
        self.expect(66, "show", token_id(gone))
        self.assertEqual(self.record(self.create("next")).serial, 5)

    def test_ages(self):
        self.create()
        for age in ("", "1", "d", "-1d", "1.5d", "never", "2027-01-31", "1y", "99999999999w"):
            self.refused(2, "compact", "--drop-dead", age)
        self.refused(2, "compact", "now")
        self.expect(66, "-d", "example.com", "show", "9")

    def test_no_store(self):
        self.refused(66, "compact")
        self.assertFalse(os.path.exists(self.site.path()))

    def test_a_damaged_store_is_left_alone(self):
        writer = self.busy_store()
        data = bytearray(writer.data())
        data[len(data) // 2] ^= 1
        self.site.put(bytes(data))
        self.refused(65, "compact", says="toktab check")
        self.assertEqual(self.site.bytes(), bytes(data))
        self.assert_no_leftovers()

    def assert_no_leftovers(self):
        for name in self.site.files():
            self.assertIn(name, ("example.com.tokens", "example.com.lock"))

    def test_a_torn_tail_is_left_behind(self):
        writer = self.busy_store()
        self.site.put(writer.data() + b"%d|torn" % (writer.n + 1))
        self.ok("compact")
        store = self.site.read()
        self.assertEqual((store.torn, store.n), (b"", writer.n + 1))

    def test_leftovers_are_removed_and_nothing_else(self):
        self.create()
        secret = "0123456789abcdef" * 2
        left = ".example.com.tokens.new-" + secret
        others = [".example.com.tokens.new-" + secret[1:], ".example.com.tokens.new-" + secret.upper(),
            ".example.com.tokens.new", ".other.example.com.tokens.new-" + secret, "example.com.tokens.new-" + secret,
            ".example.com.tokens.new-x.tokens.new-" + secret]
        for name in [left, *others]:
            with open(os.path.join(self.site.store_dir, name), "w"):
                pass
        self.ok("compact")
        names = os.listdir(self.site.store_dir)
        self.assertNotIn(left, names)
        self.assertEqual([name for name in others if name not in names], [])


class Clock(SiteTest):
    def test_a_cutoff_that_is_still_to_come(self):
        """A clock was wrong once: nothing that works is dropped for it."""
        writer = Writer("example.com")
        token = self.site.guard(make_token())
        writer.create(token, expires=int(time.time()) + 86400)
        writer.compact(cutoff=int(time.time()) + 1000)
        self.site.put(writer)
        for args in ((), ("--drop-dead", "0s")):
            self.refused(65, "compact", *args, says=("nothing was done", "clock"))
        self.assertEqual(self.verdict(token)[0], "allow")


class Access(SiteTest):
    def status(self):
        return os.stat(self.site.path())

    def test_mode_whatever_the_umask(self):
        self.create()
        for mode in (0o640, 0o600, 0o440) if IS_ROOT else (0o640, 0o600):  # who is not root cannot write to 0440
            os.chmod(self.site.path(), mode)
            for mask in (0, 0o077, 0o777):
                inode = self.status().st_ino
                self.ok("compact", umask=mask)
                self.assertEqual(stat.S_IMODE(self.status().st_mode), mode)
                self.assertNotEqual(self.status().st_ino, inode)

    def test_space_is_kept_for_revocations(self):
        self.create()
        kept = self.status().st_blocks * 512 - self.status().st_size
        if kept < 32768:
            self.skipTest("this file system cannot allocate after the end of a file: %s" % self.site.dir)
        self.ok("compact")
        self.assertGreaterEqual(self.status().st_blocks * 512, self.status().st_size + 32768)

    def test_an_access_control_list_holds(self):
        """Its mask stands where others have the group's rights: without the list the group could read."""
        entries = ((1, 6, -1), (2, 4, 12345), (4, 0, -1), (16, 4, -1), (32, 0, -1))
        wanted = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
        self.create()
        try:
            os.setxattr(self.site.path(), "system.posix_acl_access", wanted)
        except OSError as error:
            self.skipTest("this file system has no access control lists: %s" % error)
        self.ok("compact")
        self.assertEqual(os.getxattr(self.site.path(), "system.posix_acl_access"), wanted)
        self.assertEqual(stat.S_IMODE(self.status().st_mode), 0o640)

    def test_no_access_list_of_the_directory(self):
        """A default list of the directory holds for new stores; an old one without a list keeps none."""
        self.create()
        default = struct.pack("<I", 2)  # version, then tag, permissions and id of each entry
        for tag, permissions, id in ((1, 6, -1), (2, 4, NOBODY), (4, 4, -1), (16, 4, -1), (32, 0, -1)):
            default += struct.pack("<HHi", tag, permissions, id)
        try:
            os.setxattr(self.site.store_dir, "system.posix_acl_default", default)
        except OSError as error:
            self.skipTest("no access control lists here: %s" % error)
        for args in (["compact"], ["mend", "-y"]):
            self.ok(*args)
            self.assertNotIn("system.posix_acl_access", os.listxattr(self.site.path()))
            self.assertEqual(stat.S_IMODE(self.status().st_mode), 0o640)

    @needs_root
    def test_owner_and_group(self):
        site = Site(mode=0o2750, owner=NOBODY, group=12345)
        self.addCleanup(site.close)
        self.assertEqual(site.run("create", "-l", "x").code, 0)
        before = os.stat(site.path())
        self.assertEqual((before.st_uid, before.st_gid), (NOBODY, 12345))
        self.assertEqual(site.run("compact").code, 0)
        after = os.stat(site.path())
        self.assertEqual((after.st_uid, after.st_gid, after.st_mode), (before.st_uid, before.st_gid, before.st_mode))

    @needs_root
    def test_a_group_that_cannot_be_given(self):
        site = Site(mode=0o2750, owner=NOBODY, group=12345)
        self.addCleanup(site.close)
        site.run("create", "-l", "x")
        os.chown(site.path(), -1, 23456)
        before = site.bytes()
        result = site.run("compact")
        self.assertEqual(result.code, 77, result)
        self.assertIn("group 23456", result.err)
        self.assertIn("chgrp", result.err)
        self.assertEqual((site.bytes(), os.stat(site.path()).st_gid), (before, 23456))
        self.assertEqual(site.files(), ["example.com.lock", "example.com.tokens"])

    @needs_root
    def test_another_group_of_root_holds(self):
        self.create()
        os.chown(self.site.path(), -1, 23456)
        self.ok("compact")
        self.assertEqual(self.status().st_gid, 23456)

    def test_not_trusted(self):
        self.create()
        os.chmod(self.site.path(), 0o660)
        self.refused(77, "compact")

    def test_file_size_limit(self):
        for _ in range(10):
            self.create()
        before = self.site.bytes()
        for size in (0, 100, 1000):
            self.refused((73, 74), "compact",
                preexec_fn=lambda size=size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
            self.assertEqual(self.site.bytes(), before)
            self.assertEqual(self.site.files(), ["example.com.lock", "example.com.tokens"])

    @needs_root
    def test_a_full_disk(self):
        """What does not fit leaves the old file as it is; a revocation still goes through."""
        mount = os.path.join(self.site.dir, "stores")
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0750", "toktab", mount],
                stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", mount], check=True)
        writer = Writer("example.com")
        for _ in range(2000):
            writer.create(make_token(), "x" * 40)
        self.site.put(writer)
        self.create()
        with open(os.path.join(mount, "ballast"), "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        before = self.site.bytes()
        self.refused((73, 74), "compact", says="space")
        self.assertEqual(self.site.bytes(), before)
        self.ok("revoke", "-y", "1")
        os.unlink(os.path.join(mount, "ballast"))
        self.ok("compact")


class Meanwhile(SiteTest):
    slow = True

    def test_creates_and_revokes_lose_nothing(self):
        tokens, revoked, failures, ended = [self.create()], [], [], threading.Event()

        def note(result):
            if result.code:
                failures.append(str(result))
            return result

        def write(number):
            for place in range(25):
                token = self.site.guard(note(self.site.run("create", "-l", "%d of %d" % (place, number))).out.strip())
                tokens.append(token)
                if place % 2:
                    note(self.site.run("revoke", "-y", token_id(token)))
                    revoked.append(token)

        def compact():
            while not ended.is_set():
                note(self.site.run("compact"))

        writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
        compactor = threading.Thread(target=compact)
        for thread in [compactor, *writers]:
            thread.start()
        for thread in writers:
            thread.join()
        ended.set()
        compactor.join()
        self.assertEqual(failures, [])
        store = self.site.read()
        self.assertEqual(set(store.tokens), {token_id(token) for token in tokens})
        for token in tokens:
            self.assertEqual(store.record(token_id(token)).revoked is not None, token in revoked)
        self.assertGreater(store.header.base, 0)
        self.assertEqual(self.json("check")["head"], store.head())

    def test_interrupted_at_any_moment(self):
        """^C comes before the lock is taken, or waits until it is free."""
        writer = Writer("example.com")
        for _ in range(2000):
            writer.create(make_token())
        self.site.put(writer)
        began = time.monotonic()
        self.ok("compact")
        typical = time.monotonic() - began
        for _ in range(INTERRUPTIONS):
            process = self.site.start("compact")
            time.sleep(random.uniform(0, 1.2 * typical))
            process.send_signal(signal.SIGINT)
            process.communicate()
            self.assertIn(process.returncode, (0, -signal.SIGINT))
            self.assertEqual(len(self.site.read().tokens), 2000)
            self.assertEqual(self.site.files(), ["example.com.lock", "example.com.tokens"])

    def test_two_compactions_at_once(self):
        for _ in range(20):
            self.create()
        for _ in range(5):
            processes = [self.site.start("compact") for _ in range(3)]
            for process in processes:
                with killed_at_end(process):
                    self.assertEqual(process.wait(30), 0)
            self.assertEqual(len(self.site.read().tokens), 20)
        self.ok("check")


if __name__ == "__main__":
    unittest.main()
