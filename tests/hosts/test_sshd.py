"""sshd: a login by keyboard-interactive."""

import subprocess
import unittest

from host import Host, HostCase, Logins, program, run

CONF = """
Port %(port)d
ListenAddress 127.0.0.1
HostKey %(folder)s/key
PidFile none
AuthenticationMethods keyboard-interactive
UseDNS no
LogLevel DEBUG3
"""
FORGIVING = "PerSourcePenalties no\n"  # whose logins fail often is turned away, in newer versions
CLIENT = {
    "UserKnownHostsFile": "/dev/null", "StrictHostKeyChecking": "no", "NumberOfPasswordPrompts": "1",
    "PreferredAuthentications": "keyboard-interactive", "LogLevel": "ERROR",
}  # fmt: skip


class Sshd(Host):
    name, port = "sshd", 22

    def configure(self):
        key = self.path("key")
        subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        conf = CONF % {"port": self.port, "folder": self.folder} + self.example.settings("sshd_config")
        self.write("conf", conf + FORGIVING)
        if run([*self.command(), "-t"]).returncode:
            self.write("conf", conf)
        self.write("askpass", '#!/bin/sh\nprintf "%s\\n" "$TOKEN"\n', 0o755)

    def command(self):
        return [program("sshd"), "-D", "-e", "-f", self.path("conf")]

    def login(self, user, token):
        env = {"SSH_ASKPASS": self.path("askpass"), "SSH_ASKPASS_REQUIRE": "force", "TOKEN": token}
        options = [word for name, value in CLIENT.items() for word in ("-o", "%s=%s" % (name, value))]
        command = [program("ssh"), "-F", "none", "-T", "-p", str(self.port), *options, user + "@127.0.0.1", "id -un"]
        done = run(command, env=env)
        return done, done.returncode == 0 and done.stdout == user + "\n"


class SshdTest(Logins, HostCase):
    host_class, example_name, scope = Sshd, "sshd", "ssh"
    needs = ("sshd", "ssh", "ssh-keygen")

    @classmethod
    def prepare(cls):
        cls.host.configure()


if __name__ == "__main__":
    unittest.main()
