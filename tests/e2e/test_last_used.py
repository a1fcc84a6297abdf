"""The time of a token's last use: where the tool lets hosts note it, and what it shows of it."""

import errno
import json
import os
import stat
import subprocess
import time

from harness import SiteTest, needs_root, needs_terminal
from oracle import Writer
from oracle_format import make_token
from used_file import DAY, make_used, now as clock, rfc3339, store_id, used_dir, used_path, write_slot

GROUP, OWNER = 45000, 45001  # of the stores
HOST, OTHER_HOST = 45002, 45003  # members of the group, as which hosts run


def config(site, more=""):
    return 'store_dir = "%s"; domains = ( { name = "example.com"; %s } );' % (site.store_dir, more)


class LastUsedCase(SiteTest):
    def last_used(self, serial=1):
        """What list and show say, which must be the same."""
        listed = {token["serial"]: token for token in self.json("list", "--all")}
        shown = self.json("show", str(serial))
        self.assertEqual(listed[serial]["last_used"], shown["last_used"])
        return shown["last_used"]

    def directory(self):
        status = os.lstat(used_dir(self.site))
        return stat.filemode(status.st_mode), status.st_uid, status.st_gid


class Directory(LastUsedCase):
    """Where hosts note uses. Of what is in it the tool makes nothing."""

    def test_create_makes_it(self):
        self.create()
        self.assertEqual(self.directory()[0], "drwx-ws--T")
        self.assertEqual(os.listdir(used_dir(self.site)), [])

    def test_mode_whatever_the_umask(self):
        for umask in (0, 0o077, 0o777):
            with self.subTest(umask=oct(umask)):
                if os.path.exists(used_dir(self.site)):
                    os.rmdir(used_dir(self.site))
                before = os.umask(umask)
                try:
                    self.create()
                finally:
                    os.umask(before)
                self.assertEqual(self.directory()[0], "drwx-ws--T")

    def test_every_change_makes_it(self):
        self.create()
        for args in (["update", "1", "-l", "z"], ["rotate", "1"], ["revoke", "-y", "1"], ["create", "-l", "y"]):
            os.rmdir(used_dir(self.site))
            self.ok(*args, may_show_token=True)
            self.assertTrue(os.path.isdir(used_dir(self.site)), args)

    def test_reading_does_not(self):
        self.create()
        os.rmdir(used_dir(self.site))
        for args in (["list"], ["show", "1"], ["history"], ["check"]):
            self.ok(*args)
        self.assertFalse(os.path.exists(used_dir(self.site)))

    def test_turned_on_later(self):
        self.site.configure(config(self.site, "track_usage = false;"))
        self.create()
        self.assertFalse(os.path.exists(used_dir(self.site)))
        self.site.configure(config(self.site))
        self.ok("revoke", "-y", "1")
        self.assertTrue(os.path.isdir(used_dir(self.site)))

    def test_what_is_there_is_left_alone(self):
        self.create()
        path = make_used(self.site, {1: 4242})
        os.chmod(used_dir(self.site), 0o700)
        before = os.stat(path)
        for args in (["create", "-l", "x"], ["rotate", "1"], ["revoke", "-y", "1"]):
            self.ok(*args, may_show_token=True)
        self.assertEqual(self.directory()[0], "drwx------")
        after = os.stat(path)
        self.assertEqual(
            (after.st_ino, after.st_size, after.st_mtime_ns, after.st_ctime_ns),
            (before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns),
        )

    def test_something_else_in_its_place(self):
        """Nothing is followed, and nothing fails for it."""
        elsewhere = os.path.join(self.site.dir, "elsewhere")
        os.mkdir(elsewhere)
        for put in (
            lambda path: os.symlink(elsewhere, path), lambda path: os.symlink("nothing", path), os.mkfifo,
            lambda path: os.close(os.open(path, os.O_CREAT)),
        ):
            put(used_dir(self.site))
            self.ok("create", "-l", "x", may_show_token=True)
            serial = self.site.read().n
            with open(os.path.join(elsewhere, os.path.basename(used_path(self.site))), "wb") as file:
                file.write(store_id(self.site))
            write_slot(file.name, 0, clock())
            write_slot(file.name, serial, clock())
            self.assertIsNone(self.last_used(serial))
            self.ok("revoke", "-y", str(serial))
            os.unlink(used_dir(self.site))

    @needs_root
    def test_owner_and_group_are_those_of_the_stores_directory(self):
        for owner, mode in ((0, 0o2710), (0, 0o710), (OWNER, 0o2710), (OWNER, 0o710)):
            os.chown(self.site.store_dir, owner, GROUP + 1)
            os.chmod(self.site.store_dir, mode)
            self.create()
            self.assertEqual(self.directory(), ("drwx-ws--T", owner, GROUP + 1))
            os.rmdir(used_dir(self.site))
            for path in (self.site.path(), self.site.lock_path()):
                os.unlink(path)

    @needs_root
    def test_a_group_that_its_owner_is_not_in(self):
        """It comes from the directory above, which has the set-group-ID bit."""
        os.chown(self.site.store_dir, OWNER, GROUP + 1)
        os.chmod(self.site.store_dir, 0o2710)
        self.ok("create", "-l", "x", user=OWNER, may_show_token=True)
        self.assertEqual(self.directory(), ("drwx-ws--T", OWNER, GROUP + 1))


