"""-A: list and check over all domains that the caller may see."""

import unittest

from harness import SiteTest
from machine import Machine, needs_machine
from oracle_format import token_id


class AllDomains(SiteTest):
    domains = [{"name": "b.example"}, {"name": "a.example", "track_usage": False}, {"name": "empty"}]

    def setUp(self):
        super().setUp()
        self.tokens = [self.create("label of " + name, "-d", name) for name in ("b.example", "a.example", "b.example")]

    def test_list(self):
        lines = [line.split() for line in self.ok("list", "-A").out.splitlines()]
        self.assertEqual([line[:2] for line in lines],
            [["DOMAIN", "SERIAL"], ["a.example", "1"], ["b.example", "1"], ["b.example", "2"]])
        found = self.json("list", "--all-domains")
        self.assertEqual([(token["domain"], token["id"]) for token in found], [
            ("a.example", token_id(self.tokens[1])), ("b.example", token_id(self.tokens[0])),
            ("b.example", token_id(self.tokens[2]))])

    def test_list_with_other_options(self):
        self.assertEqual(self.ok("list", "-A", "-o", "label", "--no-headings", "-l", "*a.ex*").out, "label of a.example\n")
        self.assertEqual(self.json("list", "-A", "-l", "nothing"), [])
        self.ok("update", "-d", "a.example", "1", "-e", "10d")
        self.assertEqual([token["domain"] for token in self.json("list", "-A", "--expiring", "11d", code=1)], ["a.example"])
        self.ok("list", "-A", "--expiring", "9d")

    def test_check(self):
        result = self.ok("check", "-A")
        self.assertRegex(result.out, r"\Aa\.example 1:1:[0-9a-f]{32}\nb\.example 1:2:[0-9a-f]{32}\n\Z")
        self.assertIn("domain empty has no tokens yet", result.err)
        found = self.json("check", "-A")
        self.assertEqual([(one["domain"], one["tokens"], one["faults"]) for one in found],
            [("a.example", 1, []), ("b.example", 2, [])])
        self.assertEqual(found[1]["head"], self.json("check", "-d", "b.example")["head"])

    def test_a_damaged_one(self):
        """It is reported, and the others are shown."""
        self.site.put(b"nonsense\n", "a.example")
        result = self.refused(1, "check", "-A", says="a.example.tokens")
        self.assertRegex(result.out, r"\Ab\.example 1:2:")
        self.assertEqual([bool(one["faults"]) for one in self.json("check", "-A", code=1)], [True, False])
        result = self.refused(65, "list", "-A", "-o", "serial,domain", "--no-headings", says="a.example.tokens")
        self.assertEqual(result.out.split(), ["1", "b.example", "2", "b.example"])
        self.assertEqual(len(self.json("list", "-A", code=65)), 2)
        self.refused(65, "list", "-A", "--expiring", "9d")

    def test_refused(self):
        for args in (["list", "-A", "-d", "empty"], ["check", "-A", "-d", "empty"]):
            self.refused(2, *args, says=["-A", "-d"])
        self.refused(2, "check", "-A", "--expect", "1:0:" + "0" * 32, says=["--expect", "-d"])

    def test_none_has_a_store(self):
        self.site.configure('store_dir = "%s"; domains = ({ name = "x"; }, { name = "y"; });' % self.site.store_dir)
        self.assertEqual(self.json("list", "-A"), [])
        self.assertEqual(self.ok("list", "-A").out, "")
        self.assertEqual(self.json("check", "-A"), [])


@needs_machine
class Delegated(SiteTest):
    """A domain admin sees the domains that name the admin, and no others."""

    def setUp(self):
        self.site = Machine([{"name": "shop", "admins": ["alice", "carol"]}, {"name": "wiki", "admins": ["carol"]},
            {"name": "nobodys"}])
        self.addCleanup(self.site.close)
        for name in ("shop", "wiki", "nobodys"):
            self.create("x", "-d", name, user="root")

    def test_whose_domains(self):
        for user, names in (("alice", ["shop"]), ("carol", ["shop", "wiki"]), ("root", ["nobodys", "shop", "wiki"])):
            for command in ("list", "check"):
                self.assertEqual([one["domain"] for one in self.json(command, "-A", user=user)], names)
        for command in ("list", "check"):
            result = self.refused(77, command, "-A", user="mallory", says="mallory")
            self.assertNotIn("nobodys", result.out + result.err)


if __name__ == "__main__":
    unittest.main()
