"""--as web:NAME: a program of the stores' owner works for a person whom the web server knows."""

import os
import unittest

from harness import SiteTest, needs_root
from machine import USERS, Machine, needs_machine
from test_delegation import MachineTest

ALICE = "web:alice@example.com"
DOMAINS = [
    {"name": "shop", "prefix": "shop", "admins": ["root", "alice", "@webops", ALICE, "web:carol", "@root", "@toktab"]},
    {"name": "wiki", "admins": ["bob", "carol", "@toktab-admins", "toktab"]},
    {"name": "nobodys"},
]
BAD_NAMES = (
    "", "web", "web:", "alice", "root", "0", "@webops", "web:@web ops", "WEB:alice@example.com", "Web:alice", "web:web:alice",
    " web:alice", "web:alice ", "web: alice", "web:\t", "web:a\nb", "web:a,b", "web:a/b", "web:a|b", "web:a%2Fb",
    "web:\u00e4lice", "web:al\u0456ce", b"web:\xff", "web:*", "web:" + "a" * 129, "web:'", 'web:"', "web:a:b", "/etc/passwd",
)


class TheOwner(SiteTest):
    """An ordinary user, or root where root owns the stores, with a configuration of their own."""

    domains = DOMAINS

    def as_alice(self, *args):
        return ("--as", ALICE, "-d", "shop", *args)

    def test_whole_life(self):
        result = self.ok(*self.as_alice("create", "-l", "x"), may_show_token=True)
        token = self.site.guard(result.out.strip())
        self.assertTrue(token.startswith("shop_"))
        self.assertEqual(self.record(token, "shop").by[:2], (ALICE, os.getuid()))
        self.ok(*self.as_alice("update", "-l", "y", "1"))
        self.ok(*self.as_alice("rotate", "1"), may_show_token=True)
        self.ok(*self.as_alice("revoke", "-y", "1"))
        for command in ("list", "history", "check"):
            self.ok(*self.as_alice(command))
        changes = self.json(*self.as_alice("history"))
        self.assertEqual({change["by"].rsplit("/", 1)[0] for change in changes}, {"%s/%d" % (ALICE, os.getuid())})

    def test_only_domains_that_name_the_web_user(self):
        self.assertEqual([domain["name"] for domain in self.json("--as", ALICE, "domains")], ["shop"])
        self.ok("-d", "wiki", "create", "-l", "x", may_show_token=True)
        self.assertEqual(self.json("--as", ALICE, "list", "-A"), [])
        self.assertNotIn("wiki", self.ok("--as", ALICE, "check", "-A").err)
        os.unlink(self.site.path("wiki"))
        for domain in ("wiki", "nobodys"):
            for args in (["create", "-l", "x"], ["list"], ["check"], ["history"], ["show", "1"], ["verify"], ["scan"]):
                self.refused(77, "--as", ALICE, "-d", domain, *args, says=[ALICE, domain])
            self.assertFalse(os.path.exists(self.site.path(domain)))
        self.refused(66, "--as", ALICE, "-d", "wiki", "domains")
        self.assertNotIn("wiki", self.run_tool("--as", ALICE, "list").err)

    def test_other_names(self):
        """Users and groups of the system whose names stand in admins too, another case, a part of a name."""
        for name in ("root", "alice", "bob", "toktab", "carol@example.com", "Carol", "caro", "carol.", "@webops", "@root",
                "alice@example.co", "Alice@example.com", "0", "-", "a" * 128):
            self.refused(77, "--as", "web:" + name, "domains", says="web:" + name)
            self.refused(77, "--as", "web:" + name, "-d", "shop", "create", "-l", "x")
        self.assertEqual(self.site.files(), [])
        self.assertEqual(len(self.json("--as", "web:carol", "domains")), 1)

    def test_spellings(self):
        for name in BAD_NAMES:
            result = self.refused(2, "--as", name, "-d", "shop", "create", "-l", "x", says="--as")
            self.assertEqual(result.stdout, b"")
            self.assertNotIn("a" * 17, result.err)
        self.refused(2, "--as", ALICE, "--as", ALICE, "domains", says="twice")
        self.refused(2, "domains", "--as", ALICE)
        self.refused(2, "--as", says="value")
        self.assertEqual(self.site.files(), [])

    def test_sudo_uid(self):
        for uid in ("0", str(os.getuid()), "", "x", "65534"):
            self.refused(77, "--as", ALICE, "-d", "shop", "create", "-l", "x", env={"SUDO_UID": uid}, says="sudo")
        self.assertEqual(self.site.files(), [])

    def test_commands_that_are_root_s(self):
        for args in (["compact"], ["mend", "-y"], ["compact", "--bogus"], ["mend", "--help"], ["log"],
                ["follow", "--", "id"], ["promote"]):
            self.refused(77, "--as", ALICE, "-d", "shop", *args, says=[args[0], ALICE])

    def test_no_file_is_imported(self):
        """The program may be able to read what the web user may not."""
        self.refused(77, "--as", ALICE, "-d", "shop", "import", "-y", self.site.conf, says="stdin")

    def test_no_directory(self):
        os.rmdir(self.site.store_dir)
        self.refused(66, "--as", ALICE, "-d", "shop", "list", says=self.site.store_dir)

    @needs_root
    def test_another_user(self):
        os.chmod(self.site.store_dir, 0o755)
        self.refused(77, "--as", ALICE, "-d", "shop", "list", user=65534, says=["--as", "owner"])
        os.chmod(self.site.conf, 0o600)
        self.refused(77, "--as", ALICE, "-d", "shop", "list", user=65534, says="--as")

    @needs_root
    def test_an_owner_who_is_not_root(self):
        os.chown(self.site.store_dir, 65534, 65534)
        self.refused(77, *self.as_alice("list"), says=["--as", "65534", "root"])
        result = self.ok(*self.as_alice("create", "-l", "x"), user=65534, may_show_token=True)
        self.assertEqual(self.record(self.site.guard(result.out.strip()), "shop").by[:2], (ALICE, 65534))


