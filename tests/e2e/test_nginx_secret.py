"""What a core image of nginx's worker shows of a token, in whatever way it came and whatever became of the request: only
what nginx itself keeps, its buffers with the request, which it frees without wiping and uses again. The module and the
library keep no piece of 8 characters. So each piece that is found must stand in the request as it was sent, with what
stood before or behind the token: who copies a token, copies it alone."""

import base64
import os
import random
import re
import socket
import string
import struct
import subprocess
import unittest

from harness import BOUND, PIECE, needs_root, pieces_of, wait_until
from memory import image_of, pieces_in, secret_of, unless_sanitized
from nginx_host import NGINX, NginxCase
from oracle_format import make_token, token_id

BESIDE = PIECE  # so many bytes of the request beside the token
OVERWRITTEN = b":\r\n "  # by nginx, with a NUL, where a name or a line ends


def bearer(token):
    return "Authorization: Bearer " + token


def basic(token):
    return "Authorization: Basic " + base64.b64encode(b"somebody:" + token.encode()).decode()


def some_text():
    return "".join(random.choices(string.ascii_lowercase, k=40))


def request(path, *lines):
    """Its token, if any, stands between two fields that nothing else has."""
    return "\r\n".join([
        "GET %s HTTP/1.1" % path, "Host: localhost", "X-Before: " + some_text(), *lines, "X-After: " + some_text(), "", "",
    ]).encode()  # fmt: skip


class Http2(socket.socket):
    """A connection by prior knowledge. Its fields are plain text, which makes each a run of bytes that can be found."""

    HEADERS, SETTINGS, END_STREAM, END_HEADERS = 1, 4, 1, 4

    def __init__(self, path):
        super().__init__(socket.AF_UNIX)
        self.settimeout(20)
        self.connect(path)
        self.stream = 1
        self.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(self.SETTINGS, 0, 0, b""))

    @staticmethod
    def frame(kind, flags, stream, content):
        return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream) + content

    @staticmethod
    def field(name, value):
        """Literal, and for nginx's table of fields too (RFC 7541, section 6.2.1)."""
        assert len(name) < 127 and len(value) < 127
        return b"\x40" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))

    def request(self, path, *fields):
        """The frame that was sent."""
        every = ((":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", path),
            ("x-before", some_text()), *fields, ("x-after", some_text()))
        frame = self.frame(self.HEADERS, self.END_STREAM | self.END_HEADERS, self.stream,
            b"".join(self.field(*field) for field in every))
        self.sendall(frame)
        return frame

    def answer(self):
        """To the last request: the head of it, compressed."""
        head, flags, stream = b"", 0, 0
        while stream != self.stream or not flags & self.END_STREAM:
            length, kind, flags, stream = struct.unpack(">IBBI", b"\0" + self.read(9))
            content = self.read(length)
            if kind == self.HEADERS:
                head = content
        self.stream += 2
        return head

    def read(self, length):
        data = b""
        while len(data) < length:
            piece = self.recv(length - len(data))
            assert piece, "the connection has ended"
            data += piece
        return data


def alike(memory, sent):
    return memory == sent or (memory == 0 and sent in OVERWRITTEN)


def beside(data, at, raw, offset, presented):
    """How much of the request stands beside what was presented, where a piece of that was found."""
    start = raw.index(presented)
    left = right = 0
    while at - left > 0 and offset - left > 0 and alike(data[at - left - 1], raw[offset - left - 1]):
        left += 1
    while at + right < len(data) and offset + right < len(raw) and alike(data[at + right], raw[offset + right]):
        right += 1
    return max(start - (offset - left), offset + right - start - len(presented))


def places(data, piece):
    at = data.find(piece)
    while at >= 0:
        yield at
        at = data.find(piece, at + 1)


def copies(image, raw, presented, secret):
    """What is kept of a secret, of what was presented, beyond the request with it."""
    found = []
    for part in image.parts:
        for piece in pieces_of(secret):
            for at in places(part.data, piece):
                if beside(part.data, at, raw, raw.index(piece), presented.encode()) < BESIDE:
                    found.append((part, part.data[max(0, at - 32):at + 64]))
    return found


class Searched(NginxCase):
    slow = True
    domains = [{"name": "default", "scopes": ["read", "write"], "foreign": True}]
    tokens = []

    def token(self, *arguments):
        """Unknown to the site: at the level debug nginx's own log has what it is sent."""
        token = self.site.run("create", "-l", "x", "-s", "read", *arguments).out.strip()
        self.tokens.append(token)
        return token

    def image(self):
        (worker,) = self.nginx.worker_pids()
        try:
            image = image_of(worker)
        except PermissionError as error:
            self.skipTest("the memory of a worker cannot be read here: %s" % error)
        self.assertTrue(image.holds(b'Bearer realm="default"'), "that is not its memory")
        return image

    def assert_kept_by_nginx_alone(self, raw, presented, secret):
        """It answers before it has done with a request: what is found may still be on its way to be wiped."""
        found = []

        def none():
            found[:] = copies(self.image(), raw, presented, secret)
            return not found

        try:
            wait_until(none, "a memory without copies of it")
        except AssertionError:
            self.assertEqual(found, [])


