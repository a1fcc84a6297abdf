"""Whoever may note when tokens are used cannot hold up the tool, nor hide what others have noted."""

import contextlib
import fcntl
import mmap
import os
import signal

from harness import TIME_LIMIT, SiteTest, killed_at_end, needs_root, wait_until
from oracle import Writer
from oracle_format import make_token, token_id
from stall import Stalled, needs_stall
from used_file import make_used, now as clock, read_slot, rfc3339, store_id, used_dir, used_path

GROUP, OWNER = 45000, 45001  # of the stores
HONEST, HOSTILE = 45002, 45003  # members of the group, as which hosts run


class HostileCase(SiteTest):
    """What one member of the group puts into the directory hides nothing of what another's host has noted, and keeps
    nobody from changing the store."""

    def setUp(self):
        super().setUp()
        os.chown(self.site.store_dir, OWNER, GROUP)
        os.chmod(self.site.store_dir, 0o2710)
        writer = Writer("example.com")
        writer.create(self.site.guard(make_token()))
        self.site.put(writer)
        self.ok("update", "1", "-l", "old")
        self.now = clock() - 1000
        self.honest = make_used(self.site, {1: self.now}, HONEST)
        os.chown(self.honest, -1, GROUP)
        self.path = used_path(self.site, HOSTILE)

    @contextlib.contextmanager
    def member(self, action, returns=True):
        """The hostile member does this, which returns or not, and stays; afterwards nothing is left of it."""
        ready = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setresgid(GROUP, GROUP, GROUP)
                os.setresuid(HOSTILE, HOSTILE, HOSTILE)
                kept = action()
                os.write(ready[1], b"!")
                while kept is not self:
                    signal.pause()
            finally:
                os._exit(0)
        os.close(ready[1])
        try:
            if returns:
                self.assertEqual(os.read(ready[0], 1), b"!", "the member could not do it")
            yield child
        finally:
            os.close(ready[0])
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            for entry in os.scandir(used_dir(self.site)):
                if entry.path != self.honest:
                    (os.rmdir if entry.is_dir(follow_symlinks=False) else os.unlink)(entry.path)

    def everything_works(self, shown=(True,)):
        """Every command that changes the store does so, and those that show tokens end. shown: whether they know when a
        token was last used; else they say so."""
        self.ok("create", "-l", "x", may_show_token=True)
        last = str(self.site.read().n)
        self.ok("update", last, "-l", "z")
        self.ok("rotate", last, may_show_token=True)
        self.assertIsNotNone(self.json("revoke", "-y", last)["revoked"])
        self.ok("compact")
        for command in (["list"], ["show", "1"]):
            result = self.ok(*command, "--json")
            known = '"last_used": "%s"' % rfc3339(self.now) in result.out
            self.assertIn(known, shown, result)
            self.assertEqual(result.err == "", known, result)


