"""Domain admins where the machine, the directory or the user is not as usual: it works, or the message says what is wrong."""

import os
import shutil
import unittest

from machine import USERS, needs_machine
from test_delegation import DOMAINS, MachineTest

NAMELESS = 61900  # a uid that is in no passwd


@needs_machine
class Odd(MachineTest):
    def configure(self, change=lambda text: text, mode=0o644):
        with open(self.site.conf, encoding="utf-8") as file:
            self.site.configure(change(file.read()), mode)

    def own_configuration(self, store_dir):
        path = os.path.join(self.site.home, "my.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write('store_dir = "%s";\ndomains = ({ name = "shop"; });\n' % store_dir)
        return path

    def limited(self, *limits):
        return ["/usr/bin/prlimit", *limits, "--", self.site.program]

    def test_without_sudo(self):
        self.site.put_over("/usr/bin/sudo", "not a program\n", 0o644)
        for args in (["create", "-l", "x"], ["list"]):
            self.refused(77, "-d", "shop", *args, says=["alice", "/usr/bin/sudo, which is not installed"])
        self.unchanged()

    def test_sudo_cannot_be_started(self):
        self.refused(74, "-d", "shop", "create", "-l", "x", command=self.limited("--nproc=0"), says=["alice", "sudo cannot be started: "])
        self.unchanged()

    def test_sudo_does_not_work(self):
        command = ["/usr/bin/setpriv", "--no-new-privs", self.site.program]
        self.refused(77, "-d", "shop", "create", "-l", "x", command=command, says=["alice", "toktab-admins", "`sudo -n -l`"])
        self.unchanged()

    def test_files_cannot_be_opened(self):
        """By the process that reads the files of scan as the admin."""
        for limit in ("--nproc=0", "--nproc=2", "--nofile=4"):
            self.refused(74, "-d", "shop", "scan", "/etc/hosts", command=self.limited(limit), says="scan: cannot start: ")
        self.ok("-d", "shop", "scan", "/etc/hosts")

    def test_an_owner_without_a_name(self):
        """sudoers names it by its number, and so does the tool."""
        self.configure()
        os.chown(self.site.store_dir, NAMELESS, -1)
        self.refused(77, "-d", "shop", "create", "-l", "x", says=["alice", "run toktab as #%d through sudo" % NAMELESS])
        with open(os.path.join(self.site.dir, "over/etc/sudoers.d.over/toktab"), "w", encoding="utf-8") as file:
            file.write("Defaults runas_allow_unknown_id\n" + self.site.sudoers_line().replace("(toktab)", "(#%d)" % NAMELESS))
        token = self.create("x", command=[self.site.program, "-d", "shop"])
        self.assertEqual(self.by(token), ("alice", USERS["alice"][0]))
        self.assertEqual(os.stat(self.site.path()).st_uid, NAMELESS)
        for user in ("mallory", "carol"):
            self.refused(77, "-d", "nobodys", "create", "-l", "x", user=user, says=user)

    def test_stores_of_root(self):
        """No domain admin becomes root."""
        self.configure()
        os.chown(self.site.store_dir, 0, -1)
        self.refused(77, "-d", "shop", "create", "-l", "x", command=self.site.sudo(), says="ask one of them, or root")
        self.refused(77, "-d", "shop", "create", "-l", "x", says=": run toktab as root")
        self.unchanged()

    def test_no_directory_of_stores(self):
        os.rmdir(self.site.store_dir)
        for mode in (0o640, 0o644):
            self.configure(mode=mode)
            for user in ("alice", "root"):
                self.refused((66, 77), "-d", "shop", "create", "-l", "x", user=user, says="create it, or set store_dir")
        # who came by sudo is restricted all the same, and nobody else is
        conf, env = self.own_configuration(self.site.home), {"SUDO_UID": str(USERS["mallory"][0])}
        for command in (["domains"], ["create", "-l", "x"]):
            self.refused(77, *command, user="toktab", env=env, conf=conf, says=["-c", "mallory"])
        self.ok("domains", user="eve", env=env, conf=conf)

    def test_a_directory_that_only_its_owner_can_reach(self):
        closed = os.path.join(self.site.dir, "closed")
        os.mkdir(closed)
        shutil.move(self.site.store_dir, closed)
        os.chown(closed, USERS["toktab"][0], -1)
        os.chmod(closed, 0o700)
        self.configure(lambda text: text.replace(self.site.store_dir, closed + "/stores"))
        self.site.store_dir = closed + "/stores"
        token = self.create("x", command=[self.site.program, "-d", "shop"])
        self.assertEqual(self.by(token), ("alice", USERS["alice"][0]))
        self.refused(77, "-d", "shop", "create", "-l", "x", user="mallory", says="mallory")
        conf = self.own_configuration(self.site.store_dir)
        for command in (["create", "-l", "x"], ["list"]):
            self.refused((66, 77), *command, user="eve", conf=conf, says=self.site.store_dir)
        self.assertEqual(self.site.read().n, 1)

    def test_a_domain_that_is_not_there(self):
        """Who administers none is told of none."""
        for command in (None, self.site.sudo()):
            result = self.refused(66, "-d", "nope", "list", user="mallory", command=command, says='"nope" that you may administer')
            for domain in DOMAINS:
                self.assertNotIn(domain["name"], result.err.replace(self.site.dir, ""))

    def test_the_only_domain(self):
        self.configure(lambda text: text.replace(text[text.index(',\n  { name = "wiki"'):], "\n);\n"))
        self.create("x", command=[self.site.program])
        for args in (["list"], ["create", "-l", "x"]):
            self.refused(77, *args, user="mallory", command=self.site.sudo(), says=["shop", "mallory", "ask root"])

    def test_a_group_that_is_not_there(self):
        self.configure(lambda text: text.replace('"@webops"', '"@nosuch", "@webops"').replace('"carol"', '"@nosuch"'), 0o640)
        self.create("x", user="carol", command=[self.site.program, "-d", "shop"])
        self.refused(77, "-d", "wiki", "create", "-l", "x", user="carol", says=["wiki", "carol"])
        self.refused(77, "-d", "shop", "create", "-l", "x", user="mallory", says="mallory")

    def test_a_name_that_no_line_could_hold(self):
        """Nobody changes anything under half a name."""
        with open(os.path.join(self.site.dir, "over/etc/passwd.over"), "a", encoding="ascii") as file:
            file.write("%s:x:61901:61001::/:/bin/sh\n" % ("a" * 200))
        self.configure(lambda text: text.replace('"alice"', '"%s"' % ("a" * 200)))
        self.refused(77, "-d", "shop", "create", "-l", "x", user="toktab", env={"SUDO_UID": "61901"}, says="too long for the history")
        self.unchanged()

    def test_root_who_may_not_become_the_owner(self):
        self.create("x", command=[self.site.program, "-d", "shop"])
        before = self.site.bytes()
        for capability in ("setgid", "setuid"):
            command = ["/usr/bin/setpriv", "--bounding-set=-" + capability, "--inh-caps=-" + capability, self.site.program]
            for args in (["create", "-l", "x"], ["revoke", "-y", "1"], ["list"]):
                self.refused(77, "-d", "shop", *args, user="root", command=command, says="cannot switch to its owner, uid 61000")
        self.assertEqual(self.site.bytes(), before)


if __name__ == "__main__":
    unittest.main()
