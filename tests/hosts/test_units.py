"""What is shipped for systemd: the drop-in for nginx, and the timer that keeps HEAD on another machine."""

import http.server
import json
import os
import re
import shlex
import shutil
import threading
import unittest

from harness import Site
from host import needs, run
from oracle import Writer
from oracle_format import make_token
from recipes import Shell, block, example, placed
from test_recipes_operation import verify_units

NGINX = """[Unit]
Description=nginx
[Service]
Type=forking
ExecStart=/bin/true
"""


@needs("systemd-analyze")
class DropIn(unittest.TestCase):
    """Beside a unit like Debian's nginx.service."""

    def setUp(self):
        self.site = Site()
        self.addCleanup(self.site.close)
        self.unit = os.path.join(self.site.dir, "nginx.service")
        os.mkdir(self.unit + ".d")
        for path, text in ((self.unit, NGINX), (self.unit + ".d/toktab.conf", example("nginx.service.d/toktab.conf"))):
            with open(path, "w") as file:
                file.write(text)

    def test_systemd_understands_it(self):
        done = run(["systemd-analyze", "--man=no", "verify", self.unit])
        self.assertNotRegex(done.stdout + done.stderr, "nginx.service|toktab.conf")

    def test_what_it_forbids(self):
        done = run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--json=short", self.unit])
        found = {row["json_field"]: row["set"] for row in json.loads(done.stdout)}
        for name in ("NoNewPrivileges", "PrivateDevices", "SystemCallFilter_mount", "RestrictNamespaces_user",
                "RestrictNamespaces_mnt"):  # fmt: skip
            self.assertIs(found[name], True, name)

    def test_the_names_of_system_calls(self):
        (names,) = re.findall(r"^SystemCallFilter=~@mount (.*)$", example("nginx.service.d/toktab.conf"), re.M)
        known = run(["systemd-analyze", "syscall-filter", "--no-pager"]).stdout.split()
        self.assertLessEqual(set(names.split()), set(known))


class Keeper:
    """The other machine: answers GET and PUT."""

    def __init__(self):
        keeper = self
        self.heads, self.broken = {}, False

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, text=""):
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_GET(self):
                known = self.path in keeper.heads
                self.answer(500 if keeper.broken else 200 if known else 404, keeper.heads.get(self.path, "nothing\n"))

            def do_PUT(self):
                if self.headers.get("Expect", "").lower() == "100-continue":
                    self.send_response_only(100)
                    self.end_headers()
                length = self.headers.get("Content-Length")
                if length is None:  # in chunks, as curl sends what comes from a pipe
                    size, text = int(self.rfile.readline(), 16), ""
                    while size:
                        text += self.rfile.read(size).decode()
                        self.rfile.readline()
                        size = int(self.rfile.readline(), 16)
                    self.rfile.readline()
                else:
                    text = self.rfile.read(int(length)).decode()
                keeper.heads[self.path] = text
                self.answer(201)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@needs("curl", "systemd-analyze")
class KeepHead(unittest.TestCase):
    def setUp(self):
        self.site, self.keeper = Site([{"name": "default"}]), Keeper()
        self.addCleanup(self.site.close)
        self.addCleanup(self.keeper.close)
        self.shell = Shell(self.site)
        self.script = self.shell.install("toktab-head", example("toktab-head"))

    def post(self):
        """As its unit has it run. The exit status."""
        unit = placed(example("toktab-head@.service"), {
            "/usr/local/sbin/toktab-head": self.script, "https://keeper.example.com": "http://127.0.0.1:%d" % self.keeper.server.server_port,
            "%i": "default"})  # fmt: skip
        (command,) = (line.partition("=")[2] for line in unit.splitlines() if line.startswith("ExecStart="))
        done = self.shell.run(shlex.join(shlex.split(command)))
        self.said = done.stdout + done.stderr
        return done.returncode

    def tool(self, *arguments):
        result = self.site.run(*arguments)
        self.assertEqual(result.code, 0, result)
        return result.out.strip()

    @property
    def kept(self):
        return self.keeper.heads["/heads/default"].strip()

    def test_a_life(self):
        self.site.guard(self.tool("create", "-l", "x"))
        self.assertEqual(self.post(), 0, self.said)
        self.assertEqual(self.kept, self.site.read().head())
        self.tool("revoke", "-y", "1")
        self.assertEqual(self.post(), 0, self.said)
        self.assertEqual(self.kept, self.site.read().head())
        self.tool("compact")
        self.assertEqual(self.post(), 0, self.said)  # it was run right before
        self.assertEqual(self.kept, self.site.read().head())

    def test_an_older_store(self):
        self.site.guard(self.tool("create", "-l", "x"))
        older = self.site.bytes()
        self.tool("revoke", "-y", "1")
        self.assertEqual(self.post(), 0, self.said)
        head = self.kept
        self.site.put(older)
        self.assertEqual(self.post(), 1, self.said)
        self.site.guard(self.tool("create", "-l", "it grows past that HEAD"))
        self.site.guard(self.tool("create", "-l", "it grows past that HEAD"))
        self.assertEqual(self.post(), 1, self.said)
        self.assertEqual(self.kept, head)

    def test_a_forked_store(self):
        """Whoever can write a store can give it any history that follows its rules."""
        common = Writer("default")
        for _ in range(3):
            common.create(self.site.guard(make_token()))
        self.site.put(common)
        before = self.site.bytes()
        self.tool("revoke", "-y", "1")
        self.assertEqual(self.post(), 0, self.said)
        head = self.kept
        self.site.put(before)
        self.tool("revoke", "-y", "2")
        self.assertEqual(self.site.read().n, 4)
        self.assertEqual(self.site.run("check").code, 0)  # it is sound, and as long
        self.assertEqual(self.post(), 1, self.said)
        self.assertEqual(self.kept, head)

    def test_what_cannot_be_told(self):
        self.site.guard(self.tool("create", "-l", "x"))
        self.assertEqual(self.post(), 0, self.said)
        head = self.kept
        self.tool("update", "1", "-l", "y")
        self.tool("compact")
        self.assertEqual(self.post(), 69, self.said)
        self.assertEqual(self.kept, head)
        self.keeper.heads.clear()
        self.assertEqual(self.post(), 0, self.said)

    def test_no_answer_is_no_first_time(self):
        self.site.guard(self.tool("create", "-l", "x"))
        self.keeper.broken = True
        self.assertEqual(self.post(), 69)
        self.assertEqual(self.keeper.heads, {})
        self.keeper.broken = False
        for nonsense in ("nonsense", "", "-A"):
            self.keeper.heads["/heads/default"] = nonsense
            self.assertEqual(self.post(), 2, self.said)
            self.assertEqual(self.keeper.heads["/heads/default"], nonsense)

    def test_systemd_understands_it(self):
        paths = []
        for kind in ("service", "timer"):
            paths.append(os.path.join(self.site.dir, "toktab-head@default." + kind))
            text = example("toktab-head@." + kind)
            with open(paths[-1], "w") as file:
                file.write(text.replace("/usr/local/sbin/toktab-head", shutil.which("true")))
        self.assertEqual(verify_units(*paths), "")
        self.assertIn("toktab-head@default.timer", block("head enable"))
