"""A member of the stores' group, such as a web worker that was taken over, against the store itself: what it can be
refused, it is refused; for what it cannot, the tool speaks. What it may do in used/ is in test_last_used_hostile."""

import contextlib
import errno
import fcntl
import mmap
import os
import select
import unittest

from harness import Site, killed_at_end, needs_root, wait_until
from oracle_format import token_id
from stall import Stalled, libc, needs_stall
from test_last_used_hostile import GROUP, HOSTILE, OWNER, HostileCase
from used_file import used_dir

SAYS = b"%s: the file system has not answered for 5 seconds; until it does, nothing is acknowledged: as root, see with `fuser -v %s`"


def refused(action, *arguments):
    """errno with which the calling member is refused; 0: it is not."""
    try:
        action(*arguments)
    except OSError as error:
        return error.errno
    return 0


@needs_root
class Member(HostileCase):
    def test_what_is_refused(self):
        store, lock = self.site.path(), self.site.lock_path()
        there, here = os.path.join(self.site.store_dir, "evil"), os.path.join(used_dir(self.site), "evil")
        self.ok("update", "1", "-l", "so that there is a lock")

        def attempt():
            reading = os.open(store, os.O_RDONLY)
            return [
                (refused(os.open, store, os.O_WRONLY), errno.EACCES),
                (refused(os.truncate, store, 0), errno.EACCES),
                (refused(os.ftruncate, reading, 0), errno.EINVAL),
                (refused(os.open, lock, os.O_RDONLY), errno.EACCES),
                (refused(os.listdir, self.site.store_dir), errno.EACCES),
                (refused(os.unlink, store), errno.EACCES),
                (refused(os.unlink, lock), errno.EACCES),
                (refused(os.rename, store, here), errno.EACCES),
                (refused(os.mkfifo, there), errno.EACCES),
                (refused(os.symlink, "/dev/zero", there), errno.EACCES),
                (refused(os.open, there, os.O_WRONLY | os.O_CREAT), errno.EACCES),
                (refused(os.chmod, store, 0o666), errno.EPERM),
                (refused(os.utime, store), errno.EACCES),
                (refused(os.setxattr, store, "user.x", b"x"), errno.EACCES),
                (refused(fcntl.fcntl, reading, fcntl.F_SETLEASE, fcntl.F_RDLCK), errno.EACCES),
            ]

        before, seen = self.site.bytes(), os.pipe()

        def tell():
            os.write(seen[1], repr(attempt()).encode())

        with self.member(tell):
            answers = eval(os.read(seen[0], 65536))  # pylint: disable=eval-used
        for end in seen:
            os.close(end)
        self.assertEqual([got for got, _ in answers], [wanted for _, wanted in answers])
        self.assertEqual(self.site.bytes(), before)

    def test_locks_on_the_store(self):
        """flock(2) and read locks are to be had on whatever one may read: nobody asks for them."""

        def lock():
            descriptor = os.open(self.site.path(), os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            fcntl.lockf(descriptor, fcntl.LOCK_SH)
            return descriptor

        with self.member(lock):
            self.everything_works()

    def test_links_to_store_and_lock(self):
        """Where fs.protected_hardlinks is 0 a member can make them; here root does so in its place."""
        for path in (self.site.path(), self.site.lock_path()):
            self.ok("update", "1", "-l", "about " + os.path.basename(path))
            with self.subTest(path=path), self.member(lambda: None):
                os.link(path, os.path.join(used_dir(self.site), "link"))
                self.everything_works()
                self.ok("check")

    def test_it_fills_the_disk(self):
        """Of a small file system, by files of its own in used/."""
        self.assertEqual(libc.mount(b"tmpfs", self.site.store_dir.encode(), b"tmpfs", 0, b"size=1m,mode=2710"), 0)
        self.addCleanup(libc.umount2, self.site.store_dir.encode(), 2)
        os.chown(self.site.store_dir, OWNER, GROUP)
        os.chmod(self.site.store_dir, 0o2710)
        tokens = [self.create() for _ in range(20)]

        def fill():
            with open(os.path.join(used_dir(self.site), "example.com.%d" % HOSTILE), "wb", buffering=0) as file:
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * 4096)

        self.honest = None
        with self.member(fill):
            for _ in range(500):  # until the room that is kept for revocations is all that is left
                result = self.run_tool("create", "-l", "x" * 100, may_show_token=True)
                if result.code:
                    break
            self.assertIn(result.code, (73, 74), result)
            self.assertIn("space", result.err)
            for token in tokens:
                self.ok("revoke", "-y", token_id(token))
                self.assertEqual(self.verdict(token), ("deny", "revoked"))


