"""Stores and directories that nobody must trust: symlinks, FIFOs, foreign owners, wide permissions, on the way too."""

import contextlib
import os
import stat
import subprocess
import unittest

from harness import IS_ROOT, NOBODY, TIME_LIMIT, TOKTAB, Result, Site, SiteTest, config_text, environment, needs_root
from machine import propagation
from oracle import Writer
from oracle_format import make_token

READERS = (["list"], ["show", "1"], ["check"], ["verify"])
WRITERS = (["create", "-l", "new"], ["revoke", "-y", "1"])
UNTRUSTED = (65, 74, 77)
FAILED = (1, 65, 66, 69, 73, 74, 77)


class Untrusted(SiteTest):
    def setUp(self):
        super().setUp()
        self.token = self.create("old")
        self.good = self.site.bytes()

    def run_all(self, commands=READERS + WRITERS, codes=UNTRUSTED, says=None, **more):
        """Each command must fail with one of codes, and not hang; check may say 1: it found a fault."""
        for args in commands:
            with self.subTest(command=args[0]):
                allowed = tuple(codes) + ((1,) if args[0] == "check" else ())
                self.refused(allowed, *args, says=says or self.site.path(), stdin=self.token, **more)

    def test_symlink(self):
        elsewhere = os.path.join(self.site.dir, "elsewhere")
        os.rename(self.site.path(), elsewhere)
        os.symlink(elsewhere, self.site.path())
        self.run_all()
        with open(elsewhere, "rb") as file:
            self.assertEqual(file.read(), self.good)

    def test_dangling_symlink(self):
        os.unlink(self.site.path())
        target = os.path.join(self.site.dir, "made-by-toktab")
        os.symlink(target, self.site.path())
        self.run_all()
        self.assertFalse(os.path.lexists(target))
        self.assertTrue(os.path.islink(self.site.path()))

    def test_fifo(self):
        os.unlink(self.site.path())
        os.mkfifo(self.site.path(), 0o640)
        self.run_all()

    def test_directory(self):
        os.unlink(self.site.path())
        os.mkdir(self.site.path(), 0o750)
        self.run_all()

    def test_device(self):
        os.unlink(self.site.path())
        os.symlink("/dev/null", self.site.path())
        self.run_all()

    def test_writable_or_readable_by_others(self):
        for mode in (0o660, 0o642, 0o644, 0o666):
            os.chmod(self.site.path(), mode)
            self.run_all()
            self.assertEqual(self.site.bytes(), self.good)

    def test_narrower_modes_are_fine(self):
        for mode in (0o600, 0o640):
            os.chmod(self.site.path(), mode)
            self.ok("list")
            self.create()
            self.assertEqual(os.stat(self.site.path()).st_mode & 0o777, mode)

    def test_directory_writable_by_group_or_others(self):
        for mode in (0o770, 0o2770, 0o752, 0o1777):
            os.chmod(self.site.store_dir, mode)
            self.run_all(says=self.site.store_dir)
            self.assertEqual(self.site.bytes(), self.good)
        os.chmod(self.site.store_dir, 0o750)

    def test_missing(self):
        os.unlink(self.site.path())
        self.run_all([["show", "1"], ["revoke", "-y", "1"], ["check"], ["verify"]], (66,))
        self.create("a new store")

    def test_lock_that_is_a_symlink(self):
        victim = os.path.join(self.site.dir, "victim")
        with open(victim, "w") as file:
            file.write("precious")
        os.unlink(self.site.lock_path())
        os.symlink(victim, self.site.lock_path())
        for args in WRITERS:
            self.refused(FAILED, *args)
        with open(victim) as file:
            self.assertEqual(file.read(), "precious")

    def test_something_else_in_their_place(self):
        """Also what cannot even be opened. The message says what to do."""
        makers = (os.mkfifo, os.mkdir, lambda path: os.mknod(path, stat.S_IFSOCK | 0o640), lambda path: os.symlink(path, path))
        for path in (self.site.path(), self.site.lock_path()):
            for make in makers:
                os.rename(path, path + ".kept")
                make(path)
                for args in WRITERS:
                    result = self.refused((74, 77), *args, says=os.path.basename(path))
                    self.assertRegex(result.err, "not a regular file.*: move it away|symbolic link: put", result)
                os.rename(path, path + ".moved")
                (os.rmdir if make is os.mkdir else os.unlink)(path + ".moved")
                os.rename(path + ".kept", path)
        self.assertEqual(self.site.bytes(), self.good)

    @needs_root
    def test_foreign_owner(self):
        os.chown(self.site.path(), NOBODY, -1)
        self.run_all()

    @needs_root
    def test_owned_by_root_in_somebody_elses_directory(self):
        os.chown(self.site.store_dir, NOBODY, -1)
        self.run_all([["list"], ["show", "1"]], (77,), user=12345)
        os.chmod(self.site.path(), 0o640)
        os.chown(self.site.path(), 0, NOBODY)
        self.assertEqual(self.site.run("list", user=NOBODY).code, 0)

    @needs_root
    def test_unreadable(self):
        """For an ordinary user, who is not in the group."""
        self.run_all(codes=(77,), user=NOBODY, says=self.site.store_dir)
        os.chmod(self.site.store_dir, 0o755)
        self.run_all(codes=(73, 77), user=NOBODY)
        self.assertEqual(self.site.bytes(), self.good)

    def test_unreadable_own(self):
        if IS_ROOT:  # who may read everything
            os.chown(self.site.store_dir, NOBODY, -1)
            os.chown(self.site.path(), NOBODY, -1)
            os.chown(self.site.lock_path(), NOBODY, -1)
        os.chmod(self.site.path(), 0)
        self.run_all(codes=(77,), user=NOBODY if IS_ROOT else None)
        os.chmod(self.site.path(), 0o640)

    @needs_root
    def test_readable_by_the_group_is_enough_to_read(self):
        site = Site(mode=0o2750, group=NOBODY)
        self.addCleanup(site.close)
        site.run("create", "-l", "x")
        self.assertEqual(site.run("list", user=NOBODY).code, 0)
        self.assertIn(site.run("create", "-l", "y", user=NOBODY).code, (73, 77))
        self.assertIn(site.run("revoke", "-y", "1", user=NOBODY).code, (73, 77))
        self.assertEqual(site.read().n, 1)


