"""Keys that `toktab import` took, where hosts admit tokens: nginx and PAM."""

import json
import os
import subprocess
import unittest

import pam_host as pam
from nginx_host import NginxCase
from oracle_format import token_id
from pam_host import PamTest
from test_import import make_key


class InPam(PamTest):
    domains = [{"name": "example.com", "foreign": True}]
    services = {"any": "anyuser", "user": ""}

    def test_password(self):
        key = make_key()
        self.site.secrets.add(key[8:])
        self.ok("create", "-l", "for a store", may_show_token=True)
        self.expect_code(pam.AUTH_ERR, "any", "alice", key)
        self.ok("import", "-y", "-", stdin=json.dumps({"label": "x", "key": key, "user": "alice"}))
        self.expect_code(pam.SUCCESS, "any", "alice", key)
        self.expect_code(pam.SUCCESS, "user", "alice", key)
        self.expect_code(pam.USER_UNKNOWN, "user", "bob", key)
        log = self.expect_code(pam.AUTH_ERR, "any", "alice", key + "x")
        self.assertIn(b"token denied: unknown", log[0][1])
        self.assertNotIn(key[8:].encode(), log[0][1])

    def test_longest(self):
        """PAM's own limit is 511 characters."""
        key = "".join(chr(33 + (number * 7) % 94) for number in range(511))
        self.ok("import", "-y", "-", stdin="x\t" + key)
        self.expect_code(pam.SUCCESS, "any", "alice", key)


class InNginx(NginxCase):
    """nginx admits a key wherever it admits a token."""

    domains = [{"name": "default", "foreign": True}, {"name": "tokens"}]
    http = r"""
    server {
        listen 127.0.0.1:{port};
        add_header X-Reason "$toktab_reason" always;
        add_header X-Label "$toktab_label" always;
        location / { auth_toktab default; }
        location /tokens { auth_toktab tokens; }
        location /key { auth_toktab default; auth_toktab_token $http_x_api_key; }
        location /basic { auth_toktab default; auth_toktab_basic on; }
    }"""

    def ask(self, path, *headers):
        answer = self.nginx.ask(path, headers=list(headers))
        return answer.header("X-Reason"), answer.header("X-Label")

    def test_admitted_at_once(self):
        key = make_key()
        self.assertEqual(self.ask("/", "Authorization: Bearer " + key)[0], "unknown" if os.path.exists(self.site.path()) else "store")
        self.assertEqual(self.site.run("import", "-y", "-", stdin="a key\t" + key).code, 0)
        self.assertEqual(self.ask("/", "Authorization: Bearer " + key), ("none", "a key"))
        self.assertEqual(self.ask("/key", "X-API-Key: " + key), ("none", "a key"))
        basic = subprocess.run(["base64", "-w0"], input=("user:" + key).encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
        self.assertEqual(self.ask("/basic", "Authorization: Basic " + basic), ("none", "a key"))
        self.assertEqual(self.ask("/", "Authorization: Bearer " + key + "x")[0], "unknown")
        self.assertEqual(self.ask("/key", "X-API-Key: " + "k" * 513)[0], "malformed")
        self.assertEqual(self.ask("/tokens", "Authorization: Bearer " + key)[0], "malformed")
        self.assertEqual(self.site.run("revoke", "-d", "default", "-y", "1").code, 0)
        self.assertEqual(self.ask("/", "Authorization: Bearer " + key)[0], "revoked")

    def test_longest(self):
        key = "".join(chr(33 + (number * 7) % 94) for number in range(512))
        self.assertEqual(self.site.run("import", "-y", "-", stdin="longest\t" + key).code, 0)
        self.assertEqual(self.ask("/key", "X-API-Key: " + key), ("none", "longest"))

    def test_keeps_what_it_knows(self):
        """The new file is the old one and more: a worker reads on, and what was revoked stays so."""
        token = self.create("before")
        self.site.run("revoke", "-y", token_id(token))
        self.assertEqual(self.ask("/", "Authorization: Bearer " + token)[0], "revoked")
        before = self.nginx.read("error.log")
        self.site.run("import", "-y", "-", stdin="another\t" + make_key())
        self.assertEqual(self.ask("/", "Authorization: Bearer " + token)[0], "revoked")
        self.assertNotIn("[alert]", self.nginx.read("error.log")[len(before) :])


if __name__ == "__main__":
    unittest.main()
