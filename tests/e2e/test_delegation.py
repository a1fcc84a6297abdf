"""Domain admins: real users, real sudo, the line for sudoers that is shipped, and people who want more than they may."""

import fcntl
import json
import os
import re
import resource
import signal
import time
import unittest

from harness import TOP, SiteTest, killed_at_end, needs_terminal, wait_until
from machine import USERS, Machine, needs_machine
from oracle_format import token_id

DOMAINS = [
    {"name": "shop", "prefix": "shop", "admins": ["alice", "@webops"], "max_lifetime": "365d"},
    {"name": "wiki", "admins": ["carol"]},
    {"name": "nobodys"},
]


class MachineTest(SiteTest):
    link = False

    def setUp(self):
        self.site = Machine(DOMAINS, self.link)
        self.addCleanup(self.site.close)

    def tearDown(self):
        super().tearDown()
        self.assertFalse(any(self.site.leaks(text) for _, _, text in self.site.log.lines()), "a secret in the system's log")

    def by(self, token, domain="shop"):
        return self.record(token, domain).by[:2]

    def unchanged(self, domain="shop"):
        """Nobody has got anything from that domain."""
        self.assertFalse(os.path.exists(self.site.path(domain)) and self.site.read(domain).n > self.n[domain])

    @property
    def n(self):
        return {domain["name"]: 0 for domain in DOMAINS}

    def marker(self):
        return os.path.join(self.site.home, "marker")


class Line(unittest.TestCase):
    """What is shipped for sudoers."""

    def test_no_wildcard(self):
        """One would match more than whoever wrote it thinks of: the tool decides."""
        with open(os.path.join(TOP, "conf/sudoers"), encoding="utf-8") as file:
            lines = [line for line in file if line.strip() and not line.startswith("#")]
        self.assertEqual(lines, ["%toktab-admins ALL=(toktab) NOPASSWD: /usr/bin/toktab\n"])