def move_below(site, name):
    """The stores go into a directory of that name, which is returned: one on the way, to be spoilt."""
    parent = os.path.join(site.dir, name)
    os.mkdir(parent)
    os.chmod(parent, 0o755)
    os.rename(site.store_dir, os.path.join(parent, "stores"))
    site.store_dir = os.path.join(parent, "stores")
    site.configure(config_text(site.store_dir, site.domains))
    return parent


class OnTheWay(SiteTest):
    """The directories above that of the stores."""

    def setUp(self):
        super().setUp()
        self.parent = move_below(self.site, "parent")
        self.token = self.create("old")

    def all_work(self):
        self.ok("list")
        self.create("another")
        self.assertEqual(self.verdict(self.token)[0], "allow")

    def all_refuse(self, *says):
        before = self.site.bytes()
        for args in READERS + WRITERS:
            with self.subTest(command=args[0]):
                code = (1,) if args[0] == "check" else (77,)
                self.refused(code, *args, says=(self.parent, *says), stdin=self.token)
        self.assertEqual(self.site.bytes(), before)

    def test_narrow_modes_and_sticky_ones(self):
        for mode in (0o700, 0o711, 0o755, 0o555, 0o1777):
            os.chmod(self.parent, mode)
            self.all_work()

    def test_writable_by_everybody(self):
        for mode in (0o757, 0o777, 0o2777):
            os.chmod(self.parent, mode)
            self.all_refuse("writable by everybody", "mode %04o" % mode, "chmod go-w it")

    def test_writable_by_a_group(self):
        if IS_ROOT:
            os.chown(self.parent, -1, NOBODY)
        elif os.getegid() == 0:
            self.skipTest("this user's group may write everywhere")
        os.chmod(self.parent, 0o775)
        self.all_refuse("writable by group %d" % os.stat(self.parent).st_gid, "mode 0775", "chmod g-w it")

    @needs_root
    def test_writable_by_group_0(self):
        os.chmod(self.parent, 0o775)
        self.all_work()

    @needs_root
    def test_owner(self):
        os.chown(self.parent, NOBODY, -1)
        self.all_refuse("%s belongs to uid %d (mode 0755)" % (self.parent, NOBODY), "chown it to root")

    @needs_root
    def test_owner_is_who_asks(self):
        """Everybody may have stores below what is their own."""
        for path in (self.parent, self.site.store_dir, self.site.path(), self.site.lock_path()):
            os.chown(path, NOBODY, NOBODY)
        self.expect(0, "list", user=NOBODY)
        self.expect(77, "list", user=12345)

    def test_link_in_a_writable_directory(self):
        """It leads to where nobody could change anything."""
        folder = os.path.join(self.site.dir, "open")
        os.mkdir(folder)
        os.symlink(self.site.store_dir, os.path.join(folder, "link"))
        self.site.configure(config_text(os.path.join(folder, "link"), self.site.domains))
        self.all_work()
        os.chmod(folder, 0o777)
        self.parent = folder
        self.all_refuse("writable by everybody")

    def within(self, script, *args):
        """Run the tool in a mount namespace of its own, where the script has mounted something."""
        command = ["unshare", "--mount", "--propagation", propagation(), "sh", "-ec", script + '\nexec "$@"', "sh",
                   TOKTAB, "-c", self.site.conf, *args]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment(),
                              cwd=self.site.dir, timeout=TIME_LIMIT, check=False)
        return Result(command, done.returncode, done.stdout, done.stderr)

    def needs_mounts(self):
        """After what a site is made of: the directory that is probed is private."""
        probe = self.within("mount --bind parent parent", "list")
        if probe.code != 0:
            self.skipTest("root may not mount here: %s" % probe.err.strip())

    @needs_root
    def test_read_only_mount(self):
        self.needs_mounts()
        os.chmod(self.parent, 0o777)
        mount = "mount --bind parent parent"
        self.assertEqual(self.within(mount, "list").code, 77)
        done = self.within(mount + "; mount -o remount,bind,ro parent", "list")
        self.assertEqual(done.code, 0, done)
        os.chown(self.parent, NOBODY, -1)  # who can write it where it is not mounted read-only
        self.assertEqual(self.within(mount + "; mount -o remount,bind,ro parent", "list").code, 77)

    @needs_root
    def test_file_that_is_mounted_alone(self):
        """As a container may do it: then it never sees the file that takes the place of this one outside."""
        self.needs_mounts()
        outside = os.path.join(self.site.dir, "outside.tokens")
        mount = "cp -p %s outside.tokens; mount --bind outside.tokens %s" % ((self.site.path(),) * 2)
        self.assertEqual(self.within(mount, "list").code, 0)
        for change in ("cp -p outside.tokens new; mv new outside.tokens", "rm outside.tokens"):
            done = self.within("%s; %s" % (mount, change), "list")
            self.assertEqual(done.code, 77, done)
            self.assertIn("mount the directory, not the file", done.err)
        self.assertFalse(os.path.exists(outside))

    def test_namespace_that_does_not_map_root(self):
        """The host's directories belong to nobody there."""
        user = {"user": 12345, "group": 12345, "extra_groups": []} if IS_ROOT else {}
        namespace = ["unshare", "--user", "--map-root-user"]
        probe = subprocess.run([*namespace, "true"], stderr=subprocess.PIPE, check=False, **user)
        if probe.returncode != 0:
            self.skipTest("no user namespaces here: %s" % probe.stderr.decode().strip())
        if IS_ROOT:
            for path in (self.site.store_dir, self.site.path(), self.site.lock_path()):
                os.chown(path, 12345, 12345)
        command = [*namespace, self.site.tool(12345), "-c", self.site.conf]
        for args in (["list"], ["create", "-l", "inside"]):
            done = subprocess.run([*command, *args], stdin=subprocess.DEVNULL, capture_output=True, env=environment(),
                                  timeout=TIME_LIMIT, check=False, **user)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.site.guard(done.stdout.decode().strip())
        self.assertEqual(self.site.read().n, 2)


