"""toktab revoke: confirmation, several at once, reasons, and that it lasts."""

import base64
import time
import unittest

from harness import SiteTest, clock, config_text, needs_terminal
from oracle import Writer
from oracle_format import make_token, token_id


class Revoke(SiteTest):
    def state(self, reference):
        return self.json("show", str(reference))["state"]

    def test_ends_a_token(self):
        token = self.create("CI", "-u", "bob", "-s", "read", "--from", "10.0.0.0/8", "-e", "90d")
        before = self.record(token)
        self.assertEqual(self.verdict(token, "--from", "10.0.0.1")[0], "allow")
        began = clock()
        result = self.ok("revoke", "-y", token_id(token), "-r", "left the | company, 100%")
        self.assertIn("revoked", (result.out + result.err).lower())
        after = self.record(token)
        self.assertTrue(began <= after.revoked <= clock())
        self.assertEqual((after.op, after.reason, after.revoked), ("R", "left the | company, 100%", after.time))
        kept = before._replace(op="R", revoked=after.revoked, time=after.time, reason=after.reason)
        self.assertEqual(after, kept)
        self.assertEqual(self.verdict(token, "--from", "10.0.0.1"), ("deny", "revoked"))

    def test_wants_yes_without_a_terminal(self):
        self.create()
        for stdin in (None, "y\n", "yes\n"):
            self.refused(2, "revoke", "1", says="-y", stdin=stdin)
        self.assertEqual(self.state(1), "active")

    def test_wants_a_reference(self):
        self.create()
        self.refused(2, "revoke", "-y")
        self.assertEqual(self.state(1), "active")

    def test_several(self):
        tokens = [self.create("token %d" % i) for i in range(4)]
        self.ok("revoke", "-y", "1", token_id(tokens[1]), "3", "-r", "all of them")
        self.assertEqual([self.state(serial) for serial in (1, 2, 3, 4)], ["revoked"] * 3 + ["active"])
        self.assertEqual({self.record(token).reason for token in tokens[:3]}, {"all of them"})

    def test_all_are_resolved_before_the_first_is_revoked(self):
        for _ in range(2):
            self.create()
        before = self.site.bytes()
        self.refused(66, "revoke", "-y", "1", "2", "77", says="77")
        self.refused(66, "revoke", "-y", "1", "zzzzzz", "2", says="zzzzzz")
        self.assertEqual(self.site.bytes(), before)

    def test_again(self):
        token = self.create()
        self.ok("revoke", "-y", "1", "-r", "first")
        result = self.ok("revoke", "-y", "1", "-r", "second")
        self.assertIn("already", (result.out + result.err).lower())
        self.assertEqual(self.record(token).reason, "first")

    def test_twice_in_one_command(self):
        token = self.create()
        self.ok("revoke", "-y", "1", token_id(token), "1")
        self.assertEqual(self.state(1), "revoked")

    def test_references_of_all_kinds_and_lengths(self):
        ids = ["abcd00000000", "abce11111111", "abce12222222", "123412341234", "12x412341234", "zzzzzzzzzzz0"]
        ids += ["%s%08d" % (letters, i) for i, letters in enumerate(("AAAA", "AAAB", "aaab", "Zaaa"))]
        writer = Writer("example.com")
        for id in ids:
            writer.create(make_token(id=id), label=id)
        self.site.put(writer)
        references = ["1", "abce11111", "abce12222222", "abce122", "123412341234", "12x4", "6", "zzzz", "AAAA0", "8"]
        said = [1, 2, 3, 3, 4, 5, 6, 6, 7, 8]
        result = self.ok("revoke", "-y", *references)
        lines = [
            'toktab: %s token %d (id %s): "%s"'
            % ("already revoked:" if serial in said[:i] else "revoked", serial, ids[serial - 1], ids[serial - 1])
            for i, serial in enumerate(said)
        ]
        self.assertEqual(result.err.splitlines(), lines)
        self.assertEqual([self.state(serial) for serial in (9, 10)], ["active"] * 2)
        before = self.site.bytes()
        self.refused(2, "revoke", "-y", "9", "abce", "10", says=["abce", *ids[1:3], "2 tokens"])
        self.refused(66, "revoke", "-y", "9", "1234x", says="1234x")
        self.refused(66, "revoke", "-y", "1234", "9", says="1234")
        self.assertEqual(self.site.bytes(), before)

    def test_a_known_and_an_already_revoked_one(self):
        for _ in range(2):
            self.create()
        self.ok("revoke", "-y", "1")
        self.ok("revoke", "-y", "1", "2")
        self.assertEqual(self.state(2), "revoked")

    def test_an_expired_one(self):
        token = self.site.guard(make_token())
        writer = Writer("example.com")
        writer.create(token, expires=1700000001)
        self.site.put(writer)
        self.ok("revoke", "-y", "1")
        self.assertEqual(self.state(1), "revoked")

    def test_json_of_one_and_of_several(self):
        tokens = [self.create() for _ in range(3)]
        one = self.json("revoke", "-y", "1")
        self.assertEqual((one["id"], one["state"]), (token_id(tokens[0]), "revoked"))
        several = self.json("revoke", "-y", "2", "3")
        self.assertEqual([token["serial"] for token in several], [2, 3])
        self.assertEqual({token["state"] for token in several}, {"revoked"})

    def test_a_reason_that_is_too_long(self):
        self.create()
        self.refused(2, "revoke", "-y", "1", "-r", "x" * 5000)
        self.assertEqual(self.state(1), "active")

    def test_revocations_of_one_domain_only(self):
        self.site.configure(config_text(self.site.store_dir, [{"name": "example.com"}, {"name": "other"}]))
        for domain in ("example.com", "other"):
            self.ok("-d", domain, "create", "-l", "x", may_show_token=True)
        self.ok("-d", "other", "revoke", "-y", "1")
        self.assertEqual(self.json("-d", "example.com", "show", "1")["state"], "active")
        self.assertEqual(self.json("-d", "other", "show", "1")["state"], "revoked")


