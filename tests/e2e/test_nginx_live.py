"""The nginx module while things happen: tokens come and go, stores break, workers are born."""

import contextlib
import http.client
import os
import random
import re
import signal
import threading
import unittest
import zlib

from harness import needs_root, opened_by, wait_until
from nginx_host import NginxCase, is_running, worker_user
from oracle_format import ALPHABET, base62, token_id


class Revocation(NginxCase):
    """The next request counts, on any connection, in any worker, without a reload."""

    def assert_all(self, connections, status, token):
        for connection in connections:
            answer = connection.ask("/", token)
            self.assertEqual(answer.status, status, answer)

    def connect_to_all(self):
        connections = self.nginx.connect_to_all()
        for connection in connections:
            self.addCleanup(connection.close)
        return connections

    def test_many_tokens_on_every_connection(self):
        connections = self.connect_to_all()
        workers = self.nginx.worker_pids()
        for _ in range(50):
            token = self.create()
            self.assert_all(connections, 200, token)
            self.revoke(token)
            self.assert_all(connections, 401, token)
        self.assertEqual(self.nginx.worker_pids(), workers)

    def test_the_first_to_ask_may_be_any_connection(self):
        connections = self.connect_to_all()
        for connection in connections * 3:
            token = self.create()
            self.assertEqual(connection.ask("/", token).status, 200)
            self.revoke(token)
            self.assertEqual(connection.ask("/", token).status, 401)

    def test_a_worker_that_has_served_nothing_meanwhile(self):
        connections = self.connect_to_all()
        kept = [self.create() for _ in range(3)]
        gone = [self.create() for _ in range(30)]
        self.assert_all(connections, 200, gone[0])
        for token in gone:
            self.revoke(token)
        for connection in connections:
            for token in gone:
                self.assertEqual(connection.ask("/", token).status, 401)
            for token in kept:
                self.assertEqual(connection.ask("/", token).status, 200)

    def test_a_worker_that_was_just_born(self):
        gone, kept = self.create(), self.create()
        self.assert_all(self.connect_to_all(), 200, gone)
        self.revoke(gone)
        before = self.nginx.worker_pids()
        for pid in before:
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: self.nginx.is_up() and not self.nginx.worker_pids() & before, "other workers")
        connections = self.connect_to_all()
        self.assert_all(connections, 401, gone)
        self.assert_all(connections, 200, kept)
        self.revoke(kept)
        self.assert_all(connections, 401, kept)

    def test_after_a_reload(self):
        token = self.create()
        self.nginx.reload()
        connections = self.connect_to_all()
        self.assert_all(connections, 200, token)
        self.revoke(token)
        self.assert_all(connections, 401, token)

    def test_a_reload_leaves_nothing_open(self):
        def stores():
            return sorted(link for link in opened_by(self.nginx.master()) if link.startswith(self.site.store_dir))

        self.create()
        self.nginx.reload()
        before = stores()
        self.assertIn(self.site.path(), before)
        for _ in range(3):
            self.nginx.reload()
        wait_until(lambda: stores() == before, "the closing of the former tables")

    def test_a_store_that_was_replaced_by_itself(self):
        connections = self.connect_to_all()
        token = self.create()
        self.assert_all(connections, 200, token)
        self.site.put(self.site.bytes())
        self.assert_all(connections, 200, token)
        self.revoke(token)
        self.assert_all(connections, 401, token)


