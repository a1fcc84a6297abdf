"""No part of a token's secret, of eight characters or more, stays in toktab-panel once a request is over: not of a token
that it has shown, nor of one that somebody pasted where none belongs."""

import contextlib
import unittest
import urllib.parse

from harness import NOBODY, Site, needs_root
from memory import image_without, secret_of, unless_sanitized
from oracle_format import make_token, token_id
from panel_host import Page, Panel, parameters, speak

FORM = "application/x-www-form-urlencoded"


@needs_root
@unless_sanitized
class Process(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site([{"name": "example.com", "admins": ["web:alice@example.com"]}], owner=NOBODY, group=NOBODY)
        cls.addClassCleanup(cls.site.close)
        cls.panel = Panel(cls.site).start()
        cls.addClassCleanup(cls.panel.stop)

    def tearDown(self):
        self.assertFalse(self.site.leaks(self.panel.log()))
        self.assertEqual([path for path in self.site.leaking_files() if "toktab-panel" not in path], [])

    def ask(self, path, form=None, method=None, **more):
        """A page. form: the fields to send, or bytes."""
        body = b""
        if form is not None:
            body = form if isinstance(form, bytes) else urllib.parse.urlencode(form).encode()
            more = {"CONTENT_TYPE": FORM, "CONTENT_LENGTH": str(len(body)), **more}
        answer = speak(self.panel.path, parameters(path, method=method or ("GET" if form is None else "POST"), **more), body)
        head, _, text = answer.partition(b"\r\n\r\n")
        return head, Page(text.decode())

    def form(self, path, **typed):
        return {**self.ask(path)[1].fields, **typed}

    def forgotten(self, token):
        image = image_without(self.panel.process.pid, secret_of(token))
        self.assertTrue(image.holds(self.site.conf.encode()), "that is not its memory")

    def test_a_token_that_is_shown(self):
        _, page = self.ask("/example.com/new", self.form("/example.com/new", label="x"))
        token = self.site.guard(page.token)
        self.forgotten(token)
        rotate = "/example.com/%s/rotate" % token_id(token)
        _, page = self.ask(rotate, self.form(rotate))
        self.forgotten(self.site.guard(page.token))
        self.forgotten(token)

    def test_a_token_that_is_pasted(self):
        token = self.site.guard(make_token())
        made = self.site.run("create", "-l", "x", user=NOBODY).out.strip()
        id = token_id(self.site.guard(made))
        for path, field in (("/example.com/new", "label"), ("/example.com/new", "user"), ("/example.com/new", "expires"),
                            ("/example.com/%s/revoke" % id, "reason"), ("/example.com/%s/rotate" % id, "grace"),
                            ("/example.com/%s/rotate" % id, "nonce")):  # fmt: skip
            self.ask(path, self.form(path, **{field: token}))
            self.forgotten(token)
        for path in ("/example.com/", "/example.com/new", "/", "/nosuch", "/example.com/" + token, "/" + token):
            self.ask(path, {"label": token, "q": token})
            self.forgotten(token)

    def test_requests_that_are_refused(self):
        token = self.site.guard(make_token())
        form = urllib.parse.urlencode(self.form("/example.com/new", label=token)).encode()
        for body, more in (
            (form, {"HTTP_ORIGIN": "https://elsewhere.test"}), (form, {"CONTENT_TYPE": "text/plain"}), (form, {"method": "PUT"}),
            (form, {"method": "GET"}), (form + b"&x=%", {}), (form + b"&x=" + b"x" * 100_000, {}), (b"x" * 9000 + form, {}),
            (form, {"CONTENT_LENGTH": "9"}), (form, {"CONTENT_LENGTH": str(len(form) + 9)}), (form, {"user": None}),
            (form, {"QUERY_STRING": "label=" + token}), (form, {"HTTP_AUTHORIZATION": "Bearer " + token}),
        ):  # fmt: skip
            with self.subTest(more=more):
                self.ask("/example.com/new", body, **more)
                self.forgotten(token)

    def test_requests_that_break_off(self):
        token = self.site.guard(make_token())
        body = urllib.parse.urlencode(self.form("/example.com/new", label=token)).encode()
        named = parameters("/example.com/new", method="POST", CONTENT_TYPE=FORM, CONTENT_LENGTH=str(len(body)))
        for less in (1, 20, len(body) // 2):
            with contextlib.suppress(OSError), speak(self.panel.path, named, body, cut=100_000 if less == 1 else -less):
                pass
            self.ask("/")
            self.forgotten(token)


if __name__ == "__main__":
    unittest.main()
