"""sshd: a login by keyboard-interactive, and by an ssh key, which no token lets in."""

import contextlib
import os
import pwd
import shutil
import subprocess
import unittest

from host import Host, HostCase, Logins, program, run

CONF = """
Port %(port)d
ListenAddress 127.0.0.1
HostKey %(folder)s/key
PidFile none
AuthenticationMethods keyboard-interactive publickey
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

    def login(self, user, token, **client):
        env = {"SSH_ASKPASS": self.path("askpass"), "SSH_ASKPASS_REQUIRE": "force", "TOKEN": token}
        options = [word for pair in {**CLIENT, **client}.items() for word in ("-o", "%s=%s" % pair)]
        command = [program("ssh"), "-F", "none", "-T", "-p", str(self.port), *options, user + "@127.0.0.1", "id -un"]
        done = run(command, env=env)
        return done, done.returncode == 0 and done.stdout == user + "\n"


    def give_key(self, user):
        """How its client logs in by a key from now on: what login() takes besides."""
        owner, key = pwd.getpwnam(user), self.path("key-" + user)
        subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        folder = os.path.join(owner.pw_dir, ".ssh")
        os.mkdir(folder, 0o700)
        shutil.copy(key + ".pub", os.path.join(folder, "authorized_keys"))
        for path in (folder, os.path.join(folder, "authorized_keys")):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        return {"PreferredAuthentications": "publickey", "IdentityFile": key, "IdentitiesOnly": "yes"}


class SshdTest(Logins, HostCase):
    host_class, example_name, scope = Sshd, "sshd", "ssh"
    needs = ("sshd", "ssh", "ssh-keygen")

    @classmethod
    def prepare(cls):
        cls.host.configure()

    def test_ssh_key(self):
        """The module's account line does not refuse it, and the service's own still counts."""
        key = self.host.give_key("alice")
        for trouble in (False, True):
            with self.without_store() if trouble else contextlib.nullcontext():
                done, is_in = self.host.login("alice", "", **key)
                self.assertTrue(is_in, done)
        self.assert_admitted("alice", self.create())
        with open("/etc/nologin", "w"):
            self.assertFalse(self.host.login("alice", "", **key)[1])
        os.unlink("/etc/nologin")
        self.assertTrue(self.host.login("alice", "", **key)[1])


if __name__ == "__main__":
    unittest.main()