class Trouble(NginxCase):
    """A store that cannot be trusted is not believed, and the error log says so. Nothing has to be reloaded."""

    domains = [
        {"name": "default", "stale_limit": "1s"},
        *({"name": name} for name in ("late", "page", "any", "else")),
    ]
    http = """
    server {
        listen 127.0.0.1:{port};
        location / { auth_toktab default; }
        location /late { auth_toktab late; }
        location /page { auth_toktab page; error_page 503 /free; }
        location /any { auth_toktab any; satisfy any; allow 127.0.0.1; deny all; }
        location /free { return 200 "come back later"; }
    }
    """

    @classmethod
    def prepare(cls):
        cls.nginx.write("html/late/index.html", "late")

    def setUp(self):
        self.good, self.dead = self.create(), self.create()
        self.revoke(self.dead)
        self.connections = self.nginx.connect_to_all()
        for connection in self.connections:
            self.addCleanup(connection.close)
            self.assertEqual(connection.ask("/", self.good).status, 200)
            self.assertEqual(connection.ask("/", self.dead).status, 401)

    def unknown(self):
        """A well-formed token that the store has never seen."""
        text = "tok_" + "".join(random.choices(ALPHABET, k=55))
        return text + base62(zlib.crc32(text.encode()), 6)

    def test_no_store_yet(self):
        token = self.unknown()
        for connection in self.connections:
            answer = connection.ask("/late/", token)
            self.assertEqual((answer.status, answer.challenges), (503, []))
        self.assert_logged(r"\[alert\].* toktab: .*%s" % self.site.path("late"), "error.log")
        self.assert_logged(
            r'\[error\].* toktab: cannot check tokens: the store is in trouble, domain: "late", client: ', "error.log"
        )
        token = self.create(domain="late")
        for connection in self.connections:
            self.assertEqual(connection.ask("/late/", token).status, 200)

    def test_what_is_malformed_needs_no_store(self):
        self.expect(401, "/page/", "x")
        self.expect(401, "/page/")

    def test_trouble_is_no_admission(self):
        self.assertEqual(self.expect(503, "/any/", self.unknown()).challenges, [])
        self.assertEqual(self.expect(503, "/page/", self.unknown()).body, b"come back later")

    def assert_trouble(self, hurt, heal, says):
        """What was good stays so for stale_limit, what is dead is dead, of others nothing is known."""
        logged = len(self.nginx.read("error.log"))
        hurt()
        try:
            for connection in self.connections:
                wait_until(lambda: connection.ask("/", self.unknown()).status == 503, "503 for an unknown token")
                self.assertEqual(connection.ask("/", self.dead).status, 401)
            for connection in self.connections:
                wait_until(lambda: connection.ask("/", self.good).status == 503, "503 for a known token")
                self.assertEqual(connection.ask("/", self.dead).status, 401)
            self.assertRegex(self.nginx.read("error.log")[logged:], r"\[alert\].* toktab: .*%s" % says)
        finally:
            heal()
        for connection in self.connections:
            wait_until(lambda: connection.ask("/", self.good).status == 200, "200 again")
            self.assertEqual(connection.ask("/", self.dead).status, 401)
            self.assertEqual(connection.ask("/", self.unknown()).status, 401)
        token = self.create()
        self.assertEqual(self.connections[0].ask("/", token).status, 200)

    def test_a_store_that_was_removed(self):
        path = self.site.path()
        self.assert_trouble(lambda: os.rename(path, path + ".x"), lambda: os.rename(path + ".x", path), path)

    def test_a_store_that_others_may_write(self):
        path = self.site.path()
        self.assert_trouble(lambda: os.chmod(path, 0o666), lambda: os.chmod(path, 0o640), path)

    def test_a_store_that_was_damaged(self):
        data = self.site.bytes()

        def damage():
            with open(self.site.path(), "ab") as file:
                file.write(b"a line of nobody's\n")

        self.assert_trouble(damage, lambda: self.site.put(data), self.site.path())

    def test_a_store_that_is_a_symbolic_link(self):
        path = self.site.path()

        def link():
            os.rename(path, path + ".x")
            os.symlink(path + ".x", path)

        self.assert_trouble(link, lambda: os.replace(path + ".x", path), path)

    def test_a_store_whose_folder_is_gone(self):
        folder = self.site.store_dir
        self.assert_trouble(lambda: os.rename(folder, folder + ".x"), lambda: os.rename(folder + ".x", folder), folder)

    def test_another_store_in_its_place(self):
        path = self.site.path()
        data = self.site.bytes()
        self.create(domain="else")
        self.assert_trouble(lambda: self.site.put(self.site.bytes("else")), lambda: self.site.put(data), path)


class OutOfReach(NginxCase):
    """A store that the master can read and its workers cannot."""

    domains = [{"name": "default", "stale_limit": "1h"}, {"name": "good"}, {"name": "unused"}]
    http = """
    server {
        listen 127.0.0.1:{port};
        location / { auth_toktab default; }
        location /good { auth_toktab good; }
    }
    """

    @classmethod
    def prepare(cls):
        cls.token = cls.create()
        cls.good = cls.create(domain="good")
        cls.nginx.write("html/good/index.html", "good")
        os.chmod(cls.site.path(), 0o600)

    @needs_root
    def test_says_so_when_it_starts_and_admits_nobody(self):
        """stale_limit is for those who have read the store themselves."""
        says = r'\[alert\] (\d+)#.* toktab: a worker of user "%s": store %s: .*Permission denied'
        pattern = says % (worker_user().pw_name, re.escape(self.site.path()))
        wait_until(lambda: len(re.findall(pattern, self.nginx.read("error.log"))) == 2, "a line of each worker")
        self.assertEqual(set(map(int, re.findall(pattern, self.nginx.read("error.log")))), self.nginx.worker_pids())
        connections = self.nginx.connect_to_all()
        for connection in connections:
            self.addCleanup(connection.close)
            self.assertEqual(connection.ask("/", self.token).status, 503)
            self.assertEqual(connection.ask("/good/", self.good).status, 200)
        self.assertEqual(self.nginx.read("error.log").count("[alert]"), 2)
        os.chmod(self.site.path(), 0o640)
        for connection in connections:
            wait_until(lambda: connection.ask("/", self.token).status == 200, "200")  # noqa: B023


