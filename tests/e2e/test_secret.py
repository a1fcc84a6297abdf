"""No part of a token's secret, of eight characters or more, is left in a process that has done with it: here the tool, as it
exits, and the example daemon. Others: test_nginx_secret, test_pam_secret, test_panel_secret; and the suite wiping, which
looks at the library call by call. While the tool has a secret, it is only in memory that is not swapped."""

import base64
import contextlib
import ctypes
import fcntl
import functools
import json
import mmap
import os
import pty
import re
import resource
import socket
import subprocess
import sys
import termios
import threading
import time
import unittest

from harness import (BOUND, NOBODY, Screen, SiteTest, killed_at_end, needs_root, needs_terminal, opened_by, take_terminal,
    wait_until)
from hook_host import Httpd, Installation
from memory import Traced, image_of, image_without, libc, pieces_in, secret_of, trace_me, unless_sanitized
from nginx_host import Connection
from oracle_format import make_token, parse_token, token_id

KEY = "Zk9vQ2xLw7Rt5Yp3Nd8Hs6Jf4Gb1Xc0M"


def with_another_secret(token):
    prefix, id, _ = parse_token(token)
    return make_token(prefix, id)


class Ran:
    """What a traced run of the tool printed, and its images. talk: meanwhile, in a thread of its own."""

    def __init__(self, process, images, talk):
        self.out = self.err = b""
        threads = [threading.Thread(target=each) for each in (
            talk, lambda: self._read("out", process.stdout), lambda: self._read("err", process.stderr),
        )]  # fmt: skip
        traced = Traced(process)
        for thread in threads:
            thread.start()
        self.images = images(traced)
        self.code = traced.end()
        for thread in threads:
            thread.join()

    def _read(self, name, stream):
        if stream:
            with stream:
                setattr(self, name, stream.read())


class TracedTool(SiteTest):
    domains = [{"name": "example.com", "foreign": True}]

    def traced(self, *arguments, stdin="", images, **more):
        process = self.site.start(*arguments, preexec_fn=trace_me, env=BOUND, **{"stdin": subprocess.PIPE, **more})

        def talk():
            with contextlib.suppress(BrokenPipeError), process.stdin:  # it need not read all
                process.stdin.write(stdin.encode())

        return Ran(process, images, talk)

    def at_exit(self, *arguments, code=0, secrets=(), **more):
        """What it prints. No piece of these secrets may be left in its memory, or be said on stderr."""
        ran = self.traced(*arguments, images=lambda traced: traced.to_exit(), **more)
        image = ran.images
        self.assertEqual(ran.code, code, ran.err)
        self.assertTrue(image.holds(arguments[0].encode()), "that is not its memory")
        for secret in secrets:
            self.assertEqual(image.pieces_of(secret), [], (arguments, image.where(secret)))
            self.assertEqual(pieces_in(ran.err, secret), [])
        ran.image = image
        return ran

    def new_token(self, *arguments, token_of=lambda out: out.strip()):
        """A token from a command that must not keep it."""
        ran = self.at_exit(*arguments)
        token = self.site.guard(token_of(ran.out.decode()))
        self.assertEqual(ran.image.pieces_of(secret_of(token)), [], ran.image.where(secret_of(token)))
        self.assertTrue(ran.image.holds(token_id(token).encode()), "that is not its memory")
        self.assertEqual(pieces_in(ran.err, secret_of(token)), [])
        return token


