"""The command line as such: help, mistakes, the choice of the domain, exit statuses, messages."""

import os
import re
import unittest

from harness import Site, SiteTest, config_text
from oracle_format import make_token

COMMANDS = ("create", "list", "show", "revoke", "verify", "check")


class Help(SiteTest):
    def assert_one_screen(self, result):
        lines = result.out.splitlines()
        self.assertEqual(result.err, "")
        self.assertTrue(2 <= len(lines) <= 24, result)
        self.assertLessEqual(max(map(len, lines)), 80, result)

    def test_of_each_command(self):
        for command in COMMANDS:
            result = self.ok(command, "--help")
            self.assert_one_screen(result)
            self.assertIn(command, result.out)

    def test_of_the_tool(self):
        result = self.ok("--help")
        self.assert_one_screen(result)
        for command in COMMANDS:
            self.assertIn(command, result.out)

    def test_each_way_to_ask(self):
        for args in (["-h"], ["help"]):
            self.assertEqual(self.ok(*args).out, self.ok("--help").out)
        for command in (*COMMANDS, "help"):
            text = self.ok(command, "--help").out
            self.assertEqual(self.ok(command, "-h").out, text)
            self.assertEqual(self.ok("help", command).out, text)
        self.refused(2, "help", "crate", says="create")
        self.refused(2, "help", "list", "show")
        self.assertRegex(self.ok("--version").out, r"\Atoktab [0-9.]+\n\Z")

    def test_names_the_options(self):
        for command, options in (
            ("create", ("-l", "-e", "-s", "--from", "-u", "--copy", "--json")),
            ("list", ("--active", "--revoked", "--expired", "--expiring")),
            ("list", ("-l", "-u", "-o", "--no-headings", "--json")),
            ("revoke", ("-r", "-y", "--json")),
            ("verify", ("-s", "--from", "-u", "--json")),
            ("check", ("--expect", "--json")),
            ("show", ("--json",)),
        ):
            text = self.ok(command, "--help").out
            for option in options:
                self.assertIn(option, text, command)

    def test_wants_no_configuration(self):
        for command in COMMANDS:
            result = self.ok(command, "--help", conf=os.path.join(self.site.dir, "missing.conf"))
            self.assertIn(command, result.out)


