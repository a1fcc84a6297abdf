"""toktab verify: the verdict, each reason, and what it never does with a token."""

import json
import os
import time
import unittest

from harness import SiteTest, needs_terminal
from oracle import Writer
from oracle_format import ALPHABET, make_token, parse_token, token_id

NOW = int(time.time())


class Verify(SiteTest):
    def assert_denied(self, token, reason, *args):
        self.assertEqual(self.verdict(token, *args), ("deny", reason))

    def assert_allowed(self, token, *args):
        self.assertEqual(self.verdict(token, *args)[0], "allow")

    def test_allow(self):
        token = self.create()
        result = self.ok("verify", stdin=token + "\n")
        self.assertIn("allow", result.out.lower())
        self.ok("verify", stdin=token)

    def test_deny(self):
        self.create()
        result = self.expect(1, "verify", stdin=make_token() + "\n")
        self.assertIn("deny", (result.out + result.err).lower())
        self.assertIn("unknown", (result.out + result.err).lower())

    def test_json(self):
        token = self.create("CI", "-s", "read", "-u", "bob")
        answer = json.loads(self.ok("verify", "--json", stdin=token).out)
        self.assertEqual(set(answer), {"verdict", "why", "record"})
        self.assertEqual((answer["verdict"], answer["record"]), ("allow", self.json("show", "1")))
        self.assertIn(answer["why"], (None, "none"))
        self.ok("revoke", "-y", "1")
        answer = json.loads(self.expect(1, "verify", "--json", stdin=token).out)
        self.assertEqual((answer["verdict"], answer["why"], answer["record"]["id"]),
            ("deny", "revoked", token_id(token)))

    def test_a_stranger_learns_nothing(self):
        """Whoever knows only the id gets no record, whatever state the token is in."""
        token = self.create("secret label", "-e", "90d")
        forged = make_token(id=token_id(token))
        for _ in range(2):
            result = self.expect(1, "verify", "--json", stdin=forged)
            self.assertEqual(json.loads(result.out)["why"], "unknown")
            self.assertFalse(json.loads(result.out).get("record"))
            self.assertNotIn("secret label", result.out + result.err)
            self.ok("revoke", "-y", "1")

    def test_malformed(self):
        self.create()
        good = make_token()
        for bad in (
            "", "\n", "\0", "tok_", "hello", good[:-1], good[:-7], good + "0", good.upper(), good[4:],
            "_" + good[4:], "t" + good[3:],
            "a" * 17 + good[3:], good.replace("_", "-"), good.replace("_", "__"), "é" + good, "Bearer " + good,
            good[:40] + "\0" + good[41:],
            good + "\0", "\ufeff" + good,
        ):
            with self.subTest(token=bad):
                self.assert_denied(bad, "malformed")

    def test_white_space_around_the_token(self):
        token = self.create()
        for before, after in ((" ", ""), ("", " "), ("\t", "\t"), ("", "\r\n"), ("\n\n", "\n\n"), (" \r\n\t", "\t \r\n"),
                (" " * 5000, "\n" * 5000)):
            with self.subTest(before=before, after=after):
                self.assert_allowed(before + token + after)
        for bad in (token[:20] + " " + token[20:], token + "\n" + token, token + " x", "\v" + token, token + "\f",
                token + "\u00a0", " ", " \r\n\t" * 5000, token + " " * 5000 + "x"):
            with self.subTest(bad=bad):
                self.assert_denied(bad, "malformed")

    def test_bytes_that_are_no_text(self):
        self.create()
        for bad in (b"\xff\xfe", bytes(range(256)) * 16, b"\x80" * 65, b"x" * 2**20, b"\0" * 2**20, b"\n" * 2**16):
            with self.subTest(start=bad[:8], length=len(bad)):
                self.assert_denied(bad, "malformed")

    def test_one_character_changed_at_each_position(self):
        token = self.create()
        for place, character in enumerate(token):
            other = "-" if character == "_" else ALPHABET[(ALPHABET.index(character) + 1 + place % 61) % 62]
            self.assert_denied(token[:place] + other + token[place + 1 :], "malformed")

    def test_one_character_changed_with_the_right_checksum(self):
        token = self.create()
        prefix, id, secret = parse_token(token)
        for place in range(43):
            other = ALPHABET[(ALPHABET.index(secret[place]) + 1) % 62]
            self.assert_denied(make_token(prefix, id, secret[:place] + other + secret[place + 1 :]), "unknown")
        self.assert_denied(make_token("acme", id, secret), "unknown")
        self.assert_denied(make_token(prefix, id[:-1] + ("0" if id[-1] != "0" else "1"), secret), "unknown")

    def test_truncated(self):
        token = self.create()
        for length in range(0, len(token), 7):
            self.assert_denied(token[:length], "malformed")

    def test_revoked(self):
        token = self.create()
        self.ok("revoke", "-y", "1")
        self.assert_denied(token, "revoked")

    def test_scopes(self):
        token = self.create("x", "-s", "read,write")
        for scopes in ("read", "write", "read,write", "write,read"):
            self.assert_allowed(token, "-s", scopes)
        for scopes in ("admin", "read,admin", "rea", "reads"):
            self.assert_denied(token, "scope", "-s", scopes)
        self.assert_denied(self.create("without"), "scope", "-s", "read")

    def test_networks(self):
        token = self.create("x", "--from", "10.0.0.0/8,192.0.2.7,2001:db8::/32")
        for address in ("10.0.0.0", "10.255.255.255", "192.0.2.7", "2001:db8::1", "2001:db8:ffff::",
                "::ffff:10.1.2.3"):
            self.assert_allowed(token, "--from", address)
        for address in ("9.255.255.255", "11.0.0.0", "192.0.2.6", "2001:db9::", "::1", "::ffff:11.0.0.1",
                "127.0.0.1"):
            self.assert_denied(token, "network", "--from", address)
        self.assert_denied(token, "network")
        self.assert_allowed(self.create("unbound"), "--from", "127.0.0.1")

    def test_odd_network_sizes(self):
        for net, inside, outside in (
            ("0.0.0.0/0", "255.255.255.255", "2001:db8::1"),
            ("::/0", "2001:db8::1", None),
            ("10.0.0.128/25", "10.0.0.128", "10.0.0.127"),
            ("10.0.0.4/31", "10.0.0.5", "10.0.0.6"),
            ("2001:db8::/127", "2001:db8::1", "2001:db8::2"),
            ("2001:db8:8000::/33", "2001:db8:8000::", "2001:db8:7fff::"),
        ):
            token = self.create(net, "--from", net)
            self.assert_allowed(token, "--from", inside)
            if outside:
                self.assert_denied(token, "network", "--from", outside)

    def test_user(self):
        token = self.create("x", "-u", "bob")
        self.assert_allowed(token, "-u", "bob")
        self.assert_allowed(token)
        for user in ("alice", "Bob", "bobb", "bo"):
            self.assert_denied(token, "user", "-u", user)

    def test_bad_usage(self):
        token = self.create()
        self.refused(2, "verify", token_id(token), stdin=token)
        for args in (["--from", "nonsense"], ["--from", "10.0.0.0/8"], ["--from", ""], ["-s", "a b"]):
            self.refused(2, "verify", *args, stdin=token)

    def test_a_token_on_the_command_line(self):
        """It is refused, and not shown once more."""
        token = self.create()
        for args in ([token], ["--", token], [token, token], [token, "-s", "read"]):
            result = self.refused(2, "verify", *args, says=["standard input", "rotate"])
            self.assertNotIn(token[:8], result.err)

    @needs_terminal
    def test_hidden_prompt(self):
        token = self.create()
        result = self.site.terminal("verify", answers=[(None, token + "\n")])
        self.assertEqual(result.code, 0, result)
        self.assertFalse(self.site.leaks(result.stdout), "the terminal showed the token")
        self.assertRegex(result.out, r"(?is)token.*allow")
        result = self.site.terminal("verify", answers=[(None, "\t " + token + " \n")])
        self.assertEqual(result.code, 0, result)

    def test_stdin_closed(self):
        self.create()
        result = self.run_tool("verify", preexec_fn=lambda: os.close(0))
        self.assertIn(result.code, (1, 74), result)