@needs_machine
class Admins(MachineTest):
    def test_through_sudo(self):
        token = self.create("x", "-s", "read", command=[*self.site.sudo(), "-d", "shop"])
        self.assertTrue(token.startswith("shop_"))
        self.assertEqual(self.by(token), ("alice", USERS["alice"][0]))
        status = os.stat(self.site.path())
        self.assertEqual((status.st_uid, status.st_gid, status.st_mode & 0o777), (61000, 61000, 0o640))

    def test_who_just_types_a_command(self):
        token = self.create("x", command=[self.site.program, "-d", "shop"])
        self.assertEqual(self.by(token), ("alice", USERS["alice"][0]))
        self.assertEqual([token["serial"] for token in self.json("-d", "shop", "list")], [1])
        self.assertEqual(self.verdict(token, command=[self.site.program, "-d", "shop"]), ("allow", None))
        self.refused(2, "-d", "shop", "revoke", "1", says="-y")
        self.ok("-d", "shop", "revoke", "-y", "1", "-r", "no longer | wanted")
        self.assertEqual(self.record(token, "shop").reason, "no longer | wanted")
        self.refused(1, "-d", "shop", "rotate", "1", says="revoked")

    def test_a_whole_life(self):
        old = self.create("x", "-e", "90d", command=[self.site.program, "-d", "shop"])
        result = self.ok("-d", "shop", "rotate", "1", may_show_token=True, user="carol")
        new = self.site.guard(result.out.strip())
        self.ok("-d", "shop", "update", "-l", "y", "2")
        self.assertEqual(self.by(old), ("carol", USERS["carol"][0]))
        changes = self.json("-d", "shop", "history", "2")
        self.assertEqual([(change["change"], change["by"].split("/")[0]) for change in changes],
            [("create", "alice"), ("create", "carol"), ("update", "carol"), ("update", "alice")])
        self.assertEqual(self.record(new, "shop").label, "y")

    def test_by_group(self):
        token = self.create("x", user="carol", command=[self.site.program, "-d", "shop"])
        self.assertEqual(self.by(token), ("carol", USERS["carol"][0]))

    def test_exit_status_comes_through(self):
        self.refused(66, "-d", "shop", "show", "99")
        self.refused(2, "-d", "shop", "create", "-l", "")
        self.refused(2, "list", user="carol", says=["-d", "shop", "wiki"])

    def test_a_token_in_the_place_of_an_id(self):
        """sudo logs the arguments of what it runs."""
        token = self.create("x", command=[self.site.program, "-d", "shop"])
        for arguments in (["show", token], ["revoke", "-y", token + "x"], ["update", "-l", "y", token[:-1] + "x"],
                          ["history", token], ["-d", "shop", "rotate", token], ["scan", "/" + token]):  # fmt: skip
            self.refused(2, *arguments, says=["sudo", "id"])
        self.ok("-d", "shop", "revoke", "-y", token_id(token))
        with open(os.path.join(self.site.dir, "sudo.log")) as file:
            self.assertIn(token_id(token), file.read())

    def test_domains(self):
        found = self.json("domains")
        self.assertEqual([(domain["name"], domain["may"]) for domain in found], [("shop", "change")])
        self.assertEqual(found[0]["admins"], ["alice", "@webops"])
        self.assertEqual((found[0]["prefix"], found[0]["scopes"], found[0]["max_lifetime"]), ("shop", [], "365d"))
        found = self.json("domains", user="carol")
        self.assertEqual([domain["name"] for domain in found], ["shop", "wiki"])
        found = self.json("domains", user="root")
        self.assertEqual([(domain["name"], domain["may"]) for domain in found],
            [("nobodys", "change"), ("shop", "change"), ("wiki", "change")])
        self.refused(77, "domains", user="mallory", says="mallory")
        self.refused(77, "domains", user="eve", says="eve")

    def test_the_default_domain(self):
        """The only one that the caller may change, whether sudo is needed to find that out or not."""
        for mode in (0o640, 0o644):
            with open(self.site.conf, encoding="utf-8") as file:
                self.site.configure(file.read(), mode)
            for command in (None, self.site.sudo()):
                token = self.create("x", command=command or [self.site.program])
                self.assertTrue(token.startswith("shop_"))
                self.assertEqual(self.json("list", command=command)[-1]["domain"], "shop")
                result = self.refused(2, "create", "-l", "x", user="carol", command=command, says="shop, wiki")
                self.assertNotIn("nobodys", result.err)
        self.refused(2, "create", "-l", "x", user="root", says="nobodys, shop, wiki")
        self.refused((2, 77), "list", user="mallory", command=self.site.sudo(), says="mallory")

    def test_a_default_of_others(self):
        """A domain of that name counts only for who may change it."""
        with open(self.site.conf, encoding="utf-8") as file:
            text = file.read().replace('"nobodys"', '"default"')
        for mode in (0o640, 0o644):
            self.site.configure(text, mode)
            self.assertEqual(self.json("create", "-l", "x", may_show_token=True)["domain"], "shop")
            result = self.refused(2, "create", "-l", "x", user="carol", says="shop, wiki")
            self.assertNotIn("default", result.err)
            self.assertEqual(self.json("create", "-l", "x", user="root", may_show_token=True)["domain"], "default")
            self.assertEqual(len(self.json("list", user="reader")), 1 + (mode == 0o644))
        self.site.configure(text.replace('"carol"', '"carol", "alice"').replace('name = "default"', 'name = "default"; admins = [ "alice" ]'))
        self.assertEqual(self.json("create", "-l", "x", may_show_token=True)["domain"], "default")

    def test_a_serial_is_not_guessed(self):
        """With -y, who may change several domains says in which one."""
        self.create("x", command=[self.site.program])
        self.create("x", command=[self.site.program, "-d", "wiki"], user="carol")
        with open(self.site.conf, encoding="utf-8") as file:
            self.site.configure(file.read().replace('"nobodys"', '"default"'))
        token = self.create("x", command=[self.site.program], user="root")
        self.refused(2, "revoke", "-y", "1", user="root", says=["-d", "default, shop, wiki"])
        self.assertIsNone(self.record(token, "default").revoked)
        self.ok("revoke", "-y", token_id(token), user="root")
        self.ok("revoke", "-y", "1", "-d", "wiki", user="root")
        self.ok("revoke", "-y", "1")

    def test_scan_of_who_has_no_domain(self):
        """That nothing was found would be believed."""
        for command in (None, self.site.sudo()):
            self.refused(77, "scan", user="mallory", command=command, says="mallory")

    def test_names_of_other_domains_are_not_told(self):
        for args in (["list"], ["domains"], ["-d", "nope", "list"]):
            self.assertNotIn("wiki", self.run_tool(*args).err)

    @needs_terminal
    def test_at_a_terminal(self):
        result = self.site.terminal("-d", "shop", "create", "-l", "x")
        self.assertEqual(result.code, 0, result)
        token = self.site.guard(re.search(r"shop_[0-9A-Za-z]{61}", result.out).group())
        asked = [(r"\[y/N\]", "y\n")]
        result = self.site.terminal("-d", "shop", "revoke", token_id(token), answers=asked, user="carol")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(self.by(token), ("carol", USERS["carol"][0]))


