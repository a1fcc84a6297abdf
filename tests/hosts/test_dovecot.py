"""Dovecot: a login by IMAP."""

import os
import re
import subprocess
import unittest

from host import Host, HostCase, Logins, curl, program
from recipes import Shell, block

COMMON = """
base_dir = %(folder)s/run
log_path = %(folder)s/log
protocols = imap
listen = 127.0.0.1
ssl = no
auth_mechanisms = plain login
auth_verbose = yes
auth_debug = yes
auth_failure_delay = 0
service imap-login {
  inet_listener imap {
    port = %(port)d
  }
}
# Who fails often is made to wait, by default.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
"""
OLD = COMMON + """
disable_plaintext_auth = no
mail_location = maildir:~/mail
userdb {
  driver = passwd
}
"""
NEW = """
dovecot_config_version = %(version)s
dovecot_storage_version = %(version)s
""" + COMMON + """
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = ~/mail
userdb passwd {
}
"""


class Dovecot(Host):
    name, port = "Dovecot", 143

    def configure(self):
        said = subprocess.check_output([program("dovecot"), "--version"], text=True)
        version = re.match(r"(\d+)\.(\d+)\.(\d+)", said)
        is_new = (int(version[1]), int(version[2])) >= (2, 4)
        parts = {"folder": self.folder, "port": self.port, "version": version[0]}
        passdb = self.example.settings("Dovecot 2.4" if is_new else "Dovecot 2.3")
        self.write("dovecot.conf", (NEW if is_new else OLD) % parts + passdb + "\n")

    def command(self):
        return [program("dovecot"), "-F", "-c", self.path("dovecot.conf")]

    def login(self, user, token):
        url = "imap://127.0.0.1:%d" % self.port
        done = curl('url = "%s"' % url, 'user = "%s:%s"' % (user, token))
        return done, done.returncode == 0 and "INBOX" in done.stdout


class DovecotTest(Logins, HostCase):
    host_class, example_name, scope = Dovecot, "dovecot", "mail"
    needs = ("dovecot", "/usr/lib/dovecot/imap", "curl")

    @classmethod
    def prepare(cls):
        cls.host.configure()

    def test_recipe(self):
        token = self.site.guard(Shell(self.site).ok(block("mail create")).strip())
        self.assert_admitted("alice", token)

    def test_log_is_kept(self):
        """Its own log, which is looked through for secrets, is where it was told to be."""
        self.host.login("alice", "hello")
        with open(self.host.path("log")) as log:
            self.assertIn("alice", log.read())


if __name__ == "__main__":
    unittest.main()