class Garbage(NginxCase):
    """Whatever is sent as a token is denied, and nginx lives on."""

    def setUp(self):
        self.workers = self.nginx.worker_pids()
        self.token = self.create()

    def tearDown(self):
        self.assertEqual(self.nginx.worker_pids(), self.workers, "a worker has died")
        self.expect(200, "/", self.token)

    def assert_denied(self, tokens, says="malformed"):
        with self.nginx.connect() as connection:
            for token in tokens:
                raw = token if isinstance(token, bytes) else token.encode()
                answer = connection.ask(headers=[b"Authorization: Bearer " + raw])
                self.assertEqual(answer.status, 401, (token[:100], answer))
                self.assertIn("The token is " + says, answer.challenges[0])

    def test_every_truncation(self):
        self.assert_denied(self.token[:length] for length in range(len(self.token)))
        self.assert_denied(self.token[length:] for length in range(1, len(self.token)))

    def test_every_position_changed(self):
        for other in ("0", "Z", "_", "\xff", "-"):
            self.assert_denied(
                self.token[:place] + other + self.token[place + 1 :]
                for place in range(len(self.token))
                if self.token[place] != other
            )

    def test_every_position_changed_and_the_checksum_too(self):
        tokens = []
        for place in range(len(self.token) - 6):
            if self.token[place] == "_":
                continue
            changed = self.token[:place] + ("a" if self.token[place] != "a" else "b") + self.token[place + 1 : -6]
            tokens.append(changed + base62(zlib.crc32(changed.encode()), 6))
        self.assert_denied(tokens, "unknown")

    def test_bytes(self):
        every = bytes(byte for byte in range(1, 256) if byte not in b"\r\n")
        self.assert_denied([every, every * 100, *(bytes([byte]) for byte in every if byte not in b" ")])

    def test_a_megabyte(self):
        for piece in ("a", "\xff", self.token, "tok_"):
            text = (piece * (1 << 20))[: 1 << 20]
            self.assert_denied([text.encode("latin-1")])

    def test_a_nul(self):
        with self.nginx.connect() as connection:
            self.assertEqual(connection.ask(headers=[b"Authorization: Bearer a\0b"]).status, 400)


class Load:
    """Clients that ask all the time, each request on a connection of its own."""

    def __init__(self, case, good, dead, clients=4):
        self.case, self.good, self.dead = case, good, dead
        self.served, self.lost, self.over = 0, [], False
        self.threads = [threading.Thread(target=self.client) for _ in range(clients)]

    def client(self):
        while not self.over:
            for token, status in ((self.good, 200), (self.dead, 401)):
                try:
                    answer = self.case.nginx.ask("/", token)
                    if answer.status != status:
                        self.lost.append(answer)
                except (OSError, http.client.HTTPException) as error:
                    self.lost.append(error)
                self.served += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        for thread in self.threads:
            thread.join()

    def go_on(self, requests=100):
        served = self.served
        wait_until(lambda: self.served >= served + requests or self.lost, "more requests")


class UnderLoad(NginxCase):
    options = {"level": "warn"}

    def setUp(self):
        self.good, self.dead = self.create(), self.create()
        self.revoke(self.dead)

    def test_reload_loses_no_request(self):
        with Load(self, self.good, self.dead) as load:
            for _ in range(5):
                load.go_on()
                self.nginx.reload()
            load.go_on()
        self.assertEqual(load.lost, [])

    def test_revocation_under_load(self):
        with Load(self, self.good, self.dead):
            for _ in range(20):
                token = self.create()
                self.expect(200, "/", token)
                self.revoke(token)
                for _ in range(3):
                    self.expect(401, "/", token)

    def test_binary_upgrade_loses_no_request(self):
        old = self.nginx.master()
        with Load(self, self.good, self.dead) as load:
            load.go_on()
            os.kill(old, signal.SIGUSR2)

            def another_master():
                with contextlib.suppress(OSError, ValueError):
                    return self.nginx.master() != old and self.nginx.is_up()

            wait_until(another_master, "another master")
            load.go_on()
            os.kill(old, signal.SIGQUIT)
            wait_until(lambda: not is_running(old), "the end of the old one")
            load.go_on()
        self.assertEqual(load.lost, [])


if __name__ == "__main__":
    unittest.main()