@needs_root
@unless_sanitized
class Tool(TracedTool):
    def test_a_token_that_it_makes(self):
        def of_json(out):
            return json.loads(out)["token"]

        self.new_token("create", "-l", "x")
        self.new_token("create", "-l", "x", "-n")
        self.new_token("create", "-l", "x", "--json", token_of=of_json)
        self.new_token("rotate", "1")
        self.new_token("rotate", "--grace", "0s", "2")
        self.new_token("rotate", "--json", "3", token_of=of_json)

    def test_a_token_for_a_file(self):
        path = os.path.join(self.site.dir, "token")
        for options, token_of in (((), str.strip), (("--json",), lambda text: json.loads(text)["token"])):
            with open(path, "wb") as file:
                ran = self.at_exit("create", "-l", "x", *options, stdout=file)
            with open(path) as file:
                token = self.site.guard(token_of(file.read()))
            os.unlink(path)
            self.assertEqual(ran.image.pieces_of(secret_of(token)), [])

    def test_a_token_that_nobody_gets(self):
        """The secret is not known here: what is looked for is a token."""
        for options in ((), ("--json",)):
            with open("/dev/full", "wb") as full:
                ran = self.at_exit("create", "-l", "x", *options, code=74, stdout=full)
            self.assertEqual([found for part in ran.image.parts for found in re.findall(rb"tok_\w{20,}", part.data)], [])

    def test_verify(self):
        token, revoked = self.create(), self.create()
        self.ok("revoke", "-y", token_id(revoked))
        for known, code in ((token, 0), (revoked, 1), (with_another_secret(token), 1), (make_token(), 1)):
            self.site.guard(known)
            self.at_exit("verify", stdin=known, code=code, secrets=[secret_of(known)])
            self.at_exit("verify", "--json", stdin=known + "\n", code=code, secrets=[secret_of(known)])
        for mistyped in (token[:-1], token + "x", token + " " + token, "x" * 4095 + token, token[::-1], token * 100):
            self.at_exit("verify", stdin=mistyped, code=1, secrets=[secret_of(token), secret_of(token)[::-1]])

    def test_verify_where_the_store_is_bad(self):
        token = self.create()
        with open(self.site.path(), "r+b") as file:
            file.write(b"x")
        self.at_exit("verify", stdin=token, code=65, secrets=[secret_of(token)])
        self.at_exit("-d", "nosuch", "verify", stdin=token, code=66, secrets=[secret_of(token)])

    def at_exit_on_a_terminal(self, *arguments, answers=()):
        """What the terminal got, and its last image."""
        ours, theirs = pty.openpty()
        process = self.site.start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=BOUND,
            preexec_fn=lambda: (take_terminal(), trace_me()))  # fmt: skip
        os.close(theirs)
        screen = Screen(ours, process)

        def talk():
            for pattern, text in answers:
                screen.wait_for(pattern)
                os.write(ours, text.encode())
            screen.read_to_end()

        ran = Ran(process, lambda traced: traced.to_exit(), talk)
        os.close(ours)
        self.assertEqual(ran.code, 0, screen.text)
        return screen.text, ran.images

    @needs_terminal
    def test_at_a_terminal(self):
        token = self.create()
        _, image = self.at_exit_on_a_terminal("verify", answers=[("Token: ", ""), (None, token + "\n")])
        self.assertEqual(image.pieces_of(secret_of(token)), [], image.where(secret_of(token)))
        text, image = self.at_exit_on_a_terminal("create", "-l", "x", "--copy")
        copied = re.search(rb"\x1b]52;c;([\w+/=]+)\a", text)[1]
        token = self.site.guard(base64.b64decode(copied).decode())
        self.assertEqual(image.pieces_of(secret_of(token)), [], image.where(secret_of(token)))
        self.assertFalse(image.holds(copied[24:]), "it is still there in base64")

    def test_a_token_as_an_argument(self):
        """Everybody can see it there. The tool itself makes no copy, and does not say it."""
        token = self.create()
        for arguments in (["show", token], ["revoke", "-y", token], ["rotate", token], ["update", "-l", "x", token],
                          ["history", token], ["verify", token], ["create", "-l", token], ["create", "-l", "x", "-u", token],
                          ["revoke", "-y", "-r", token, "1"]):  # fmt: skip
            ran = self.at_exit(*arguments, code=2)
            held = ran.image.where(secret_of(token))
            self.assertEqual([part.name for part in held], ["[stack]"], arguments)
            self.assertEqual(sum(part.data.count(secret_of(token).encode()) for part in held), 1, arguments)
            self.assertEqual(pieces_in(ran.out + ran.err, secret_of(token)), [])

    def test_scan(self):
        token = self.create()
        text = "leaked: %s, and again\n%s\n" % (token, token)
        path = os.path.join(self.site.dir, "leaked")
        for arguments, code in ((["scan"], 1), (["scan", "--json"], 1), (["scan", "--revoke"], 1)):
            self.at_exit(*arguments, stdin=text, code=code, secrets=[secret_of(token)])
        with open(path, "w") as file:
            file.write(text)
        self.at_exit("scan", path, stdin="", secrets=[secret_of(token)])
        os.unlink(path)
        encoded = "\0".join(token) + "\0"
        self.at_exit("scan", stdin=encoded, secrets=[secret_of(token)])

    def test_import(self):
        key, other = KEY, KEY[::-1]
        self.site.secrets.update((key, other))
        self.at_exit("import", "-y", "-", stdin="a key\t%s\n" % key, secrets=[key])
        self.at_exit("verify", stdin=key, secrets=[key])
        self.at_exit("import", "-y", "-", stdin="a key\t%s\n" % key, code=2, secrets=[key])
        self.at_exit("import", "-y", "-", stdin='[{"label": "x", "key": "%s"}]' % other, secrets=[other])
        for bad in ('[{"label": "x", "key": "%s"', '[{"label": "x", "key": "%s", "nosuch": 1}]', "%s\n", "%s\tx\n",
                    '{"label": "%s", "key": 1}', "x\t%s\nx"):  # fmt: skip
            self.at_exit("import", "-y", "-", stdin=bad % other, code=2, secrets=[other])


