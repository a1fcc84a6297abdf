"""The C hook as a daemon's author meets it: installed header, library and example, and the real tool beside it."""

import concurrent.futures
import contextlib
import os
import re
import socket
import threading
import unittest

import pam_host
from harness import TOP, SiteTest, wait_until
from hook_host import Httpd, Installation, sanitizers
from nginx_host import Connection
from oracle import Writer
from oracle_format import make_token, token_id

DOMAIN = "default"
THREADS = 16  # of the example
INVALID = ['Bearer error="invalid_token"']


class Installed(SiteTest):
    domains = [{"name": DOMAIN, "scopes": ["read", "write"]}, {"name": "other.example"}]

    @classmethod
    def setUpClass(cls):
        cls.installed = Installation()
        cls.addClassCleanup(cls.installed.close)
        cls.program = cls.build()

    @classmethod
    def build(cls):
        return cls.installed.compile("toktab-httpd", ["toktab-httpd.c"], cls.installed.pkg_config("--libs"))

    @contextlib.contextmanager
    def httpd(self, *args):
        """The daemon for the first domain; when it ends, it must do so cleanly, and have shown no secret."""
        daemon = Httpd(self.program, self.installed.environment(), self.site.conf, *(args or (DOMAIN,)))
        try:
            self.assertTrue(daemon.port, daemon.lines)
            yield daemon
        finally:
            result = daemon.end()
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("Sanitizer", result.err, result)
        self.assertFalse(self.site.leaks(result.stderr), result)

    def ask(self, daemon, token=None, source="127.0.0.1", **more):
        with Connection(daemon.port, source) as connection:
            return connection.ask(token=token, **more)

    def guarded(self):
        """A token that no store knows."""
        return self.site.guard(make_token())


class Linked(Installed):
    """With -ltoktab, by pkg-config's word."""

    def test_verdicts(self):
        good = self.create("CI deploy")
        with self.httpd() as daemon:
            answer = self.ask(daemon)
            self.assertEqual((answer.status, answer.challenges), (401, ["Bearer"]))
            answer = self.ask(daemon, good)
            self.assertEqual((answer.status, answer.body, answer.challenges), (200, b"CI deploy\n", []))
            for bad in (self.guarded(), good[:-1], good + "x", "x", good + " " + good):
                answer = self.ask(daemon, bad)
                self.assertEqual((answer.status, answer.challenges), (401, INVALID))
            self.assertEqual(self.ask(daemon, headers=["authorization:bEARER   %s  " % good]).status, 200)
            self.assertEqual(self.ask(daemon, headers=["Authorization: Basic " + good]).challenges, ["Bearer"])

    def test_revoked_on_the_very_next_request(self):
        token, other = self.create("first"), self.create("second")
        with self.httpd() as daemon, Connection(daemon.port) as connection:
            for each in (token, other):
                self.assertEqual(connection.ask(token=each).status, 200)
            self.ok("revoke", "-y", token_id(token))
            self.assertEqual(connection.ask(token=token).challenges, INVALID)
            self.assertEqual(connection.ask(token=other).status, 200)
            later = self.create("third")
            self.assertEqual(connection.ask(token=later).body, b"third\n")
        self.assertIn(b"401 revoked %s\n" % token_id(token).encode(), daemon.lines)

    def test_scopes(self):
        both, one, none = self.create("a", "-s", "read,write"), self.create("b", "-s", "read"), self.create("c")
        with self.httpd(DOMAIN, "read,write") as daemon:
            self.assertEqual(self.ask(daemon, both).status, 200)
            for token in (one, none):
                answer = self.ask(daemon, token)
                self.assertEqual((answer.status, answer.challenges), (403, ['Bearer error="insufficient_scope"']))

    def test_expired(self):
        token, other = self.create("short", "-e", "1s"), self.create("long", "-e", "1d")
        with self.httpd() as daemon, Connection(daemon.port) as connection:
            wait_until(lambda: self.ask(daemon, token).status == 401, "the token never expires")
            self.assertEqual(connection.ask(token=other).status, 200)
        self.assertIn(b"401 expired %s\n" % token_id(token).encode(), daemon.lines)

    def test_networks(self):
        token = self.create("bound", "--from", "127.0.0.2")
        with self.httpd() as daemon:
            self.assertEqual(self.ask(daemon, token, "127.0.0.1").challenges, INVALID)
            self.assertEqual(self.ask(daemon, token, "127.0.0.2").status, 200)

    def test_store_comes_later(self):
        token = self.guarded()
        with self.httpd() as daemon, Connection(daemon.port) as connection:
            self.assertEqual(connection.ask(token=token).status, 503)
            self.assertEqual(connection.ask(token="malformed").status, 401)
            token = self.create("the first")
            self.assertEqual(connection.ask(token=token).body, b"the first\n")
        said = b"".join(daemon.lines).decode()
        self.assertRegex(said, r"<1>toktab: .*/default\.tokens: ")
        self.assertIn("<5>toktab: ", said)

    def test_domains_are_kept_apart(self):
        here, there = self.create("here"), self.guarded()
        other = Writer("other.example")
        other.create(there, "there")
        self.site.put(other, "other.example")
        with self.httpd("other.example") as daemon:
            self.assertEqual(self.ask(daemon, there).status, 200)
            self.assertEqual(self.ask(daemon, here).challenges, INVALID)

    def test_mistyped(self):
        for args, says in (
            ([self.site.conf, "example.org"], "example.org"),
            ([self.site.conf, DOMAIN, "read,wirte"], "wirte"),
            ([self.site.conf + ".not"], "toktab.conf.not"),
        ):
            result = Httpd(self.program, self.installed.environment(), *args).end(0)
            self.assertEqual((result.code, result.out), (1, ""), result)
            self.assertIn(says, result.err)

    def test_threads_and_the_tool(self):
        """What was revoked before a question is never admitted, and what is good always is."""
        lasting = self.create("lasting")
        created, ending, ended, wrong = [lasting], [], [], []
        done = threading.Event()

        def ask_on(number):
            while not done.is_set():
                with Connection(daemon.port) as connection:
                    for _ in range(80):
                        gone = list(ended)
                        token = (created[-1], lasting, *gone[-1:])[number % 3 % (2 + bool(gone))]
                        admitted = connection.ask(token=token).status == 200
                        number += 1
                        if token in gone if admitted else token not in ending:
                            wrong.append((token_id(token), admitted))

        with self.httpd() as daemon:
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                askers = [pool.submit(ask_on, number) for number in range(6)]
                try:
                    for number in range(15):
                        created.append(self.create("token %d" % number))
                        if number % 4 == 1:
                            self.ok("compact")
                        ending.append(created[-1])
                        self.ok("revoke", "-y", token_id(created[-1]))
                        ended.append(created[-1])
                finally:
                    done.set()
                for asker in askers:
                    asker.result()
            self.assertEqual(wrong, [])
            self.assertEqual({self.ask(daemon, token).status for token in ended}, {401})


