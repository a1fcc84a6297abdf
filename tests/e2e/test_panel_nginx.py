"""toktab-panel behind nginx as others have set it up: by the examples that ship, and beside settings that do not fit."""

import contextlib
import http.client
import json
import os
import socket
import ssl
import unittest

from harness import TOP
from panel_host import HTTP, SNIPPET, PanelCase, certificate

NAME = "tokens.example.com"
OWNERS = [{"name": "example.com", "admins": ["web:alice@example.com", "web:bob@example.com"]}]


def example(name):
    """A file of conf/panel, but for its paths and ports."""
    with open(os.path.join(TOP, "conf", "panel", name)) as file:
        text = file.read()
    for installed, here in (
        ("snippets/toktab-panel.conf", SNIPPET), ("/etc/nginx/tokens.passwd", "{folder}/passwords"),
        ("/run/token-proxy/http.sock", "{folder}/proxy.sock"), ("/run/toktab-panel.sock", "%(socket)s"),
        ("/etc/ssl/certs/people-ca.pem", "{folder}/ca.pem"), ("/etc/ssl/certs/%s.pem" % NAME, "{folder}/server.pem"),
        ("/etc/ssl/private/%s.key" % NAME, "{folder}/server.key"), ("listen 443", "listen 127.0.0.1:{port}"),
    ):  # fmt: skip
        text = text.replace(installed, here)
    return "\n".join(line for line in text.split("\n") if "listen [::]" not in line and not line.startswith("#"))


class Named(http.client.HTTPSConnection):
    """To loopback, whatever the name is."""

    def __init__(self, port, context, name=NAME):
        super().__init__(name, port, timeout=60, context=context)
        self.context = context

    def connect(self):
        self.sock = self.context.wrap_socket(socket.create_connection(("127.0.0.1", self.port)), server_hostname=self.host)


class ExampleCase(PanelCase):
    domains = OWNERS
    shown = None  # whose certificate

    @classmethod
    def prepare(cls):
        ca = cls.path("ca")
        certificate(ca, "/CN=our own")
        certificate(cls.path("server"), "/CN=" + NAME)
        for name, subject in (
            ("alice", "/O=Example/CN=alice/emailAddress=alice@example.com"),
            ("comma", "/O=x,emailAddress=alice@example.com,CN=alice,O=Example/CN=eve"),
            ("backslash", "/O=x\\\\/CN=alice/emailAddress=alice@example.com"),
        ):  # fmt: skip
            certificate(cls.path(name), subject, "-CA", ca + ".pem", "-CAkey", ca + ".key")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.nginx.folder, name)

    def context(self):
        context = ssl.create_default_context(cafile=self.path("server.pem"))
        context.check_hostname = False
        if self.shown:
            context.load_cert_chain(self.path(self.shown + ".pem"), self.path(self.shown + ".key"))
        return context

    def connection(self):
        return Named(self.nginx.port, self.context())

    own = "https://" + NAME

    def story(self, user, headers=()):
        """A token is created, and the history has the name."""
        form = dict(self.expect(200, "/example.com/new", user, headers=headers).page.fields, label="by example")
        headers = {**dict(headers), "Origin": self.own, "Sec-Fetch-Site": "same-origin"}
        got = self.expect(200, "/example.com/new", user, form=form, headers=headers)
        shown = json.loads(self.tool("show", "--json", self.site.guard(got.page.token).split("_")[1][:12]).out)
        self.assertTrue(shown["by"].startswith("web:alice@example.com/"), shown)
        form = {**got.page.fields, **form}
        self.expect(403, "/example.com/new", user, form=form, headers={**headers, "Origin": "https://evil.test"})


class Passwords(ExampleCase):
    http = example("nginx-passwords.conf")

    @property
    def own(self):
        return "https://%s:%d" % (NAME, self.nginx.port)

    def test_story(self):
        self.story("alice@example.com")
        self.assertIn("max-age", self.expect(401, "/", None).header("Strict-Transport-Security"))

    def test_another_name(self):
        """That leads here gets nothing: neither by the name of TLS nor by that of HTTP."""
        with self.assertRaises(ssl.SSLError):
            Named(self.nginx.port, self.context(), "evil.test").request("GET", "/")
        connection = self.connection()
        connection.request("GET", "/", headers={"Host": "evil.test"})
        with self.assertRaises(http.client.RemoteDisconnected):
            connection.getresponse()


class Certificates(ExampleCase):
    http = example("nginx-certificates.conf")
    own = Passwords.own

    def test_story(self):
        self.shown = "alice"
        self.story(None)

    def test_refused(self):
        for self.shown, status in ((None, 400), ("comma", 403), ("backslash", 403)):
            got = self.expect(status, "/example.com/", "bob@example.com", headers={"X-Forwarded-Email": "bob@example.com"})
            self.assertNotIn("Tokens of", got.text, self.shown)