@functools.lru_cache
def may_lock():
    """Does this machine let root lock as much as the tool needs?"""
    with mmap.mmap(-1, 4 << 20) as memory:
        place = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        return libc.mlock(ctypes.c_void_p(place), ctypes.c_size_t(len(memory))) == 0


def queued(pipe):
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def stands_at(pid, descriptor):
    """Does it wait, for this descriptor? (proc(5): the number of the system call, and its arguments)"""
    lines = []
    for _ in range(2):
        with open("/proc/%d/syscall" % pid) as file:
            lines.append(file.read().split())
        time.sleep(0.02)
    return lines[0] == lines[1] and lines[0][1:2] == [hex(descriptor)]


@needs_root
@unless_sanitized
class Swap(SiteTest):
    """While it waits for somebody, which may take hours."""

    domains = [{"name": "example.com", "foreign": True}]

    def assert_locked(self, image, secret):
        held = image.where(secret)
        self.assertTrue(held, "the secret is not there")
        for part in held:
            self.assertLessEqual({"lo", "dd"} if may_lock() else {"dd"}, set(part.flags), part)

    def told_slowly(self, *arguments):
        """What it prints into a pipe that is full, and its image meanwhile."""
        ours, theirs = os.pipe()
        os.set_blocking(theirs, False)
        filled = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                filled += os.write(theirs, b" " * 4096)
        os.set_blocking(theirs, True)
        with open(ours, "rb") as reader:
            process = self.site.start(*arguments, stdout=theirs, env=BOUND)
            os.close(theirs)
            wait_until(lambda: stands_at(process.pid, 1), "a tool that waits for its reader")
            image = image_of(process.pid)
            output = reader.read()
        process.communicate()
        self.assertEqual(process.returncode, 0)
        return output[filled:].decode(), image

    def test_a_token_that_it_makes(self):
        for arguments, token_of in (
            (["create", "-l", "x"], str.strip), (["create", "-l", "x", "--json"], lambda out: json.loads(out)["token"]),
            (["rotate", "1"], str.strip), (["rotate", "--json", "2"], lambda out: json.loads(out)["token"]),
        ):  # fmt: skip
            output, image = self.told_slowly(*arguments)
            self.assert_locked(image, secret_of(self.site.guard(token_of(output))))

    def test_a_token_that_it_reads(self):
        token = self.site.guard(make_token())
        self.site.secrets.add(KEY)
        for arguments, text in (
            (["verify"], token), (["verify", "--json"], " " * 5000 + token), (["scan"], token),
            (["scan"], base64.b64encode(token.encode()).decode() + "\n"), (["import", "-y", "-"], KEY),
        ):  # fmt: skip
            with killed_at_end(self.site.start(*arguments, stdin=subprocess.PIPE, env=BOUND)) as process:
                process.stdin.write(text.encode())
                process.stdin.flush()
                wait_until(lambda: not queued(process.stdin) and stands_at(process.pid, 0), "a tool that waits for more")
                self.assert_locked(image_of(process.pid), KEY if text == KEY else secret_of(token))

    def test_keys_that_wait_for_the_lock(self):
        self.create()
        self.site.secrets.add(KEY)
        for text in ("x\t%s\n" % KEY, '[{"label": "x", "key": "%s"}]' % KEY):
            with open(self.site.lock_path()) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with killed_at_end(self.site.start("import", "-y", "-", stdin=subprocess.PIPE, env=BOUND)) as process:
                    process.stdin.write(text.encode())
                    process.stdin.close()
                    process.stdin = None
                    wait_until(lambda: self.site.lock_path() in opened_by(process.pid), "a tool that waits for the lock")
                    self.assert_locked(image_of(process.pid), KEY)

    def test_nothing_may_be_locked(self):
        """Then it works all the same; and its memory is not dumped."""
        def no_locks():
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))

        os.chown(self.site.store_dir, NOBODY, NOBODY)
        limited = {"user": NOBODY, "preexec_fn": no_locks}
        token = self.create(**limited)
        self.assertEqual(self.verdict(token, **limited), ("allow", None))
        self.site.guard(self.ok("rotate", "1", may_show_token=True, **limited).out.strip())
        self.ok("import", "-y", "-", stdin="x\t%s\n" % KEY, **limited)
        self.expect(1, "scan", "--revoke", stdin=token, **limited)

    def test_no_core_image(self):
        """Whatever the limits say: while it waits for a token."""
        limit = resource.RLIM_INFINITY
        process = self.site.start("verify", stdin=subprocess.PIPE, user=NOBODY,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (limit, limit)))  # fmt: skip
        try:
            process.stdin.write(make_token().encode())
            process.stdin.flush()
            wait_until(lambda: not queued(process.stdin), "the tool")
            with open("/proc/%d/limits" % process.pid) as limits:
                self.assertRegex(limits.read(), r"Max core file size +0 +0 ")
            self.assertEqual(os.stat("/proc/%d/mem" % process.pid).st_uid, 0)  # not dumpable: nobody's but root's
        finally:
            process.kill()
            process.communicate()


