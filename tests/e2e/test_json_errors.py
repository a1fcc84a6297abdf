"""With --json a command that fails says why as JSON on stdout: {"error": {"status", "field", "text"}}."""

import json
import os
import re

from harness import SiteTest
from oracle import Writer
from oracle_format import make_token, token_id

ID = "AAAAAAAAAAAA"
# exit status, field, the command without --json
FAILURES = (
    (2, "label", ["create"]),
    (2, "label", ["create", "-l", ""]),
    (2, "label", ["create", "--label=a\nb"]),
    (2, "label", ["create", "--label"]),
    (2, "label", ["create", "-l", "a", "-l", "b"]),
    (2, "expiry", ["create", "-l", "x", "-e", "soon"]),
    (2, "expiry", ["create", "-l", "x", "-e", "400d"]),
    (2, "expiry", ["create", "-l", "x", "--expires"]),
    (2, "scope", ["create", "-l", "x", "-s", "write"]),
    (2, "scope", ["create", "-l", "x", "-s", "a b"]),
    (2, "from", ["create", "-l", "x", "--from", "10.0.0.1/8"]),
    (2, "user", ["create", "-l", "x", "-u", ""]),
    (2, None, ["create", "-l", "x", "y"]),
    (2, None, ["create", "--bogus", "-l", "x"]),
    (2, None, ["create", "-j"]),
    (66, "token", ["show", "99"]),
    (66, "token", ["show", "--", ID]),
    (2, "token", ["show", "x"]),
    (2, None, ["show"]),
    (66, "token", ["revoke", "-y", "1", "99"]),
    (2, "reason", ["revoke", "-y", "1", "-r", "x" * 256]),
    (2, None, ["revoke", "1"]),
    (66, "token", ["rotate", "99"]),
    (2, "expiry", ["rotate", "1", "-e", "400d"]),
    (2, "grace", ["rotate", "1", "--grace", "long"]),
    (1, None, ["rotate", "2"]),
    (2, "label", ["update", "1", "-l", "\x7f"]),
    (2, "expiry", ["update", "1", "-e", "400d"]),
    (2, "scope", ["update", "1", "-s", "other"]),
    (2, None, ["update", "1"]),
    (66, "token", ["update", "99", "-l", "x"]),
    (2, "expiring", ["list", "--expiring", "x"]),
    (2, "output", ["list", "-o", "lable"]),
    (2, "sort", ["list", "--sort", "lable"]),
    (2, "newest", ["list", "--newest", "0"]),
    (2, "before", ["list", "--before", "x"]),
    (2, None, ["list", "--newest", "1", "--sort", "id"]),
    (66, "label", ["show", "-l", "nosuch"]),
    (2, "label", ["show", "-l", "twin"]),
    (2, None, ["show", "-l", "one", "1"]),
    (2, None, ["create", "CI deploy", "-l", "CI"]),
    (2, "domain", ["list", "-d"]),
    (66, "token", ["history", "99"]),
    (2, "from", ["verify", "--from", "localhost"]),
    (2, "expect", ["check", "--expect", "x"]),
    (2, "drop-dead", ["compact", "--drop-dead", "x"]),
    (66, None, ["mend", "/proc/none"]),
    (1, None, ["promote"]),
    (66, None, ["import", "-y", "/proc/none"]),
    (2, None, ["scan", "--revok", "--revok=1"]),
    (2, None, ["domains", "x"]),
    (2, None, ["nosuch"]),
)