@needs_machine
class AdminsByALink(MachineTest):
    link = True

    def test_the_directory_is_the_same(self):
        token = self.create("x", command=[self.site.program, "-d", "shop"])
        self.assertEqual(self.by(token), ("alice", USERS["alice"][0]))
        self.refused(77, "-d", "shop", "create", "-l", "x", user="mallory", says="mallory")
        self.refused(77, "-d", "shop", "create", "-l", "x", command=self.site.sudo(), user="mallory")


@needs_machine
class Others(MachineTest):
    def test_who_is_named_nowhere(self):
        for command in (None, self.site.sudo()):
            for args in (["create", "-l", "x"], ["list"], ["check"], ["history"], ["verify"]):
                self.refused(77, "-d", "shop", *args, user="mallory", command=command, says=["shop", "mallory"])
        self.unchanged()

    def test_another_domain(self):
        for command in (None, self.site.sudo()):
            self.refused(77, "-d", "wiki", "create", "-l", "x", command=command, says=["wiki", "alice"])
            self.refused(77, "-d", "nobodys", "create", "-l", "x", command=command, says=["nobodys", "alice"])
        self.unchanged("wiki")

    def test_whom_sudo_does_not_let(self):
        self.refused(77, "-d", "shop", "create", "-l", "x", user="eve", says=["eve", "toktab-admins"])
        self.assertNotEqual(self.run_tool("list", command=self.site.sudo(), user="eve").code, 0)
        self.unchanged()

    def test_where_the_configuration_can_be_read(self):
        with open(self.site.conf, encoding="utf-8") as file:
            self.site.configure(file.read(), 0o644)
        self.refused(77, "-d", "shop", "create", "-l", "x", user="eve", says=["shop", "eve", "admins"])
        self.refused(77, "-d", "shop", "list", user="eve", says=["shop", "eve", "ask one of them"])
        self.create("x", command=[self.site.program, "-d", "shop"])

    def test_who_may_read_the_stores(self):
        self.create("x", command=[self.site.program, "-d", "shop"])
        self.assertEqual(len(self.json("-d", "shop", "list", user="reader")), 1)
        self.assertEqual({domain["may"] for domain in self.json("domains", user="reader")}, {"read"})
        self.refused(77, "-d", "shop", "create", "-l", "x", user="reader", says=["shop", "reader"])
        self.refused(77, "-d", "shop", "revoke", "-y", "1", user="reader")
        self.refused(77, "-d", "shop", "compact", user="reader", says=["shop", "reader"])
        self.refused(77, "-d", "shop", "mend", "-y", user="reader", says=["shop", "reader"])

    def test_a_second_time_is_not_tried(self):
        os.chmod(self.site.conf, 0o600)
        self.refused(77, "-d", "shop", "list", says="toktab.conf")

    def test_a_store_of_their_own(self):
        """With a configuration of their own everybody does as they like, and sudo is left alone."""
        stores, conf = os.path.join(self.site.home, "stores"), os.path.join(self.site.home, "my.conf")
        os.mkdir(stores)
        os.chown(stores, USERS["eve"][0], -1)
        with open(conf, "w", encoding="utf-8") as file:
            file.write('store_dir = "%s";\n' % stores)
        result = self.ok("create", "-l", "x", conf=conf, user="eve", may_show_token=True)
        self.site.guard(result.out.strip())
        self.assertEqual(os.stat(os.path.join(stores, "default.tokens")).st_uid, USERS["eve"][0])
        self.refused(77, "create", "-l", "x", conf=conf, user="mallory")


