"""The record of changes in the system's log, and who may not thin out the one in the store."""

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import unittest

from harness import SiteTest, killed_at_end, wait_until
from machine import USERS, Machine, StreamLog, needs_machine
from oracle import Writer
from oracle_format import make_token, token_id
from test_create import login_uid

AUTHPRIV, NOTICE = 10 << 3, 5


@needs_machine
class Journal(SiteTest):
    def setUp(self):
        self.site = Machine([{"name": "shop", "admins": ["alice"], "foreign": True}])
        self.addCleanup(self.site.close)

    def journal(self):
        """What was said since the last call: the texts, by whom it was."""
        lines = self.site.log.lines()
        for priority, tag, text in lines:
            self.assertEqual(priority, AUTHPRIV | NOTICE)
            self.assertRegex(tag, r"\Atoktab\[\d+\]\Z")
            self.assertFalse(self.site.leaks(text))
        return [text for _, _, text in lines]

    def assert_journal(self, by, *texts):
        login = login_uid()
        by = "%s/%s" % (by, "-" if login is None else login)
        self.assertEqual(self.journal(), ["%s %s" % (by, text) for text in texts])

    def test_each_command(self):
        ids = [token_id(self.create("CI deploy")), token_id(self.create("b"))]
        alice = "alice/%d" % USERS["alice"][0]
        self.assert_journal(alice, 'created token 1 (id %s) in domain shop: "CI deploy"' % ids[0],
            'created token 2 (id %s) in domain shop: "b"' % ids[1])
        self.ok("update", "1", "-l", "CI")
        self.assert_journal(alice, 'updated token 1 (id %s) in domain shop: "CI"' % ids[0])
        self.ok("update", "1", "-l", "CI")
        self.assert_journal(alice)
        ids.append(token_id(self.site.guard(self.ok("rotate", "1", may_show_token=True).out.strip())))
        self.assert_journal(alice, 'created token 4 (id %s) in domain shop: "CI"' % ids[2],
            'updated token 1 (id %s) in domain shop: "CI"' % ids[0])
        self.ok("revoke", "-y", "1", "2", "4")
        self.assert_journal(alice, 'revoked token 1 (id %s) in domain shop: "CI"' % ids[0],
            'revoked token 2 (id %s) in domain shop: "b"' % ids[1],
            'revoked token 4 (id %s) in domain shop: "CI"' % ids[2])
        self.ok("revoke", "-y", "1")
        for args in (["list"], ["history"], ["check"], ["domains"]):
            self.ok(*args)
        self.refused(2, "create", "-l", "x", "-e", "1")
        self.assert_journal(alice)

    def test_import(self):
        keys = [secrets.token_urlsafe(24) for _ in range(2)]
        self.site.secrets.update(keys)
        ids = [token["id"] for token in self.json("import", "-y", "-", stdin="a\t%s\nb\t%s\n" % tuple(keys))]
        self.assert_journal("alice/%d" % USERS["alice"][0],
            *['created token %d (id %s) in domain shop: "%s"' % line for line in zip((1, 2), ids, "ab")])
        self.refused(2, "import", "-y", "-", stdin="c\t%s\nb\t%s\n" % (secrets.token_urlsafe(24), keys[1]))
        self.assertEqual(self.journal(), [])

    def test_compact_and_mend(self):
        self.create("x")
        self.journal()
        head = self.ok("compact", user="root").out.strip()
        self.assert_journal("root/0", "compacted the store of domain shop: HEAD " + head)
        head = self.ok("mend", "-y", user="root").out.strip()
        self.assert_journal("root/0", "mended the store of domain shop: HEAD " + head)

    def test_ended_while_a_new_file_is_written(self):
        """What a signal that came under the lock ends, it ends after the record is made."""
        writer = Writer(self.site.domain)
        for _ in range(3000):
            writer.create(make_token(), "x")
        self.site.put(writer)
        for args, done in ((["compact"], "compacted"), (["mend", "-y"], "mended")):
            before, interrupted = self.site.bytes(), False
            for _ in range(200):
                self.journal()
                with killed_at_end(self.site.start(*args, user="root")) as process:
                    wait_until(lambda: process.poll() is not None or self.holds_lock(process), "the lock")
                    process.send_signal(signal.SIGTERM)
                    process.communicate()
                interrupted = process.returncode == -signal.SIGTERM and self.site.bytes() != before
                before = self.site.bytes()
                if interrupted:
                    break
            self.assertTrue(interrupted)
            self.assertIn(done + " the store of domain shop", "".join(self.journal()))

    def holds_lock(self, process):
        with contextlib.suppress(OSError), open(self.site.lock_path(), encoding="ascii") as lock:
            return lock.read().startswith("%d " % process.pid)
        return False

    def test_what_mending_ends(self):
        ids = [token_id(self.create(label)) for label in ("a", "b")]
        self.ok("update", "1", "-l", "c")
        self.create("last")
        lines = self.site.bytes().splitlines(keepends=True)
        self.site.put(b"".join(lines[:3] + lines[4:]))  # without the update
        self.journal()
        head = self.ok("mend", "-y", user="root").out.strip()
        self.assert_journal("root/0", "mended the store of domain shop: HEAD " + head,
            'revoked token 1 (id %s) in domain shop: "a"' % ids[0])
        self.assertEqual(self.json("show", ids[1])["state"], "active")

    def test_who_called_sudo(self):
        self.create("x", command=["/usr/bin/sudo", "-n", self.site.program], user="root")
        self.assertRegex(self.journal()[0], r"\Aroot/0/")

    def test_a_label_forges_no_line(self):
        label = 'x" by root: "\u200d%0A | \\n'
        token = self.create(label)
        self.assertEqual([text.split(" ", 1)[1] for text in self.journal()],
            ['created token 1 (id %s) in domain shop: "%s"' % (token_id(token), label)])

    def test_without_a_system_log(self):
        self.site.log.close()
        self.assertEqual(self.ok("create", "-l", "x", may_show_token=True).err.count("\n"), 2)

    def test_a_system_log_that_takes_nothing_holds_nobody_up(self):
        serials = [token.serial for token in self.some_tokens(3)]
        self.site.log.stop()
        with contextlib.suppress(BlockingIOError):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                while True:
                    sender.sendto(b"x", socket.MSG_DONTWAIT, os.path.join(self.site.dir, "log.socket"))
        result = self.ok("revoke", "-y", *map(str, serials))
        self.assertIn("system's log", result.err)
        self.assertEqual(result.err.count("revoked token"), 3)

    def test_a_system_log_that_takes_streams(self):
        self.site = Machine(self.site.domains, log=StreamLog)
        self.addCleanup(self.site.close)
        tokens = self.some_tokens(3)
        self.journal()
        self.ok("revoke", "-y", *(str(token.serial) for token in tokens))
        self.assert_journal("alice/%d" % USERS["alice"][0],
            *['revoked token %d (id %s) in domain shop: "x"' % (token.serial, token.id) for token in tokens])

    def some_tokens(self, count):
        return [self.record(self.create("x")) for _ in range(count)]

    # whoever may change may not thin out the record of changes

    def test_domain_admins_neither_compact_nor_mend(self):
        self.create("x")
        self.ok("revoke", "-y", "1")
        before = self.site.bytes()
        self.journal()
        for command in ("compact", "mend", "log", "follow", "promote"):
            for args in ([], ["--drop-dead", "0s"], ["-y"], ["--nonsense"], ["a", "b"], ["--help"], ["--json"]):
                for domain in ([], ["-d", "shop"], ["-d", "nosuch"]):
                    with self.subTest(command=command, args=args, domain=domain):
                        result = self.refused(77, command, *args, command=[*self.site.sudo(), *domain])
                        self.assertIn("alice is only a domain admin: ask root", result.err)
                        self.assertEqual(list(json.loads(result.out)) if "--json" in args else result.out,
                            ["error"] if "--json" in args else "")
        for args in (["compact", "--drop-dead", "0s"], ["mend", "-y"]):
            self.refused(77, *args, says="alice is only a domain admin")
        self.assertEqual(self.site.bytes(), before)
        self.assertEqual(self.journal(), [])

    def test_root_may_also_through_sudo(self):
        self.create("x")
        for user in ("toktab", "root"):
            self.ok("compact", user="root", command=["/usr/bin/sudo", "-n", "-u", user, self.site.program])
        self.assertEqual(len(re.findall("compacted", "\n".join(self.journal()))), 2)


if __name__ == "__main__":
    unittest.main()
