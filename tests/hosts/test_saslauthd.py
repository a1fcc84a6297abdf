"""saslauthd, which mail servers ask: a login by testsaslauthd, as SMTP."""

import os
import re
import shlex
import signal
import unittest

from host import Host, HostCase, Logins, program, run
from recipes import block

FOLDER = "/run/saslauthd"


class Saslauthd(Host):
    """/etc/default/saslauthd is a shell script to Debian's service, which makes the folder."""

    name = "saslauthd"

    def command(self):
        settings = dict(re.findall('^([A-Z]+)="(.*)"$', block("mail saslauthd"), re.M))
        return ["setsid", program("saslauthd"), "-d", "-a", settings["MECHANISMS"], *shlex.split(settings["OPTIONS"])]

    def start(self):
        os.makedirs(FOLDER, exist_ok=True)
        super().start()

    def stop(self):
        """Asked to end, it kills its process group, or at times waits for ever."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def is_up(self):
        self.assert_runs()
        return os.path.exists(FOLDER + "/mux")

    def login(self, user, token):
        done = run([program("testsaslauthd"), "-u", user, "-p", token, "-s", "smtp"])
        return done, done.returncode == 0 and "OK" in done.stdout


class SaslauthdTest(Logins, HostCase):
    host_class, example_name, scope = Saslauthd, "smtp", "mail"
    needs = ("saslauthd", "testsaslauthd")

    def test_example_shows_the_same(self):
        self.assertEqual(self.example.settings("/etc/default/saslauthd"), block("mail saslauthd"))

    def test_networks(self):
        token = self.create("alice", "--from", "127.0.0.0/8")
        self.assert_refused("alice", token, "token denied: network (the service gives no client address)")


if __name__ == "__main__":
    unittest.main()