@needs_terminal
class AtATerminal(SiteTest):
    def answer(self, text, *args):
        return self.site.terminal("revoke", *args, answers=[(r"\?|\[y/N\]|y/n|yes", text)])

    def state(self, token):
        return self.record(token).state(time.time())

    def test_yes(self):
        token = self.create("the laptop of bob")
        result = self.answer("y\n", "1", "-r", "lost")
        self.assertEqual(result.code, 0, result)
        self.assertIn("the laptop of bob", result.out, "it does not show what it is about to end")
        self.assertIn(token_id(token), result.out)
        self.assertEqual(self.state(token), "revoked")
        self.assertEqual(self.record(token).reason, "lost")

    def test_declined(self):
        token = self.create()
        for text in ("n\n", "\n", "\x04", "maybe\n"):
            result = self.answer(text, "1")
            self.assertEqual(result.code, 1, result)
            self.assertRegex(result.out, r"\ntoktab: revoke: declined")  # on a line of its own, after ^D too
            self.assertEqual(self.state(token), "active")

    def test_interrupted(self):
        token = self.create()
        result = self.answer("\x03", "1")
        self.assertNotEqual(result.code, 0)
        self.assertEqual(self.state(token), "active")

    def test_yes_asks_nothing(self):
        token = self.create()
        self.assertEqual(self.site.terminal("revoke", "-y", "1").code, 0)
        self.assertEqual(self.state(token), "revoked")

    def test_no_lock_while_it_asks(self):
        token = self.create()

        def create_another():
            self.create("made while the other one asks")
            return "y\n"

        result = self.answer(create_another, "1")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(self.state(token), "revoked")
        self.assertEqual(self.site.read().n, 3)


@needs_terminal
class CreateAtATerminal(SiteTest):
    def test_the_token_is_shown_with_the_warning(self):
        result = self.site.terminal("create", "-l", "x")
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out, r"\btok_[0-9A-Za-z]{61}\b")
        self.assertRegex(result.out.lower(), "again|once|only time")

    def test_copy_shows_only_the_id(self):
        result = self.site.terminal("create", "-l", "x", "--copy", env={"TERM": "xterm"})
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out, r"(?s)sent the token to your terminal.*set-clipboard on")
        self.assertRegex(result.stdout, rb"\x1b\]52;[a-z]*;[A-Za-z0-9+/=]+(\x07|\x1b\\)")
        encoded = result.stdout.split(b"\x1b]52;")[1].split(b";", 1)[1].split(b"\x07")[0].split(b"\x1b")[0]
        token = self.site.guard(base64.b64decode(encoded).decode())
        self.assertEqual(self.verdict(token)[0], "allow")
        self.assertFalse(self.site.leaks(result.stdout), "the token is on the screen")
        self.assertIn(token_id(token), result.out)


class CopyWithoutATerminal(SiteTest):
    def test_is_refused(self):
        result = self.run_tool("create", "-l", "x", "--copy")
        self.assertNotEqual(result.code, 0)
        self.assertEqual(result.out, "")


if __name__ == "__main__":
    unittest.main()
