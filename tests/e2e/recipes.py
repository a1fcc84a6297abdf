"""The lines that toktab-recipes(7) and toktab-fleet(7) show, as a reader of the page sees and copies them.

A block is named in its page's source, by a comment above it. Only what differs from machine to machine is replaced
before it is run: addresses, ports and paths, by placed().
"""

import http.server
import json
import os
import re
import subprocess
import threading

from harness import TIME_LIMIT, TOKTAB, TOP, environment
from nginx_host import NginxCase

PAGES = [os.path.join(TOP, "conf", name) for name in ("toktab-recipes.7", "toktab-fleet.7")]
SHOWN = {"e": "\\", "-": "-", "&": "", "(aq": "'", "(ga": "`", "(ha": "^", "(ti": "~"}


def blocks():
    """{name: text}; one whose name is None has no comment above it."""
    found = []
    for page in PAGES:
        with open(page, encoding="utf-8") as file:
            found += re.findall(r'(?:^\.\\" begin (.*)\n)?^\.Bd -literal.*\n((?:.*\n)*?)\.Ed\n', file.read(), re.M)
    return {name or None: re.sub(r"\\([e&-]|\(..)", lambda escape: SHOWN[escape[1]], text) for name, text in found}


def block(name):
    return blocks()[name]


def example(name):
    """A file that the page names."""
    with open(os.path.join(TOP, "conf", "examples", name), encoding="utf-8") as file:
        return file.read()


def placed(text, places):
    """The text with each key of places replaced by its value. A key that is not there is a mistake in the test."""
    for before in places:
        if before not in text:
            raise AssertionError("%r is not in %s" % (before, text))
    longest_first = sorted(places, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda found: places[found[0]], text)


class Shell:
    """Runs commands as an admin of this site types them: toktab is the tool with its configuration."""

    def __init__(self, site):
        self.folder = os.path.join(site.dir, "bin")
        os.mkdir(self.folder)
        self.install("toktab", '#!/bin/sh\nexec "%s" -c "%s" "$@"\n' % (TOKTAB, site.conf))

    def install(self, name, text):
        """A program in the path, or in the place of one."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path

    def run(self, text, env=None):
        env = environment({"PATH": "%s:/usr/sbin:%s" % (self.folder, os.environ["PATH"]), **(env or {})})
        return subprocess.run(["sh", "-eu", "-c", text], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=TIME_LIMIT, check=False)  # fmt: skip

    def ok(self, text, **more):
        """What it prints."""
        done = self.run(text, **more)
        if done.returncode:
            raise AssertionError("%s\nexit status %d\n%s%s" % (text, done.returncode, done.stdout, done.stderr))
        return done.stdout


class App:
    """A daemon without tokens of its own. It answers with what it was sent; on /stream with two words, the second when
    the event next_word is set."""

    def __init__(self, address=("127.0.0.1", 0)):
        app = self
        self.next_word = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                if self.path.endswith("/stream"):
                    return app.stream(self)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length).decode()
                said = json.dumps({"method": self.command, "path": self.path, "headers": headers, "body": body}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else said)
                return None

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(address, Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients may hang up
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stream(self, request):
        request.send_response(200)
        request.send_header("Connection", "close")  # and no length: what nginx likes least to pass on in parts
        request.end_headers()
        request.wfile.write(b"first")
        self.next_word.wait(30)
        request.wfile.write(b"second")

    def stop(self):
        self.next_word.set()
        self.server.shutdown()
        self.server.server_close()


class RecipeCase(NginxCase):
    """
    recipes  {a name: the block of the page that a server of this name has}; they share an application
    address  where the servers listen besides nginx's own port, as Debian's default site does on port 80; None: nowhere
    """

    domains = [{"name": "default", "stale_limit": "0s"}]
    recipes = {}
    address = None
    app_address = ("127.0.0.1", 0)
    options = {"workers": 1}

    @classmethod
    def setUpClass(cls):
        cls.app = App(cls.app_address)
        cls.addClassCleanup(cls.app.stop)
        cls.http = cls.in_http()
        listen = "listen 127.0.0.1:{port};" + (" listen %s;" % cls.address if cls.address else "")
        for name, recipe in cls.recipes.items():
            cls.http += "server { %s server_name %s; %s }\n" % (listen, name, cls.shown(recipe))
        super().setUpClass()

    @classmethod
    def in_http(cls):
        return ""

    @classmethod
    def end(cls):
        super().end()
        warnings = re.findall(r".*\[warn\].*toktab.*", cls.nginx.read("error.log"))
        if warnings:
            raise AssertionError("a recipe that nginx warns of: %s" % warnings)

    @classmethod
    def shown(cls, name):
        text = re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:%d" % cls.app.port, block(name))
        return text.replace("/var/log/nginx/", "{folder}/")

    def passed_on(self, *arguments, **named):
        """What the application got."""
        return json.loads(self.expect(200, *arguments, **named).body)