class Spoken(HostileCase):
    def said(self, process):
        """Wait until it has spoken, or has ended; what it has said."""
        text = b""
        while b"\n" not in text and select.select([process.stderr], [], [], 60)[0]:
            piece = os.read(process.stderr.fileno(), 65536)
            text += piece
            if not piece:
                break
        return text

    @property
    def speaks(self):
        return SAYS % (2 * (self.site.path().encode(),))


@needs_stall
class StalledStore(Spoken):
    """A store that cannot be read on: no command waits without a word."""

    def test_each_command(self):
        commands = (["list"], ["show", "1"], ["revoke", "-y", "1"], ["create", "-l", "x"], ["rotate", "1"],
            ["update", "1", "-l", "y"], ["history"], ["check"], ["compact"], ["mend", "-y"], ["verify"], ["scan"])
        with contextlib.ExitStack() as stack:
            started = []
            for command in commands:
                site = Site(self.domains)
                stack.callback(site.close)
                site.put(self.site.bytes())
                stalled = Stalled(site.path(), 0, 0o640).__enter__()
                process = site.start(*command)
                stack.callback(process.communicate, timeout=60)
                stack.callback(stalled.__exit__)  # whoever waits in there does not even die before
                started.append((command, site, process))
            for command, site, process in started:
                with self.subTest(command=command):
                    self.assertIn(SAYS % (2 * (site.path().encode(),)), self.said(process))
                    self.assertIsNone(process.poll())


@needs_stall
class HeldInode(Spoken):
    """The member reads the store into memory that is a page of its own FUSE file: on ext4 and others the kernel holds the
    store's inode until that page comes, and no writer gets on. Where it does not, the revocation just succeeds."""

    def hold(self, stalled, page):
        os.close(stalled.device)  # in this process
        with open(page, "r+b") as file:
            memory = mmap.mmap(file.fileno(), 4096)
        try:
            descriptor = os.open(self.site.path(), os.O_RDONLY | os.O_DIRECT)
        except OSError:
            descriptor = os.open(self.site.path(), os.O_RDONLY)
        os.preadv(descriptor, [memory], 0)

    def test_revocation(self):
        page = os.path.join(self.site.dir, "page")
        with open(page, "wb"):
            pass
        token = self.create()
        stalled = Stalled(page, HOSTILE, 0o666).__enter__()
        with self.member(lambda: self.hold(stalled, page), returns=False):
            try:
                wait_until(stalled.waiting.is_set, "the read that hangs")
                process = self.site.start("revoke", "-y", token_id(token))
                said = self.said(process)
                if b"revoked token" not in said:
                    self.assertIn(self.speaks, said)
                    with open(self.site.lock_path()) as lock:
                        has_lock = lock.read().startswith("%d " % process.pid)
                    if has_lock:  # on xfs it waits before, and so would others
                        other = self.refused(75, "revoke", "-y", token_id(token), says="NOT revoked")
                        self.assertIn("process %d " % process.pid, other.err)
            finally:
                stalled.__exit__()
            with killed_at_end(process):
                self.assertEqual(process.wait(60), 0)
                self.assertIn(b"revoked token", said + process.stderr.read())
        self.assertEqual(self.verdict(token), ("deny", "revoked"))


if __name__ == "__main__":
    unittest.main()