class Oidc(ExampleCase):
    http = example("nginx-oidc.conf") + "server { listen 127.0.0.1:{port}; return 444; }"  # to see that it is up
    options = ("--origin", "https://" + NAME)

    def connection(self):
        connection = http.client.HTTPConnection(NAME, timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.path("proxy.sock"))
        return connection

    def test_story(self):
        self.story(None, headers={"X-Forwarded-Email": "alice@example.com"})

    def test_refused(self):
        for headers in (
            {}, {"X-Forwarded-User": "alice@example.com"}, {"Remote-User": "alice@example.com"},
            {"X_Forwarded_Email": "alice@example.com"}, {"X-Forwarded-Email": ""},
        ):  # fmt: skip
            got = self.expect(403, "/example.com/", "bob@example.com", headers=headers)
            self.assertNotIn("Tokens of", got.text, headers)
        for name in ("alice@example.com, bob@example.com", "alice@example.com bob", "\"alice\"@example.com", "a" * 129):
            self.expect(500, "/example.com/", None, headers={"X-Forwarded-Email": name})


# What an administrator may have for other pages of the same host.
UNFIT = """
fastcgi_cache_path {folder}/cache keys_zone=pages:1m;
fastcgi_cache pages;
fastcgi_cache_key $uri;
fastcgi_cache_methods GET HEAD POST;
fastcgi_cache_valid any 1h;
fastcgi_ignore_headers Cache-Control Expires;
fastcgi_param REMOTE_USER bob@example.com;
fastcgi_buffering off;
fastcgi_request_buffering off;
fastcgi_keep_conn on;
fastcgi_intercept_errors on;
fastcgi_pass_request_headers on;
error_page 403 404 409 422 500 =200 /other.html;
client_body_in_file_only on;
client_max_body_size 100m;
expires 1d;
gzip on;
gzip_types *;
gzip_min_length 1;
gzip_proxied any;
underscores_in_headers on;
ignore_invalid_headers off;
merge_slashes off;
satisfy any;
allow all;
"""


class Unfit(PanelCase):
    domains = OWNERS
    http = UNFIT + HTTP

    def test_no_password(self):
        """Though the address is allowed, a name is not believed without it."""
        self.expect(401, "/example.com/", None)
        self.users = {**self.users, "alice@example.com": "wrong"}
        self.expect(401, "/example.com/", headers={"Remote-User": "alice@example.com", "REMOTE_USER": "alice@example.com"})

    def test_nothing_is_kept(self):
        _, name = self.made("kept nowhere")
        for user in ("alice@example.com", "bob@example.com", "alice@example.com"):
            got = self.expect(200, "/example.com/", user, headers={"Accept-Encoding": "gzip"})
            self.assertIn(user, got.text)
            self.assertEqual(got.header("Cache-Control"), "no-store")
            self.assertIsNone(got.header("Content-Encoding"))
        self.expect(401, "/example.com/", None)
        self.send(303, "/example.com/%s/revoke" % name)
        for folder in ("temp", "cache"):
            self.assertEqual([files for _, _, files in os.walk(os.path.join(self.nginx.folder, folder)) if files], [])

    def test_pages_of_errors(self):
        self.assertIn("There is no such domain", self.expect(404, "/nosuch/").text)
        self.assertIn("Nothing was done.", self.send(422, "/example.com/new", label="").text)

    def test_paths(self):
        for path in ("//example.com/", "/example.com//", "/example.com/./new/", "/example.com/%2e%2e/../x/", "/example.com/new%00", "/%2f/"):
            self.assertIn(self.ask(path).status, (400, 404), path)
        for path in ("/example.com/new/..", "/%65xample.com/", "/x/../example.com/", "/example.com/?/../x=y"):
            self.assertIn("Tokens of example.com", self.expect(200, path).text)

    def test_slow_clients(self):
        """Neither half a head nor half a form holds up anybody else."""
        with contextlib.ExitStack() as stack:
            for data in (b"POST /example.com/new HTTP/1.1\r\nHost: x\r\n", b"POST /example.com/new HTTP/1.1\r\nHost: x\r\n"
                         b"Authorization: Basic YWxpY2VAZXhhbXBsZS5jb206d29uZGVy\r\nContent-Length: 9\r\n\r\nlabel"):  # fmt: skip
                client = stack.enter_context(socket.create_connection(("127.0.0.1", self.nginx.port)))
                client.sendall(data)
            for _ in range(3):
                self.expect(200, "/example.com/")


class Stored(PanelCase):
    domains = OWNERS
    http = "fastcgi_store {folder}/temp/stored;\n" + HTTP

    def test_nothing_is_stored(self):
        self.made("stored nowhere")
        self.assertFalse(os.listdir(os.path.join(self.nginx.folder, "temp")))


if __name__ == "__main__":
    unittest.main()
