"""A running nginx goes on when the store is compacted or mended."""

import os
import unittest

from nginx_host import NginxCase
from oracle import Writer
from oracle_format import make_token


def bytes_read(pid):
    with open("/proc/%d/io" % pid) as file:
        return int(file.readline().split()[1])  # rchar


class Compacted(NginxCase):
    """A running nginx goes over to the new file."""

    domains = [{"name": "default"}]

    @classmethod
    def prepare(cls):
        writer = Writer("default")
        cls.tokens = [cls.site.guard(make_token()) for _ in range(5000)]
        for token in cls.tokens:
            writer.create(token)
        cls.site.put(writer)

    def compact(self, *args):
        result = self.site.run("compact", *args)
        self.assertEqual(result.code, 0, result)

    def connections(self):
        connections = self.nginx.connect_to_all()
        for connection in connections:
            self.addCleanup(connection.close)
        return connections

    def test_without_reading_it_again(self):
        connections = self.connections()
        size = os.stat(self.site.path()).st_size
        for round in range(2):
            for connection in connections:
                self.assertEqual(connection.ask("/", self.tokens[round]).status, 200)
            before = {pid: bytes_read(pid) for pid in self.nginx.worker_pids()}
            self.compact()
            token = self.create()
            self.revoke(self.tokens[10 + round])
            for connection in connections:
                self.assertEqual(connection.ask("/", self.tokens[round]).status, 200)
                self.assertEqual(connection.ask("/", token).status, 200)
                self.assertEqual(connection.ask("/", self.tokens[10 + round]).status, 401)
            for pid, read in before.items():
                self.assertLess(bytes_read(pid) - read, size // 4)
        self.assertFalse("[alert]" in self.nginx.read("error.log"), "trouble in nginx's log")

    def test_what_came_between(self):
        """A worker that has seen none of it finds everything."""
        connections = self.connections()
        for connection in connections:
            self.assertEqual(connection.ask("/", self.tokens[0]).status, 200)
        created = self.create()
        self.revoke(self.tokens[20])
        self.compact()
        self.revoke(self.tokens[21])
        self.compact("--drop-dead", "0s")
        for connection in connections:
            self.assertEqual(connection.ask("/", created).status, 200)
            for token in self.tokens[20:22]:
                self.assertEqual(connection.ask("/", token).status, 401)


class Mended(NginxCase):
    """A running nginx takes the new epoch, and lets nobody in again."""

    domains = [{"name": "default", "stale_limit": "60s"}]

    def ask_all(self, token):
        return {connection.ask("/", token).status for connection in self.connections}

    def setUp(self):
        self.connections = self.nginx.connect_to_all()
        for connection in self.connections:
            self.addCleanup(connection.close)

    def mend(self, *args):
        result = self.site.run("mend", "-y", *args)
        self.assertEqual(result.code, 0, result)

    def test_an_older_copy_that_is_meant(self):
        kept, gone = self.create(), self.create()
        backup = self.site.bytes()
        late = self.create()
        self.revoke(gone)
        self.assertEqual([self.ask_all(token) for token in (kept, gone, late)], [{200}, {401}, {200}])
        self.site.put(backup)
        self.assertEqual([self.ask_all(token) for token in (kept, gone)], [{200}, {401}])
        self.mend()
        self.assertEqual([self.ask_all(token) for token in (kept, gone, late)], [{200}, {401}, {401}])
        self.assertEqual(self.ask_all(self.create()), {200})

    def test_damage(self):
        kept, doubtful, later = self.create("kept"), self.create("doubtful"), self.create("later")
        self.assertEqual([self.ask_all(token) for token in (kept, doubtful)], [{200}, {200}])
        self.site.put(self.site.bytes().replace(b"doubtful", b"doubtfuL"))
        self.mend()
        self.assertEqual([self.ask_all(token) for token in (kept, doubtful, later)], [{200}, {401}, {200}])


if __name__ == "__main__":
    unittest.main()
