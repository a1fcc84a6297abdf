"""No part of a token's secret, of eight characters or more, is left in a process that has done with it: the tool when it
exits, a host that asks PAM, and the example daemon. (The library is held to it by the suite wiping, call by call; a worker
of nginx by test_nginx.Answers.)"""

import ctypes
import json
import os
import signal
import subprocess
import threading
import unittest

from harness import LOCALE, SiteTest, environment, memory_of, needs_root
from hook_host import Httpd, Installation, sanitizers
from nginx_host import Connection
from oracle_format import make_token, parse_token, token_id

HERE = os.path.dirname(os.path.abspath(__file__))
PIECE = 8
TRACEME, CONT, SETOPTIONS, TRACE_EXIT = 0, 7, 0x4200, 0x40
EXITING = signal.SIGTRAP | 6 << 8

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def pieces_of(secret):
    return [secret[i:i + PIECE].encode() for i in range(len(secret) - PIECE + 1)]


def found_in(memory, secret):
    return sorted({piece.decode() for part in memory for piece in pieces_of(secret) if piece in part})


def secret_of(token):
    return parse_token(token)[2]


def trace_me():
    libc.ptrace(TRACEME, 0, None, None)


def unless_sanitized(test):
    return unittest.skipIf(sanitizers(), "a sanitizer keeps what is freed")(test)


@needs_root
@unless_sanitized
class Tool(SiteTest):
    """Its whole memory is looked at when it exits, by ptrace(2)."""

    domains = [{"name": "example.com", "foreign": True}]

    def at_exit(self, *arguments, stdin="", secrets=()):
        """What it prints; no piece of these secrets, or of the token that it prints, may be left."""
        process = self.site.start(*arguments, stdin=subprocess.PIPE, preexec_fn=trace_me)
        output = []

        def talk():
            process.stdin.write(stdin.encode())
            process.stdin.close()
            output.append(process.stdout.read().decode())

        _, status = os.waitpid(process.pid, 0)  # it has come to execve(2)
        self.assertTrue(os.WIFSTOPPED(status))
        self.assertEqual(libc.ptrace(SETOPTIONS, process.pid, None, TRACE_EXIT), 0)
        libc.ptrace(CONT, process.pid, None, None)
        talker = threading.Thread(target=talk)
        talker.start()
        while True:
            _, status = os.waitpid(process.pid, 0)
            self.assertTrue(os.WIFSTOPPED(status), "it has ended unseen")
            if status >> 8 == EXITING:
                break
            libc.ptrace(CONT, process.pid, None, os.WSTOPSIG(status))
        memory = list(memory_of(process.pid))
        libc.ptrace(CONT, process.pid, None, None)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        talker.join()
        said = process.stderr.read().decode()
        process.stdout.close()
        process.stderr.close()
        self.assertTrue(any(arguments[0].encode() in part for part in memory), "that is not its memory")
        for secret in secrets:
            self.assertEqual(found_in(memory, secret), [], said)
        return output[0], memory, process.returncode

    def new_token(self, *arguments):
        output, memory, code = self.at_exit(*arguments)
        self.assertEqual(code, 0)
        token = self.site.guard(output.strip())
        self.assertEqual(found_in(memory, secret_of(token)), [])
        self.assertTrue(any(token_id(token).encode() in part for part in memory), "that is not its memory")
        return token

    def test_tokens(self):
        token = self.new_token("create", "-l", "x")
        other = self.new_token("rotate", "1")
        for known in (token, other, self.site.guard(make_token())):
            self.at_exit("verify", stdin=known, secrets=[secret_of(known)])
            self.at_exit("verify", "--json", stdin=known + "\n", secrets=[secret_of(known)])
        self.at_exit("verify", stdin=token[:-1], secrets=[secret_of(token)])

    def test_json(self):
        process = self.site.run("create", "-l", "x", "--json")
        self.site.guard(json.loads(process.out)["token"])
        output, memory, code = self.at_exit("create", "-l", "y", "--json")
        token = self.site.guard(json.loads(output)["token"])
        self.assertEqual((code, found_in(memory, secret_of(token))), (0, []))

    def test_scan(self):
        token = self.new_token("create", "-l", "x")
        text = "leaked: %s, and again\n%s\n" % (token, token)
        for arguments in (["scan"], ["scan", "--json"], ["scan", "--revoke"]):
            self.at_exit(*arguments, stdin=text, secrets=[secret_of(token)])

    def test_import(self):
        key = "Zk9vQ2xLw7Rt5Yp3Nd8Hs6Jf4Gb1Xc0M"
        self.site.secrets.add(key)
        self.at_exit("import", "-y", "-", stdin="a key\t%s\n" % key, secrets=[key])
        self.at_exit("verify", stdin=key, secrets=[key])
        self.at_exit("import", "-y", "-", stdin='[{"label": "x", "key": "%s"}]' % key[::-1], secrets=[key[::-1]])


@needs_root
@unless_sanitized
class Hosts(SiteTest):
    domains = [{"name": "default"}]

    @classmethod
    def setUpClass(cls):
        cls.installed = Installation()
        cls.addClassCleanup(cls.installed.close)
        cls.daemon_program = cls.installed.compile("toktab-httpd", ["toktab-httpd.c"], cls.installed.pkg_config("--libs"))
        cls.host_program = cls.installed.compile("secret_host", [os.path.join(HERE, "secret_host.c")], ["-lpam"])

    def test_example_daemon(self):
        token, other = self.create(), self.site.guard(make_token())
        daemon = Httpd(self.daemon_program, self.installed.environment(), self.site.conf, "default")
        try:
            for each, status in ((token, 200), (other, 401), (token, 200)):
                with Connection(daemon.port) as connection:
                    self.assertEqual(connection.ask(token=each).status, status)
                with Connection(daemon.port) as connection:
                    connection.ask()
                memory = list(memory_of(daemon.process.pid))
                self.assertEqual(found_in(memory, secret_of(each)), [])
        finally:
            daemon.end()

    def test_a_host_that_asks_pam(self):
        services = os.path.join(self.site.dir, "pam.d")
        module = os.path.join(self.installed.prefix, "lib/security/pam_toktab.so")
        os.mkdir(services)
        for name, text in (("web", "auth required {0} config={1} anyuser\naccount required {0} config={1} anyuser\n"),
                ("other", "auth required pam_deny.so\n")):  # fmt: skip
            with open(os.path.join(services, name), "w") as file:
                file.write(text.format(module, self.site.conf))
        token = self.create()
        for each, code in ((token, "0 0"), (self.site.guard(make_token()), None)):
            process = subprocess.Popen([self.host_program, services, "web", "alice"], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, env={**self.installed.environment(), "LC_ALL": LOCALE})  # fmt: skip
            process.stdin.write(each.encode())
            process.stdin.close()
            _, status = os.waitpid(process.pid, os.WUNTRACED)
            self.assertTrue(os.WIFSTOPPED(status), status)
            said = process.stdout.readline().decode().strip()
            self.assertEqual(said if code else said != "0 0", code or True)
            memory = list(memory_of(process.pid))
            process.kill()
            process.wait()
            process.stdout.close()
            self.assertTrue(any(b"pam_toktab" in part for part in memory), "that is not its memory")
            self.assertEqual(found_in(memory, secret_of(each)), [])


if __name__ == "__main__":
    unittest.main()