class Errors(SiteTest):
    domains = [{"name": "example.com", "scopes": ["read"], "max_lifetime": "365d"}]

    def setUp(self):
        super().setUp()
        self.create("one")
        self.create("two")
        self.ok("revoke", "-y", "2")
        self.create("twin")
        self.create("twin")

    def error(self, code, *args, **more):
        """What it says, which is on stderr too, just as without --json."""
        plain = self.refused(code, *args, **more)
        at = args.index("--") if "--" in args else len(args)
        at = at - 1 if args[at - 1] in ("--label", "--expires", "-d") else at
        result = self.refused(code, *args[:at], "--json", *args[at:], **more)
        self.assertEqual(plain.stdout, b"")
        self.assertEqual(result.err, plain.err)
        error = json.loads(result.stdout)
        self.assertEqual(list(error), ["error"])
        self.assertEqual(set(error["error"]) - {"candidates"}, {"status", "field", "text"})
        self.assertEqual(error["error"]["status"], code)
        self.assertIn("toktab: %s\n" % error["error"]["text"], result.err)
        return error["error"]

    def test_each_command(self):
        before = self.site.bytes()
        for code, field, args in FAILURES:
            with self.subTest(args=args):
                self.assertEqual(self.error(code, *args)["field"], field)
        self.assertEqual(self.site.bytes(), before)

    def test_all_commands_are_here(self):
        commands = set(re.findall(r"^  ([a-z]+)  ", self.ok("--help").out, re.M)) - {"help", "log", "follow"}
        self.assertEqual(commands - {args[0] for _, _, args in FAILURES}, set())

    def test_options_before_the_command(self):
        self.assertIsNone(self.error(2, "--bogus", "list")["field"])
        self.assertEqual(self.error(66, "-d", "nosuch", "list")["field"], "domain")
        self.assertEqual(self.error(2, "-d", "a", "-d", "b", "list")["field"], "domain")
        self.assertEqual(self.error(2, "--as", "alice", "list")["field"], "as")
        self.assertEqual(self.error(77, "--as", "web:a", "list")["field"], "domain")
        self.assertIsNone(self.error(77, "--as", "web:a", "compact")["field"])

    def test_configuration_and_files(self):
        path = self.site.path()
        with open(path, "r+b") as file:
            file.seek(200)
            file.write(b"#")
        for args in (["create", "-l", "x"], ["list"], ["show", "1"], ["compact"]):
            self.error(65, *args)
        self.assertEqual(list(self.json("check", code=1)), ["head", "lines", "tokens", "faults"])
        os.unlink(path)
        self.error(66, "history", "1")
        self.site.configure("nonsense")
        self.error(78, "list")

    def test_what_was_printed_stays_alone(self):
        """An answer is one JSON text, whatever the exit status."""
        self.create("three", "-e", "1d")
        self.assertEqual(len(self.json("list", "--expiring", "2d", code=1)), 1)
        answer = self.run_tool("verify", "--json", stdin=make_token())
        self.assertEqual((answer.code, json.loads(answer.stdout)["verdict"]), (1, "deny"))

    def test_candidates(self):
        """Those that the message names, and only where it names any."""
        twins = [{"serial": token["serial"], "id": token["id"], "label": "twin"} for token in self.json("list", "-l", "twin")]
        for args in (["show"], ["history"], ["rotate"], ["revoke", "-y"]):
            self.assertEqual(self.error(2, *args, "-l", "twin")["candidates"], twins)
        for _ in range(8):
            self.create("twin")
        self.assertEqual(len(self.error(2, "show", "-l", "twin")["candidates"]), 8)
        self.assertNotIn("candidates", self.error(66, "show", "-l", "nosuch"))
        writer = Writer("example.com")
        alike = [self.site.guard(make_token(id="Same%08d" % number)) for number in range(2)]
        for token in alike:
            writer.create(token, "a|b")
        self.site.put(writer)
        self.assertEqual(self.error(2, "update", "Same", "-l", "x")["candidates"],
            [{"serial": serial, "id": token_id(token), "label": "a|b"} for serial, token in enumerate(alike, 1)])

    def test_abbreviated(self):
        self.assertIn("error", json.loads(self.refused(66, "show", "99", "--js").stdout))

    def test_not_asked(self):
        """What stands behind -- or is part of a value is no option."""
        for args in (["create", "--label=--json", "-e", "x"], ["scan", "--bogus", "--", "--json"]):
            self.assertEqual(self.refused(2, *args).stdout, b"")

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            result = self.site.run("show", "99", "--json", stdout=full)
        self.assertEqual((result.code, result.err.count("\n")), (66, 1), result)

    def test_no_token_is_shown(self):
        token = self.site.guard(make_token())
        for args in (["show", token], ["revoke", "-y", token], ["create", token], ["create", "-l", "x", "-s", token], [token],
                ["create", "--" + token], ["list", "--expiring", token], ["-d", token, "list"], ["--as", token, "list"],
                ["check", "--expect", token], ["rotate", "1", "--grace", token], ["verify", token]):
            result = self.run_tool(*args, "--json")
            self.assertIn("error", json.loads(result.stdout), result)
            self.assertFalse(self.site.leaks(result.stdout + result.stderr), result)
