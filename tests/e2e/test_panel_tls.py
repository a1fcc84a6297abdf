"""toktab-panel with client certificates, as toktab-panel(8) sets it up: a real nginx, real TLS."""

import base64
import http.client
import json
import os
import ssl
import unittest

from panel_host import PanelCase, certificate, manual

SERVER = """server {
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    ssl_client_certificate {folder}/ca.pem;
    %s
}
"""
ALICE = "/O=Example/CN=alice/emailAddress=alice@example.com"


class Certificates(PanelCase):
    domains = [{"name": "example.com", "admins": ["web:alice@example.com", "web:bob@example.com"]}]
    http = manual("certificate") + SERVER % manual("certificate-server")
    shown = None  # whose certificate

    @classmethod
    def prepare(cls):
        ca = cls.path("ca")
        certificate(ca, "/CN=our own")
        certificate(cls.path("server"), "/CN=127.0.0.1")
        for name, subject in (
            ("alice", ALICE), ("comma", "/O=x,emailAddress=alice@example.com,CN=alice,O=Example/CN=eve"),
            ("longer", ALICE + "/OU=x"), ("other", "/O=Example/CN=bob/emailAddress=bob@example.com"),
        ):  # fmt: skip
            certificate(cls.path(name), subject, "-CA", ca + ".pem", "-CAkey", ca + ".key")
        certificate(cls.path("stranger"), ALICE)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.nginx.folder, name)

    def connection(self):
        context = ssl.create_default_context(cafile=self.path("server.pem"))
        context.check_hostname = False
        if self.shown:
            context.load_cert_chain(self.path(self.shown + ".pem"), self.path(self.shown + ".key"))
        return http.client.HTTPSConnection("127.0.0.1", self.nginx.port, timeout=60, context=context)

    def test_a_token(self):
        self.shown = "alice"
        headers = {"Origin": "https://127.0.0.1:%d" % self.nginx.port, "Sec-Fetch-Site": "same-origin"}
        got = self.send(200, "/example.com/new", None, label="over TLS", headers=headers)
        token = self.site.guard(got.page.token)
        shown = json.loads(self.tool("show", "--json", token.split("_")[1][:12]).out)
        self.assertTrue(shown["by"].startswith("web:alice@example.com/"), shown)

    def test_http_is_another_origin(self):
        self.shown = "alice"
        headers = {"Origin": "http://127.0.0.1:%d" % self.nginx.port}
        self.send(403, "/example.com/new", None, label="forged", headers=headers)

    def test_refused(self):
        """No certificate, one of a stranger, and others of ours that only look like hers."""
        for self.shown, status in ((None, 400), ("stranger", 400), ("comma", 403), ("longer", 403), ("other", 403)):
            got = self.expect(status, "/example.com/", None)
            self.assertNotIn("Tokens of", got.text, self.shown)

    def test_a_name_beside_it(self):
        claimed = "Basic " + base64.b64encode(b"bob@example.com:x").decode()
        headers = {"Authorization": claimed, "Remote-User": "bob@example.com", "X-Forwarded-Email": "bob@example.com"}
        self.shown = "alice"
        got = self.expect(200, "/example.com/", None, headers=headers)
        self.assertIn("alice@example.com", got.text)
        self.assertNotIn("bob", got.text)
        self.shown = "other"
        self.expect(403, "/example.com/", None, headers=headers)


if __name__ == "__main__":
    unittest.main()
