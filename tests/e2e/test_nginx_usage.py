"""The nginx module notes when tokens are used, and serves all the same where it cannot."""

import os
import re
import time

from harness import IS_ROOT, needs_root
from nginx_host import NginxCase, worker_user
from oracle_format import token_id
from used_file import DAY, make_used, read_slot, rfc3339, store_id, used_dir, used_path, write_slot

DOMAINS = [{"name": "default", "scopes": ["read"]}]
HTTP = """server { listen 127.0.0.1:{port};
    location / { auth_toktab default; }
    location /read { auth_toktab default; auth_toktab_scope read; } }"""


class UsageCase(NginxCase):
    domains, http = DOMAINS, HTTP

    @classmethod
    def path(cls):
        """The workers' file."""
        user = worker_user()
        return used_path(cls.site, user.pw_uid if user else None)

    @classmethod
    def prepare(cls):
        cls.token = cls.create()

    def tool_says(self, token):
        result = self.site.run("show", "--json", token_id(token))
        self.assertEqual(result.code, 0, result)
        return re.search(r'"last_used": (null|".*")', result.out).group(1).strip('"')

    def complaints(self):
        return re.findall(r"\[(\w+)\].*/used/default\.\d+: (.*)", self.nginx.read("error.log"))


class Noted(UsageCase):
    def test_what_is_admitted(self):
        token = self.create()
        serial = self.site.read().record(token_id(token)).serial
        self.assertEqual(self.tool_says(token), "null")
        before = int(time.time()) - 1  # the host's clock is a coarse one
        self.expect(200, "/", token)
        noted = read_slot(self.path(), serial)
        self.assertTrue(before <= noted <= time.time(), noted)
        self.assertEqual(self.tool_says(token), rfc3339(noted))
        self.assertEqual(self.complaints(), [])

    def test_what_is_refused(self):
        token = self.create()
        serial = self.site.read().record(token_id(token)).serial
        self.expect(403, "/read", token)
        self.revoke(token)
        self.expect(401, "/", token)
        self.assertEqual(read_slot(self.path(), serial), 0)

    def test_once_a_minute_in_each_worker(self):
        token = self.create()
        serial = self.site.read().record(token_id(token)).serial
        with self.nginx.connect() as connection:
            began = time.monotonic()
            self.assertEqual(connection.ask("/", token).status, 200)
            write_slot(self.path(), serial, 7)
            for _ in range(20):
                self.assertEqual(connection.ask("/", token).status, 200)
            if time.monotonic() - began < 59:
                self.assertEqual(read_slot(self.path(), serial), 7)

    def test_the_file_is_the_workers(self):
        self.expect(200, "/", self.token)
        status, directory = os.stat(self.path()), os.stat(used_dir(self.site))
        self.assertEqual(status.st_uid, worker_user().pw_uid if IS_ROOT else os.geteuid())
        self.assertEqual((status.st_gid, status.st_mode), (directory.st_gid, 0o100640))
        with open(self.path(), "rb") as file:
            self.assertEqual(file.read(16), store_id(self.site))

    def test_removed_file(self):
        """The next note makes another, without a reload."""
        self.expect(200, "/", self.token)
        os.unlink(self.path())
        token = self.create()
        serial = self.site.read().record(token_id(token)).serial
        self.expect(200, "/", token)
        self.assertGreater(read_slot(self.path(), serial), 0)

    def test_other_stores_file(self):
        self.expect(200, "/", self.token)
        os.unlink(self.path())
        make_used(self.site, {5: 4242}, worker_user().pw_uid if IS_ROOT else None, storeid=b"x" * 16)
        token = self.create()
        serial = self.site.read().record(token_id(token)).serial
        self.expect(200, "/", token)
        self.assertEqual(self.tool_says(token), rfc3339(read_slot(self.path(), serial)))
        self.assertGreater(read_slot(self.path(), 0), time.time() - DAY / 2)


class Untracked(UsageCase):
    domains = [{"name": "default", "track_usage": False}]
    http = "server { listen 127.0.0.1:{port}; location / { auth_toktab default; } }"

    def test_nothing_is_noted(self):
        os.mkdir(used_dir(self.site))
        os.chmod(used_dir(self.site), 0o1777)
        self.expect(200, "/", self.token)
        self.assertEqual(os.listdir(used_dir(self.site)), [])


class NoDirectory(UsageCase):
    """No tool has made it since tracking is on: nobody is told, nothing is noted."""

    @classmethod
    def prepare(cls):
        super().prepare()
        os.rmdir(used_dir(cls.site))

    def test_serves(self):
        for _ in range(3):
            self.expect(200, "/", self.token)
        self.assertFalse(os.path.exists(used_dir(self.site)))
        self.assertEqual(self.complaints(), [])
        self.assertNotIn("used", self.nginx.read("error.log"))


class Impossible(UsageCase):
    """Each worker says so once."""

    options = {"workers": 2}
    says = ""

    @classmethod
    def spoil(cls):
        raise NotImplementedError

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.tokens = [cls.create() for _ in range(5)]
        cls.spoil()

    def check(self):
        connections = self.nginx.connect_to_all()
        for connection in connections:
            self.addCleanup(connection.close)
        for _ in range(3):
            for token in self.tokens:
                for connection in connections:
                    self.assertEqual(connection.ask("/", token).status, 200)
        self.assert_logged(r"/used/default\.\d+: ", "error.log")
        complaints = self.complaints()
        self.assertLessEqual(len(complaints), len(self.nginx.worker_pids()))
        for level, text in complaints:
            self.assertEqual(level, "warn")
            self.assertIn(self.says, text)
        self.assertEqual(self.tool_says(self.token), "null")


@needs_root
class NoRight(Impossible):
    """The workers are not in the group of the directory."""

    says = "cannot open it: Permission denied"

    @classmethod
    def spoil(cls):
        os.chown(used_dir(cls.site), -1, 0)

    def test_serves(self):
        self.check()
        self.assertEqual(os.listdir(used_dir(self.site)), [])


@needs_root
class SomebodyElses(Impossible):
    """Another member of the group was there first."""

    says = "owned by uid 45003"

    @classmethod
    def spoil(cls):
        os.chown(make_used(cls.site, {1: int(time.time())}, worker_user().pw_uid), 45003, -1)
        os.chmod(cls.path(), 0o666)

    def test_serves(self):
        before = os.stat(self.path())
        self.check()
        self.assertEqual(os.stat(self.path()), before)


class Symlink(Impossible):
    says = "this is a symbolic link"

    @classmethod
    def spoil(cls):
        cls.precious = os.path.join(cls.site.dir, "precious")
        with open(cls.precious, "wb") as file:
            file.write(store_id(cls.site) + bytes(64))
        os.chmod(cls.precious, 0o666)
        os.symlink(cls.precious, cls.path())

    def test_serves(self):
        self.check()
        with open(self.precious, "rb") as file:
            self.assertEqual(file.read(), store_id(self.site) + bytes(64))


class Fifo(Impossible):
    says = "not a regular file"

    @classmethod
    def spoil(cls):
        os.mkfifo(cls.path())
        os.chmod(cls.path(), 0o666)

    def test_serves(self):
        self.check()
