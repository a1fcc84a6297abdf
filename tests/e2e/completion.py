"""What every shell's completion has to offer. A test is a subclass with a shell."""

import os
import re

from harness import SiteTest
from oracle_format import token_id

# What a careless completion would run, cut or take for something else.
AWKWARD = "CI: [deploy] it's $(touch marker) `touch marker` \\n 100%"


class CompletionTest(SiteTest):
    domains = [{"name": "shop", "scopes": ["read", "write", "repo:push"]}, {"name": "wiki.example"}]
    shell = None

    def offers(self, *words):
        return dict(self.shell.offers(self.site.dir, "toktab", *words))

    def help(self, *command):
        return self.ok(*command, "--help").out

    def commands(self):
        return dict(re.findall(r"^  ([a-z]+) +(.*)$", self.help(), re.M))

    def test_commands(self):
        self.assertEqual(self.offers(""), self.commands())
        self.assertEqual(list(self.offers("crea")), ["create"])
        self.assertEqual(self.offers("help", ""), self.commands())

    def test_options(self):
        for command in ("", *self.commands()):
            with self.subTest(command=command):
                words = [command] if command else []
                made = re.findall(r"^  (?:(-.), |    )(--[a-z-]+)", self.help(*words), re.M)
                made = {name for pair in made for name in pair if name} | {"--help", "-c", "--config", "-d", "--domain"}
                self.assertEqual(set(self.offers(*words, "-")), made)

    def test_tokens(self):
        for label in (AWKWARD, "second", "ended"):
            self.ok("-d", "shop", "create", "-l", label, may_show_token=True)
        self.ok("-d", "shop", "revoke", "-y", "3")
        ids = self.ok("-d", "shop", "list", "--all", "-o", "id", "--no-headings").out.split()
        before = ["-c", "toktab.conf", "-d", "shop"]
        every = dict(zip(ids, (AWKWARD, "second", "ended")))
        alive = dict(list(every.items())[:2])
        for command, wanted in (("show", every), ("history", every), ("revoke", alive), ("rotate", alive),
                                ("update", alive)):
            with self.subTest(command=command):
                self.assertEqual(self.offers(*before, command, ""), wanted)
        self.assertEqual(list(self.offers(*before, "show", ids[1][:6])), [ids[1]])
        self.assertEqual(self.offers("-c", "toktab.conf", "-d", "wiki.example", "show", ""), {})
        self.assertFalse(os.path.exists(os.path.join(self.site.dir, "marker")))

    def test_values(self):
        self.assertEqual(set(self.offers("-c", "toktab.conf", "-d", "")), {"shop", "wiki.example"})
        self.assertEqual(set(self.offers("create", "-e", "")), {"30d", "90d", "365d", "never"})
        self.assertEqual(set(self.offers("rotate", "--grace", "")), {"0s", "1h", "24h", "7d"})
        self.assertEqual(set(self.offers("list", "--expiring", "1")), {"14d"})
        self.assertEqual(set(self.offers("compact", "--drop-dead", "9")), {"90d"})
        self.assertIn("root", self.offers("create", "--user", "roo"))
        self.assertEqual(set(self.offers("-c", "toktab.c")), {"toktab.conf"})
        for command in ("import", "scan", "mend"):
            self.assertEqual(set(self.offers(command, "toktab.c")), {"toktab.conf"})
        self.assertEqual(self.offers("list", "-l", ""), {})
        self.assertIn("root", self.offers("list", "--by", "roo"))
        self.assertEqual(set(self.offers("list", "--unused", "")), {"30d", "90d", "365d"})

    def test_of_a_web_user(self):
        """It is offered what this web user may do: here nothing."""
        self.assertEqual(self.offers("-c", "toktab.conf", "--as", "web:nobody", "-d", ""), {})

    def items(self, *words):
        """What is offered after the last comma. Some shells repeat what is before it."""
        return {word.rpartition(",")[2] for word in self.offers(*words)}

    def test_lists(self):
        conf = ["-c", "toktab.conf"]
        self.assertEqual(self.items(*conf, "-d", "shop", "create", "-s", ""), {"read", "write", "repo:push"})
        self.assertEqual(self.items(*conf, "create", "-d", "shop", "--scopes", "read,"), {"write", "repo:push"})
        self.assertEqual(self.items(*conf, "verify", "-s", "read,w"), {"write"})
        self.assertEqual(self.items(*conf, "create", "-d", "wiki.example", "-s", ""), set())
        columns = self.items("list", "-o", "")
        self.assertEqual(set(self.offers("list", "--sort", "")), columns)
        self.assertEqual(self.items("list", "-o", "id,label,"), columns - {"id", "label"})
        self.assertLess({"id", "label", "last_used", "by", "revoked"}, columns)
        self.assertEqual(self.items("list", "--output", "id,last"), {"last_used"})
        for column in columns:
            self.refused(2, "list", "-o", column, "surplus", says="surplus")

    def test_after_the_command(self):
        """-c and -d are known there too."""
        ids = {name: token_id(self.create("in " + name, "-d", name)) for name in ("shop", "wiki.example")}
        for name in ids:
            for words in (["show", "-d", name, "-c", "toktab.conf"], ["-c", "toktab.conf", "show", "--domain", name]):
                self.assertEqual(list(self.offers(*words, "")), [ids[name]])
        self.assertEqual(set(self.offers("-c", "toktab.conf", "list", "-d", "")), {"shop", "wiki.example"})
        self.assertEqual(set(self.offers("list", "-c", "toktab.c")), {"toktab.conf"})

    def test_labels(self):
        for label in (AWKWARD, "deploy", "deploy: old", "ended"):
            self.create(label, "-d", "shop")
        self.ok("revoke", "-d", "shop", "-y", "-l", "ended")
        successor = self.json("rotate", "-d", "shop", "-l", "deploy: old", may_show_token=True)
        self.ok("update", "-d", "shop", "-l", "new", successor["id"])
        where = ["-c", "toktab.conf", "-d", "shop"]
        labels = {AWKWARD, "deploy", "deploy: old", "new"}
        for command in ("show", "history", "revoke"):
            self.assertEqual({self.shell.plain(word) for word in self.offers(*where, command, "-l", "")}, labels)
        self.assertEqual({self.shell.plain(word) for word in self.offers(*where, "rotate", "--label", "")},
            labels - {"deploy: old"})
        self.assertEqual({self.shell.plain(word) for word in self.offers(*where, "show", "-l", "dep")}, {"deploy", "deploy: old"})
        for command in ("create", "update", "list"):
            self.assertEqual(self.offers(*where, command, "-l", ""), {})
        self.assertFalse(os.path.exists(os.path.join(self.site.dir, "marker")))
