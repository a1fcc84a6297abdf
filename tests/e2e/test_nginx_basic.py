"""Basic authentication with a token as the password, in a real nginx."""

import unittest

from nginx_host import NginxCase, basic

BASIC = 'Basic realm="default"'
BEARER = 'Bearer realm="default"'
MALFORMED = ', error="invalid_token", error_description="The token is malformed"'


class Challenges(NginxCase):
    """Clients such as docker take the first challenge, or fail for a Bearer challenge that is not a registry's."""

    http = r"""
    server {
        listen 127.0.0.1:{port};
        auth_toktab default;
        location /on { auth_toktab_basic on; location /on/off { auth_toktab_basic off; } }
        location /only {
            auth_toktab_basic only;
            location /only/deep { }
            location /only/scope { auth_toktab_scope read; }
            location /only/key { auth_toktab_token $http_x_key; }
        }
    }
    """

    @classmethod
    def prepare(cls):
        for path in ("on", "on/off", "only", "only/deep", "only/scope", "only/key"):
            cls.nginx.write("html/%s/index.html" % path, path)
        cls.token = cls.create()

    def challenges(self, status, *arguments, **named):
        return self.expect(status, *arguments, **named).challenges

    def test_on(self):
        self.assertEqual(self.challenges(401, "/on/"), [BASIC, BEARER])
        self.assertEqual(self.challenges(401, "/on/", headers=[basic(b"u", "x")]), [BASIC, BEARER + MALFORMED])
        self.assertEqual(self.challenges(401, "/on/", "x"), [BASIC, BEARER + MALFORMED])

    def test_off(self):
        self.assertEqual(self.challenges(401, "/on/off/", headers=[basic(b"u", self.token)]), [BEARER])

    def test_only(self):
        for path in ("/only/", "/only/deep/", "/only/scope/"):
            for headers in ([], [basic(b"u", "x")], ["Authorization: Bearer x"], ["Authorization: Digest x"]):
                with self.subTest(path=path, headers=headers):
                    self.assertEqual(self.challenges(401, path, headers=headers), [BASIC])

    def test_only_is_about_the_challenge(self):
        """Other clients may send the token as they always do."""
        for path in ("/only/", "/only/deep/"):
            self.expect(200, path, headers=[basic(b"u", self.token)])
            self.expect(200, path, self.token)
        self.expect(200, "/only/key/", headers=["X-Key: " + self.token])

    def test_only_has_no_challenge_where_no_login_helps(self):
        self.assertEqual(self.challenges(403, "/only/scope/", self.token), [])
        self.assertEqual(self.challenges(403, "/only/scope/", headers=[basic(b"u", self.token)]), [])
        headers = ["X-Key: " + self.token, basic(b"u", self.token)]
        self.assertEqual(self.challenges(400, "/only/key/", headers=headers), [])


if __name__ == "__main__":
    unittest.main()