@needs_root
@unless_sanitized
class Worker(Searched):
    options = {"workers": 1, "level": "debug"}
    http = r"""
    server {
        listen 127.0.0.1:{port};
        large_client_header_buffers 2 4k;
        auth_toktab default;
        auth_toktab_scope read;
        error_page 403 /sorry;
        location / { }
        location /write/ { auth_toktab_scope write; }
        location /small/ { client_max_body_size 1; }
        location /key/ { auth_toktab_token $http_x_api_key; }
        location /cookie/ { auth_toktab_token $cookie_token; }
        location /argument/ { auth_toktab_token $arg_key; access_log off; }
        location /basic/ { auth_toktab_basic on; }
        location /answer { auth_toktab_answer; }
        location /json { auth_toktab_answer json; }
        location /asked/ { auth_toktab off; auth_request /answer; }
        location /limited/ { limit_req zone=each; }
        location /proxied/ { proxy_pass http://127.0.0.1:{port}/open/; }
        location /open/ { auth_toktab off; }
        location /sorry { auth_toktab off; return 403; }
    }
    limit_req_zone $toktab_id zone=each:1m rate=1000r/s;
    """

    @classmethod
    def prepare(cls):
        cls.nginx.env = BOUND
        for name in ("write", "small", "key", "cookie", "argument", "basic", "asked", "limited", "open"):
            cls.nginx.write("html/%s/index.html" % name, name)
        cls.tokens = []

    def exchange(self, raw, status, presented, secret=None):
        """On a connection that is kept, one that goes on, and one that is closed and followed by another."""
        secret = secret or secret_of(presented)
        with self.nginx.connect() as connection:
            connection.socket.sendall(raw)
            answer = connection.socket.recv(65536)
            self.assertRegex(answer, rb"\AHTTP/1.1 %d " % status)
            self.assert_kept_by_nginx_alone(raw, presented, secret)
            if b"Connection: close" not in answer:
                connection.socket.sendall(request("/open/"))
                connection.socket.recv(65536)
                self.assert_kept_by_nginx_alone(raw, presented, secret)
        self.nginx.ask("/open/")
        self.assert_kept_by_nginx_alone(raw, presented, secret)

    def test_bearer(self):
        good, revoked, expired = self.token(), self.token(), self.token("-e", "1s")
        self.site.run("revoke", "-y", token_id(revoked))
        wait_until(lambda: self.nginx.ask("/", expired).status == 401, "a token that has expired")
        for path, token, status in (
            ("/", good, 200), ("/", revoked, 401), ("/", expired, 401), ("/", make_token(), 401),
            ("/", make_token("tok", token_id(good)), 401), ("/write/", self.token(), 403), ("/limited/", self.token(), 200),
            ("/answer", self.token(), 204), ("/json", self.token(), 200), ("/json", make_token(), 401),
            ("/asked/", self.token(), 200), ("/asked/", make_token(), 401), ("/nosuch", self.token(), 404),
            ("/proxied/", self.token(), 200),
        ):  # fmt: skip
            with self.subTest(path=path, status=status):
                self.exchange(request(path, bearer(token)), status, token)

    def test_malformed(self):
        token = self.token()
        for sent in (token[:-1], token + "x", token + ",", "x" + token, token.replace("_", "-")):
            self.exchange(request("/", bearer(sent)), 401, sent, secret_of(token))
        key = "Zk9vQ2xLw7Rt5Yp3Nd8Hs6Jf4Gb1Xc0M"  # of no system
        self.exchange(request("/", bearer(key)), 401, key, key)

    def test_elsewhere(self):
        for path, line in (("/key/", "X-Api-Key: %s"), ("/cookie/", "Cookie: a=b; token=%s; c=d")):
            for token, status in ((self.token(), 200), (make_token(), 401)):
                self.exchange(request(path, line % token), status, token)
        token = self.token()
        self.exchange(request("/argument/?a=nothing&key=%s&b=nothing" % token), 200, token)

    def test_basic(self):
        for path, status, token in (("/basic/", 200, self.token()), ("/basic/", 401, make_token()), ("/", 401, self.token())):
            header = basic(token)
            encoded = header.split()[2]
            self.exchange(request(path, header), status, encoded, encoded[30:80])
            image = self.image()
            self.assertEqual(image.pieces_of(secret_of(token)), [], image.where(secret_of(token)))  # as it was decoded

    def test_requests_that_nginx_refuses(self):
        token = self.token()
        for status, raw in (
            (400, request("/", bearer(token), "Bad header")),
            (400, request("/", bearer(token), "Content-Length: x")),
            (400, request("/", bearer(token), "X: " + "x" * 5000)),
            (400, request("/", bearer(token)).replace(b"Host: localhost\r\n", b"")),
            (413, request("/small/", bearer(token), "Content-Length: 100")),
            (405, request("/", bearer(token)).replace(b"GET", b"TRACE", 1)),
            (414, request("/" + "x" * 5000, bearer(token))),
        ):  # fmt: skip
            with self.subTest(status=status):
                self.exchange(raw, status, token)

    def test_requests_that_break_off(self):
        token = self.token()
        whole = request("/", bearer(token))
        for raw in (whole[:whole.index(b"\r\nX-After")], whole[:whole.index(token.encode()) + 30], whole[:-2]):
            gone = len(re.findall("client (?:prematurely )?closed", self.nginx.read("error.log")))
            with self.nginx.connect() as connection:
                connection.socket.sendall(raw)
            wait_until(lambda: len(re.findall("client (?:prematurely )?closed", self.nginx.read("error.log"))) > gone, "its end")
            self.assert_kept_by_nginx_alone(whole, token, secret_of(token))

    @classmethod
    def end(cls):
        """nginx logs, at the level debug, what it is sent. Nothing that the module or the library says has a piece of it."""
        super().end()
        with open(os.path.join(cls.nginx.folder, "error.log"), "rb") as file:
            log = file.read()
        with open(os.path.join(cls.nginx.folder, "access.log"), "rb") as file:
            told = file.read().splitlines()
        debugs = b"--with-debug" in subprocess.run([NGINX, "-V"], stderr=subprocess.PIPE, check=True).stderr
        assert any(token.encode() in log for token in cls.tokens) == debugs, "that is not its log"
        told += [entry for entry in re.split(rb"\n(?=\d{4}/)", log) if b"[debug]" not in entry or b"toktab:" in entry]
        leaks = [line for line in told for token in cls.tokens if pieces_in(line, secret_of(token))]
        assert told and not leaks, leaks[:3]