class Dlopened(Linked):
    """The same source with dlopen() and dlsym() alone."""

    @classmethod
    def build(cls):
        return cls.installed.compile("toktab-httpd", ["toktab-httpd.c", "toktab-dlopen.c"], ["-ldl"])

    def test_without_the_library(self):
        """It starts, and says what is missing."""
        self.assertNotIn("libtoktab", self.installed.run("readelf", "-d", self.program))
        with open(os.path.join(self.site.dir, "libtoktab.so.0"), "w", encoding="utf-8") as file:
            file.write("no library\n")  # found before any that the system has
        result = Httpd(self.program, {"LD_LIBRARY_PATH": self.site.dir}, self.site.conf, DOMAIN).end(0)
        self.assertEqual((result.code, result.out), (1, ""), result)
        self.assertIn("libtoktab.so.0", result.err)


class Edges(Installed):
    """What clients do wrong, or slowly."""

    def raw(self, daemon, data):
        """All that comes back for these bytes, after which nothing more is sent."""
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=20) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def statuses(self, daemon, data):
        return re.findall(rb"^HTTP/1\.1 (\d+) ", self.raw(daemon, data), re.M)

    def test_refused_not_guessed(self):
        token = self.create().encode()
        good = b"Authorization: Bearer %s\r\n" % token
        with self.httpd() as daemon:
            for head in (
                b"GET / HTTP/1.1\r\n" + good + good,
                b"GET / HTTP/1.1\r\n" + good + b"AUTHORIZATION: Basic eA==\r\n",
                b"GET / HTTP/1.1\r\nAuthorization : Bearer %s\r\n" % token,
                b"GET / HTTP/1.1\r\nAuthorization: Bearer\r\n %s\r\n" % token,
                b"GET / HTTP/1.1\r\n" + good + b"Content-Length: 5\r\n",
                b"GET / HTTP/1.1\r\n" + good + b"Transfer-Encoding: chunked\r\n",
                b"GET / HTTP/1.1\r\n" + good + b"X: a\0b\r\n",
                b"GET / HTTP/1.1\r\n" + good + b"X: a\nY: b\r\n",
                b"GET / HTTP/1.1\r\n" + good + b": x\r\n",
                b"GET / HTTP/1.1\r\n" + good + b"nonsense\r\n",
                b"GET / HTTP/2.0\r\n" + good,
                b"GET\r\n" + good,
                b"\r\n",
            ):
                with self.subTest(head=head.replace(token, b"TOKEN")):
                    self.assertEqual(self.statuses(daemon, head + b"\r\n" + b"GET / HTTP/1.1\r\n\r\n"), [b"400"])
            self.assertEqual(self.statuses(daemon, b"POST / HTTP/1.0\r\n" + good + b"\r\n"), [b"405"])
            self.assertEqual(self.statuses(daemon, b"GET / HTTP/1.0\r\n" + good + b"\r\n"), [b"200"])

    def test_in_pieces_and_at_once(self):
        token = self.create()
        request = b"GET / HTTP/1.1\r\nAuthorization: Bearer %s\r\n\r\n" % token.encode()
        with self.httpd() as daemon:
            with socket.create_connection(("127.0.0.1", daemon.port), timeout=20) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in request:
                    connection.sendall(bytes([byte]))
                self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 200 "))
            self.assertEqual(self.statuses(daemon, request * 5 + b"GET / HTTP/1.1\r\n\r\n" + request), [b"200"] * 5 + [b"401", b"200"])
            self.assertEqual(self.statuses(daemon, request[:-1]), [])
            self.assertEqual(self.statuses(daemon, request * 150), [b"200"] * 100)

    def test_too_long(self):
        with self.httpd() as daemon:
            head = b"GET / HTTP/1.1\r\nX: "
            for length, status in ((8192, b"401"), (8193, b"431"), (1000000, b"431")):
                filled = head + b"x" * (length - len(head) - 4) + b"\r\n\r\n"
                self.assertEqual(self.statuses(daemon, filled), [status], length)

    def test_slow_clients_do_not_hang_the_others(self):
        token = self.create()
        with self.httpd() as daemon, contextlib.ExitStack() as open_ones:
            for _ in range(THREADS - 1):
                open_ones.enter_context(Connection(daemon.port)).socket.sendall(b"GET / HT")
            self.assertEqual(self.ask(daemon, token).status, 200)
            for _ in range(THREADS):
                open_ones.enter_context(Connection(daemon.port)).socket.sendall(b"GET / HT")
            self.assertEqual(self.ask(daemon, token).status, 200)

    def test_ends_with_clients_there(self):
        token = self.create()
        with contextlib.ExitStack() as open_ones:
            with self.httpd() as daemon:
                idle = [open_ones.enter_context(Connection(daemon.port)) for _ in range(2 * THREADS)]
                self.assertEqual(idle[0].ask(token=token).status, 200)
            self.assertEqual(idle[0].socket.recv(1), b"")