class AnotherStore(SiteTest):
    domains = [{"name": "example.com"}, {"name": "other"}]

    def test_of_another_domain(self):
        self.json("-d", "other", "create", "-l", "x", may_show_token=True)
        os.rename(self.site.path("other"), self.site.path())
        before = self.site.bytes()
        for args in READERS + WRITERS:
            allowed = (65, 1) if args[0] == "check" else (65,)
            with self.subTest(command=args[0]):
                self.refused(allowed, "-d", "example.com", *args, stdin=make_token())
        self.assertEqual(self.site.bytes(), before)


class Truncated(SiteTest):
    def test_to_each_length(self):
        writer = Writer("example.com")
        tokens = [self.site.guard(make_token()) for _ in range(3)]
        for token in tokens:
            writer.create(token)
        data, header = writer.data(), len(writer.header.text())
        for length in sorted({*range(0, len(data), 41), 1, header - 1, header, header + 1}):
            self.site.put(data[:length])
            with self.subTest(length=length):
                self.expect(0 if length >= header else 65, "list")
                whole = data[:length].count(b"\n") - 1
                for place, token in enumerate(tokens):
                    verdict = self.verdict(token)[0]
                    self.assertEqual(verdict, "error" if length < header else "allow" if place < whole else "deny")

    def test_the_next_writer_cuts_exactly_the_torn_tail(self):
        for torn in (b"4", b"4|abc|C|", b"\0" * 40, b"4|" + b"x" * 4000):
            writer = Writer("example.com")
            for _ in range(3):
                writer.create(make_token())
            data = writer.data()
            self.site.put(data + torn)
            self.ok("list")
            token = self.create("after the tear")
            after = self.site.bytes()
            self.assertEqual(after[: len(data)], data)
            self.assertEqual((self.site.read().n, self.site.read().torn), (4, b""))
            self.assertEqual(self.record(token).serial, 4)

    def test_revoke_cuts_it_too(self):
        writer = Writer("example.com")
        writer.create(make_token())
        self.site.put(writer.data() + b"2|torn" + b"x" * 1000)
        self.ok("revoke", "-y", "1")
        self.assertEqual((self.site.read().n, self.site.read().torn), (2, b""))


class Leftovers(SiteTest):
    def test_nothing_but_the_stores_own_files(self):
        for number in range(3):
            self.create()
        self.ok("revoke", "-y", "1")
        for name in os.listdir(self.site.store_dir):
            self.assertIn(name, ("example.com.tokens", "example.com.lock", "used"))

    def test_modes_whatever_the_umask(self):
        for mask in (0, 0o022, 0o077, 0o777):
            with contextlib.closing(Site()) as site:
                result = site.run("create", "-l", "x", umask=mask)
                self.assertEqual(result.code, 0, result)
                with os.scandir(site.store_dir) as entries:
                    modes = {entry.name: entry.stat().st_mode & 0o7777 for entry in entries}
                self.assertEqual(modes["example.com.tokens"], 0o640, mask)
                self.assertEqual(modes["example.com.lock"], 0o600, mask)
                self.assertEqual(modes["used"], 0o3730, mask)


if __name__ == "__main__":
    unittest.main()
