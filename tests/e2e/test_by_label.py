"""-l LABEL in place of a TOKEN-REF: the one active token of exactly that label."""

import time
import unittest

from harness import SiteTest
from oracle import Writer
from oracle_format import make_token, token_id

NASTY = "CI: [prod] 100% | a*b\\ 'é'"


class ByLabel(SiteTest):
    def test_each_command(self):
        token, other = self.create(NASTY), self.create("CI")
        self.assertEqual(self.json("show", "-l", NASTY)["id"], token_id(token))
        self.assertEqual({change["id"] for change in self.json("history", "-l", NASTY)}, {token_id(token)})
        successor = self.site.guard(self.ok("rotate", "-l", NASTY, may_show_token=True).out.strip())
        self.assertEqual(self.record(successor).prev, token_id(token))
        self.ok("revoke", "-y", "--label=CI", "-r", "why")
        self.assertEqual((self.record(other).op, self.record(other).reason), ("R", "why"))
        self.assertIsNone(self.record(token).revoked)

    def test_exactly(self):
        token = self.create("deploy")
        self.create("deploy 2")
        self.create("Deploy")
        self.assertEqual(self.json("show", "-l", "deploy")["id"], token_id(token))
        for label in ("deplo", "deploy*", "deploy ", "DEPLOY", "", "1", token_id(token)):
            with self.subTest(label=label):
                self.refused(66, "show", "-l", label, says="no active token")

    def test_only_what_works(self):
        """A cron job's label lives on, whatever became of its former tokens."""
        now = int(time.time())
        writer = Writer("example.com")
        tokens = [self.site.guard(make_token()) for _ in range(3)]
        writer.create(tokens[0], "CI", expires=now - 10)
        writer.create(tokens[1], "CI")
        writer.revoke(tokens[1])
        self.site.put(writer)
        for command in (["show"], ["history"], ["rotate"], ["revoke", "-y"]):
            self.refused(66, *command, "-l", "CI", says=["CI", "example.com"])
        writer.create(tokens[2], "CI")
        self.site.put(writer)
        self.assertEqual(self.json("show", "-l", "CI")["serial"], 4)

    def test_several(self):
        tokens = [self.create("CI") for _ in range(3)]
        before = self.site.bytes()
        for command in (["show"], ["history"], ["rotate"], ["revoke", "-y"]):
            result = self.refused(2, *command, "-l", "CI", says=["3 active tokens"])
            self.assertEqual(result.out, "")
            for serial, token in enumerate(tokens, 1):
                self.assertIn('toktab:   %d  %s  "CI"\n' % (serial, token_id(token)), result.err)
        self.assertEqual(self.site.bytes(), before)
        for _ in range(7):
            self.create("CI")
        self.refused(2, "show", "-l", "CI", says=["10 active tokens", "and 2 more"])

    def test_a_label_or_a_reference(self):
        self.create("CI")
        for args in (["show"], ["rotate"], ["revoke", "-y"]):
            self.refused(2, *args, says=["serial", "-l"])
        for args in (["show"], ["history"], ["rotate"], ["revoke", "-y"]):
            self.refused(2, *args, "-l", "CI", "1", says="not both")
        self.assertEqual(self.site.read().n, 1)

    def test_a_former_label(self):
        self.create("old")
        self.ok("update", "1", "-l", "new")
        self.refused(66, "show", "-l", "old")
        self.assertEqual(self.json("show", "-l", "new")["serial"], 1)

    def test_a_token_by_mistake(self):
        self.create("CI")
        token = self.site.guard(make_token())
        for command in ("show", "history", "rotate", "revoke"):
            self.refused(66, command, "-l", token)

    def test_without_a_store(self):
        self.refused(66, "show", "-l", "CI")


if __name__ == "__main__":
    unittest.main()
