"""What every shell's completion has to offer. A test is a subclass with a shell."""

import os
import re

from harness import SiteTest

# What a careless completion would run, cut or take for something else.
AWKWARD = "CI: [deploy] it's $(touch marker) `touch marker` \\n 100%"


class CompletionTest(SiteTest):
    domains = [{"name": "shop"}, {"name": "wiki.example"}]
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
                made = {name for pair in made for name in pair if name} | {"--help"}
                self.assertEqual(set(self.offers(*words, "-")), made)

    def test_tokens(self):
        for label in (AWKWARD, "second", "ended"):
            self.ok("-d", "shop", "create", "-l", label, may_show_token=True)
        self.ok("-d", "shop", "revoke", "-y", "3")
        ids = self.ok("-d", "shop", "list", "-o", "id", "--no-headings").out.split()
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
        self.assertIn("root", self.offers("create", "--user", "roo"))
        self.assertEqual(set(self.offers("-c", "toktab.c")), {"toktab.conf"})
        for command in ("import", "scan", "mend"):
            self.assertEqual(set(self.offers(command, "toktab.c")), {"toktab.conf"})
        self.assertEqual(self.offers("list", "-l", ""), {})
