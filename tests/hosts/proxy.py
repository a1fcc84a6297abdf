"""A proxy before nginx, which checks the tokens: what the tests of Caddy and HAProxy share."""

import os
import unittest

from harness import TIME_LIMIT, wait_until
from host import Host, curl, program
from nginx_host import NginxCase
from oracle_format import token_id


class Proxy(Host):
    """Its folder is its own; there is no example of PAM."""

    def __init__(self, folder):
        super().__init__(folder, None)


class ProxyCase(NginxCase):
    """Each request goes to the proxy; the application behind both answers with what it is told of the token."""

    proxy_class = None

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(program(cls.proxy_class.name)):
            raise unittest.SkipTest("not installed: " + cls.proxy_class.name)
        super().setUpClass()
        cls.proxy = cls.proxy_class(os.path.join(cls.site.dir, "proxy"))
        cls.proxy.configure()
        cls.proxy.start()
        cls.addClassCleanup(cls.proxy.stop)

    def through(self, token, *options, source="127.0.0.1"):
        """A request through the proxy: status, headers and body."""
        lines = ['url = "http://127.0.0.1:%d/app?x=1"' % self.proxy.port, "include", 'noproxy = "*"', *options]
        lines += ['interface = "%s"' % source]
        lines += ['header = "Authorization: Bearer %s"' % token] if token else []
        done = curl(*lines)
        head, _, body = done.stdout.partition("\r\n\r\n" if "\r\n\r\n" in done.stdout else "\n\n")
        return int(head.split()[1]), head.lower(), body

    def assert_through(self, status, token, *options, **named):
        said = self.through(token, *options, **named)
        self.assertEqual(said[0], status, said)
        return said


class Proxied:
    """What each proxy must do; mixed into a ProxyCase."""

    def test_admits_and_tells_the_application(self):
        token = self.create()
        for options in ((), ('request = "POST"', 'data = "a=b"'), ('header = "X-Token-Id: forged"',)):
            self.assertEqual(self.assert_through(200, token, *options)[2].strip(), "the token is " + token_id(token))

    def test_refuses_with_the_challenge(self):
        revoked = self.create()
        self.assert_through(200, revoked)
        self.revoke(revoked)
        for token in (None, "x", revoked):
            for options in ((), ('request = "DELETE"',), ('header = "X-Token-Id: forged"',)):
                head, body = self.assert_through(401, token, *options)[1:]
                self.assertIn('www-authenticate: bearer realm="default"', head)
                self.assertNotIn("the token is", body)

    def test_a_bound_token_counts_from_the_client(self):
        here, there = self.create("here", "--from", "127.0.0.1"), self.create("there", "--from", "127.0.0.2")
        self.assert_through(200, here)
        self.assert_through(401, there)
        self.assert_through(401, here, source="127.0.0.2")
        self.assert_through(200, there, source="127.0.0.2")
        for forged in ("127.0.0.2", "127.0.0.2, 127.0.0.2", "127.0.0.1, 127.0.0.2"):
            self.assert_through(401, there, 'header = "X-Forwarded-For: %s"' % forged)

    def test_a_store_in_trouble_admits_nobody(self):
        token = self.create()
        os.rename(self.site.path(), self.site.path() + ".away")
        try:
            wait_until(lambda: self.through(token)[0] == 503, "503", TIME_LIMIT)
        finally:
            os.rename(self.site.path() + ".away", self.site.path())
        wait_until(lambda: self.through(token)[0] == 200, "200", TIME_LIMIT)

    def test_without_nginx_nobody_is_admitted(self):
        token = self.create()
        self.assert_through(200, token)
        self.nginx.stop()
        try:
            self.assertIn(self.through(token)[0], (502, 503))
        finally:
            self.nginx.start()
        wait_until(lambda: self.through(token)[0] == 200, "200", TIME_LIMIT)