@needs_root
class Hostile(HostileCase):
    def test_fifo(self):
        with self.member(lambda: os.mkfifo(self.path)):
            self.everything_works()

    def test_fifo_that_somebody_writes_to(self):
        with self.member(lambda: (os.mkfifo(self.path), os.open(self.path, os.O_RDWR))):
            self.everything_works()

    def test_directory(self):
        with self.member(lambda: os.mkdir(self.path)):
            self.everything_works()

    def test_symlink(self):
        for target in ("/dev/zero", "/dev/tty", self.honest, self.path, "nothing", used_dir(self.site)):
            with self.subTest(target=target), self.member(lambda: os.symlink(target, self.path)):
                self.everything_works()

    def test_huge_sparse_file(self):
        def make():
            with open(self.path, "wb") as file:
                file.write(store_id_of_site)
            os.truncate(self.path, 1 << 43)

        store_id_of_site = store_id(self.site)
        with self.member(make):
            self.assertEqual(os.stat(self.path).st_size, 1 << 43)
            self.everything_works()

    def test_hard_link(self):
        """Also of the very file that the tool would believe."""
        make_used(self.site, {1: self.now + 100}, HOSTILE)
        with self.member(lambda: os.link(self.path, self.path + ".other")):
            self.everything_works()

    def test_other_peoples_names(self):
        """The tool looks for the owner, not for the name."""

        def make():
            for uid in (0, OWNER, HOSTILE + 1, 33):
                with open(used_path(self.site, uid), "wb") as file:
                    file.write(store_id_of_site + b"\xff" * 8 + (self.now + 100).to_bytes(8, "little"))

        store_id_of_site = store_id(self.site)
        with self.member(make):
            self.everything_works()

    def test_absurd_times(self):
        def make():
            with open(self.path, "wb") as file:
                file.write(store_id_of_site + b"\xff" * 4096)

        store_id_of_site = store_id(self.site)
        with self.member(make):
            self.everything_works()

    def test_another_hosts_file_cannot_be_taken_away(self):
        def attempt():
            for action in (
                lambda: os.unlink(self.honest), lambda: os.rename(self.honest, self.honest + ".away"),
                lambda: os.rename(self.path, self.honest), lambda: os.open(self.honest, os.O_WRONLY),
                lambda: os.listdir(used_dir(self.site)),
            ):
                try:
                    action()
                except PermissionError:
                    continue
                return os._exit(1)

        make_used(self.site, {1: self.now}, HOSTILE)
        with self.member(attempt):
            self.assertEqual(read_slot(self.honest, 1), self.now)

    def test_lease(self):
        """Who opens the file would wait for 45 seconds (/proc/sys/fs/lease-break-time)."""

        def lease():
            signal.signal(signal.SIGIO, signal.SIG_IGN)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o640)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            return descriptor

        with self.member(lease):
            self.everything_works()

    def test_lock_of_one_that_is_stopped(self):
        def lock():
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o640)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            fcntl.lockf(descriptor, fcntl.LOCK_EX)
            return descriptor

        with self.member(lock) as member:
            os.kill(member, signal.SIGSTOP)
            self.everything_works()


@needs_stall
class Stall(HostileCase):
    """The hostile member makes calls on its file that do not return."""

    def test_read_that_never_returns(self):
        make_used(self.site, {}, HOSTILE)
        with Stalled(self.path, HOSTILE) as stalled:
            self.everything_works(shown=(False,))
            self.assertTrue(stalled.waiting.is_set())
            self.assertEqual(self.ok("list").err.count("too long"), 1)
            token = self.create()
            self.assertEqual(self.verdict(token), ("allow", None))
            self.expect(1, "scan", "--revoke", stdin=token)
            self.assertEqual(self.verdict(token), ("deny", "revoked"))
        os.unlink(self.path)

    def test_several_at_once(self):
        """The lock is free meanwhile."""
        make_used(self.site, {}, HOSTILE)
        tokens = [self.create() for _ in range(4)]
        with Stalled(self.path, HOSTILE):
            revoking = [self.site.start("revoke", "-y", token_id(token)) for token in tokens]
            for process in revoking:
                with killed_at_end(process):
                    self.assertEqual(process.wait(TIME_LIMIT), 0, process.stderr.read())
        self.assertEqual([token["state"] for token in self.json("list", "--all")], ["active"] + ["revoked"] * 4)
        os.unlink(self.path)

    def test_write_that_never_returns(self):
        """As whoever owns a file can lock it: on some file systems, xfs among them, nobody can read it then."""
        page = os.path.join(self.site.dir, "page")
        with open(page, "wb"):
            pass

        def write():
            os.close(stalled.device)
            with open(page, "rb") as file:
                memory = mmap.mmap(file.fileno(), mmap.PAGESIZE, prot=mmap.PROT_READ)
            os.pwrite(os.open(self.path, os.O_WRONLY), memory, 0)

        make_used(self.site, {1: self.now}, HOSTILE)
        stalled = Stalled(page).__enter__()
        with self.member(write, returns=False):
            try:
                wait_until(stalled.waiting.is_set, "the write that hangs")
                self.everything_works(shown=(True, False))
            finally:
                stalled.__exit__()