class AnyAnswer(Installed):
    """The library is one that answers what the token says."""

    def test_every_answer_of_any_library(self):
        pam_host.any_answer_library(self.site.dir)
        daemon = Httpd(self.program, {**self.installed.environment(), "LD_LIBRARY_PATH": self.site.dir}, self.site.conf, DOMAIN)
        try:
            for verdict in (0, 1, 2, 3, 99, -1):
                for reason in (*range(12), 99, -1):
                    status = {0: 403 if reason == 5 else 401, 1: 200}.get(verdict, 503)
                    self.assertEqual(self.ask(daemon, "%d %d" % (verdict, reason)).status, status, (verdict, reason))
        finally:
            daemon.end()


class Package(Installed):
    """What pkg-config says of it."""

    def test_version(self):
        with open(os.path.join(TOP, "Makefile"), encoding="utf-8") as file:
            version = re.search(r"^VERSION = (.*)$", file.read(), re.M)[1]
        self.assertEqual(self.installed.pkg_config("--modversion"), [version])

    def test_dynamic_link_wants_nothing_else(self):
        libdir = self.installed.libdir
        self.assertEqual(self.installed.pkg_config("--libs"), ["-L" + libdir, "-ltoktab"])
        self.assertIn("-lsodium", self.installed.pkg_config("--static", "--libs"))
        self.assertIn("Shared library: [libtoktab.so.0]", self.installed.run("readelf", "-d", self.program))


class Static(Installed):
    """Against libtoktab.a."""

    @classmethod
    def build(cls):
        libs = cls.installed.pkg_config("--static", "--libs")
        whole = [] if sanitizers() else ["-static"]  # the sanitizers want the C library as it is
        if not whole:
            libs = [cls.installed.libdir + "/libtoktab.a" if lib == "-ltoktab" else lib for lib in libs]
        return cls.installed.compile("toktab-httpd", ["toktab-httpd.c"], libs, *whole)

    def test_works(self):
        self.assertNotIn("libtoktab", self.installed.run("readelf", "-d", self.program))
        token = self.create()
        with self.httpd() as daemon, Connection(daemon.port) as connection:
            self.assertEqual(connection.ask(token=token).status, 200)
            self.ok("revoke", "-d", "default", "-y", "1")
            self.assertEqual(connection.ask(token=token).status, 401)


if __name__ == "__main__":
    unittest.main()
