"""The time of a token's last use: the file that the tool makes for hosts, and what it shows of it."""

import json
import os
import stat
import struct
import time

from harness import SiteTest, needs_root, needs_terminal
from used_file import mark, read_slot, rfc3339, used_path, write_slot

GROWTH = 4096


class LastUsedCase(SiteTest):
    domains = [{"name": "example.com", "track_usage": True}]

    def path(self):
        return used_path(self.site)

    def last_used(self, serial=1):
        """What list and show say, which must be the same."""
        listed = {token["serial"]: token for token in self.json("list")}
        shown = self.json("show", str(serial))
        self.assertEqual(listed[serial]["last_used"], shown["last_used"])
        return shown["last_used"]


class Making(LastUsedCase):
    def test_create_makes_it(self):
        self.create()
        with open(self.path(), "rb") as file:
            data = file.read()
        self.assertEqual(len(data), GROWTH)
        self.assertEqual(data[:8], mark(self.site))
        self.assertEqual(data[8:], bytes(GROWTH - 8))
        self.assertEqual(os.listdir(self.site.store_dir).count("example.com.used"), 1)
        self.assertEqual([name for name in os.listdir(self.site.store_dir) if name.endswith(".new")], [])

    def test_mode_whatever_the_umask(self):
        for umask in (0, 0o077, 0o777):
            with self.subTest(umask=oct(umask)):
                if os.path.exists(self.path()):
                    os.unlink(self.path())
                before = os.umask(umask)
                try:
                    self.create()
                finally:
                    os.umask(before)
                self.assertEqual(stat.S_IMODE(os.stat(self.path()).st_mode), 0o660)

    def test_it_grows_and_keeps_what_it_holds(self):
        self.create()
        write_slot(self.path(), 1, 4242)
        inode = os.stat(self.path()).st_ino
        os.truncate(self.path(), 16)
        self.create()
        self.assertEqual(os.stat(self.path()).st_size, GROWTH)
        self.assertEqual(os.stat(self.path()).st_ino, inode)
        self.assertEqual(read_slot(self.path(), 1), 4242)

    def test_room_for_the_last_serial(self):
        for _ in range(3):
            self.create()
        lines = 512 - 3 - 1
        for _ in range(lines):  # n = 4 to 511: the slots of one page
            self.ok("create", "-l", "x", may_show_token=True)
        self.assertEqual(os.stat(self.path()).st_size, GROWTH)
        self.ok("create", "-l", "x", may_show_token=True)
        self.assertEqual(os.stat(self.path()).st_size, 2 * GROWTH)

    def test_longer_than_need_be_it_stays(self):
        self.create()
        os.truncate(self.path(), 1 << 40)
        self.create()
        self.assertEqual(os.stat(self.path()).st_size, 1 << 40)
        self.assertEqual(len(self.json("list")), 2)
        os.truncate(self.path(), 0)

    def test_that_it_cannot_be_had_is_said_once_by_each_command_that_writes(self):
        for args in (
            ["create", "-l", "x"], ["rotate", "1"], ["create", "-l", "y"], ["update", "2", "-l", "z"],
            ["revoke", "-y", "1", "2", "4"],
        ):
            if os.path.exists(self.path()):
                os.rmdir(self.path())
            os.mkdir(self.path())
            said = self.ok(*args, may_show_token=True).err
            self.assertEqual(said.count("not noted"), 1, said)

    def test_turned_on_later(self):
        """Any change makes room for all tokens."""
        self.site.configure('store_dir = "%s"; domains = ( { name = "example.com"; } );' % self.site.store_dir)
        for _ in range(3):
            self.create()
        self.assertFalse(os.path.exists(self.path()))
        self.site.configure(
            'store_dir = "%s"; domains = ( { name = "example.com"; track_usage = true; } );' % self.site.store_dir
        )
        self.ok("revoke", "-y", "1")
        self.assertEqual(os.stat(self.path()).st_size, GROWTH)

    @needs_root
    def test_owner_and_group_are_the_stores(self):
        os.chown(self.site.store_dir, 12345, 23456)
        self.create()
        store = os.stat(self.site.path())
        used = os.stat(self.path())
        self.assertEqual((used.st_uid, used.st_gid), (12345, store.st_gid))
        self.assertEqual(used.st_uid, store.st_uid)

    @needs_root
    def test_group_follows_a_store_that_was_given_to_another(self):
        self.create()
        os.chown(self.site.path(), -1, 34567)
        os.unlink(self.path())
        self.create()
        self.assertEqual(os.stat(self.path()).st_gid, 34567)


class Another(LastUsedCase):
    """A new store under an old name: what the old one's tokens did is not told of the new one's."""

    def test_new_store(self):
        self.create()
        write_slot(self.path(), 1, int(time.time()))
        self.assertIsNotNone(self.last_used())
        os.unlink(self.site.path())
        kept = os.stat(self.path()).st_ino
        self.create()
        self.assertNotEqual(os.stat(self.path()).st_ino, kept)
        with open(self.path(), "rb") as file:
            self.assertEqual(file.read(16), mark(self.site) + bytes(8))
        self.assertIsNone(self.last_used())

    def test_file_of_another_store_is_not_shown(self):
        self.create()
        write_slot(self.path(), 1, int(time.time()))
        write_slot(self.path(), 0, 4711)
        result = self.ok("list", "--json")
        self.assertIsNone(json.loads(result.out)[0]["last_used"])

    def test_garbage(self):
        for data in (b"", b"x", b"toktab1|", os.urandom(5000)):
            with self.subTest(data=data[:10]):
                self.create()
                with open(self.path(), "wb") as file:
                    file.write(data)
                self.assertIsNone(self.last_used())
                self.create()
                with open(self.path(), "rb") as file:
                    self.assertEqual(file.read(8), mark(self.site))


