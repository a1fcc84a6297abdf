"""The nginx module before the access phase: its variables in limit_req, limit_conn, map and if."""

import os
import subprocess
import threading
import unittest

from harness import wait_until
from nginx_host import NginxCase
from oracle_format import token_id
from test_nginx_kinds import Upstream, read_head


class Held(Upstream):
    """Answers when it is told to."""

    def __init__(self):
        self.arrived, self.go_on = threading.Event(), threading.Event()
        super().__init__()

    def serve(self, connection):
        read_head(connection)
        self.arrived.set()
        self.go_on.wait(60)
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nheld")


class Limits(NginxCase):
    """A request is limited by the token that it presents, whether that is good or not."""

    http = r"""
    limit_req_zone $toktab_id zone=id:1m rate=1r/m;
    limit_req_zone $toktab_id zone=slow:1m rate=10r/m;
    limit_req_zone $toktab_reason zone=reason:1m rate=1r/m;
    limit_conn_zone $toktab_id zone=connections:1m;
    limit_req_status 429;
    limit_conn_status 429;
    map $toktab_scopes $writes { default no; ~\bwrite\b yes; }
    map $toktab_id $circle { default $http_x_key; ~. x; }
    auth_toktab default;
    server {
        listen 127.0.0.1:{port};
        location / { }
        location /limited { limit_req zone=id; }
        location /denied { limit_req zone=reason; }
        location /before { limit_req zone=id; index page.html; location = /before/page.html { limit_req zone=id; } }
        location /after { index page.html; location = /after/page.html { limit_req zone=id; } }
        location /other { auth_toktab other; index page.html;
            location = /other/page.html { auth_toktab default; auth_toktab_token $http_x_key; limit_req zone=id; } }
        location /any { satisfy any; deny all; limit_req zone=id; }
        location /any/here { satisfy any; allow 127.0.0.1; deny all; limit_req zone=id; }
        location /open { auth_toktab off; limit_req zone=id; }
        location /slow { limit_req zone=slow burst=5; }
        location /moved { index page.html; location = /moved/page.html { limit_req zone=slow burst=5; } }
        location /connections { limit_conn connections 1; proxy_pass http://127.0.0.1:{held}; }
        location /writers { if ($writes = no) { return 418; } }
        location /circle { auth_toktab_token $circle; }
        location /address {
            set $early $toktab_reason;
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Real-IP;
            add_header X-Early $early always;
        }
    }
    server {
        listen 127.0.0.1:{port};
        server_name early;
        set $early $toktab_reason;
        location / { auth_toktab other; add_header X-Early $early always; }
        location /scope { auth_toktab_scope write; add_header X-Early $early always; }
        location /open { auth_toktab off; add_header X-Early $early always; }
    }
    """

    @classmethod
    def prepare(cls):
        cls.held = Held()
        cls.addClassCleanup(cls.held.close)
        cls.nginx.http = cls.nginx.http.replace("{held}", str(cls.held.port))
        for path in ("limited", "denied", "any", "any/here", "open", "slow", "writers", "circle", "address"):
            cls.nginx.write("html/%s/index.html" % path, path)
        for path in ("before", "after", "other", "moved"):
            cls.nginx.write("html/%s/page.html" % path, path)

    def statuses(self, path, token, times=2, **named):
        return [self.nginx.ask(path, token, **named).status for _ in range(times)]

    def test_each_token_has_its_own(self):
        for path in ("/limited/", "/before/", "/after/", "/any/", "/any/here/"):
            with self.subTest(path=path):
                for token in (self.create(), self.create()):
                    self.assertEqual(self.statuses(path, token), [200, 429])

    def test_no_token_is_no_key(self):
        for path in ("/limited/", "/before/", "/after/", "/any/"):
            with self.subTest(path=path):
                self.assertEqual(self.statuses(path, None, 3), [401] * 3)
                self.assertEqual(self.statuses(path, "x", 3), [401] * 3)
        self.assertEqual(self.statuses("/any/here/", None, 3), [200] * 3)

    def test_a_refused_token_is_limited_too(self):
        token = self.create()
        self.revoke(token)
        self.assertEqual(self.statuses("/limited/", token), [401, 429])
        self.assertEqual(self.statuses("/denied/", None), [401, 429])
        self.assert_logged(r'"GET /limited/ HTTP/1.1" id=%s .* reason=revoked' % token_id(token))

    def test_where_no_token_is_required_there_is_no_key(self):
        self.assertEqual(self.statuses("/open/", self.create(), 3), [200] * 3)

    def test_the_location_after_a_redirect_has_its_own_question(self):
        key, other = self.create(), self.create(domain="other")
        self.assertEqual(self.statuses("/other/", other, headers=["X-Key: " + key]), [200, 429])
        self.assertEqual(self.statuses("/other/", other, headers=["X-Key: " + self.create()]), [200, 429])

    def test_what_is_revoked_while_it_waits_is_refused(self):
        """The answer of before is too old."""
        waiting = []
        for path in ("/slow/", "/moved/"):
            token = self.create()
            self.expect(200, path, token)
            connection = self.nginx.connect()
            self.addCleanup(connection.close)
            logged = len(self.nginx.read("error.log"))
            lines = ("GET %s HTTP/1.0" % path, "Authorization: Bearer " + token, "", "")
            connection.socket.sendall("\r\n".join(lines).encode())
            wait_until(lambda before=logged: "delaying request" in self.nginx.read("error.log")[before:], "the limit")
            self.revoke(token)
            waiting.append(connection.socket)
        for client in waiting:
            self.assertEqual(client.recv(4096).split()[1], b"401")

    def test_connections(self):
        token = self.create()
        with self.nginx.connect() as connection:
            connection.socket.sendall(b"GET /connections HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n" % token.encode())
            self.assertTrue(self.held.arrived.wait(60))
            self.expect(429, "/connections", token)
            self.expect(401, "/connections")
            self.held.go_on.set()
            self.assertEqual(connection.socket.recv(4096).split()[1], b"200")
        self.expect(200, "/connections", self.create())

    def test_map_and_if(self):
        self.expect(200, "/writers/", self.create("writer", "-s", "read,write"))
        self.expect(418, "/writers/", self.create("reader", "-s", "read"))
        self.expect(418, "/writers/")

    def test_another_address_is_another_question(self):
        """The location's realip module works after its rewrite module."""
        here, there = self.create("here", "--from", "127.0.0.1"), self.create("there", "--from", "192.0.2.0/24")
        for token, early, status in ((here, "none", 401), (there, "network", 200)):
            answer = self.expect(status, "/address/index.html", token, ["X-Real-IP: 192.0.2.7"])
            self.assertEqual(answer.header("X-Early"), early)

    def test_another_domain_or_scope_is_another_question(self):
        """The server's rewrite module works before the location is found."""
        token, other = self.create(), self.create(domain="other")
        for path, token, early, status in (
            ("/", token, "none", 401), ("/", other, "unknown", 200), ("/scope/", token, "none", 403),
            ("/open/", token, "none", 200), ("/open/", None, "missing", 200),
        ):  # fmt: skip
            lines = ["GET %s HTTP/1.0" % path, "Host: early", *(["Authorization: Bearer " + token] if token else [])]
            with self.subTest(path=path, early=early), self.nginx.connect() as connection:
                connection.socket.sendall("\r\n".join([*lines, "", ""]).encode())
                said = connection.socket.recv(65536)
                self.assertEqual(int(said.split()[1]), status)
                self.assertIn(b"X-Early: %s\r\n" % early.encode(), said)

    def test_a_token_that_is_made_of_what_is_known_of_it(self):
        """Before the answer nothing is known."""
        self.expect(200, "/circle/", headers=["X-Key: " + self.create()])
        self.expect(401, "/circle/", headers=["X-Key: x"])


COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

int toktab_verify(void *table, const char *token, unsigned long length, const void *request, void *result)
{
    void *library = dlopen("libtoktab.so.0", RTLD_LAZY | RTLD_NOLOAD);
    int (*verify)(void *, const char *, unsigned long, const void *, void *) = dlsym(library, "toktab_verify");
    int fd = open(COUNT, O_WRONLY | O_APPEND);

    if (write(fd, ".", 1) != 1)
        _exit(99);
    close(fd);
    return verify(table, token, length, request, result);
}
"""


class Asked(NginxCase):
    """How often the library is asked for a request: once, unless a millisecond has passed since."""

    http = r"""
    limit_req_zone $toktab_id zone=id:1m rate=10000r/s;
    map $toktab_scopes $scopes { default no; ~write yes; }
    server {
        listen 127.0.0.1:{port};
        location / { auth_toktab default; }
        location /early { auth_toktab default; limit_req zone=id burst=100 nodelay; set $label $toktab_label;
            if ($scopes = yes) { return 403; } }
        location /redirect { auth_toktab default; limit_req zone=id burst=100 nodelay; index page.html; }
        location /scopes { auth_toktab default; limit_req zone=id burst=100 nodelay; index page.html;
            location /scopes/page.html { auth_toktab_scope read; } }
    }
    """

    @classmethod
    def prepare(cls):
        cls.count = os.path.join(cls.site.dir, "count")
        with open(cls.count, "w"):
            os.chmod(cls.count, 0o666)
        cls.nginx.preload = os.path.join(cls.site.dir, "counter.so")
        command = ["cc", "-shared", "-fPIC", "-DCOUNT=\"%s\"" % cls.count, "-o", cls.nginx.preload, "-x", "c", "-"]
        subprocess.run(command, input=COUNTER.encode(), check=True)
        cls.nginx.write("html/early/index.html", "early")
        cls.nginx.write("html/redirect/page.html", "redirect")
        cls.nginx.write("html/scopes/page.html", "scopes")

    def fewest(self, path, token=None, status=200, times=30):
        """A machine with much to do may take a millisecond for anything: the best of some counts."""
        counts = []
        for _ in range(times):
            before = os.path.getsize(self.count)
            self.expect(status, path, token)
            counts.append(os.path.getsize(self.count) - before)
        return min(counts)

    def test_once(self):
        token = self.create("a token", "-s", "read")
        revoked = self.create()
        self.revoke(revoked)
        for path in ("/", "/early/index.html", "/redirect/"):
            with self.subTest(path=path):
                self.assertEqual(self.fewest(path, token), 1)
                self.assertEqual(self.fewest(path, revoked, 401), 1)

    def test_never_without_a_token(self):
        self.assertEqual(self.fewest("/early/index.html", None, 401), 0)

    def test_again_for_another_question(self):
        self.assertEqual(self.fewest("/scopes/", self.create("a token", "-s", "read")), 2)


class Meanwhile(NginxCase):
    """One worker asks about other requests while a request goes on."""

    http = """
    auth_toktab default;
    server {
        listen 127.0.0.1:{port};
        location / { }
        location /held { proxy_pass http://127.0.0.1:{held}; }
    }
    """
    options = {"workers": 1}

    @classmethod
    def prepare(cls):
        cls.held = Held()
        cls.addClassCleanup(cls.held.close)
        cls.nginx.http = cls.nginx.http.replace("{held}", str(cls.held.port))

    def send(self, connection, token):
        self.held.go_on.clear()
        connection.socket.sendall(b"GET /held HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n" % token.encode())
        self.assertTrue(self.held.arrived.wait(60))
        self.held.arrived.clear()

    def test_each_request_has_its_own_identity(self):
        first = self.create("first", "-s", "read", "-u", "alice")
        with self.nginx.connect() as connection:
            self.send(connection, first)
            self.expect(200, "/?second", self.create("second", "-s", "write"))
            self.expect(401, "/?none")
            self.expect(401, "/?unknown", first[:-1] + "~")
            self.held.go_on.set()
            self.assertEqual(connection.socket.recv(4096).split()[1], b"200")
        self.assert_logged(r'/held HTTP/1.0" id=%s serial=\d+ label=first user=alice scopes=read ' % token_id(first))
        self.assert_logged(r'second HTTP/1.1" id=\S{12} serial=\d+ label=second user=\S* scopes=write ')
        self.assert_logged('none HTTP/1.1" id=- serial=- label=- ')
        self.assert_logged('unknown HTTP/1.1" id=- serial=- label=- ')

    def test_a_request_that_is_gone_is_forgotten(self):
        with self.nginx.connect() as connection:
            self.send(connection, self.create("gone"))
        self.held.go_on.set()
        self.assert_logged(' 499 "GET /held .* label=gone ')
        self.expect(200, "/?next", self.create("next"))
        self.assert_logged("next .* label=next ")


if __name__ == "__main__":
    unittest.main()