class Configuration(SiteTest):
    def test_names_that_no_web_user_can_have(self):
        with open(self.site.conf, encoding="utf-8") as file:
            text = file.read()
        for name in ("web:", "web:a b", "web:@", "web:\u00e4", "web:" + "a" * 129, "web:a:b", "web:/C=DE/CN=x"):
            self.site.configure(text.replace('name = "', 'admins = [ "%s" ]; name = "' % name))
            valid = name == "web:@"
            self.expect(0 if valid else 78, "domains")


@needs_machine
class OnASystem(MachineTest):
    def setUp(self):
        self.site = Machine(DOMAINS)
        self.addCleanup(self.site.close)

    def test_the_owner(self):
        result = self.ok("--as", ALICE, "-d", "shop", "create", "-l", "x", user="toktab", may_show_token=True)
        self.assertEqual(self.by(self.site.guard(result.out.strip())), (ALICE, USERS["toktab"][0]))
        self.refused(77, "--as", ALICE, "-d", "wiki", "list", user="toktab")
        self.assertEqual([domain["name"] for domain in self.json("--as", ALICE, "domains", user="toktab")], ["shop"])

    def test_everybody_else(self):
        for user in ("root", "alice", "carol", "mallory", "eve", "reader"):
            for mode in (0o640, 0o644):
                os.chmod(self.site.conf, mode)
                for args in (["create", "-l", "x"], ["list"], ["domains"], ["verify"], ["scan"], ["compact"], ["mend"]):
                    self.refused(77, "--as", ALICE, "-d", "shop", *args, user=user)
        self.assertEqual(self.site.files(), [])

    def test_a_program_that_runs_as_somebody_else(self):
        """One of the owner's that runs as root could be any setuid program that calls the tool."""
        command = ["/usr/bin/setpriv", "--ruid", "61000", "--euid", "0", self.site.program]
        for args in (["create", "-l", "x"], ["list"]):
            self.refused(77, "--as", ALICE, "-d", "shop", *args, user="root", command=command, says="--as: only a program of the stores' owner")
        self.assertEqual(self.site.files(), [])

    def test_through_sudo(self):
        """alice and mallory may run the tool as its owner with any arguments; that gives them no other name."""
        sudo = ["/usr/bin/sudo", "-n"]
        tool = self.site.program
        for user in ("alice", "mallory", "root"):
            for command in (self.site.sudo(), [*sudo, "-u", "toktab", "SUDO_UID=", tool], [*sudo, "-E", "-u", "toktab", tool],
                    [*sudo, "-u", "toktab", "--preserve-env=SUDO_UID", tool], [*sudo, "-u", "toktab", "-g", "toktab", tool]):
                for name in (ALICE, "web:" + user, "web:carol"):
                    result = self.run_tool("--as", name, "-d", "shop", "create", "-l", "x", user=user, command=command,
                        env={"SUDO_UID": str(USERS["toktab"][0])})
                    self.assertNotEqual(result.code, 0, result)
                    self.assertEqual(result.stdout, b"")
        self.refused(77, "--as", ALICE, "-d", "shop", "create", "-l", "x", command=self.site.sudo(), says="--as")
        for command in ("compact", "mend", "log", "follow", "promote"):
            self.refused(77, "--as", ALICE, "-d", "shop", command, command=self.site.sudo())
        self.assertEqual(self.site.files(), [])


if __name__ == "__main__":
    unittest.main()