class LimitedScopes(SiteTest):
    domains = [{"name": "example.com", "scopes": ["read", "write"]}]

    def test_a_scope_that_the_domain_does_not_have(self):
        token = self.create("x", "-s", "read")
        self.refused(2, "verify", "-s", "raed", stdin=token, says="raed")
        self.assertEqual(self.verdict(token, "-s", "write"), ("deny", "scope"))


class MadeElsewhere(SiteTest):
    """Verdicts on stores that the oracle wrote."""

    def verdict_of(self, time=NOW - 10, **record):
        token = self.site.guard(make_token())
        writer = Writer("example.com")
        writer.create(token, time=time, **record)
        self.site.put(writer)
        return self.verdict(token)

    def test_expired(self):
        self.assertEqual(self.verdict_of(expires=NOW - 1), ("deny", "expired"))
        self.assertEqual(self.verdict_of(expires=0), ("deny", "expired"))
        self.assertEqual(self.verdict_of(expires=NOW + 100000)[0], "allow")

    def test_revoked_in_the_future_is_revoked(self):
        self.assertEqual(self.verdict_of(revoked=NOW + 100000), ("deny", "revoked"))

    def test_unsupported(self):
        for ext in ((("MUST", None),), (("lower", "1"), ("MFA", "yes"))):
            self.assertEqual(self.verdict_of(ext=ext), ("deny", "unsupported"))
        self.assertEqual(self.verdict_of(ext=(("note", "in lower case"), ("flag", None), ("empty", "")))[0],
            "allow")

    def test_a_clock_that_was_put_back_a_little(self):
        """Times count from the newest that the store has seen, if that is at most 300 seconds ahead."""
        now = int(time.time())
        self.assertEqual(self.verdict_of(time=now + 200, expires=now + 100), ("deny", "expired"))
        self.assertEqual(self.verdict_of(time=now + 3600, expires=now + 100)[0], "allow")

    def test_another_prefix(self):
        token = self.site.guard(make_token("zz9"))
        writer = Writer("example.com")
        writer.create(token)
        self.site.put(writer)
        self.assertEqual(self.verdict(token)[0], "allow")

    def test_the_last_line_of_an_id_decides(self):
        token = self.site.guard(make_token())
        writer = Writer("example.com")
        writer.create(token, expires=NOW - 100)
        writer.update(token, expires=NOW + 100000, scopes=("read",))
        self.site.put(writer)
        self.assertEqual(self.verdict(token, "-s", "read")[0], "allow")
        writer.update(token, scopes=())
        self.site.put(writer)
        self.assertEqual(self.verdict(token, "-s", "read"), ("deny", "scope"))

    def test_revoked_absorbs(self):
        token = self.site.guard(make_token())
        writer = Writer("example.com")
        writer.create(token)
        writer.revoke(token)
        writer.update(token, revoked=None)
        writer.append(writer.tokens[token_id(token)][1]._replace(op="C", serial=4, revoked=None))
        self.site.put(writer)
        self.assertEqual(self.verdict(token), ("deny", "revoked"))
        self.assertEqual(self.json("show", token_id(token))["state"], "revoked")


if __name__ == "__main__":
    unittest.main()
