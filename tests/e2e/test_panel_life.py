"""How toktab-panel begins and ends: sockets, signals, clients that say nothing."""

import contextlib
import errno
import fcntl
import os
import re
import signal
import socket
import stat
import struct
import subprocess
import termios
import unittest
import urllib.parse

from harness import IS_ROOT, NOBODY, Site, environment, memory_of, wait_until
from hook_host import sanitizers
from panel_host import Page, Panel, parameters, speak, spoken

SLOW = """\
#!/bin/sh
%(before)s
echo started >> %(folder)s/started
while [ ! -e %(folder)s/go ]; do sleep 0.02; done
%(after)s
"""
TWO = """echo '[{"name": "example.com"}, {"name": "two"}]'"""


def unread(connection):
    """How many bytes of what was sent wait for the other side."""
    return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]


class Life(unittest.TestCase):
    def setUp(self):
        owner = NOBODY if IS_ROOT else None
        self.site = Site([{"name": "example.com", "admins": ["web:alice@example.com"]}], owner=owner, group=owner)
        self.addCleanup(self.site.close)
        self.panel = Panel(self.site)
        self.addCleanup(self.kill)

    def kill(self):
        if self.panel.process:
            with contextlib.suppress(ProcessLookupError):
                self.panel.process.kill()
            self.panel.process.wait()

    def path(self, name):
        return os.path.join(self.site.dir, name)

    def slow(self, before="", after=TWO):
        """A tool that waits for a file."""
        folder = self.path("told")
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        with open(self.path("slow"), "w") as file:
            tool = {"tool": self.site.tool(NOBODY)}
            file.write(SLOW % {"folder": folder, "before": before % tool, "after": after % tool})
        os.chmod(self.path("slow"), 0o755)
        self.panel.tool = self.path("slow")
        return folder

    def works(self):
        self.assertIn(b"Status: 303 ", speak(self.panel.path, parameters()))

    def test_idle(self):
        self.panel.start()
        self.works()
        self.assertEqual(self.panel.stop(), 0)

    def test_just_begun(self):
        self.panel.start()
        self.assertIn(self.panel.stop(), (0, -signal.SIGTERM))

    def test_after_a_broken_connection(self):
        self.panel.start()
        speak(self.panel.path, parameters(), cut=20).close()
        self.works()
        self.assertEqual(self.panel.stop(), 0)

    def test_silent_client(self):
        """It holds up the one process, but not its end."""
        self.panel.start()
        self.works()
        with speak(self.panel.path, parameters(), cut=40):
            self.assertEqual(self.panel.stop(), 0)

    def test_silent_client_and_others(self):
        """It holds them up for a while only."""
        self.panel.start()
        with speak(self.panel.path, parameters(), cut=40):
            self.works()

    def test_half_a_request(self):
        """Its other half comes after the signal, and is answered."""
        self.panel.start()
        request = b"".join(spoken(parameters()))
        with speak(self.panel.path, parameters(), cut=40) as connection:
            wait_until(lambda: not unread(connection), "the page to read")
            self.panel.process.send_signal(signal.SIGTERM)
            connection.sendall(request[40:])
            self.assertIn(b"Status: 303", b"".join(iter(lambda: connection.recv(65536), b"")))
        self.assertEqual(self.panel.process.wait(30), 0)

    def test_those_behind_it(self):
        """Who waits while it ends is answered by the next one, on the same socket."""
        folder = self.slow()
        with self.panel.listen() as listener:
            self.panel.start(listener)
            with speak(self.panel.path, parameters(), cut=100_000), speak(self.panel.path, parameters(), cut=100_000) as second:
                wait_until(lambda: os.path.exists(folder + "/started"), "the tool")
                self.panel.process.send_signal(signal.SIGTERM)
                with open(folder + "/go", "w"):
                    pass
                self.assertEqual(self.panel.process.wait(30), 0)
                self.panel.start(listener)
                self.assertIn(b"Your domains", b"".join(iter(lambda: second.recv(65536), b"")))

    def test_during_a_request(self):
        folder = self.slow()
        self.panel.start()
        connection = speak(self.panel.path, parameters(), cut=100_000)
        wait_until(lambda: os.path.exists(folder + "/started"), "the tool")
        self.panel.process.send_signal(signal.SIGTERM)
        with open(folder + "/go", "w"):
            pass
        with connection:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        self.assertIn(b"Your domains", answer)
        self.assertEqual(self.panel.process.wait(30), 0)

    def limit_descriptors(self, most):
        """By its own user, who may do that everywhere."""
        more = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if IS_ROOT else {}
        subprocess.run(["prlimit", "--pid", str(self.panel.process.pid), "--nofile=%d:" % most], check=True, **more)

    def short_of_descriptors(self):
        """Returns a client that it cannot accept."""
        self.panel.start()
        self.works()
        self.limit_descriptors(3)  # poll(2) counts how many it is given, too
        connection = speak(self.panel.path, parameters(), cut=100_000)
        self.addCleanup(connection.close)
        wait_until(lambda: "Too many open files: trying again" in self.panel.log(), "the page to say so")
        return connection

    def test_no_descriptor_for_a_client(self):
        """Who comes meanwhile waits, and is answered; said once."""
        connection = self.short_of_descriptors()
        self.limit_descriptors(256)
        self.assertIn(b"Status: 303", b"".join(iter(lambda: connection.recv(65536), b"")))
        self.works()
        self.assertEqual(self.panel.log().count("Too many open files"), 1)
        self.assertEqual(self.panel.stop(), 0)

    def test_end_without_descriptors(self):
        self.short_of_descriptors()
        self.assertEqual(self.panel.stop(), 0)

    def test_client_that_left(self):
        folder = self.slow()
        self.panel.start()
        connection = speak(self.panel.path, parameters(), cut=100_000)
        wait_until(lambda: os.path.exists(folder + "/started"), "the tool")
        connection.close()
        with open(folder + "/go", "w"):
            pass
        self.assertIn(b"Your domains", speak(self.panel.path, parameters()))
        self.assertEqual(self.panel.stop(), 0)

    def test_client_that_left_before_its_turn(self):
        """Nobody would see what is done for it: nothing is."""
        folder = self.slow(before='echo "$*" >> $(dirname $0)/told/calls')
        self.panel.start()
        with speak(self.panel.path, parameters(), cut=100_000):
            wait_until(lambda: os.path.exists(folder + "/started"), "the tool")
            speak(self.panel.path, parameters("/example.com/new", "bob@example.com"), cut=100_000).close()
            with open(folder + "/go", "w"):
                pass
            self.assertIn(b"Your domains", speak(self.panel.path, parameters()))
        with open(folder + "/calls") as file:
            self.assertNotIn("bob", file.read())

    def test_connections_are_not_kept(self):
        """A web server that keeps one would hold up all others."""
        self.panel.start()
        with speak(self.panel.path, parameters(), cut=100_000, keep=True) as connection:
            self.assertIn(b"Status: 303", b"".join(iter(lambda: connection.recv(65536), b"")))
        self.works()

    def test_client_that_does_not_close(self):
        """It has its answer, and stays."""
        self.panel.start()
        with speak(self.panel.path, parameters(), cut=100_000) as connection:
            self.assertIn(b"Status: 303", connection.recv(65536))
            self.assertEqual(self.panel.stop(), 0)

    def test_client_that_left_before_a_token(self):
        """The answer that nobody took does not stay in memory."""
        folder = self.slow('case "$*" in *create*) ;; *) exec %(tool)s "$@" ;; esac', '%(tool)s "$@"')
        self.panel.start()
        page = Page(speak(self.panel.path, parameters("/example.com/new")).split(b"\r\n\r\n", 1)[1].decode())
        body = urllib.parse.urlencode({**page.fields, "label": "nobody took it"}).encode()
        more = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(body))}
        with speak(self.panel.path, parameters("/example.com/new", method="POST", **more), body, cut=100_000):
            wait_until(lambda: os.path.exists(folder + "/started"), "the tool")
        with open(folder + "/go", "w"):
            pass
        wait_until(lambda: "nobody took it" in self.listed(), "the token")
        wait_until(lambda: not self.children(), "the end of the tool")
        try:
            self.remembered(rb"tok_\w{61}")
        except PermissionError as error:
            self.skipTest("the memory of the page cannot be read here: %s" % error)
        wait_until(lambda: self.remembered(rb"tok_\w{61}") == [], "a memory without the token")
        wait_until(lambda: self.remembered(re.escape(self.site.conf.encode())), "its memory")

    def test_without_memory(self):
        """It ends, and says so under its own name. A sanitizer wants terabytes."""
        self.panel.start()
        self.assertIn(b"Status: 303 ", speak(self.panel.path, parameters()))
        if not sanitizers():
            more = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if IS_ROOT else {}
            subprocess.run(["prlimit", "--data=0", "--pid=%d" % self.panel.process.pid], check=True, **more)
            with contextlib.suppress(ConnectionError):
                speak(self.panel.path, parameters())
            self.assertEqual(self.panel.process.wait(60), 74)
            self.assertIn("toktab-panel: out of memory\n", self.panel.log())

    def listed(self):
        return self.site.run("list", user=NOBODY if IS_ROOT else None).out

    def children(self):
        with open("/proc/%d/task/%d/children" % (self.panel.process.pid, self.panel.process.pid)) as file:
            return file.read()

    def remembered(self, pattern):
        """None: it gave memory back meanwhile."""
        try:
            return [found for part in memory_of(self.panel.process.pid) for found in re.findall(pattern, part)]
        except OSError as error:
            if error.errno == errno.EIO:
                return None
            raise

    def run_alone(self, *options, stdin=subprocess.DEVNULL):
        more = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if IS_ROOT else {}
        return subprocess.Popen(
            [self.panel.program, *options], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(), text=True, **more,
        )  # fmt: skip

    def ends(self, code, says, *options):
        process = self.run_alone(*options)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, out + err)
        self.assertIn(says, out + err)

    def test_options(self):
        self.ends(0, "Usage: toktab-panel", "--help")
        self.ends(0, "toktab-panel ", "--version")
        self.ends(2, "not a socket that listens")
        self.ends(2, "unexpected argument", "x")
        for prefix in ("tokens", "/tokens/", "//tokens.test", "/to kens"):
            self.ends(2, "--prefix: begin with a slash", "--prefix", prefix)
        for origin in ("tokens.test", "https://", "https://tokens.test/", "https://tokens.test/tokens", "ftp://tokens.test"):
            self.ends(2, "--origin: a scheme and a host", "--origin", origin)
        self.ends(2, "", "--nosuch")

    def test_listen(self):
        folder = self.path("run")
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        path = folder + "/panel.sock"
        options = ("--listen", path, "--tool", self.panel.tool, "-c", self.site.conf, "--prefix", "/tokens")
        for _ in range(2):  # the second time the socket of the first is there
            self.panel.process = self.run_alone(*options)
            wait_until(lambda: self.answers(path), "the page")
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
            got = speak(path, parameters("/tokens/"))
            self.assertIn(b"Location: /tokens/example.com/\r\n", got)
            self.assertIn(b"Location: /tokens/\r\n", speak(path, parameters("/tokens")))
            self.assertIn(b"Location: /tokens/example.com/\r\n", speak(path, parameters("/tokens/example.com")))
            self.ends(73, "Address already in use", *options)
            self.works_at(path)
            self.panel.process.kill()
            self.panel.process.communicate()
        os.unlink(path)
        with open(path, "w") as file:
            file.write("a file of somebody")
        self.ends(73, "Address already in use", *options)
        with open(path) as file:
            self.assertEqual(file.read(), "a file of somebody")
        self.ends(73, "", "--listen", "/" + 200 * "x")

    def test_bare_starter(self):
        """Standard input is closed, and ends of children are ignored."""
        folder = self.path("run")
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        path = folder + "/panel.sock"
        options = ("--listen", path, "--tool", self.panel.tool, "-c", self.site.conf, "--prefix", "/tokens")
        script = "trap '' CHLD; exec \"$0\" \"$@\" <&-"
        more = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if IS_ROOT else {}
        self.panel.process = subprocess.Popen(["/bin/bash", "-c", script, self.panel.program, *options], env=environment(), **more)
        wait_until(lambda: self.panel.process.poll() is not None or self.answers(path), "the page")
        self.works_at(path)
        self.assertEqual(self.panel.stop(), 0)

    def works_at(self, path):
        self.assertIn(b"Status: 303 ", speak(path, parameters("/tokens/")))

    def answers(self, path):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)
            return True
        return False

    def test_origin(self):
        """What is given is believed, not what the web server says."""
        self.panel.options = ("--origin", "https://tokens.example.com")
        self.panel.start()
        more = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": "0"}
        for origin, words in (("https://tokens.test", b"did not come from"), ("https://tokens.example.com", b"too old")):
            got = speak(self.panel.path, parameters("/example.com/new", method="POST", HTTP_ORIGIN=origin, **more))
            self.assertIn(b"Status: 403 ", got)
            self.assertIn(words, got)

    def test_no_tool(self):
        self.panel.tool = "/nonexistent/toktab"
        self.panel.start()
        got = speak(self.panel.path, parameters())
        self.assertIn(b"not set up properly", got)
        self.assertIn(b"Nothing was changed.", got)


if __name__ == "__main__":
    unittest.main()