class Mistakes(SiteTest):
    def test_no_command(self):
        """The help, but not where a script looks for a token."""
        for args in ([], ["-d", "default"]):
            result = self.run_tool(*args)
            self.assertEqual((result.code, result.out, result.err), (2, "", self.ok("--help").out))

    def test_a_label_without_its_option(self):
        self.refused(2, "create", "CI deploy", says="-l")
        self.refused(2, "create", "-l", "CI", "deploy", says="unexpected argument")

    def test_a_day_that_is_none(self):
        self.refused(2, "create", "-l", "x", "-e", "2027-02-30", says="no such day")

    def test_a_value_that_is_said_twice(self):
        token = self.create()
        before = self.site.bytes()
        for name, args in (
            ("label", ["create", "-l", "a", "-l", "a"]), ("expires", ["create", "-l", "a", "-e", "1d", "--expires=1d"]),
            ("user", ["create", "-l", "a", "-u", "a", "--user", "b"]), ("label", ["list", "-l", "a", "-l", "b"]),
            ("output", ["list", "-o", "id", "-o", "label"]), ("expiring", ["list", "--expiring", "1d", "--expiring", "2d"]),
            ("reason", ["revoke", "-y", "-r", "a", "1", "-r", "b"]), ("expires", ["update", "1", "-e", "1d", "-e", "2d"]),
            ("grace", ["rotate", "--grace", "1d", "--grace", "2d", "1"]), ("from", ["verify", "--from", "::1", "--from", "::1"]),
            ("expect", ["check", "--expect", "1:0:" + "0" * 32, "--expect", "1:0:" + "0" * 32]),
            ("drop-dead", ["compact", "--drop-dead", "1d", "--drop-dead", "1d"]), ("domain", ["-d", "a", "-d", "b", "list"]),
            ("domain", ["list", "-d", "a", "--domain=b"]), ("domain", ["-d", "example.com", "list", "-d", "example.com"]),
            ("config", ["list", "-c", "/dev/null"]),
        ):
            with self.subTest(args=args):
                self.refused(2, *args, says="option --%s: given twice" % name)
        self.assertEqual(self.site.bytes(), before)
        self.assertEqual(self.verdict(token, "-s", "a", "-s", "b"), ("deny", "scope"))
        self.ok("list", "--json", "--json", "--active", "--active")

    def test_unknown_command(self):
        self.refused(2, "crate", says=["crate", "create"])
        self.refused(2, "revok", says="revoke")
        self.refused(2, "xyzzy", says="xyzzy")
        self.refused(2, "")
        self.refused(2, "LIST", says="did you mean list?")

    def test_words_of_other_tools(self):
        for word, ours in (("ls", "list"), ("rm", "revoke"), ("delete", "revoke"), ("del", "revoke"), ("add", "create"),
                ("new", "create"), ("get", "show"), ("renew", "rotate"), ("edit", "update"), ("journal", "history"),
                ("grep", "scan"), ("fsck", "check"), ("repair", "mend"), ("gc", "compact")):
            self.refused(2, word, says="unknown command %s: did you mean %s?" % (word, ours))
            self.refused(2, "help", word, says="did you mean %s?" % ours)
        for args in (["-V"], ["-v"], ["-version"], ["version"], ["--vesrion"], ["-v", "list"]):
            self.refused(2, *args, says="--version?")
        self.refused(2, "-?", says="--help")
        self.refused(2, "create", "--name", "x", says="did you mean --label?")
        self.refused(2, "create", "--ttl=90d", says="did you mean --expires?")
        self.refused(2, "revoke", "-f", "1", says="did you mean --yes?")
        self.refused(2, "revoke", "--force", "1", says="did you mean --yes?")

    def test_a_state_as_an_argument(self):
        for word, option in (("active", "active"), ("revokd", "revoked"), ("expired", "expired")):
            self.refused(2, "list", word, says="did you mean --%s?" % option)
        self.refused(2, "list", "surplus", says="see toktab list --help")

    def test_columns(self):
        self.create()
        for word, column in (("lable", "label"), ("SERIAL", "serial"), ("name", "label"), ("last-used", "last_used")):
            self.refused(2, "list", "-o", "id," + word, says="did you mean %s?" % column)

    def test_scopes(self):
        self.site.configure(config_text(self.site.store_dir, [
            {"name": "few", "scopes": ["read", "write", "a:b"]}, {"name": "any"}]))
        for word, scope in (("raed", "read"), ("Write", "write"), ("a.b", "a:b")):
            self.refused(2, "-d", "few", "create", "-l", "x", "-s", word,
                says=["did you mean %s? (domain " % scope, "has only read,write,a:b)"])
        result = self.refused(2, "-d", "few", "create", "-l", "x", "-s", "admin", says="has only read,write,a:b")
        self.assertNotIn("did you mean", result.err)
        self.ok("-d", "any", "create", "-l", "x", "-s", "raed", may_show_token=True)

    def test_unknown_option(self):
        self.refused(2, "list", "--actve", says=["actve", "active"])
        self.refused(2, "list", "--revokd", says="revoked")
        self.refused(2, "list", "--no-heading-s", says="no-headings")
        self.refused(2, "create", "-l", "x", "--form", "10.0.0.0/8", says="from")
        self.refused(2, "check", "--expct", "x", says="expect")
        self.refused(2, "list", "--xyzzy", says="xyzzy")
        self.refused(2, "list", "-Z", says="Z")
        self.refused(2, "--xyzzy", "list", says="xyzzy")

    def test_a_value_without_quotes(self):
        for args in (["create", "-l", "CI", "deploy"], ["update", "1", "-l", "CI", "deploy"], ["list", "-l", "CI", "deploy"]):
            self.refused(2, *args, says=['unexpected argument "deploy"', 'needs quotes, as in -l "CI deploy"'])
        for args in (["list", "--json", "surplus"], ["show", "1", "2"]):
            self.assertNotIn("quotes", self.refused(2, *args, says="unexpected argument").err)

    def test_an_option_without_its_value(self):
        for args in (["create", "-l"], ["list", "-o"], ["list", "--expiring"], ["verify", "--from"],
                ["check", "--expect"], ["-d"]):
            self.refused(2, *args)

    def test_a_value_for_a_flag(self):
        self.refused(2, "list", "--json=yes")

    def test_states_exclude_each_other(self):
        self.create()
        result = self.run_tool("list", "--active", "--revoked")
        self.assertIn(result.code, (0, 2), result)

    def test_messages_say_what_and_why(self):
        """Each names what is wrong, and then why, or what to do: after a colon, a question mark or in brackets."""
        self.create()
        other = [
            self.site.run(*args, stdin="x")
            for args in (
                ["crate"], ["list", "--actve"], ["list", "-o"], ["list", "-o", "lable"],
                ["list", "surplus"], ["list", "--expiring", "14"],
                ["create"], ["create", "-l", ""], ["create", "-l", "a\nb"], ["create", "-l", "x", "-e", "90"],
                ["create", "-l", "x", "-e", "2001-01-31"],
                ["create", "-l", "x", "-s", "a b"], ["create", "-l", "x", "--from", "x"],
                ["create", "-l", "x", "-u", ""], ["show"], ["show", "77"],
                ["show", "zzzz"], ["show", "!"], ["revoke", "1"], ["revoke", "-y"], ["revoke", "-y", "77"],
                ["revoke", "-y", "1", "-r", "x" * 5000],
                ["verify", "--from", "x"], ["verify", "x"], ["check", "--expect", "x"], ["-d", "nowhere", "list"],
            )
        ]
        messages = [result.err.splitlines()[0] for result in other]
        self.assertEqual([message for message in messages if not re.match(r"toktab: .+(: | \(|\? ).", message)], [])

    def test_nothing_on_stdout(self):
        for args in (["list", "--actve"], ["show", "77"], ["revoke", "-y", "77"], ["-d", "nowhere", "list"]):
            self.assertEqual(self.site.run(*args).stdout, b"")

    def test_no_such_store(self):
        for args in (["show", "1"], ["revoke", "-y", "1"], ["check"]):
            self.refused(66, *args)
        self.refused(66, "verify", stdin=make_token())

    def test_list_without_a_store(self):
        result = self.run_tool("list", "--json")
        self.assertTrue(result.out.strip() == "[]" if result.code == 0 else result.code == 66, result)

    def test_a_message_names_the_line_of_the_store(self):
        self.create()
        with open(self.site.path(), "r+b") as file:
            data = bytearray(file.read())
            data[-60] ^= 1
            file.seek(0)
            file.write(data)
        self.refused(65, "list", says=self.site.path())