SHIM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int openat(int directory, const char *name, int flags, ...)
{
    if (flags & O_CREAT) { errno = EDEADLK; return -1; }
    return (int)syscall(SYS_openat, directory, name, flags);
}
int openat64(int directory, const char *name, int flags, ...) __attribute__((alias("openat")));
/* Not with the store's lock: then it is another error. */
int mkdirat(int directory, const char *name, mode_t mode)
{
    int lock = openat(directory, "example.com.lock", O_RDWR);
    int is_free = flock(lock, LOCK_EX | LOCK_NB) == 0;

    (void)name, (void)mode; close(lock); errno = is_free ? EDEADLK : EBUSY; return -1;
}
"""


class DirectoryIsHeld(LastUsedCase):
    """Whoever creates a file, or may create one, waits for whoever reads the directory: so a change creates none."""

    def test_changes(self):
        shim = os.path.join(self.site.dir, "shim.so")
        command = ["cc", "-shared", "-fPIC", "-o", shim, "-x", "c", "-"]
        if os.environ.get("LD_PRELOAD") or any(name.endswith("SAN_OPTIONS") for name in os.environ):
            self.skipTest("under a sanitizer nothing else can be preloaded")
        if subprocess.run(command, input=SHIM.encode(), check=False).returncode:
            self.skipTest("no C compiler")
        env = {"LD_PRELOAD": shim}
        self.refused((73, 74), "create", "-l", "x", env=env)
        self.create()
        os.rmdir(used_dir(self.site))
        said = self.ok("update", "1", "-l", "x", env=env).err
        self.assertIn("not noted", said)
        self.assertIn(os.strerror(errno.EDEADLK), said)
        self.create()
        for args in (["create", "-l", "x"], ["update", "1", "-l", "y"], ["rotate", "1"], ["revoke", "-y", "1"]):
            self.assertNotIn("not noted", self.ok(*args, env=env, may_show_token=True).err)


class Another(LastUsedCase):
    """A new store under an old name: what the old one's tokens did is not told of the new one's."""

    def test_new_store(self):
        self.create()
        make_used(self.site, {1: clock()})
        self.assertIsNotNone(self.last_used())
        os.unlink(self.site.path())
        self.create()
        self.assertIsNone(self.last_used())

    def test_garbage(self):
        self.create()
        for data in (b"", b"x", b"toktab1|", os.urandom(5000), store_id(self.site)[:15]):
            with self.subTest(data=data[:10]):
                with open(used_path(self.site), "wb") as file:
                    file.write(data)
                self.assertIsNone(self.last_used())


class Shown(LastUsedCase):
    def test_never(self):
        token = self.create()
        self.assertIsNone(self.last_used())
        self.assertRegex(self.ok("show", "1").out, r"(?m)^last_used +-$")
        self.assertRegex(self.ok("list", "-o", "serial,last_used", "--no-headings").out, r"\A *1 +-\n\Z")
        self.assertIsNone(self.json("verify", stdin=token)["record"]["last_used"])

    def test_time(self):
        token = self.create()
        now = clock()
        make_used(self.site, {1: now})
        self.assertEqual(self.last_used(), rfc3339(now))
        self.assertEqual(self.json("verify", stdin=token)["record"]["last_used"], rfc3339(now))
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
        self.assertIn(when, self.ok("list").out)
        self.assertRegex(self.ok("show", "1").out, r"(?m)^last_used +%s \(\d+s ago\)$" % when)

    @needs_terminal
    def test_distance_on_a_terminal(self):
        self.create()
        make_used(self.site, {1: clock()})
        self.assertRegex(self.site.terminal("list", "-o", "last_used").out, r"\d+s ago")

    def test_of_a_revoked_token(self):
        self.create()
        now = clock()
        make_used(self.site, {1: now})
        answer = self.json("revoke", "-y", "1")
        self.assertEqual(answer["last_used"], rfc3339(now))
        self.assertEqual(self.last_used(), rfc3339(now))

    def test_unused(self):
        """Created before, not used since, and tracking on for as long."""
        now = clock()
        self.create()  # makes the directory
        writer = Writer("example.com")
        for age in (100, 100, 100, 10):
            writer.create(self.site.guard(make_token()), "%d days old" % age, time=now - age * DAY)
        self.site.put(writer)
        make_used(self.site, {1: now - 50 * DAY, 2: now - 5 * DAY}, began=now - 60 * DAY)

        def unused(*args, code=0):
            return [token["serial"] for token in self.json("list", "--unused", *args, code=code)]

        self.assertEqual(unused("30d"), [1, 3])
        self.assertEqual(unused("6d"), [1, 3, 4])
        self.assertEqual(unused("55d"), [3])
        self.assertEqual(unused("0s"), [1, 2, 3, 4])
        self.assertEqual(unused("101d"), [])  # no token is as old
        result = self.refused(69, "list", "--unused", "90d", says=["--unused", "not known", "only since"])
        self.assertEqual(result.out, "")
        self.ok("revoke", "-y", "3")
        self.assertEqual(unused("30d"), [1])
        self.assertEqual(unused("30d", "--all"), [1, 3])
        for bad in ("", "30", "2027-01-31", "never", "-1d"):
            self.refused(2, "list", "--unused", bad, says="is not an age")

    def test_unused_without_any_use(self):
        self.create()
        self.ok("list", "--unused", "1d")
        writer = Writer("example.com")
        writer.create(self.site.guard(make_token()), "old", time=clock() - 2 * DAY)
        self.site.put(writer)
        self.refused(69, "list", "--unused", "1d", says=["not known", "example.com", "noted"])
        self.site.configure(config(self.site, "track_usage = false;"))
        self.refused(69, "list", "--unused", "1d", says=["not known", "track_usage"])

    def test_of_a_leaked_token(self):
        token = self.create()
        now = clock()
        make_used(self.site, {1: now})
        found = json.loads(self.expect(1, "scan", "--json", stdin=token).out)
        self.assertEqual(found[0]["record"]["last_used"], rfc3339(now))

    def test_each_its_own(self):
        for _ in range(3):
            self.create()
        now = clock()
        make_used(self.site, {2: now})
        self.assertEqual([token["last_used"] for token in self.json("list")], [None, rfc3339(now), None])

    def test_absurd_times(self):
        self.create()
        now = clock()
        path = make_used(self.site, {})
        for value in (1, now - DAY, now + DAY, 1 << 62, 1 << 63, (1 << 64) - 1, 0x3030303030303030):
            with self.subTest(value=value):
                write_slot(path, 1, value)
                self.assertIsNone(self.last_used())

    def test_file_ends_before(self):
        self.create()
        path = make_used(self.site, {1: clock()})
        for size in (31, 25, 24, 16, 15, 0):
            with self.subTest(size=size):
                os.truncate(path, size)
                self.assertIsNone(self.last_used())

    def test_missing(self):
        self.create()
        os.rmdir(used_dir(self.site))
        self.assertIsNone(self.last_used())
        self.assertEqual(self.ok("list").err, "")

    def test_asking_is_no_use(self):
        token = self.create()
        self.assertEqual(self.verdict(token), ("allow", None))
        self.assertEqual(os.listdir(used_dir(self.site)), [])

    def test_names_that_are_none(self):
        """One user has one file, and a domain's name may end in a number."""
        self.create()
        path = make_used(self.site, {1: clock()})
        self.assertIsNotNone(self.last_used())
        uid = os.geteuid()
        for name in (
            "example.com", "example.com.", "example.com.0%d" % uid, "example.com.%d." % uid, "example.com.%d.new" % uid,
            "example.com.x", "example.com.-%d" % uid, "example.com. %d" % uid, "example.com.1.%d" % uid, "xample.com.%d" % uid,
            "example.com.%d" % (uid + (1 << 32)), "example.com.%d" % (uid + 1),
        ):
            other = os.path.join(used_dir(self.site), name)
            os.rename(path, other)
            self.assertIsNone(self.last_used(), name)
            os.rename(other, path)

    @needs_root
    def test_the_latest_of_all_hosts(self):
        writer, now = Writer("example.com"), clock()
        for _ in range(3):
            writer.create(self.site.guard(make_token()))
        self.site.put(writer)
        os.mkdir(used_dir(self.site))
        make_used(self.site, {1: now - 30, 2: now - 20}, HOST)
        make_used(self.site, {1: now - 10, 3: now + DAY}, OTHER_HOST)
        make_used(self.site, {3: now - 40})
        os.chown(make_used(self.site, {1: now - 1}, 45678), 45679, -1)
        self.assertEqual(
            [token["last_used"] for token in self.json("list")], [rfc3339(now - 10), rfc3339(now - 20), rfc3339(now - 40)]
        )

    @needs_root
    def test_who_may_not_look(self):
        """Whoever may read the store reads it. The directory is its owner's to list."""
        os.chown(self.site.store_dir, OWNER, GROUP)
        os.chmod(self.site.store_dir, 0o2710)
        self.create()
        os.chown(make_used(self.site, {1: clock()}, HOST), -1, GROUP)
        self.assertIsNotNone(self.last_used())
        result = self.ok("list", "--json", user=GROUP)
        self.assertEqual((json.loads(result.out)[0]["last_used"], result.err), (None, ""))


class NotTracked(LastUsedCase):
    domains = [{"name": "example.com", "track_usage": False}]

    def test_no_directory(self):
        self.create()
        self.ok("rotate", "1", may_show_token=True)
        self.assertFalse(os.path.exists(used_dir(self.site)))

    def test_no_column(self):
        """What was noted before it was turned off would make a token look unused."""
        self.create()
        os.mkdir(used_dir(self.site))
        make_used(self.site, {1: clock()})
        self.assertNotIn("LAST_USED", self.ok("list").out)
        self.assertNotIn("last_used", self.ok("show", "1").out)
        self.assertIsNone(self.last_used())
        self.assertRegex(self.ok("list", "-o", "serial,last_used", "--no-headings").out, r"\A *1 +-\n\Z")