class Shown(LastUsedCase):
    def test_never(self):
        token = self.create()
        self.assertIsNone(self.last_used())
        self.assertRegex(self.ok("show", "1").out, r"(?m)^last_used +-$")
        self.assertRegex(self.ok("list", "-o", "serial,last_used", "--no-headings").out, r"\A *1 +-\n\Z")
        self.assertIsNone(self.json("verify", stdin=token)["record"]["last_used"])

    def test_time(self):
        token = self.create()
        now = int(time.time())
        write_slot(self.path(), 1, now)
        self.assertEqual(self.last_used(), rfc3339(now))
        self.assertEqual(self.json("verify", stdin=token)["record"]["last_used"], rfc3339(now))
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
        self.assertIn(when, self.ok("list").out)
        self.assertRegex(self.ok("show", "1").out, r"(?m)^last_used +%s \(\d+s ago\)$" % when)

    @needs_terminal
    def test_distance_on_a_terminal(self):
        self.create()
        write_slot(self.path(), 1, int(time.time()))
        self.assertRegex(self.site.terminal("list", "-o", "last_used").out, r"\d+s ago")

    def test_of_a_revoked_token(self):
        self.create()
        now = int(time.time())
        write_slot(self.path(), 1, now)
        answer = self.json("revoke", "-y", "1")
        self.assertEqual(answer["last_used"], rfc3339(now))
        self.assertEqual(self.last_used(), rfc3339(now))

    def test_of_a_leaked_token(self):
        token = self.create()
        now = int(time.time())
        write_slot(self.path(), 1, now)
        found = json.loads(self.expect(1, "scan", "--json", stdin=token).out)
        self.assertEqual(found[0]["record"]["last_used"], rfc3339(now))

    def test_each_its_own(self):
        for _ in range(3):
            self.create()
        now = int(time.time())
        write_slot(self.path(), 2, now)
        self.assertEqual([token["last_used"] for token in self.json("list")], [None, rfc3339(now), None])

    def test_absurd_times(self):
        self.create()
        now = int(time.time())
        for value in (1, now - 86400, now + 86400, 1 << 62, 1 << 63, (1 << 64) - 1, 0x3030303030303030):
            with self.subTest(value=value):
                write_slot(self.path(), 1, value)
                self.assertIsNone(self.last_used())

    def test_file_ends_before(self):
        self.create()
        for size in (0, 7, 8, 12, 15):
            with self.subTest(size=size):
                os.truncate(self.path(), size)
                self.assertIsNone(self.last_used())

    def test_missing(self):
        self.create()
        os.unlink(self.path())
        self.assertIsNone(self.last_used())
        self.assertEqual(self.ok("list").err, "")

    def test_asking_is_no_use(self):
        token = self.create()
        self.assertEqual(self.verdict(token), ("allow", None))
        self.assertEqual(read_slot(self.path(), 1), 0)


class NotTracked(LastUsedCase):
    """Without track_usage, which is the default."""

    domains = [{"name": "example.com"}]

    def test_no_file(self):
        self.create()
        self.assertFalse(os.path.exists(self.path()))

    def test_nothing_is_shown(self):
        """What was noted before it was turned off would make a token look unused."""
        self.create()
        with open(self.path(), "wb") as file:
            file.write(mark(self.site) + struct.pack("<Q", int(time.time())))
        os.chmod(self.path(), 0o660)
        self.assertIsNone(self.last_used())


class SomethingElse(LastUsedCase):
    """What is in its place is neither followed, waited for nor replaced; nothing fails for it."""

    def refuses(self, says):
        for args in (("create", "-l", "x"), ("list",), ("show", "1")):
            result = self.ok(*args, may_show_token=True)
            self.assertIn("example.com.used: " + says, result.err, result)
        self.assertIsNone(json.loads(self.ok("list", "--json").out)[0]["last_used"])
        self.ok("revoke", "-y", "1")

    def setUp(self):
        super().setUp()
        self.create()
        os.unlink(self.path())

    def test_symlink(self):
        precious = os.path.join(self.site.dir, "precious")
        with open(precious, "wb") as file:
            file.write(mark(self.site) + bytes(8))
        os.chmod(precious, 0o660)
        os.symlink(precious, self.path())
        self.refuses("it is a symbolic link")
        self.assertEqual(os.stat(precious).st_size, 16)

    def test_dangling_symlink(self):
        target = os.path.join(self.site.dir, "not there")
        os.symlink(target, self.path())
        self.refuses("it is a symbolic link")
        self.assertFalse(os.path.exists(target))

    def test_fifo(self):
        os.mkfifo(self.path(), 0o660)
        self.refuses("it is not a regular file")

    def test_directory(self):
        os.mkdir(self.path())
        self.ok("create", "-l", "x", may_show_token=True)
        self.ok("list")

    def test_open_to_all(self):
        with open(self.path(), "wb") as file:
            file.write(mark(self.site) + bytes(8))
        os.chmod(self.path(), 0o666)
        self.refuses("it can be read or written by everybody")
        self.assertEqual(os.stat(self.path()).st_size, 16)

    def test_hard_link(self):
        other = os.path.join(self.site.dir, "other")
        with open(other, "wb") as file:
            file.write(mark(self.site) + bytes(8))
        os.chmod(other, 0o660)
        os.link(other, self.path())
        self.refuses("it has another name too")
        self.assertEqual(os.stat(other).st_size, 16)