class Domains(SiteTest):
    def configure(self, *names):
        self.site.configure(config_text(self.site.store_dir, [{"name": name} for name in names]))

    def domain_of_create(self, *args):
        return self.json(*args, "create", "-l", "x", may_show_token=True)["domain"]

    def test_the_only_one(self):
        self.configure("one.example")
        self.assertEqual(self.domain_of_create(), "one.example")

    def test_default_if_there_is_one(self):
        self.configure("one.example", "default", "two.example")
        self.assertEqual(self.domain_of_create(), "default")

    def test_several_want_a_choice(self):
        self.configure("one.example", "two.example")
        for args in (["create", "-l", "x"], ["list"], ["show", "1"], ["revoke", "-y", "1"], ["check"]):
            self.refused(2, *args, says=["-d", "one.example", "two.example"])
        self.refused(2, "verify", says=["-d"], stdin="x")
        self.assertEqual(os.listdir(self.site.store_dir), [])

    def test_by_name(self):
        self.configure("one.example", "default", "two.example")
        self.assertEqual(self.domain_of_create("-d", "two.example"), "two.example")
        self.assertEqual([name for name in os.listdir(self.site.store_dir) if name.endswith(".tokens")],
            ["two.example.tokens"])

    def test_after_the_command(self):
        """-c and -d may follow any command, its options and its arguments."""
        self.configure("one.example", "two.example")
        where = ["--domain=two.example", "-c", self.site.conf]
        token = self.create("x", *where, conf="")
        self.ok("show", "1", *where, conf="")
        self.ok("update", "1", "-d", "two.example", "-l", "y")
        self.assertEqual(self.verdict(token, *where, conf="")[0], "allow")
        for args in (["history"], ["check"], ["list"], ["compact"], ["scan"], ["domains"], ["mend", "-y"]):
            self.ok(*args, *where, conf="")
        self.assertEqual([domain["name"] for domain in self.json("domains", *where, conf="")], ["two.example"])
        self.ok("rotate", *where, "1", conf="", may_show_token=True)
        self.ok("revoke", "1", *where, "-y", conf="")
        self.assertEqual([name for name in self.site.files() if name.endswith(".tokens")], ["two.example.tokens"])
        self.refused(2, "list", "-d", says="needs a value")

    def test_unknown(self):
        self.configure("one.example", "two.example")
        for command in ("list", "domains", "scan"):
            self.refused(66, "-d", "one.exampel", command, says=["one.exampel", "did you mean one.example?"])
        self.refused(66, "-d", "xyzzy", "list", says=["xyzzy", "one.example, two.example"])
        for bad in ("", "../one.example", "One.example", "one.example/", "one.example\n"):
            self.refused((2, 66), "-d", bad, "list")

    def test_tokens_of_one_are_unknown_to_the_other(self):
        self.configure("one.example", "two.example")
        names = ("one.example", "two.example")
        made = [self.json("-d", name, "create", "-l", "x", may_show_token=True) for name in names]
        for name in names:
            for token in made:
                self.expect(0 if token["domain"] == name else 1, "-d", name, "verify", stdin=token["token"])


