"""A real toktab-panel behind a real nginx, with the parameters that ship, and a browser of few words.

As root the stores and the page belong to another user, as on a real host.
"""

import base64
import contextlib
import html.parser
import http.client
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import unittest
import urllib.parse

from harness import BOUND, IS_ROOT, NOBODY, TOP, Site, environment, wait_until
from nginx_host import BUILD, Nginx

PANEL = os.path.join(BUILD, "toktab-panel")
SNIPPET = os.path.join(TOP, "conf", "panel", "toktab-panel.conf")


def manual(name):
    """An example of toktab-panel(8), as it is shown, but for paths."""
    with open(os.path.join(TOP, "tool", "panel", "toktab-panel.8")) as file:
        page = file.read()
    block = re.search(r'^\.\\" begin %s\n\.Bd [^\n]*\n(.*?)^\.Ed\n\.\\" end' % re.escape(name), page, re.S | re.M)[1]
    for installed, here in (
        ("snippets/toktab-panel.conf", SNIPPET), ("/etc/nginx/tokens.passwd", "{folder}/passwords"),
        ("/run/token-proxy/http.sock", "{folder}/proxy.sock"), ("/run/toktab-panel.sock", "%(socket)s"),
    ):  # fmt: skip
        block = block.replace(installed, here)
    return block


HTTP = "server { listen 127.0.0.1:{port}; %s }" % manual("basic")
HTTPS = HTTP.replace("{port};", "{port} ssl; ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;")


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def certificate(path, subject, *more):
    """PATH.pem and PATH.key, for a day; signed by itself, unless more names a -CA and its -CAkey."""
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
        "-subj", subject, "-keyout", path + ".key", "-out", path + ".pem", *more,
    )  # fmt: skip


class Panel:
    """toktab-panel on a socket of its own. tool: another program in the place of the tool."""

    runner = ()  # what it runs under
    user = NOBODY if IS_ROOT else None

    def __init__(self, site, tool=None, options=()):
        self.site, self.path = site, os.path.join(site.dir, "panel.sock")
        self.log_path = os.path.join(site.dir, "panel.log")
        self.program = shutil.copy(PANEL, os.path.join(site.dir, "toktab-panel"))
        os.chmod(self.program, 0o755)
        self.tool = tool or site.tool(NOBODY)
        self.options = options
        self.process = None

    def listen(self):
        """A socket at its path."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        os.chmod(self.path, 0o666)
        listener.listen(16)
        return listener

    def start(self, listener=None):
        """listener: one that is there, and stays open."""
        with listener.dup() if listener else self.listen() as listener:
            command = [*self.runner, self.program, "--tool", self.tool, "-c", self.site.conf, *self.options]
            more = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
            with open(self.log_path, "ab") as log:
                self.process = subprocess.Popen(
                    command, stdin=listener, stdout=subprocess.DEVNULL, stderr=log, env=environment(BOUND), cwd="/", **more
                )
        return self

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def memory(self):
        """What it holds, in KiB."""
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"^VmRSS:\s+(\d+) kB", file.read(), re.M)[1])

    def stop(self):
        """Its exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


class Page(html.parser.HTMLParser):
    """What a test wants to know of a page: its words, links, and the fields of its form that are sent."""

    def __init__(self, text):
        super().__init__()
        self.links, self.fields, self.token, self.words, self.tags = [], {}, None, [], []
        self.feed(text)
        self.text = re.sub(r"\s+", " ", " ".join(self.words)).strip()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag == "a":
            self.links.append(attrs["href"])
        if tag == "input" and attrs.get("id") == "token":
            self.token = attrs["value"]
        elif tag == "input" and (attrs.get("type") not in ("radio", "checkbox") or "checked" in attrs):
            self.fields[attrs["name"]] = attrs.get("value", "")

    def handle_data(self, data):
        self.words.append(data)


class Got:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.getheaders(), response.read()
        self.page = Page(self.body.decode())
        self.text = self.page.text

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def __repr__(self):
        return "<%s %s %.3000s>" % (self.status, self.headers, self.text)


def spoken(parameters, body=b"", keep=False):
    """A request in FastCGI, in pieces. parameters: pairs; keep: ask that the connection be kept."""

    def records(kind, content):
        """In pieces, so that there is no other copy of what is long."""
        for i in range(0, len(content) + 60000, 60000):
            piece = memoryview(content)[i : i + 60000]
            yield struct.pack(">BBHHBx", 1, kind, 1, len(piece), 0)
            yield piece
            if not piece:
                return

    def pair(name, value):
        name, value = name.encode(), value.encode()
        return struct.pack(">II", len(name) | 1 << 31, len(value) | 1 << 31) + name + value

    begin = struct.pack(">BBHHBxHB5x", 1, 1, 1, 8, 0, 1, keep)
    named = b"".join(pair(*item) for item in parameters)
    return [begin, *records(4, named), *records(5, body)]