@needs_root
@unless_sanitized
class Daemon(SiteTest):
    domains = [{"name": "default"}]

    @classmethod
    def setUpClass(cls):
        cls.installed = Installation()
        cls.addClassCleanup(cls.installed.close)
        cls.programs = [
            cls.installed.compile("toktab-httpd", ["toktab-httpd.c"], cls.installed.pkg_config("--libs")),
            cls.installed.compile("toktab-httpd-dlopen", ["toktab-httpd.c", "toktab-dlopen.c"], ["-ldl"]),
        ]

    def test_example_daemon(self):
        token, revoked = self.create(), self.create()
        self.ok("revoke", "-y", token_id(revoked))
        asked = ((token, 200), (with_another_secret(token), 401), (revoked, 401), (token[:-1], 401), (make_token(), 401))
        for program in self.programs:
            daemon = Httpd(program, {**self.installed.environment(), **BOUND}, self.site.conf, "default")
            try:
                for each, status in asked:
                    self.ask(daemon, each, status)
                self.cut_off(daemon, token)
            finally:
                ended = daemon.end()
            self.assertFalse(self.site.leaks(ended.stdout + ended.stderr))

    def ask(self, daemon, token, status):
        secret = token.split("_")[1][12:55]
        with Connection(daemon.port) as connection:
            self.assertEqual(connection.ask(token=token).status, status)
            self.assertEqual(connection.ask().status, 401)  # on the same connection: it has done with the first
            image_without(daemon.process.pid, secret)
        image_without(daemon.process.pid, secret)

    def cut_off(self, daemon, token):
        """In the middle of a head, behind one that is too long, or one that is refused."""
        head = "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s" % token
        for text in (head, head + "\r\n" + "X: %s" % ("x" * 9000), head + "\r\nContent-Length: 5\r\n\r\nhello",
                     2 * (head + "\r\n\r\n"), head + "\r\nAuthorization: Bearer %s\r\n\r\n" % token):  # fmt: skip
            with Connection(daemon.port) as connection:
                connection.socket.sendall(text.encode())
                connection.socket.shutdown(socket.SHUT_WR)
                while connection.socket.recv(4096):
                    pass
            image_without(daemon.process.pid, secret_of(token))


if __name__ == "__main__":
    unittest.main()
