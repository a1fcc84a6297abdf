"""Hosts that write through an engine: the example of toktab-engine(7), and engines that fail or lie."""

import os
import re
import resource
import subprocess
import tempfile
import threading
import unittest

import recipes
from fleet_site import SHARED, Engines, Host, wait_for_same
from harness import TIME_LIMIT, TOKTAB, TOP, SiteTest, environment, killed_at_end, wait_until
from hook_host import limited_memory, sanitizers
from machine import Machine, needs_machine
from oracle import Writer
from oracle_format import make_token, token_id

PAGE = os.path.join(TOP, "conf", "toktab-engine.7")


class EngineTest(SiteTest):
    """self.site is the first host. The engine is the example, unless a test puts another in its place."""

    def setUp(self):
        self.engines = Engines()
        self.addCleanup(self.engines.close)
        self.engines.install_shared()
        self.site = self.new_host()

    def new_host(self, **settings):
        host = Host(self.engines, **settings)
        self.addCleanup(host.close)
        return host

    def on(self, host):
        """The methods of this test on another host."""
        other = SiteTest()
        other.site = host
        return other

    def second(self):
        """Another host, which has the log."""
        host = self.new_host()
        self.assertEqual(host.catch_up().code, 0)
        return host

    def follow(self, host):
        process = host.start("follow", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return killed_at_end(process)

    def first_do(self, command, line):
        """From now on, this command runs before the engine takes a line that matches a pattern of the shell."""
        self.engines.install(
            "shared",
            '#!/bin/sh\nexport ENGINE_SHARED="%s"\n[ $1 = append ] || exec "%s" "$@"\n'
            "while IFS= read -r head && IFS= read -r line; do\n"
            'case $line in %s) %s < /dev/null > /dev/null;; esac\nprintf "%%s\\n" "$head" "$line" | "%s" "$@"\ndone\n'
            % (self.engines.log, SHARED, line, command, SHARED),
        )

    def log_files(self):
        return sorted(map(int, os.listdir(os.path.join(self.engines.log, "example.com"))))

    def answer(self, text, before=""):
        """From now on `append` gives this answer, after it has done something with $line."""
        self.engines.install(
            "shared",
            '#!/bin/sh\n[ $1 = append ] || ENGINE_SHARED="%s" exec "%s" "$@"\n'
            "while IFS= read -r head && IFS= read -r line; do\n%s\n%s\ndone\n" % (self.engines.log, SHARED, before, text),
        )


class Reasons(EngineTest):
    """Why an engine does not answer, in its own words."""

    def refuse(self, said):
        """From now on `lines` says that. Returns the file with the time of each start."""
        starts, words = (os.path.join(self.engines.dir, name) for name in ("starts", "words"))
        with open(words, "wb") as file:
            file.write(said + b"\n")
        self.engines.install("shared", '#!/bin/sh\ndate +%%s%%N >> "%s"\nexec cat "%s"\n' % (starts, words))
        return starts

    def test_the_admin_reads_it(self):
        for word in b"denied", b"unavailable":
            with self.subTest(word):
                self.refuse(b"!%s wrong password \x1b[31m \xff" % word)
                self.assertIn(r"it says: wrong password \x1b[31m \xff", self.site.catch_up().err)

    def test_bounded(self):
        self.refuse(b"!denied " + b"x" * 3000)
        self.assertRegex(self.site.catch_up().err, r"it says: x{200}\n$")

    def test_asked_less_and_less(self):
        """A login is slow on purpose, and its failure goes to a log."""
        starts = self.refuse(b"!denied wrong password")
        with tempfile.TemporaryFile("w+") as said:
            with killed_at_end(self.site.start("follow", stdout=subprocess.DEVNULL, stderr=said)):
                wait_until(lambda: os.path.exists(starts) and os.path.getsize(starts) >= 80, "four tries")
            said.seek(0)
            self.assertEqual(said.read().count("wrong password"), 1)
        with open(starts) as file:
            times = [int(line) / 1e9 for line in file]
        self.assertGreater(times[2] - times[1], 1.9)
        self.assertGreater(times[3] - times[2], 3.9)


class Settings(unittest.TestCase):
    """What engine-etcd refuses before it asks anybody."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = scratch.name

    def says(self, *lines, **env):
        conf = os.path.join(self.dir, "etcd.conf")
        with open(conf, "w") as file:
            file.writelines(line + "\n" for line in lines)
        os.chmod(conf, 0o644)
        engine = os.path.join(os.path.dirname(TOKTAB), "engine-etcd")
        done = subprocess.run([engine, "-c", conf, "lines", "example.com"], input="\n", capture_output=True,
            text=True, timeout=TIME_LIMIT, check=False, env=environment(env))  # fmt: skip
        return done.stdout.replace(conf, "CONF").strip()

    def test_password_in_clear_text(self):
        there = "127.0.0.1.example", "127.100.100.100.example", "localhost.example", "192.0.2.1", "[::1].example", "1.1.1.1:127"
        for host in there:
            said = self.says("user = toktab", "nodes = https://127.0.0.1:1 http://%s:1" % host)
            self.assertRegex(said, r'^!denied CONF:2: "nodes": http://.* would show the password')
        secret = os.path.join(self.dir, "none")
        for node in "http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://127.1.2.3:1", "https://192.0.2.1:1":
            said = self.says("nodes = " + node, "user = toktab", "password_file = " + secret)
            self.assertIn("!denied %s: cannot open it" % secret, said)

    def test_credential_of_systemd(self):
        lines = "nodes = http://127.0.0.1:1", "user = toktab"
        self.assertEqual(self.says(*lines), "!denied user toktab has no password: set password_file")
        said = self.says(*lines, CREDENTIALS_DIRECTORY=self.dir)
        self.assertIn("!denied %s/etcd-password: cannot open it" % self.dir, said)
        with open(os.path.join(self.dir, "etcd-password"), "wb") as file:
            file.write(b"\xff\n")
        said = self.says(*lines, CREDENTIALS_DIRECTORY=self.dir)
        self.assertEqual(said, "!denied %s/etcd-password: the password is not UTF-8" % self.dir)

    def test_lengths(self):
        long = "x" * 1023
        for name in "prefix", "ca", "certificate", "key", "user", "password_file", "token_file":
            self.assertEqual(self.says("nodes = https://127.0.0.1:1", "%s = %sx" % (name, long)), '!denied CONF:2: "%s" has more than 1023 characters' % name)
        self.assertRegex(self.says("nodes = https://" + long), r'^!denied CONF:1: "nodes" must be URLs')
        said = self.says("nodes = https://127.0.0.1:1", "prefix = " + long, "user = toktab")
        self.assertIn("has no password", said, "what comes next")

    def test_what_is_no_url_of_a_node(self):
        for url in "127.0.0.1:1", "ftp://x", "https://x/y", "https://user:word@x", "https://x?y", "https://x#y":
            self.assertRegex(self.says("nodes = " + url), r'^!denied CONF:1: "nodes" must be URLs')

    def test_long_password(self):
        secret = os.path.join(self.dir, "password")
        with open(secret, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("x" * 511)
        said = self.says("nodes = http://127.0.0.1:1", "user = toktab", "password_file = " + secret)
        self.assertEqual(said, "!denied %s: the password has more than 510 bytes" % secret)
        with open(secret, "wb") as file:
            file.write(b"\xff" * 510 + b"\n")
        said = self.says("nodes = http://127.0.0.1:1", "user = toktab", "password_file = " + secret)
        self.assertIn("not UTF-8", said, "what comes next")


class Page(unittest.TestCase):
    def test_the_example_is_the_file(self):
        with open(PAGE) as page, open(SHARED) as file:
            text = page.read()
            block = text[text.index(".Bd -literal\n#!/bin/sh") + len(".Bd -literal\n") :]
            block = block[: block.index("\n.Ed")] + "\n"
            self.assertEqual(re.sub(r"\\([e&-]|\(..)", lambda escape: recipes.SHOWN[escape[1]], block), file.read())


class Commands(EngineTest):
    def test_each_command_on_each_host(self):
        token = self.create("first")
        other = self.second()
        with self.follow(self.site), self.follow(other):
            there = self.on(other)
            second = there.create("second")
            wait_until(lambda: second[4:16] in self.site.bytes().decode(), "the second token")
            self.assertEqual(self.verdict(second), ("allow", None))
            self.ok("revoke", "-y", token_id(second))
            wait_until(lambda: there.verdict(second)[0] == "deny", "the revocation")
            there.ok("update", token_id(token), "-l", "renamed")
            wait_for_same([self.site, other])
            result = self.ok("rotate", token_id(token), may_show_token=True)
            self.site.guard(result.out.strip())
            wait_for_same([self.site, other])
            there.ok("compact")
            wait_for_same([self.site, other])
        self.assertEqual(self.ok("check").out, there.ok("check").out)

    def test_follow_goes_on_while_its_host_writes(self):
        """The line that it reads is there already: no reason to start its source anew."""
        self.create("first")
        with open(os.path.join(self.engines.dir, "engine-shared")) as file:
            text = file.read()
        starts = os.path.join(self.engines.dir, "starts")
        self.engines.install("shared", text.replace("#!/bin/sh\n", "#!/bin/sh\necho $1 >> %s\n" % starts))
        with self.follow(self.site):
            wait_until(lambda: os.path.exists(self.site.path("example.com")[:-7] + ".contact"), "contact")
            for label in "abcde":
                self.create(label)
                self.site.run("check")
            other = self.second()
            self.on(other).create("there")
            wait_for_same([self.site, other])
        with open(starts) as file:
            self.assertEqual(file.read().split().count("lines"), 2)

    def test_a_host_that_is_behind_reads_on_first(self):
        self.create("first")
        other = self.second()
        for label in "abc":
            self.create(label)
        self.on(other).create("d")
        self.assertEqual(other.head().split(":")[1], "5")
        self.assertTrue(other.bytes().startswith(self.site.bytes()))

    def test_a_host_that_is_behind_a_compaction(self):
        """A command compacts as follow does: then the files are the same."""
        token = token_id(self.create("first"))
        other = self.second()
        self.ok("revoke", "-y", token_id(self.create("dead")))
        self.ok("compact", "--drop-dead", "0s")
        there = self.on(other)
        self.site.guard(there.ok("rotate", token, may_show_token=True).out.strip())
        self.assertEqual(self.site.catch_up().code, 0)
        self.assertEqual(other.bytes(), self.site.bytes())
        there.ok("check")
        self.ok("compact")
        there.ok("update", token, "-l", "renamed")
        self.ok("compact")
        there.refused(1, "rotate", token, says="successor")
        there.ok("revoke", "-y", token)
        self.assertEqual(self.site.catch_up().code, 0)
        self.assertEqual(other.bytes(), self.site.bytes())

    def test_already_revoked_elsewhere_is_success(self):
        token = self.create("first")
        other = self.second()
        self.ok("revoke", "-y", "--reason", "here", "1")
        result = self.on(other).ok("revoke", "-y", "--reason", "there", "1")
        self.assertIn("already revoked: token 1", result.err)
        self.assertEqual(other.bytes(), self.site.bytes())
        self.assertEqual(self.on(other).verdict(token)[0], "deny")

    def test_a_change_decided_anew(self):
        """What another host did first counts."""
        self.create("first")
        other = self.second()
        self.ok("revoke", "-y", "1")
        there = self.on(other)
        there.refused(1, "update", "1", "-l", "x", says="it was revoked")
        self.assertEqual(other.bytes(), self.site.bytes())
        self.create("second")
        other.catch_up()
        self.site.guard(self.ok("rotate", "3", "--grace", "1h", may_show_token=True).out.strip())
        there.refused(1, "rotate", "3", says="successor")

    def test_old_token_changed_while_it_is_rotated(self):
        """Between the two lines of a rotation; what the other host has acknowledged stays."""
        for change, says in ("update -l renamed --from 192.0.2.0/24", "works until"), ("revoke -y", "revoked the old"):
            with self.subTest(change):
                self.engines.install_shared()
                self.site.catch_up()
                token = token_id(self.create("first"))
                other = self.second()
                flag = os.path.join(self.engines.dir, "flag of " + change.split()[0])
                command = '[ -e "%s" ] || { : > "%s"; "%s" -c "%s" %s %s; }' % (flag, flag, TOKTAB, other.conf, change, token)
                self.first_do(command, "*'|succeeded by '*")
                result = self.ok("rotate", "--grace", "1h", token, may_show_token=True)
                self.site.guard(result.out.strip())
                self.assertIn(says, result.err)
                record = self.json("show", token)
                self.assertEqual(record["state"], "revoked" if "revoke" in change else "active")
                if "update" in change:
                    self.assertEqual((record["label"], record["from"]), ("renamed", ["192.0.2.0/24"]))

    def test_compact_gives_up(self):
        """It must not hold the lock for ever while others are faster."""
        self.create("first")
        other = self.second()
        self.first_do('"%s" -c "%s" create -l x' % (TOKTAB, other.conf), "*'|P|'*")
        self.refused(75, "compact", says="other hosts")
        self.ok("check")

    def test_others_are_always_faster(self):
        """No change waits for ever: whoever runs it may have a limit."""
        self.create("first")
        other = self.second()
        self.first_do('"%s" -c "%s" create -l x' % (TOKTAB, other.conf), "*'|mine|'*")
        self.assertEqual(self.refused(75, "create", "-l", "mine", says="other hosts").out, "")

    def test_does_not_end(self):
        """That would take longer than the page waits, and this test too."""
        self.create("first")
        self.answer("echo done; trap '' TERM; exec sleep 600 <&-")
        self.create("second")

    def test_backslashes(self):
        self.create(r"C:\temp\new\0101")
        other = self.second()
        self.assertEqual(other.bytes(), self.site.bytes())
        self.ok("revoke", "-y", "-r", r"\here", "1")
        result = self.on(other).ok("revoke", "-y", "-r", r"\there", "1")
        self.assertIn("already revoked", result.err)
        self.assertEqual(other.bytes(), self.site.bytes())

    def test_racing_admins(self):
        self.create("first")
        hosts = [self.site] + [self.second() for _ in range(4)]
        results = []

        def create(host, i):
            results.extend(host.run("create", "-l", "host %d, token %d" % (i, k)) for k in range(4))

        threads = [threading.Thread(target=create, args=(host, i)) for i, host in enumerate(hosts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for result in results:
            self.assertEqual(result.code, 0, result)
            self.site.guard(result.out.strip())
        for host in hosts:
            self.assertEqual(host.catch_up().code, 0)
        self.assertEqual({host.bytes() for host in hosts}, {self.site.bytes()})
        self.assertEqual(self.log_files(), list(range(22)))
        store = self.site.bytes().decode()
        for result in results:
            self.assertIn("|%s|C|" % result.out[4:16], store)

    def test_import(self):
        self.site.domains[0]["foreign"] = True
        self.site.set_source("shared")
        keys = "".join("key %d\tabcdefghijklmnopqrstuvwxyz%d\n" % (i, i) for i in range(3))
        self.ok("import", "-y", "-", stdin=keys)
        self.assertEqual(self.log_files(), [0, 1, 2, 3])
        self.refused(2, "import", "-y", "-", stdin=keys, says="in the store already")

    def test_another_host_imports_the_same_key(self):
        self.create("first")
        other = self.second()
        for host in self.site, other:
            host.domains[0]["foreign"] = True
            host.set_source("shared")
        keys = ["abcdefghijklmnopqrstuvwxyz%d" % i for i in range(2)]
        there = os.path.join(self.engines.dir, "keys")
        with open(there, "w") as file:
            file.write("there\t%s\n" % keys[1])
        self.first_do('"%s" -c "%s" import -y "%s"' % (TOKTAB, other.conf, there), "*'|here|'*")
        result = self.refused(2, "import", "-y", "-", stdin="before\t%s\nhere\t%s\n" % tuple(keys), says="in the store already")
        self.assertIn("imported the first 1 key, not the rest", result.err)
        self.assertIn("nothing more was imported", result.err)

    def test_others_get_their_turn(self):
        """While many changes wait for an engine, which is slow until somebody had a turn."""
        self.site.domains[0]["foreign"] = True
        self.site.set_source("shared")
        self.create("first")
        slow = os.path.join(self.engines.dir, "slow")
        self.first_do('[ ! -e "%s" ] || sleep 0.4' % slow, "*")
        keys = "".join("key %d\tabcdefghijklmnopqrstuvwxyz%d\n" % (i, i) for i in range(30))
        for command, before in (("import", "-y", "-"), 1), (("revoke", "-y", *map(str, range(2, 32))), 32):
            with self.subTest(command[0]), tempfile.TemporaryFile("w+") as stdin, tempfile.TemporaryFile("w+") as said:
                open(slow, "w").close()
                stdin.write(keys)
                stdin.seek(0)
                with killed_at_end(self.site.start(*command, stdin=stdin, stderr=said)) as process:
                    wait_until(lambda n=before: self.site.read().n > n, "the first of them")
                    self.create("in between")
                    after = self.site.read().n
                    os.unlink(slow)
                    self.assertEqual(process.wait(TIME_LIMIT), 0)
                self.assertLess(after, before + 30)
                self.assertEqual(self.site.read().n, before + 31)
                said.seek(0)
                self.assertIn("among tokens 2 to 32" if command[0] == "import" else "revoked token 31", said.read())

    def test_two_first_tokens(self):
        """Only one store is made."""
        self.create("first")
        other = self.new_host()
        self.on(other).refused(69, "create", "-l", "x", says=["already", "follow --once"])
        self.assertFalse(os.path.exists(other.path()))


class Snapshot(EngineTest):
    """Where the engine no longer has the lines that a host needs, `snapshot` is another host that has the file."""

    def forget(self, n):
        """From now on the engine has no line before that one."""
        self.engines.install("shared", '#!/bin/sh\nexport ENGINE_SHARED="%s"\n[ $1 = lines ] || exec "%s" "$@"\n'
            'IFS= read -r head\nn=${head#*:} n=${n%%%%:*}\n[ "${n:-0}" -ge %d ] || { echo "!gap"; exit; }\n'
            '{ printf "%%s\\n" "$head"; cat; } | "%s" "$@"\n' % (self.engines.log, SHARED, n, SHARED))  # fmt: skip

    def hosts_behind(self, command):
        """One that is behind a compaction, and a new one."""
        self.create("first")
        other = self.second()
        self.create("second")
        self.ok("compact")
        self.create("third")
        self.forget(2)
        snapshot = "%s -c %s %s" % (TOKTAB, self.site.conf, command)
        other.domains[0]["snapshot"] = snapshot
        other.set_source("shared")
        return other, self.new_host(snapshot=snapshot)

    def test_once(self):
        for host in self.hosts_behind("log"):
            result = host.catch_up()
            self.assertEqual(result.code, 0, result)
            self.assertEqual(host.bytes(), self.site.bytes())

    def test_then_the_engine_goes_on(self):
        """Also if the other host's log would."""
        hosts = self.hosts_behind("log --from - --follow")
        with self.follow(hosts[0]), self.follow(hosts[1]):
            wait_for_same([self.site, *hosts])
            self.ok("revoke", "-y", "1")
            wait_for_same([self.site, *hosts])

    def test_a_host_that_cannot_be_asked(self):
        other, _ = self.hosts_behind("log")
        before = other.bytes()
        other.domains[0]["snapshot"] = "/nonexistent/command"
        other.set_source("shared")
        self.on(other).refused(69, "follow", "--once", says="cannot be run")
        self.assertEqual(other.bytes(), before)


class Failures(EngineTest):
    def prepare(self):
        self.token = self.create("first")
        self.before = self.site.bytes()

    def test_no_majority(self):
        self.prepare()
        self.answer("echo unavailable no majority")
        self.refused(69, "revoke", "-y", "1", says=["NOT revoked", "no majority"])
        result = self.refused(69, "create", "-l", "x", says="no majority")
        self.assertEqual(result.out, "")
        self.refused(69, "update", "1", "-l", "x", says="no majority")
        self.refused(69, "rotate", "1", says="no majority")
        self.refused(69, "compact", says="no majority")
        self.assertEqual(self.site.bytes(), self.before)
        self.assertEqual(self.verdict(self.token), ("allow", None))

    def test_nobody_knows(self):
        self.prepare()
        for answer in "echo unknown", "exit", "echo dunno", "head -c 9999 /dev/zero; echo":
            with self.subTest(answer):
                self.answer(answer)
                result = self.refused(74, "revoke", "-y", "1", says=["NOT known to be revoked", "did not say", "revoking again"])
                self.assertNotIn("NOT revoked", result.err)
                others = (
                    (["create", "-l", "x"], "did not say"), (["update", "1", "-l", "x"], "NOT known to be changed"),
                    (["rotate", "1"], "NOT known to be rotated"), (["compact"], "did not say"),
                )  # fmt: skip
                for command, says in others:
                    result = self.refused(74, *command, says=[says, "look again"])
                    self.assertNotIn("revoking", result.err)
                    self.assertEqual(result.out, "")
        self.assertEqual(self.site.bytes(), self.before)

    def test_nobody_knows_of_one(self):
        """Of those that come after it, it is known."""
        self.prepare()
        self.create("second")
        self.create("third")
        self.answer("case $line in 4'|'*) echo done ;; *) echo unknown ;; esac")
        err = self.refused(74, "revoke", "-y", "1", "2", "3").err
        self.assertIn("revoked token 1", err)
        self.assertIn("token 2: NOT known to be revoked", err)
        self.assertIn("token 3: NOT revoked: nothing was done", err)

    def test_nobody_knows_of_a_rotation(self):
        """The successor is there; whether the old token ends is not known."""
        self.prepare()
        self.answer("case $line in *'|C|'*) echo done ;; *) echo unknown ;; esac")
        result = self.run_tool("rotate", "1", may_show_token=True)
        self.assertEqual(result.code, 74, result)
        self.assertEqual(self.verdict(self.site.guard(result.out.strip())), ("allow", None))
        self.assertIn("may still work as before", result.err)
        self.answer("case $line in *'|C|'*) echo done ;; *) echo unavailable no majority ;; esac")
        self.create("other")
        result = self.run_tool("rotate", "3", may_show_token=True)
        self.site.guard(result.out.strip())
        self.assertEqual(result.code, 74, "something was done")
        self.assertIn("still works as before", result.err)

    def test_nobody_knows_of_the_first(self):
        self.answer("echo unknown")
        self.refused(74, "create", "-l", "x", says="did not say")
        self.assertFalse(os.path.exists(self.site.path()))
        self.site.set_source(None)
        self.create("first")
        self.site.set_source("shared")
        self.answer("echo unknown")
        self.assertNotIn("revoking", self.refused(74, "promote", says=["did not say", "run this again"]).err)

    def test_says_why_and_ends_before_it_is_asked(self):
        self.prepare()
        self.engines.install("shared", "#!/bin/sh\nexec 0<&-; echo unavailable no settings\n")
        for _ in range(5):
            self.refused(69, "revoke", "-y", "1", says=["NOT revoked", "no settings"])

    def test_no_answer(self):
        """It is not the file system that is waited for."""
        self.prepare()
        self.answer("IFS= read -r never")
        result = self.refused(74, "revoke", "-y", "1", says="NOT known to be revoked")
        self.assertNotIn("file system", result.err)

    def test_it_was_done_all_the_same(self):
        """The line is found, and the next try is no second revocation."""
        self.prepare()
        log = os.path.join(self.engines.log, "example.com")
        self.answer("echo unknown", before='printf "%%s\\n" "$line" > %s/2' % log)
        self.refused(74, "revoke", "-y", "1", says="NOT known to be revoked")
        self.engines.install_shared()
        result = self.ok("revoke", "-y", "1")
        self.assertIn("revoked", result.err)
        self.assertEqual(self.log_files(), [0, 1, 2])
        self.assertEqual(self.verdict(self.token)[0], "deny")

    def test_this_host_cannot_write(self):
        """The engine has the change, and the message says so."""
        self.prepare()
        size = len(self.before) + 100

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        result = self.refused(74, "revoke", "-y", "1", says="the engine shared has the change", preexec_fn=limit)
        self.assertNotIn("nothing was done", result.err)
        self.assertNotIn("NOT revoked", result.err)
        self.assertEqual(self.log_files(), [0, 1, 2])
        self.assertEqual(self.site.bytes(), self.before)
        self.assertEqual(self.site.catch_up().code, 0)
        self.assertEqual(self.verdict(self.token)[0], "deny")

    def test_no_memory_for_a_compaction(self):
        """Which another host has made: a change does not fail for it."""
        writer = Writer("example.com")
        for number in range(20000):
            writer.create(make_token(), "label %d" % number)
        self.site.put(writer)
        writer.compact()
        point, flag = (os.path.join(self.engines.dir, name) for name in ("point", "flag"))
        with open(point, "wb") as file:
            file.write(writer.log[-1])
        self.answer('[ -e "%s" ] && echo done || { : > "%s"; printf "conflict %%s\n" "$(cat "%s")"; }' % (flag, flag, point))
        result = self.ok("revoke", "-y", "1", preexec_fn=limited_memory(2 << 20))
        self.assertNotIn("memory", result.err)
        self.assertEqual(self.site.read().n, 20002)
        if not sanitizers():
            self.assertEqual(self.site.read().header.base, 0)

    def test_slow(self):
        """It is not the file system that does not answer."""
        self.prepare()
        self.answer("sleep 5.5; echo unavailable")
        result = self.refused((69, 74), "revoke", "-y", "1", says="NOT ")  # 74: on a busy machine that was too late
        self.assertNotIn("file system", result.err)

    def test_ends_before_it_has_told_all(self):
        self.prepare()
        other = self.second()
        self.create("second")
        flag = os.path.join(self.engines.dir, "flag")
        log = os.path.join(self.engines.log, "example.com")
        self.answer(
            'printf "%%s\n" "$head" "$line" | ENGINE_SHARED="%s" "%s" "$@"' % (self.engines.log, SHARED),
            before='[ -e "%s" ] || { : > "%s"; printf "more %%s\n" "$(cat %s/2)"; exit; }' % (flag, flag, log),
        )
        self.on(other).ok("revoke", "-y", "1")
        self.assertEqual(other.head().split(":")[1], "3")

    def test_none_there(self):
        self.prepare()
        self.site.set_source("nosuch")
        self.refused(69, "revoke", "-y", "1", says=["NOT revoked", "cannot be run: ", "/engine-nosuch: "])
        self.assertEqual(self.site.bytes(), self.before)

    def test_lies(self):
        """What does not prove itself is not written."""
        self.prepare()
        line = self.before.splitlines()[-1].decode()
        changed = line.replace("|first|", "|other|")
        for there in "rubbish", line, changed, line.replace("1|", "2|", 1), "=1:1:" + "0" * 32, "!fork", "toktab1|":
            with self.subTest(there):
                self.answer("echo 'conflict %s'" % there)
                self.refused(69, "revoke", "-y", "1", says="NOT revoked")
                self.assertEqual(self.site.bytes(), self.before)

    def test_a_fork(self):
        self.prepare()
        other = self.second()
        self.create("here")
        fork = self.new_host()
        fork.put(other.bytes())
        fork.set_source(None)
        self.on(fork).create("there")
        fork.set_source("shared")
        before = fork.bytes()
        result = self.on(fork).refused(69, "revoke", "-y", "1", says="NOT revoked")
        self.assertEqual(fork.bytes(), before, result)
        self.assertEqual(fork.catch_up().code, 1)
        self.assertEqual(fork.bytes(), before)
        self.on(fork).refused(1, "promote", says="fork")


class Promote(EngineTest):
    def test_an_old_copy_was_put_back(self):
        for label in "abcd":
            self.create(label)
        other = self.second()
        log = os.path.join(self.engines.log, "example.com")
        for n in 3, 4:
            os.unlink(os.path.join(log, str(n)))
        before = self.site.bytes()
        self.refused(69, "revoke", "-y", "1", says="NOT revoked")
        self.assertEqual(other.catch_up().code, 1)
        self.assertEqual(self.site.bytes(), before)
        self.assertEqual(other.bytes(), before)
        result = self.on(other).ok("promote")
        self.assertIn("appended 2 lines", result.err)
        self.assertEqual(result.out, self.ok("check").out)
        self.ok("revoke", "-y", "1")
        self.assertEqual(self.json("promote")["before"], self.json("promote")["head"])

    def test_a_store_that_was_there_first(self):
        self.site.set_source(None)
        token = self.create("first")
        self.create("second")
        self.site.set_source("shared")
        self.refused(69, "revoke", "-y", "1")
        self.assertIn("appended 2 lines", self.ok("promote").err)
        other = self.second()
        self.assertEqual(other.bytes(), self.site.bytes())
        self.on(other).ok("revoke", "-y", "1")
        self.assertEqual(self.on(other).verdict(token)[0], "deny")

    def test_who_was_the_writer(self):
        """Before there was an engine: that it was promoted counts no more."""
        self.create("first")
        with open(self.site.path()[: -len("tokens")] + "writer", "w") as file:
            file.write("1\n")
        self.refused(69, "check", "--fleet", says="no contact")
        self.assertEqual(self.site.catch_up().code, 0)
        self.ok("check", "--fleet")

    def test_nothing_that_others_did_is_lost(self):
        self.create("first")
        other = self.second()
        self.create("second")
        self.on(other).refused(1, "promote", says="follow --once")

    def says(self, text, append='ENGINE_SHARED="%s" exec "%s" "$@"'):
        """From now on `lines` says that; `append` is the example's, or runs this."""
        words = os.path.join(self.engines.dir, "words")
        with open(words, "w") as file:
            file.write(text + "\n")
        append = append.replace("%s", self.engines.log, 1).replace("%s", SHARED, 1)
        self.engines.install("shared", '#!/bin/sh\n[ $1 = append ] || exec cat "%s"\n%s\n' % (words, append))

    def test_what_the_engine_says_first(self):
        self.create("first")
        line = self.site.bytes().splitlines()[-1].decode()
        head = "0" * 32
        for code, words, text in (
            (1, "fork", "!fork"),
            (1, "gone", "!gap they are gone"),
            (69, "no majority", "!unavailable no majority"),
            (69, "wrong password", "!denied wrong password"),
            (1, "follow --once", line),
            (1, "follow --once", "=rubbish"),
            (1, "follow --once", "=" + "9" * 300),
            (1, "has more than this host", "=1:2:" + head),
            (1, "has more than this host", "=2:1:" + head),
            (1, "line n=1 of the engine is another", "=1:1:" + head),
            (1, "line n=0 of the engine is another", "=1:0:" + head),
        ):
            with self.subTest(text):
                self.says(text)
                self.refused(code, "promote", says=words)
        self.engines.install("shared", "#!/bin/sh\n")
        self.refused(69, "promote", says="gave no answer")
        self.site.set_source("nosuch")
        self.refused(69, "promote", says="cannot be run")
        self.assertEqual(self.log_files(), [0, 1])

    def test_what_the_engine_answers(self):
        for label in "ab":
            self.create(label)
        line = self.site.bytes().splitlines()[-1].decode()
        os.unlink(os.path.join(self.engines.log, "example.com", "2"))
        for code, words, text in (
            (1, "a change of another host meanwhile", "conflict " + line.replace("|b|", "|c|")),
            (69, "no majority", "unavailable no majority"),
            (74, "did not say", "unknown"),
        ):
            self.answer("echo '%s'" % text)
            self.refused(code, "promote", says=words)
        self.engines.install_shared()
        self.assertIn("appended 1 line ", self.ok("promote").err)

    def test_behind_our_compaction(self):
        self.create("first")
        first = self.site.head()
        self.create("second")
        self.ok("compact")
        self.says("=" + first)
        self.refused(1, "promote", says="before this host's last compaction")

    def test_our_own_store_is_damaged(self):
        """Whether the engine stands at the damaged line or before it."""
        heads = []
        for label in "abcdef":
            self.create(label)
            heads.append(self.site.head())
        self.site.put(self.site.bytes().replace(b"\n3|", b"\nx|"))
        for head in heads[0], heads[2]:
            self.says("=" + head)
            self.refused(65, "promote", says="run `toktab check`")
        self.assertEqual(self.log_files(), list(range(7)))

    def test_changes_that_a_new_epoch_would_end(self):
        """If this host had them when it was mended, they are in its own log."""
        self.create("first")
        self.create("second")
        there = self.site.head()
        self.ok("mend", "-y")
        self.says("=1:3:" + "0" * 32)
        self.refused(1, "promote", says=["did not have when it was mended", "-y"])
        self.says("=" + there, append="while IFS= read -r head && IFS= read -r line; do echo done; done")
        self.assertIn("appended 1 line ", self.ok("promote").err)
        self.ok("mend", "-y")
        self.refused(1, "promote", says=["more than one `toktab mend`", "-y"])
        self.assertIn("appended 1 line ", self.ok("promote", "-y").err)


class Killed(EngineTest):
    def test_tool_killed_after_the_engine_has_it(self):
        """The change comes with the next one, or by follow."""
        token = self.create("first")
        log = os.path.join(self.engines.log, "example.com")
        self.answer("kill -9 $PPID; exit", before='printf "%%s\\n" "$line" > %s/2' % log)
        result = self.site.run("revoke", "-y", "1")
        self.assertEqual(result.code, -9)
        self.engines.install_shared()
        self.assertEqual(self.verdict(token), ("allow", None))
        self.assertEqual(self.site.catch_up().code, 0)
        self.assertEqual(self.verdict(token)[0], "deny")


@needs_machine
class Delegated(SiteTest):
    """A domain admin, by sudo."""

    def setUp(self):
        self.engines = Engines()
        self.addCleanup(self.engines.close)
        os.makedirs(self.engines.log)
        os.chmod(self.engines.log, 0o777)
        self.engines.install_shared()
        self.site = Machine([{"name": "shop", "admins": ["alice"], "source": "shared"}])
        self.addCleanup(self.site.close)
        with open(self.site.conf) as file:
            self.site.configure('engine_dir = "%s";\n%s' % (self.engines.dir, file.read()))
        self.create("first", command=self.site.sudo())
        self.site.log.lines()

    def test_environment(self):
        seen = os.path.join(self.engines.log, "seen")
        self.engines.install("shared", '#!/bin/sh\ntr "\\0" "\\n" < /proc/$$/environ > "%s"; exec ls /proc/self/fd >> "%s"\n' % (seen, seen))
        self.refused(74, "revoke", "-y", "1", command=self.site.sudo(), env={"TERM": "evil", "LC_ALL": "C"})
        with open(seen) as file:
            self.assertLessEqual(set(file.read().split()), {"0", "1", "2", "3"})  # 3: the folder that ls reads

    def test_what_only_the_engine_has_is_recorded(self):
        size = os.path.getsize(self.site.path("shop")) + 100

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        self.refused(74, "revoke", "-y", "1", command=self.site.sudo(), says="has the change", preexec_fn=limit)
        self.assertIn("revoked token 1", "".join(text for _, _, text in self.site.log.lines()))


if __name__ == "__main__":
    unittest.main()
