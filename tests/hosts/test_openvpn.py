"""OpenVPN, whose plug-in asks PAM: a client that brings up a tunnel."""

import os
import subprocess
import unittest

from harness import environment, killed_at_end
from host import Host, HostCase, Logins, program
from recipes import block, placed

SERVER = """
local 127.0.0.1
port %(port)d
proto udp
dev tun
server 10.8.0.0 255.255.255.0
ca cert
cert cert
key key
dh none
verb 7
%(recipe)s
"""
CLIENT = """
client
remote 127.0.0.1 %(port)d udp
dev tun
ifconfig-noexec
route-noexec
nobind
ca cert
connect-timeout 20
connect-retry-max 1
resolv-retry 0
%(recipe)s
"""


class OpenVPN(Host):
    name, port = "OpenVPN", 1194

    def configure(self):
        self.write("server.conf", SERVER % {"port": self.port, "recipe": block("openvpn conf")})
        client = placed(self.example.settings("The client's"), {"auth-user-pass": "auth-user-pass login"})  # no terminal
        self.write("client.conf", CLIENT % {"port": self.port, "recipe": client})
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
            self.path("key"), "-out", self.path("cert"), "-subj", "/CN=vpn"]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)

    def command(self):
        return [program("openvpn"), "--cd", self.folder, "--config", "server.conf"]

    def is_up(self):
        self.assert_runs()
        with open(self.output) as output:
            return "Initialization Sequence Completed" in output.read()

    def login(self, user, token):
        """The client ends by itself only where it is refused."""
        self.write("login", "%s\n%s\n" % (user, token), 0o600)
        command = [program("openvpn"), "--cd", self.folder, "--config", "client.conf"]
        client = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
        said = []
        with killed_at_end(client):
            for line in client.stdout:
                said.append(line)
                if "Initialization Sequence Completed" in line:
                    break
        os.unlink(self.path("login"))
        return "".join(said), "Initialization Sequence Completed" in said[-1]


class OpenVPNTest(Logins, HostCase):
    host_class, example_name, scope = OpenVPN, "openvpn", "vpn"
    needs = ("openvpn", "openssl")

    @classmethod
    def prepare(cls):
        cls.host.configure()

    def test_example_shows_the_same(self):
        self.assertEqual(self.example.settings("The server's configuration"), block("openvpn conf"))


if __name__ == "__main__":
    unittest.main()