class TokenByMistake(SiteTest):
    """Somebody gives a token where something else is wanted. No message repeats its secret."""

    domains = [{"name": "default"}, {"name": "few", "prefix": "few", "scopes": ["read"]}]

    def test_is_not_repeated(self):
        self.create("CI")
        token = self.site.guard(make_token())
        few = ["-d", "few"]
        for args in (
            [token], ["--" + token], ["-d", token, "domains"], ["-d", token, "list"], ["help", token],
            ["create", "-l", "x", "--from", token], ["create", "-l", "x", "-e", token],
            ["create", "-l", "x", "-s", token + "\\"], [*few, "create", "-l", "x", "-s", token],
            ["create", token], ["create", "--" + token], ["update", "1", "--from", token],
            ["update", "1", "-e", token], ["update", token, "-l", "x"], ["rotate", "1", "--grace", token],
            ["rotate", token], ["revoke", token], ["show", token], ["history", token], ["list", token],
            ["list", "--expiring", token], ["list", "-o", token], ["check", "--expect", token],
            ["compact", "--drop-dead", token], ["verify", "--from", token], ["verify", token],
            [*few, "verify", "-s", token],
        ):
            with self.subTest(args=[arg.replace(token, "TOKEN") for arg in args]):
                result = self.site.run(*args, stdin="")
                self.assertNotEqual(result.code, 0)
                self.assertFalse(self.site.leaks(result.stdout + result.stderr))


class Output(SiteTest):
    def test_closed_or_full_output_of_a_listing(self):
        self.create()
        with open("/dev/full", "wb") as full:
            for args in (["list"], ["list", "--json"], ["show", "1"], ["check"], ["create", "--help"]):
                result = self.site.run(*args, stdout=full)
                self.assertEqual(result.code, 74, result)
                self.assertIn("toktab: ", result.err)

    def test_each_descriptor_closed(self):
        """A file must never get a number that messages or tokens are written to."""
        for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
            site = Site()
            self.addCleanup(site.close)
            site.run("create", "-l", "first", "-u", "first")
            result = site.run("create", "-l", "second", preexec_fn=lambda: [os.close(number) for number in closed])
            self.assertEqual(result.code, 74 if 1 in closed else result.code, (closed, str(result)))
            store = site.read()
            self.assertEqual(store.torn, b"", closed)
            self.assertLessEqual({record.label for _, record, _ in store.tokens.values()}, {"first", "second"})
            for name in site.files():
                with open(os.path.join(site.store_dir, name), "rb") as file:
                    self.assertNotRegex(file.read(), rb"tok_|toktab:", (closed, name))


if __name__ == "__main__":
    unittest.main()
