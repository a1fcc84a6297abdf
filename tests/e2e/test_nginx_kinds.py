"""Locations and protocols of every kind are guarded alike: proxied, FastCGI, WebSocket, HTTP/2, HTTP/1.0."""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import threading
import unittest

from nginx_host import NginxCase
from oracle_format import token_id


CURL = shutil.which("curl")


class Upstream:
    """A server behind nginx; serve(connection) speaks its protocol on one connection."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(20)
                    self.serve(connection)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError(head)
        head += data
    return head


class Http(Upstream):
    """Answers with the head of the request; upgrades what wants to be upgraded, and echoes then."""

    def serve(self, connection):
        head = read_head(connection)
        if b"upgrade: websocket" not in head.lower():
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head))
            return
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
        while data := connection.recv(65536):
            connection.sendall(data)


class FastCgi(Upstream):
    """Answers with the parameters of the request, as they came."""

    PARAMS, STDIN, STDOUT, END = 4, 5, 6, 3

    def serve(self, connection):
        stream = connection.makefile("rb")
        parameters = b""
        while True:
            _, kind, request, length, padding = struct.unpack(">BBHHBx", stream.read(8))
            content = stream.read(length + padding)[:length]
            if kind == self.PARAMS:
                parameters += content
            if kind == self.STDIN and not content:
                break
        body = b"Content-Type: text/plain\r\n\r\n" + parameters
        for kind, content in ((self.STDOUT, body), (self.STDOUT, b""), (self.END, bytes(8))):
            connection.sendall(struct.pack(">BBHHBx", 1, kind, request, len(content), 0) + content)


class Kinds(NginxCase):
    http = r"""
    limit_req_zone $toktab_id zone=requests:1m rate=1r/m;
    limit_req_status 429;
    auth_toktab default;
    server {
        listen 127.0.0.1:{port};
        listen unix:{folder}/http2 http2;
        location /static { }
        location /limited { limit_req zone=requests; root {folder}/html/static; try_files /index.html =404; }
        location /scope { auth_toktab_scope write; }
        location /proxied { proxy_pass http://127.0.0.1:{http}; proxy_set_header X-Label $toktab_label; }
        location /stripped { proxy_pass http://127.0.0.1:{http}; proxy_set_header Authorization ""; }
        location /fastcgi { fastcgi_pass 127.0.0.1:{fastcgi}; fastcgi_param TOKEN_ID $toktab_id; }
        location /socket {
            proxy_pass http://127.0.0.1:{http};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }
    }
    """

    @classmethod
    def prepare(cls):
        ports = {}
        for name, kind in (("{http}", Http), ("{fastcgi}", FastCgi)):
            upstream = kind()
            cls.addClassCleanup(upstream.close)
            ports[name] = str(upstream.port)
        for name, port in ports.items():
            cls.nginx.http = cls.nginx.http.replace(name, port)
        cls.nginx.write("html/static/index.html", "static")
        cls.token, cls.revoked = cls.create("the label"), cls.create()
        cls.revoke(cls.revoked)

    def test_the_same_answers_everywhere(self):
        for path in ("/static/", "/proxied", "/stripped", "/fastcgi", "/socket"):
            with self.subTest(path=path):
                self.assertEqual(self.expect(401, path).challenges, ['Bearer realm="default"'])
                self.expect(401, path, self.revoked)
                self.expect(401, path, "x", method="POST")
                self.expect(200, path, self.token)

    def test_what_an_upstream_is_told(self):
        self.assertIn(b"X-Label: the label\r\n", self.expect(200, "/proxied", self.token).body)
        self.assertNotIn(b"Authorization", self.expect(200, "/stripped", self.token).body)
        self.assertIn(b"TOKEN_ID" + token_id(self.token).encode(), self.expect(200, "/fastcgi", self.token).body)

    def test_a_websocket_is_asked_at_its_handshake(self):
        token = self.create()
        upgrade = ["Upgrade: websocket", "Connection: upgrade"]
        with self.nginx.connect() as connection:
            self.assertEqual(connection.ask("/socket", self.revoked, upgrade).status, 401)
            self.assertEqual(connection.ask("/socket", token, upgrade).status, 101)
            self.revoke(token)
            connection.socket.sendall(b"still here")
            self.assertEqual(connection.socket.recv(100), b"still here")
        self.expect(401, "/socket", token, upgrade)

    def test_http_1_0(self):
        for token, status in ((self.token, b"200"), (self.revoked, b"401")):
            with self.nginx.connect() as connection:
                connection.socket.sendall(b"GET /static/ HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n" % token.encode())
                self.assertEqual(connection.socket.recv(4096).split()[1], status)

    def http2(self, path, *headers):
        """Status and challenges. The token goes to curl through its standard input."""
        done = subprocess.run(
            [CURL, "-q", "-s", "-i", "-K", "-", "--max-time", "20", "--http2-prior-knowledge",
             "--unix-socket", os.path.join(self.nginx.folder, "http2"), "http://localhost" + path],
            input="".join("header = \"%s\"\n" % header for header in headers).encode(),
            stdout=subprocess.PIPE, check=True, timeout=60,
            # curl hangs where a sanitizer's runtime is loaded into it
            env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
        )  # fmt: skip
        lines = done.stdout.decode().split("\r\n\r\n")[0].split("\r\n")
        self.assertTrue(lines[0].startswith("HTTP/2 "), lines)
        return int(lines[0].split()[1]), [line.partition(": ")[2] for line in lines if line.startswith("www-auth")]

    @unittest.skipUnless(CURL, "HTTP/2 needs curl, which is not installed")
    def test_http_2(self):
        bearer = 'Bearer realm="default"'
        self.assertEqual(self.http2("/static/"), (401, [bearer]))
        self.assertEqual(self.http2("/static/", "Authorization: Bearer " + self.token), (200, []))
        self.assertEqual(
            self.http2("/scope/", "Authorization: Bearer " + self.token),
            (403, [bearer + ', error="insufficient_scope", scope="write"']),
        )
        self.assertEqual(
            self.http2("/static/", "Authorization: Bearer " + self.revoked),
            (401, [bearer + ', error="invalid_token", error_description="The token was revoked"']),
        )
        self.assertEqual(
            self.http2("/static/", "Authorization: Bearer a", "Authorization: Bearer b"),
            (400, ['Bearer error="invalid_request"']),
        )

    @unittest.skipUnless(CURL, "HTTP/2 needs curl, which is not installed")
    def test_http_2_has_a_limit_for_each_token(self):
        for token in (self.create(), self.create()):
            header = "Authorization: Bearer " + token
            self.assertEqual([self.http2("/limited", header)[0] for _ in range(2)], [200, 429])
        self.assertEqual([self.http2("/limited")[0] for _ in range(2)], [401, 401])

    @unittest.skipUnless(CURL, "a local socket needs curl, which is not installed")
    def test_a_client_without_an_address_is_in_no_network(self):
        token = self.create("bound", "--from", "0.0.0.0/0,::/0")
        self.expect(200, "/static/", token)
        self.assertEqual(self.http2("/static/", "Authorization: Bearer " + token)[0], 401)


if __name__ == "__main__":
    unittest.main()
