"""A token that is bound to networks or to a user gets the same answer from nginx, from PAM and from `toktab verify`.

nginx hears of the client's address by its realip module, and knows no user. PAM knows the user; without "anyuser" it
asks for a token of that user, and refuses one that names none.
"""

import os
import shutil
import tempfile
import unittest

import pam_host as pam
from harness import SiteTest
from nginx_host import NginxCase

NETWORKS = (
    "", "192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "2001:db8::7/128", "192.0.2.0/25,2001:db8:1::/48", "0.0.0.0/0",
    "::/0", "::ffff:192.0.2.0/120", "0.0.0.0/0,::/0",
)  # fmt: skip
ADDRESSES = (
    "192.0.2.7", "192.0.2.200", "198.51.100.1", "2001:db8::7", "2001:db8:1::1", "2001:db9::1", "::ffff:192.0.2.7",
    "::ffff:192.0.2.200", "::ffff:198.51.100.1", "::1", "127.0.0.1",
)  # fmt: skip
TOKEN_USERS = ("", "alice", "bob")
ASKING = (None, "alice", "bob", "Alice", "alice2")
CODES = {pam.SUCCESS: "none", pam.PERM_DENIED: "network", pam.USER_UNKNOWN: "user"}


class Alike(NginxCase):
    domains = [{"name": "default"}]
    http = r"""
    server {
        listen 127.0.0.1:{port};
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Client;
        location / { auth_toktab default; add_header X-Reason "$toktab_reason" always; }
    }"""

    @classmethod
    def prepare(cls):
        folder = tempfile.mkdtemp(prefix="toktab-e2e-")
        cls.addClassCleanup(shutil.rmtree, folder)
        library = pam.compile_shared(os.path.join(folder, "pam_log.so"), "pam_log.c")
        cls.host = pam.PamHost(folder, cls.site.conf, library)
        cls.addClassCleanup(cls.host.close)
        cls.host.service("any", "auth required {module} config={conf} anyuser")
        cls.host.service("user", "auth required {module} config={conf}")

    verdict = SiteTest.verdict
    run_tool = SiteTest.run_tool

    def of_verify(self, token, address, user):
        options = ["--from", address] if address else []
        verdict, why = self.verdict(token, *options, *(["-u", user] if user else []))
        return "none" if verdict == "allow" else why

    def of_nginx(self, token, address):
        answer = self.nginx.ask("/", token, headers=["X-Client: " + address] if address else [])
        self.assertEqual(answer.status, 200 if answer.header("X-Reason") == "none" else 401)
        return answer.header("X-Reason")

    def of_pam(self, token, address, user):
        return CODES[self.host.code("user" if user else "any", user or "somebody", token, rhost=address)]

    def test_networks(self):
        for networks in NETWORKS:
            token = self.create("networks", *(["--from", networks] if networks else []))
            for address in ADDRESSES:
                with self.subTest(networks=networks, address=address):
                    expected = self.of_verify(token, address, None)
                    self.assertIn(expected, ("none", "network"))
                    self.assertEqual(self.of_nginx(token, address), expected)
                    self.assertEqual(self.of_pam(token, address, None), expected)

    def test_no_address(self):
        """nginx has none where a client comes through a unix socket: see test_nginx_kinds."""
        for networks in NETWORKS:
            with self.subTest(networks=networks):
                token = self.create("networks", *(["--from", networks] if networks else []))
                for rhost in (None, "client.example.com"):
                    self.assertEqual(self.of_pam(token, rhost, None), self.of_verify(token, None, None))

    def test_users(self):
        for owner in TOKEN_USERS:
            for networks in ("", "192.0.2.0/24"):
                bound = [*(["-u", owner] if owner else []), *(["--from", networks] if networks else [])]
                token = self.create("user", *bound)
                for user in ASKING:
                    for address in ("192.0.2.7", "198.51.100.1"):
                        with self.subTest(owner=owner, networks=networks, user=user, address=address):
                            expected = self.of_verify(token, address, user)
                            if not user:
                                self.assertEqual(self.of_nginx(token, address), expected)
                            if user and not owner and expected == "none":
                                expected = "user"
                            self.assertEqual(self.of_pam(token, address, user), expected)


if __name__ == "__main__":
    unittest.main()
