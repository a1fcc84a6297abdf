"""toktab history and domains."""

import os
import re
import time
import unittest

from harness import NOBODY, SiteTest, config_text, needs_root, needs_terminal
from oracle import Writer
from oracle_format import make_token, token_id
from test_create import TOKEN_KEYS

START = 1700000000  # 2023-11-14 22:13:20 UTC


def token(id):
    return make_token(id=id)


class History(SiteTest):
    """A life: 1 is rotated to 2, that to 4; 3 is another one; 5 succeeds 1 as well."""

    def setUp(self):
        super().setUp()
        self.tokens = [token("AAAAAAAAAAA%d" % i) for i in range(1, 6)]
        for secret in self.tokens:
            self.site.guard(secret)
        one, two, three, four, five = self.tokens
        alice = ("alice", 1000, 1000)
        self.writer = writer = Writer("example.com")
        writer.create(one, "CI | deploy", time=START, by=alice, expires=START + 864000, scopes=("read",))
        writer.create(two, "CI | deploy", time=START + 60, scopes=("read",), prev=token_id(one))
        writer.update(one, time=START + 60, expires=START + 3600, reason="succeeded by " + token_id(two))
        writer.create(three, "other", time=START + 120, by=("\x1b[31m", 7, None))
        writer.update(two, time=START + 180, label="CI", user="bob", scopes=(), nets=("10.0.0.0/8",))
        writer.create(four, "CI", time=START + 240, prev=token_id(two))
        writer.revoke(two, time=START + 240, reason="left\u202e | it")
        writer.create(five, "second", time=START + 300, prev=token_id(one))
        self.site.put(writer)

    def changes(self, *args):
        return [(change["n"], change["change"], change["serial"]) for change in self.json("history", *args)]

    def test_all(self):
        result = self.ok("history")
        self.assertEqual(result.err, "")
        self.assertEqual(result.out.splitlines(), [
            "N TIME                 SERIAL ID           CHANGE BY              WHAT",
            "1 2023-11-14 22:13 UTC      1 AAAAAAAAAAA1 create alice/1000/1000 label: CI | deploy; "
            "expires: 2023-11-24 22:13 UTC; scopes: read",
            "2 2023-11-14 22:14 UTC      2 AAAAAAAAAAA2 create root/0/-        label: CI | deploy; expires: never; "
            "scopes: read; prev: AAAAAAAAAAA1",
            "3 2023-11-14 22:14 UTC      1 AAAAAAAAAAA1 update alice/1000/1000 expires: 2023-11-24 22:13 UTC -> "
            "2023-11-14 23:13 UTC; succeeded by AAAAAAAAAAA2",
            "4 2023-11-14 22:15 UTC      4 AAAAAAAAAAA3 create \\x1b[31m/7/-    label: other; expires: never",
            "5 2023-11-14 22:16 UTC      2 AAAAAAAAAAA2 update root/0/-        label: CI | deploy -> CI; "
            "scopes: read -> -; from: - -> 10.0.0.0/8; user: - -> bob",
            "6 2023-11-14 22:17 UTC      6 AAAAAAAAAAA4 create root/0/-        label: CI; expires: never; "
            "prev: AAAAAAAAAAA2",
            "7 2023-11-14 22:17 UTC      2 AAAAAAAAAAA2 revoke root/0/-        left\\u{202E} | it",
            "8 2023-11-14 22:18 UTC      8 AAAAAAAAAAA5 create root/0/-        label: second; expires: never; "
            "prev: AAAAAAAAAAA1",
        ])

    def test_descent(self):
        line = [(1, "create", 1), (2, "create", 2), (3, "update", 1), (5, "update", 2), (6, "create", 6),
            (7, "revoke", 2)]
        self.assertEqual(self.changes("2"), line)
        self.assertEqual(self.changes("6"), line, "the youngest")
        self.assertEqual(self.changes("1"), line + [(8, "create", 8)], "the oldest has two successors")
        self.assertEqual(self.changes("8"), [(1, "create", 1), (3, "update", 1), (8, "create", 8)])
        self.assertEqual(self.changes("AAAAAAAAAAA3"), [(4, "create", 4)])
        self.assertEqual(self.changes(), sorted(line + [(4, "create", 4), (8, "create", 8)]))

    def test_json(self):
        changes = self.json("history", "2")
        for change in changes:
            self.assertEqual(set(change), TOKEN_KEYS | {"n", "change", "time"})
        self.assertEqual([change["time"] for change in changes][:2], ["2023-11-14T22:13:20Z", "2023-11-14T22:14:20Z"])
        self.assertEqual([change["state"] for change in changes], ["active"] * 5 + ["revoked"])
        update = changes[3]
        self.assertEqual((update["label"], update["user"], update["by"], update["from"]),
            ("CI", "bob", "root/0/-", ["10.0.0.0/8"]))
        self.assertEqual(changes[-1]["reason"], "left\u202e | it")
        shown = self.json("show", "2")
        self.assertEqual({key: changes[-1][key] for key in TOKEN_KEYS}, shown)

    def test_times_are_local(self):
        out = self.ok("history", "4", env={"TZ": "EST5"}).out
        self.assertIn("2023-11-14 17:15 EST", out)

    def test_after_a_compaction(self):
        self.writer.compact(time=START + 400, cutoff=START + 250)
        self.writer.update(self.tokens[3], time=START + 500, label="later")
        self.site.put(self.writer)
        result = self.ok("history")
        self.assertEqual(result.err, "toktab: changes 1 to 8 were compacted; only the last change of each "
            "token is kept, and none of tokens dead before 2023-11-14 22:17 UTC\n")
        rows = [row.split() for row in result.out.splitlines()[1:]]
        self.assertEqual([(row[0], row[6]) for row in rows],
            [("3", "update"), ("4", "create"), ("6", "create"), ("8", "create"), ("9", "compact"), ("10", "update")])
        self.assertTrue(result.out.splitlines()[-1].endswith("label: CI -> later"))
        # the predecessor of 6 is gone, and so what lay before it
        self.assertEqual([n for n, _, _ in self.changes("6")], [6, 10])
        self.assertEqual([n for n, _, _ in self.changes("1")], [3, 8])
        point = self.json("history")[4]
        self.assertEqual((point["n"], point["change"], point["id"], point["serial"], point["by"]),
            (9, "compact", None, None, "root/0/-"))
        self.assertEqual(set(point), TOKEN_KEYS | {"n", "change", "time"})

    def test_nothing_more_to_say(self):
        """A compaction has nothing to say but that it was one."""
        self.create()
        self.ok("compact")
        lines = self.ok("history").out.splitlines()
        self.assertEqual([line for line in lines if line.endswith(" ")], [])
        self.assertRegex(lines[-1], r" compact +\S+ +-$")

    def test_numbers_stay_when_compacted_twice(self):
        for time in (START + 400, START + 500):
            self.writer.compact(time=time)
        self.site.put(self.writer)
        self.assertEqual([change[0] for change in self.changes()], [3, 4, 6, 7, 8, 10])

    def test_a_predecessor_whose_line_comes_later(self):
        self.writer.revoke(self.tokens[0], time=START + 350)
        self.writer.compact(time=START + 400)
        self.site.put(self.writer)
        self.assertEqual(self.changes("6"), [(6, "create", 6), (7, "revoke", 2), (9, "revoke", 1)])
        self.assertEqual(len(self.changes("1")), 4)

    def test_after_mending(self):
        head = self.writer.head()
        self.writer.mend(time=START + 400)
        self.site.put(self.writer)
        out = self.ok("history").out.splitlines()[-1]
        self.assertIn(" mend ", out)
        self.assertTrue(out.endswith("mended=" + head), out)

    def test_a_revoked_one_does_not_come_back(self):
        self.writer.append(self.writer.tokens[token_id(self.tokens[1])][1]._replace(
            op="U", revoked=None, time=START + 900))
        self.site.put(self.writer)
        self.assertEqual(self.json("history", "2")[-1]["state"], "revoked")

    def test_damage(self):
        data = self.site.bytes()
        self.site.put(data.replace(b"other", b"othxr"))
        for args in ([], ["2"], ["--json"]):
            result = self.refused(65, "history", *args, says="check")
            self.assertNotIn("serial", result.out)

    def test_refused(self):
        self.refused(66, "history", "99")
        self.refused(2, "history", "AAAA", says="AAAAAAAAAAA1")
        self.refused(2, "history", "1", "2")
        os.unlink(self.site.path())

    @needs_terminal
    def test_at_a_terminal(self):
        result = self.site.terminal("history")
        self.assertEqual(result.code, 0, result)
        self.assertIn(" ago ", result.out)
        self.assertNotIn(b"\x1b", result.stdout)

    def test_what_the_tool_did(self):
        os.unlink(self.site.path())
        secret = self.create("CI")
        result = self.ok("rotate", "1", "--grace", "0s", may_show_token=True)
        self.site.guard(result.out.strip())
        self.ok("update", "2", "-l", "CI 2")
        self.assertEqual(self.changes("2"), [(1, "create", 1), (2, "create", 2), (3, "revoke", 1), (4, "update", 2)])
        self.assertEqual(self.json("history")[2]["id"], token_id(secret))


