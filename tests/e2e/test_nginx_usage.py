"""The nginx module notes when tokens are used, and serves all the same where it cannot."""

import os
import re
import time

from harness import IS_ROOT
from nginx_host import NginxCase, worker_user
from oracle_format import token_id
from used_file import mark, read_slot, rfc3339, used_path, write_slot

DOMAINS = [{"name": "default", "scopes": ["read"], "track_usage": True}]
HTTP = """server { listen 127.0.0.1:{port};
    location / { auth_toktab default; }
    location /read { auth_toktab default; auth_toktab_scope read; } }"""


class UsageCase(NginxCase):
    domains, http = DOMAINS, HTTP

    @classmethod
    def path(cls):
        return used_path(cls.site)

    @classmethod
    def prepare(cls):
        cls.token = cls.create()

    def tool_says(self, token):
        result = self.site.run("show", "--json", token_id(token))
        self.assertEqual(result.code, 0, result)
        return re.search(r'"last_used": (null|".*")', result.out).group(1).strip('"')

    def complaints(self):
        return re.findall(r"\[(\w+)\].*default\.used: (.*)", self.nginx.read("error.log"))


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

    def test_new_file(self):
        """One that was removed and made again is written without a reload."""
        os.unlink(self.path())
        token = self.create()
        serial = self.site.read().record(token_id(token)).serial
        self.expect(200, "/", token)
        self.assertGreater(read_slot(self.path(), serial), 0)

    def test_file_grows_under_the_workers(self):
        os.truncate(self.path(), 8)
        self.assertEqual(os.stat(self.path()).st_size, 8)
        with self.nginx.connect() as connection:
            self.assertEqual(connection.ask("/", self.token).status, 200)
            self.assertEqual(os.stat(self.path()).st_size, 8)
            token = self.create()
            serial = self.site.read().record(token_id(token)).serial
            self.assertEqual(connection.ask("/", token).status, 200)
        self.assertGreater(read_slot(self.path(), serial), 0)


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
        before = os.lstat(self.path()).st_size if os.path.lexists(self.path()) else None
        connections = self.nginx.connect_to_all()
        for connection in connections:
            self.addCleanup(connection.close)
        for _ in range(3):
            for token in self.tokens:
                for connection in connections:
                    self.assertEqual(connection.ask("/", token).status, 200)
        self.assert_logged(r"default\.used: ", "error.log")
        complaints = self.complaints()
        self.assertLessEqual(len(complaints), len(self.nginx.worker_pids()))
        for level, text in complaints:
            self.assertEqual(level, "warn")
            self.assertIn(self.says, text)
        after = os.lstat(self.path()).st_size if os.path.lexists(self.path()) else None
        self.assertEqual(after, before)


class Missing(Impossible):
    says = "it does not exist"

    @classmethod
    def spoil(cls):
        os.unlink(cls.path())

    def test_serves(self):
        self.check()


class NoRight(Impossible):
    says = "it cannot be opened: Permission denied"

    @classmethod
    def spoil(cls):
        os.chmod(cls.path(), 0o640 if IS_ROOT else 0o440)

    def test_serves(self):
        if IS_ROOT:
            self.assertNotEqual(os.stat(self.path()).st_uid, worker_user().pw_uid)
        self.check()
        self.assertEqual(read_slot(self.path(), 1), 0)


class Symlink(Impossible):
    says = "it is a symbolic link"

    @classmethod
    def spoil(cls):
        cls.precious = os.path.join(cls.site.dir, "precious")
        os.rename(cls.path(), cls.precious)
        os.symlink(cls.precious, cls.path())

    def test_serves(self):
        self.check()
        with open(self.precious, "rb") as file:
            data = file.read()
        self.assertEqual(data, mark(self.site) + bytes(len(data) - 8))


class Fifo(Impossible):
    says = "it is not a regular file"

    @classmethod
    def spoil(cls):
        os.unlink(cls.path())
        os.mkfifo(cls.path())
        os.chmod(cls.path(), 0o660)
        os.chown(cls.path(), -1, os.stat(cls.site.path()).st_gid)

    def test_serves(self):
        self.check()


class Garbage(Impossible):
    says = "it is not that of this store"

    @classmethod
    def spoil(cls):
        cls.data = b"what is this? " * 300
        with open(cls.path(), "r+b") as file:
            file.write(cls.data)

    def test_serves(self):
        self.check()
        with open(self.path(), "rb") as file:
            self.assertTrue(file.read().startswith(self.data))
