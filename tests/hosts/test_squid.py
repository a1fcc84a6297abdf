"""squid, whose helper basic_pam_auth asks PAM as the user proxy: the helper by itself, and requests through the proxy."""

import contextlib
import http.server
import pwd
import re
import shutil
import subprocess
import threading
import unittest
from urllib.parse import quote

from harness import environment, wait_until
from host import Host, HostCase, Logins, curl, program
from world import GROUP

HELPER = "/usr/lib/squid/basic_pam_auth"
CONF = """
http_port 127.0.0.1:%(port)d
visible_hostname localhost
pid_filename %(folder)s/pid
cache_log %(folder)s/cache.log
access_log stdio:%(folder)s/access.log
coredump_dir %(folder)s
cache deny all
pinger_enable off
dns_nameservers 127.0.0.1
shutdown_lifetime 0 seconds
%(example)s
http_access deny all
"""


class Helper(Host):
    """It answers one line to each, and keeps a PAM handle from one to the next."""

    name, user, service = "basic_pam_auth", "proxy", "squid-helper"

    def command(self):
        command = re.search("auth_param basic program (.*)", self.example.settings("squid.conf"))[1].split()
        return [*command[:-1], self.service]

    def start(self, groups=None):
        who = self.identity() if groups is None else {**self.identity(), "extra_groups": groups}
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, text=True, bufsize=1,
                env=environment(), cwd=self.folder, **who,
            )  # fmt: skip

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        super().stop()

    def login(self, user, token):
        self.process.stdin.write("%s %s\n" % (quote(user), quote(token)))
        answer = self.process.stdout.readline()
        return answer, re.match(r"OK\b", answer)


class Squid(Host):
    """Started as root, it becomes the user proxy."""

    name, port = "squid", 3128

    def configure(self):
        parts = {"port": self.port, "folder": self.folder, "example": self.example.settings("squid.conf")}
        self.write("squid.conf", CONF % parts)
        proxy = pwd.getpwnam("proxy")
        subprocess.run(["chown", "%d:%d" % (proxy.pw_uid, proxy.pw_gid), self.folder], check=True)

    def command(self):
        return [program("squid"), "-N", "-f", self.path("squid.conf")]

    def login(self, user, token):
        done = curl(
            'url = "http://127.0.0.1:%d/"' % self.origin, 'proxy = "http://127.0.0.1:%d"' % self.port,
            'proxy-user = "%s:%s"' % (user, token), 'noproxy = ""', "include",
        )  # fmt: skip
        return done, " 200 " in done.stdout.partition("\n")[0] and "the page" in done.stdout


class SquidLogins(Logins):
    """Whoever holds a token may use the proxy; PAM learns no address."""

    example_name, scope = "squid", "proxy"

    def test_other_users_token(self):
        for owner in ("bob", None):
            self.assert_admitted("alice", self.create(owner))

    def test_networks(self):
        for networks in ("127.0.0.0/8", "0.0.0.0/0,::/0"):
            token = self.create("alice", "--from", networks)
            self.assert_refused("alice", token, "token denied: network (the service gives no client address)")


class HelperTest(SquidLogins, HostCase):
    host_class, service, needs = Helper, Helper.service, (HELPER,)

    @contextlib.contextmanager
    def another(self, service, groups=None):
        """Another helper, perhaps with these groups alone."""
        helper = Helper(self.host.path("another"), self.example)
        self.addCleanup(shutil.rmtree, helper.folder)
        helper.service = service
        helper.start(groups)
        before, self.host = self.host, helper
        try:
            yield
        finally:
            helper.stop()
            self.host = before

    def test_users_of_tokens(self):
        self.example.install(self.site.conf, "squid-user", (" anyuser", ""))
        with self.another("squid-user"):
            token = self.create("bob")
            self.assertTrue(self.host.login("bob", token)[1])
            for refused in (token, self.create(None)):
                self.assertFalse(self.host.login("alice", refused)[1])

    def test_only_through_the_group(self):
        self.assertIn(GROUP, subprocess.check_output(["id", "-nG", "proxy"], text=True).split())
        token = self.create()
        self.assert_admitted("alice", token)
        with self.another(self.service, groups=[]):
            self.assert_refused("alice", token, "cannot check tokens: store")


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the page\n")

    def log_message(self, *_):
        pass


class ProxyTest(SquidLogins, HostCase):
    """squid remembers a success for a second: its refusals are waited for."""

    host_class, needs = Squid, ("squid", HELPER, "curl")

    @classmethod
    def prepare(cls):
        origin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        cls.addClassCleanup(origin.server_close)
        cls.addClassCleanup(origin.shutdown)
        threading.Thread(target=origin.serve_forever, daemon=True).start()
        cls.host.origin = origin.server_port
        cls.host.configure()

    def assert_refused(self, user, token, says):
        wait_until(lambda: not self.host.login(user, token)[1], "a refusal")
        super().assert_refused(user, token, says)

    def test_no_credentials(self):
        done = curl('url = "http://127.0.0.1:%d/"' % self.host.origin, 'proxy = "http://127.0.0.1:%d"' % self.host.port,
            'noproxy = ""', "include")  # fmt: skip
        self.assertIn(" 407 ", done.stdout.partition("\n")[0])


if __name__ == "__main__":
    unittest.main()
