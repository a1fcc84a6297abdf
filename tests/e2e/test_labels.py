"""Labels: any script goes in and comes back exactly; what could forge a line or a terminal does not."""

import unittest

from harness import SiteTest, needs_terminal
from oracle import Writer
from oracle_format import make_token, token_id

GOOD = (
    "CI deploy",
    "a|b|c",
    "100%",
    "%7C %0A %%",
    "say \"hi\" and 'bye'",
    "back\\slash \\n",
    "two  spaces",
    "$(reboot) `id` $HOME; rm *",
    "Müller & Söhne, Zürich",
    "продакшн ключ",
    "本番デプロイ鍵",
    "مفتاح النشر",
    "🦊 fox 👩‍💻",
    "e\u0301 combining",
    "می\u200cخواهم",
    "a/b,c=d",
    "<b>&amp;</b>",
    "-dash first",
    "x" * 128,
    "é" * 128,
    "🦊" * 128,
    "%" * 128,
)
BAD = {
    "empty": b"",
    "129 characters": b"x" * 129,
    "129 characters of two bytes": "é".encode() * 129,
    "newline": b"a\nb",
    "tab": b"a\tb",
    "escape": b"a\x1b[31mb",
    "bell": b"a\x07",
    "carriage return": b"a\rb",
    "delete": b"a\x7f",
    "C1 control CSI": "a\u009b31m".encode(),
    "C1 control, first": "\u0080".encode(),
    "C1 control, last": "\u009f".encode(),
    "stray byte": b"a\xff",
    "cut sequence": b"a\xc3",
    "stray continuation": b"\x80",
    "overlong slash": b"\xc0\xaf",
    "overlong in three bytes": b"\xe0\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "beyond U+10FFFF": b"\xf4\x90\x80\x80",
    "blank": b" ",
    "spaces of all kinds": "\u00a0\u2003\u202f\u205f\u3000 ".encode(),
    "fillers": "\u3164\u2800\uffa0\u115f\ufe0f".encode(),
    "joiners alone": "\u200d\u200c".encode(),
    "zero width space alone": "\u200b".encode(),
    "zero width space": "CI\u200b deploy".encode(),
    "byte order mark": "\ufeffCI".encode(),
    "soft hyphen": "de\u00adploy".encode(),
    "right-to-left override": "CI \u202eyolped".encode(),
    "isolate": "\u2066CI\u2069".encode(),
    "line separator": "a\u2028b".encode(),
    "tag characters": "CI\U000e0041\U000e007f".encode(),
    "a token": b"it was " + make_token("acme").encode() + b"!",
}


class Labels(SiteTest):
    def test_good_ones_come_back_exactly(self):
        tokens = [self.create(label) for label in GOOD]
        self.assertEqual([self.record(token).label for token in tokens], list(GOOD))
        self.assertEqual([token["label"] for token in self.json("list")], list(GOOD))
        table = self.ok("list", "-o", "label", "--no-headings").out
        self.assertEqual([line.rstrip(" ") for line in table.rstrip("\n").split("\n")], list(GOOD))
        for token, label in zip(tokens, GOOD):
            self.assertIn(label, self.ok("show", token_id(token)).out)
            self.assertEqual(self.json("show", token_id(token))["label"], label)

    def test_in_any_locale(self):
        label = "Müller 本番 🦊"
        token = self.create(label, env={"LC_ALL": "C"})
        self.assertEqual(self.record(token).label, label)
        self.assertEqual(self.json("show", "1", env={"LC_ALL": "C"})["label"], label)
        self.ok("list", env={"LC_ALL": "C"})

    def test_what_looks_like_an_escape(self):
        label = r"\x41 \033[1m \u0041 %41 \\"
        self.assertEqual(self.record(self.create(label)).label, label)
        self.assertEqual(self.json("show", "1")["label"], label)
        self.assertIn(label, self.ok("show", "1").out)

    def test_spaces_at_the_ends(self):
        token = self.create(" x ")
        self.assertEqual(self.record(token).label, " x ")
        self.assertEqual(self.json("show", "1")["label"], " x ")

    def test_create_refuses(self):
        for what, label in BAD.items():
            with self.subTest(what):
                result = self.refused(2, "create", "-l", label)
                self.assertNotRegex(result.stderr, rb"[\x00-\x09\x0b-\x1f\x7f]")
                result.stderr.decode()  # no byte of it is bad UTF-8
        self.create("good")
        for what, label in BAD.items():
            with self.subTest(what):
                self.refused(2, "update", "1", "-l", label)
        self.assertEqual(self.json("show", "1")["label"], "good")

    def test_no_message_shows_a_token(self):
        token = self.site.guard(make_token("acme"))
        for args in ("create", "-l"), ("scan",), ("import",), ("mend",), ("verify",), ("show",):
            with self.subTest(args):
                result = self.refused((2, 66, 77), *args, token)
                self.assertNotIn(token[len("acme_") + 12 :][:8], result.err)

    def test_revoke_refuses_the_same_as_a_reason(self):
        self.create()
        for what, reason in BAD.items():
            if reason and not what.startswith("129"):
                with self.subTest(what):
                    self.refused(2, "revoke", "-y", "1", "-r", reason)
        self.assertEqual(self.json("show", "1")["state"], "active")

    def test_user_refuses_the_same(self):
        for what, user in BAD.items():
            if user and not what.startswith("129"):
                with self.subTest(what):
                    self.refused(2, "create", "-l", "x", "-u", user)


class HostileStore(SiteTest):
    """A store may hold what the tool would never have written: the format allows escaped controls and raw C1."""

    texts = ("a\x1b]0;owned\x07b", "line\nbreak", "\u009b31mred", "cr\rlf\n", "del\x7f")

    def setUp(self):
        super().setUp()
        writer = Writer("example.com")
        for text in self.texts:
            token = self.site.guard(make_token())
            writer.create(token, text, user=text)
            writer.revoke(token, reason=text)
        self.site.put(writer)

    def assert_harmless(self, output, allowed=b"\n"):
        for bad in [bytes([c]) for c in range(32)] + [b"\x7f", "\u009b".encode()]:
            if bad not in allowed:
                self.assertNotIn(bad, output)

    def test_json_is_exact(self):
        result = self.ok("list", "--all", "--json")
        self.assertNotIn(b"\x1b", result.stdout)
        listed = self.json("list", "--all")
        self.assertEqual([token["label"] for token in listed], list(self.texts))
        self.assertEqual([token["reason"] for token in listed], list(self.texts))

    def test_plain_output(self):
        for args in (["list", "--all"], ["show", "1"], ["show", "3"], ["show", "5"], ["show", "7"], ["show", "9"],
                ["revoke", "-y", "1"]):
            result = self.ok(*args)
            self.assert_harmless(result.stdout)
            self.assert_harmless(result.stderr)
        self.assertEqual(len(self.ok("list", "--all", "-o", "label", "--no-headings").out.splitlines()), len(self.texts))

    @needs_terminal
    def test_terminal(self):
        for args in (["list", "--all"], ["show", "1"], ["show", "3"], ["show", "5"]):
            result = self.site.terminal(*args)
            self.assertEqual(result.code, 0, result)
            for bad in (b"\x1b]0;owned", b"\x07", "\u009b".encode(), b"\x7f"):
                self.assertNotIn(bad, result.stdout)


if __name__ == "__main__":
    unittest.main()