def speak(path, parameters, body=b"", cut=None, keep=False):
    """FastCGI without a web server: the answer's bytes. cut: send only so many bytes; then the connection, open."""
    data = spoken(parameters, body, keep)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(path)
    if cut is not None:
        connection.sendall(b"".join(data)[:cut])
        return connection
    with connection:
        with contextlib.suppress(BrokenPipeError):  # it need not read all of a body
            for piece in data:
                connection.sendall(piece)
        answer, rest = b"", b""
        while True:
            got = connection.recv(65536)
            rest += got
            while len(rest) >= 8:
                _, kind, _, length, padding = struct.unpack(">BBHHBx", rest[:8])
                if len(rest) < 8 + length + padding:
                    break
                answer += rest[8 : 8 + length] if kind == 6 else b""
                rest = rest[8 + length + padding :]
                if kind == 3:
                    return answer
            if not got:
                return answer


def parameters(path="/", user="alice@example.com", method="GET", **more):
    """What nginx would say."""
    named = {"REQUEST_METHOD": method, "DOCUMENT_URI": path, "PANEL_SELF": "https://tokens.test", **more}
    return [*named.items(), *([("REMOTE_USER", user)] if user is not None else [])]


class PanelCase(unittest.TestCase):
    """Tests that share a site, a page and an nginx. Afterwards no file holds a secret."""

    users = {"alice@example.com": "wonder", "bob@example.com": "builder", "eve": "evil"}
    domains = [
        {
            "name": "example.com", "admins": ["web:alice@example.com", "web:bob@example.com"],
            "scopes": ["read", "write"], "default_lifetime": "90d", "max_lifetime": "365d",
        },
        {"name": "intern", "prefix": "int", "admins": ["web:bob@example.com"]},
        {"name": "others", "prefix": "oth", "admins": ["carol"]},
    ]  # fmt: skip
    http = HTTP
    options = ()

    @classmethod
    def setUpClass(cls):
        owner = NOBODY if IS_ROOT else None
        cls.site = Site(cls.domains, owner=owner, group=owner)
        cls.addClassCleanup(cls.site.close)
        cls.panel = Panel(cls.site, cls.make_tool(), cls.options).start()
        http = cls.http.replace("%(socket)s", cls.panel.path)
        cls.nginx = Nginx(os.path.join(cls.site.dir, "nginx"), cls.site.conf, http)
        cls.nginx.write("passwords", "".join("%s:{PLAIN}%s\n" % user for user in cls.users.items()))
        cls.prepare()
        cls.nginx.start()
        cls.addClassCleanup(cls.end)

    @classmethod
    def prepare(cls):
        """Make the files that its nginx needs."""

    @classmethod
    def make_tool(cls):
        """The path of another program in the place of the tool; None: the tool."""

    @classmethod
    def end(cls):
        cls.nginx.stop()
        code, log = cls.panel.stop(), cls.panel.log()
        leaks = cls.site.leaking_files()
        if code or leaks or "Sanitizer" in log:
            raise AssertionError("exit status %s; secrets in %s; %s" % (code, leaks, log))

    def tool(self, *args):
        """The tool, as the owner of the stores."""
        result = self.site.run(*args, user=NOBODY if IS_ROOT else None)
        self.assertEqual(result.code, 0, result)
        return result

    def create(self, label="a token", *args, domain="example.com"):
        return self.site.guard(self.tool("-d", domain, "create", "-l", label, *args).out.strip())

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=60)

    def ask(self, path, user="alice@example.com", form=None, headers=(), method=None):
        """One request. form: the fields to send, or bytes."""
        fields = {}
        if user:
            given = "%s:%s" % (user, self.users[user])
            fields["Authorization"] = "Basic " + base64.b64encode(given.encode()).decode()
        if form is not None:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
            form = form if isinstance(form, bytes) else urllib.parse.urlencode(form).encode()
        fields.update(headers)
        connection = self.connection()
        try:
            connection.request(method or ("GET" if form is None else "POST"), path, form, fields)
            return Got(connection.getresponse())
        finally:
            connection.close()

    def expect(self, status, path, *args, **named):
        got = self.ask(path, *args, **named)
        self.assertEqual(got.status, status, got)
        return got

    def send(self, status, path, user="alice@example.com", headers=(), more=(), **typed):
        """Open a form, change the fields typed, send it. more: the same, as a dict."""
        form = dict(self.expect(200, path, user).page.fields)
        form.update({key.replace("_", "-"): value for key, value in typed.items()}, **dict(more))
        got = self.expect(status, path, user, form=form, headers=headers)
        got.sent = form
        return got

    def made(self, label="by page", path="/example.com/new", **typed):
        """A token that was created by the page, and its id."""
        got = self.send(200, path, label=label, **typed)
        token = self.site.guard(got.page.token)
        return token, token.split("_")[1][:12]

    def wait_for_log(self, pattern):
        wait_until(lambda: re.search(pattern, self.panel.log()), "%s in the log" % pattern)