@needs_machine
class Hostile(MachineTest):
    def test_sudo_uid_set_by_hand(self):
        for uid in ("0", str(USERS["alice"][0]), str(USERS["toktab"][0]), "x", ""):
            for user in ("eve", "mallory", "reader"):
                env = {"SUDO_UID": uid, "SUDO_USER": "root", "SUDO_GID": "0"}
                self.refused(77, "-d", "shop", "create", "-l", "x", user=user, env=env)
                self.assertNotEqual(
                    self.run_tool("-d", "shop", "create", "-l", "x", user=user, env=env,
                        command=self.site.sudo()).code, 0)
        for command in (
            ["/usr/bin/sudo", "-n", "-u", "toktab", "SUDO_UID=0", self.site.program],
            ["/usr/bin/sudo", "-n", "-u", "toktab", "--preserve-env=SUDO_UID", self.site.program],
            ["/usr/bin/sudo", "-n", "-E", "-u", "toktab", self.site.program],
            ["/usr/bin/sudo", "-n", "-u", "toktab", "/usr/bin/env", "-u", "SUDO_UID", self.site.program],
        ):
            result = self.run_tool("-d", "shop", "create", "-l", "x", user="mallory", env={"SUDO_UID": "0"},
                command=command)
            self.assertNotEqual(result.code, 0, result)
        self.unchanged()

    def test_an_admin_who_is_one_by_sudo(self):
        """root tries what alice may do, by `sudo -u alice toktab ...`: nobody is told to run it as root who is."""
        self.refused(77, "-d", "shop", "list", user="alice", env={"SUDO_UID": "0"}, says=["SUDO_UID", "su - "])

    def test_a_sudo_uid_that_is_none(self):
        """As the owner of the stores it restricts: what makes no sense there restricts all."""
        for uid in ("", "x", "-1", "4294967295", "99999999999"):
            self.refused(77, "-d", "shop", "list", user="toktab", env={"SUDO_UID": uid}, says="SUDO_UID")
        self.refused(77, "-d", "shop", "create", "-l", "x", user="toktab", env={"SUDO_UID": "61999"}, says="61999")
        self.unchanged()

    def test_a_number_is_no_name(self):
        with open(self.site.conf, encoding="utf-8") as file:
            self.site.configure(file.read().replace('"alice"', '"61999"'))
        self.refused(77, "-d", "shop", "create", "-l", "x", user="toktab", env={"SUDO_UID": "61999"})

    def test_a_configuration_of_the_attackers(self):
        conf, link = os.path.join(self.site.home, "evil.conf"), os.path.join(self.site.home, "link")
        os.symlink(self.site.store_dir, link)
        for directory in (self.site.store_dir, link):
            with open(conf, "w", encoding="utf-8") as file:
                file.write('store_dir = "%s";\ndomains = ({ name = "shop"; admins = [ "mallory" ]; });\n' % directory)
            for user in ("mallory", "alice"):
                self.refused(77, "create", "-l", "x", user=user, command=self.site.sudo(), conf=conf, says="-c")
                self.refused((66, 77), "create", "-l", "x", user=user, conf=conf)
        for args in (["--conf=" + conf, "create", "-l", "x"], ["create", "-l", "x", "-c", conf], ["list", "--config=" + conf]):
            self.refused(77, *args, user="mallory", command=self.site.sudo(), says="-c")
        self.unchanged()

    def test_a_configuration_of_the_attackers_while_the_systems_is_broken(self):
        """Whoever owns the stores, by whatever name: nothing says then that this is not their owner."""
        with open(self.site.conf, encoding="utf-8") as file:
            text = file.read()
        conf = os.path.join(self.site.home, "evil.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(text)
        os.chown(self.site.store_dir, USERS["reader"][0], -1)
        env = {"SUDO_UID": str(USERS["mallory"][0])}
        self.site.configure(text + "nonsense")
        self.refused(77, "-d", "shop", "create", "-l", "x", user="reader", env=env, conf=conf, says="-c")
        self.unchanged()
        self.create("x", user="reader", conf=conf, command=[self.site.program, "-d", "shop"])  # nobody came by sudo

    def test_odd_paths(self):
        folder = os.path.join(self.site.home, "bin")
        os.mkdir(folder)
        for name in ("sudo", "toktab", "sh", "id", "getent"):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\necho \"$0 $*\" >> %s\n" % self.marker())
            os.chmod(path, 0o755)
        for path in (folder, "", ".", folder + ":/usr/bin"):
            for user in ("alice", "mallory"):
                result = self.run_tool("-d", "shop", "list", user=user, env={"PATH": path})
                self.assertEqual(result.code, 0 if user == "alice" else 77, result)
        self.assertFalse(os.path.exists(self.marker()), "something was taken from PATH")

    def test_other_variables(self):
        self.create("x", command=[self.site.program, "-d", "shop"])
        env = {
            "LC_ALL": "../../../../tmp", "LANG": "\x1b[31m", "TZ": "/etc/shadow", "TZDIR": self.site.home,
            "HOME": self.site.home, "TMPDIR": self.site.home, "IFS": "/", "TERM": "\x1b", "COLUMNS": "1",
            "LD_LIBRARY_PATH": self.site.home, "LOCPATH": self.site.home,
        }
        for command in (None, self.site.sudo()):
            self.ok("-d", "shop", "list", env=env, command=command)
            self.refused(77, "-d", "shop", "list", env=env, command=command, user="mallory")

    def test_a_tiny_limit_of_file_sizes(self):
        """It passes through sudo."""
        token = self.create("x", command=[self.site.program, "-d", "shop"])
        before = self.site.bytes()
        for limit in (0, 1, len(before), len(before) + 100):
            for args in (["create", "-l", "y"], ["revoke", "-y", "1"]):
                result = self.run_tool("-d", "shop", *args,
                    preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
                self.assertNotEqual(result.code, 0, result)
                self.assertEqual(self.site.bytes(), before)
        self.ok("-d", "shop", "revoke", "-y", "1", user="carol")
        self.assertIsNotNone(self.record(token, "shop").revoked)

    def test_other_tiny_limits(self):
        token = self.create("x", command=[self.site.program, "-d", "shop"])
        before = self.site.bytes()
        for kind, limit in ((resource.RLIMIT_NOFILE, 4), (resource.RLIMIT_AS, 1 << 22), (resource.RLIMIT_STACK, 1 << 14)):
            result = self.site.run("-d", "shop", "create", "-l", "y", command=self.site.sudo(),
                preexec_fn=lambda kind=kind, limit=limit: resource.setrlimit(kind, (limit, limit)), user="mallory")
            self.assertNotEqual(result.code, 0, result)
            self.assertEqual(self.site.bytes(), before)
        self.assertEqual(self.verdict(token, command=[self.site.program, "-d", "shop"])[0], "allow")

    def test_a_full_pipe(self):
        """Nobody reads what create prints: it waits, but holds up nobody else."""
        ours, theirs = os.pipe()
        size = fcntl.fcntl(theirs, fcntl.F_GETPIPE_SZ)
        os.write(theirs, b"x" * size)
        with killed_at_end(self.site.start("-d", "shop", "create", "-l", "x", stdout=theirs)) as process:
            os.close(theirs)
            wait_until(lambda: os.path.exists(self.site.path()) and self.site.read().n == 1, "its line")
            self.create("y", user="carol", command=[self.site.program, "-d", "shop"])
            self.ok("-d", "shop", "revoke", "-y", "1", user="carol")
            self.assertIsNone(process.poll())
            with os.fdopen(ours, "rb") as file:
                self.site.guard(file.read()[size:].decode().strip())
            self.assertEqual(process.wait(60), 0)

    def goes_on(self, process):
        os.killpg(process.pid, signal.SIGCONT)
        time.sleep(0.05)
        return process.poll() is not None

    def test_stopped_in_the_middle(self):
        """^Z at any moment: who is stopped does not hold the lock.

        A sanitizer looks for leaks by a process that waits for the tool's to stop, and for ever if ^Z stops that.
        """
        env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        self.create("x", command=[self.site.program, "-d", "shop"])
        for moment in range(12):
            process = self.site.start("-d", "shop", "update", "-l", "at moment %d" % moment, "1",
                start_new_session=False, process_group=0, env=env)
            with killed_at_end(process):
                deadline = time.monotonic() + moment * 0.004
                while time.monotonic() < deadline:
                    pass
                os.killpg(process.pid, signal.SIGTSTP)
                began = time.monotonic()
                self.ok("-d", "shop", "update", "-l", "meanwhile %d" % moment, "1", user="root")
                self.assertLess(time.monotonic() - began, 9, "it had to wait for the lock")
                wait_until(lambda: self.goes_on(process), "whoever was stopped", 60)
                self.assertEqual(process.returncode, 0, process.stderr.read())
        self.assertEqual(self.site.read().n, 1 + 2 * 12)

    def test_nothing_is_left_of_a_crowd(self):
        """Many at once, killed now and then: the store stays sound, and says who it was."""
        self.create("x", command=[self.site.program, "-d", "shop"])
        processes = [self.site.start("-d", "shop", "update", "-l", "%s %d" % (user, i), "1", user=user)
            for i in range(4) for user in ("alice", "carol", "mallory")]
        codes = [process.communicate(timeout=60) and process.returncode for process in processes]
        self.assertEqual(codes, [0, 0, 77] * 4)
        names = [json.loads(json.dumps(change["by"])).split("/")[0]
            for change in self.json("-d", "shop", "history")[1:]]
        self.assertEqual(sorted(names), ["alice"] * 4 + ["carol"] * 4)


@needs_machine
class ImportedKeys(MachineTest):
    """An admin imports keys from her own file; through sudo no file of the stores' owner is opened for her."""

    KEY = "sk-live-0123456789abcdefghij"

    def setUp(self):
        self.site = Machine([{**domain, "foreign": True} for domain in DOMAINS])
        self.addCleanup(self.site.close)
        self.file = os.path.join(self.site.home, "keys.tsv")
        self.write(self.file, "alice")

    def write(self, path, user):
        with open(path, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            os.fchown(file.fileno(), USERS[user][0], USERS[user][0])
            file.write("a key\t%s\n" % self.KEY)

    def test_her_own_file(self):
        self.ok("-d", "shop", "import", "-y", self.file)
        record = self.site.read("shop").log[0][1]
        self.assertEqual((record.label, record.by[:2]), ("a key", ("alice", USERS["alice"][0])))
        self.assertEqual(self.ok("-d", "shop", "verify", stdin=self.KEY).out[:6], "allow:")

    def test_asked_through_sudo(self):
        result = self.site.terminal("-d", "shop", "import", self.file, answers=[(r"Import it\? \[y/N\] ", "y\n")])
        self.assertEqual(result.code, 0, result)
        self.assertEqual(self.site.read("shop").n, 1)

    def test_files_of_others(self):
        theirs = os.path.join(self.site.home, "theirs.tsv")
        self.write(theirs, "toktab")
        self.refused(77, "-d", "shop", "import", "-y", theirs)
        self.refused(77, "-d", "shop", "import", "-y", theirs, command=self.site.sudo(), says="stdin")
        self.refused(77, "-d", "shop", "import", "-y", self.site.path("shop"), command=self.site.sudo())
        self.unchanged()
        self.ok("-d", "shop", "import", "-y", "-", command=self.site.sudo(), stdin="a key\t" + self.KEY)

    def test_root(self):
        self.ok("-d", "shop", "import", "-y", self.file, user="root")
        self.assertEqual(self.site.read("shop").log[0][1].by[0], "root")
        self.ok("check", command=[self.site.program, "-d", "shop"], user="root")

    def test_another_domain(self):
        for user, command in (("mallory", None), ("mallory", self.site.sudo())):
            self.refused(77, "-d", "shop", "import", "-y", "-", user=user, command=command, stdin="a key\t" + self.KEY)
        self.unchanged()


if __name__ == "__main__":
    unittest.main()