class Domains(SiteTest):
    domains = [{"name": "b.example", "prefix": "acme", "admins": ["alice", "@webops"], "scopes": ["read", "write"],
                "default_lifetime": "90d", "max_lifetime": "8760h"}, {"name": "a.example"}]

    def test_json(self):
        writer, now = Writer("b.example"), int(time.time())
        tokens = [self.site.guard(make_token()) for _ in range(4)]
        for secret, expires in zip(tokens, (None, now + 1000, now - 1000, None)):
            writer.create(secret, time=now - 5000, expires=expires)
        writer.revoke(tokens[3])
        self.site.put(writer)
        store = os.path.join(self.site.store_dir, "%s.tokens")
        self.assertEqual(self.json("domains"), [
            {"name": "a.example", "prefix": "tok", "store": store % "a.example", "tokens": 0, "active": 0, "admins": [],
             "may": "change", "scopes": [], "default_lifetime": None, "max_lifetime": None},
            {"name": "b.example", "prefix": "acme", "store": store % "b.example", "tokens": 4, "active": 2,
             "admins": ["alice", "@webops"], "may": "change", "scopes": ["read", "write"], "default_lifetime": "90d",
             "max_lifetime": "365d"},
        ])
        lines = [line.split() for line in self.ok("domains").out.splitlines()]
        self.assertEqual(lines, [
            ["NAME", "PREFIX", "SCOPES", "LIFETIME", "MAX_LIFETIME", "TOKENS", "ACTIVE", "ADMINS", "MAY", "STORE"],
            ["a.example", "tok", "-", "-", "-", "0", "0", "-", "change", store % "a.example"],
            ["b.example", "acme", "read,write", "90d", "365d", "4", "2", "alice,@webops", "change", store % "b.example"],
        ])

    def test_one(self):
        self.assertEqual([domain["name"] for domain in self.json("-d", "b.example", "domains")], ["b.example"])
        self.refused(66, "-d", "c.example", "domains", says="c.example")
        self.refused(2, "domains", "b.example")

    def test_a_damaged_one(self):
        self.site.put(b"toktab1|nonsense\n", "a.example")
        result = self.refused(65, "domains", "--json", says="a.example.tokens")
        self.assertEqual(re.findall(r'"tokens": (\w+)', result.out), ["null", "0"])

    def test_without_a_configuration_of_domains(self):
        self.site.configure('store_dir = "%s";\n' % self.site.store_dir)
        self.assertEqual([domain["name"] for domain in self.json("domains")], ["default"])

    @needs_root
    def test_who_may_do_nothing(self):
        self.create("x", may_show_token=True)
        os.chmod(self.site.store_dir, 0o755)
        found = {domain["name"]: (domain["may"], domain["tokens"]) for domain in self.json("domains", user=NOBODY)}
        self.assertEqual(found, {"a.example": ("read", 0), "b.example": ("nothing", None)})

    def test_names_that_are_odd(self):
        self.site.configure(config_text(self.site.store_dir, [{"name": "x", "admins": ["a b", "é"]}]))
        self.assertEqual(self.json("domains")[0]["admins"], ["a b", "é"])

    def create(self, label="a token", *args, **more):
        return self.site.guard(self.ok("-d", "b.example", "create", "-l", label, **more).out.strip())


if __name__ == "__main__":
    unittest.main()