@needs_root
@unless_sanitized
class WorkerOfHttp2(Searched):
    """Without nginx's messages for debugging, which leave what is on the stack in pieces."""

    options = {"workers": 1}
    http = r"""
    server {
        listen 127.0.0.1:{port};
        listen unix:{folder}/http2 http2;
        auth_toktab default;
        access_log off;
        location / { }
        location /cookie/ { auth_toktab_token $cookie_token; }
        location /argument/ { auth_toktab_token $arg_key; }
        location /open/ { auth_toktab off; }
    }
    """

    @classmethod
    def prepare(cls):
        cls.nginx.env = BOUND
        for name in ("cookie", "argument", "open"):
            cls.nginx.write("html/%s/index.html" % name, name)

    def answered(self, connection, status, path, *fields):
        """The frame of a request that got this answer."""
        frame = connection.request(path, *fields)
        self.assertIn({200: b"\x88"}.get(status, b"\x03%d" % status), connection.answer()[:8])
        return frame

    def connect(self):
        return Http2(os.path.join(self.nginx.folder, "http2"))

    def test_text_on_either_side(self):
        """The token stands within its field."""
        for where, status, token in (("cookie", 200, self.token()), ("argument", 200, self.token()),
                ("cookie", 401, make_token()), ("argument", 401, make_token())):  # fmt: skip
            with self.connect() as connection:
                if where == "cookie":
                    frame = self.answered(connection, status, "/cookie/", ("cookie", "a=nothing; token=%s; b=nothing" % token))
                else:
                    frame = self.answered(connection, status, "/argument/?a=nothing&key=%s&b=nothing" % token)
                self.assert_kept_by_nginx_alone(frame, token, secret_of(token))
                self.answered(connection, 200, "/open/")
                self.assert_kept_by_nginx_alone(frame, token, secret_of(token))
            self.nginx.ask("/open/")
            self.assert_kept_by_nginx_alone(frame, token, secret_of(token))

    def test_bearer(self):
        """With text before it alone, it is searched for while the connection is as it was."""
        for status, token in ((200, self.token()), (401, make_token()), (401, make_token()[:-1])):
            with self.connect() as connection:
                frame = self.answered(connection, status, "/", ("authorization", "Bearer   " + token))
                self.assert_kept_by_nginx_alone(frame, token, token.split("_")[1][12:55])


if __name__ == "__main__":
    unittest.main()
