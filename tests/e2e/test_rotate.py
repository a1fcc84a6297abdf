"""toktab rotate: the successor, what becomes of the old token, and what is refused."""

import base64
import os
import re
import resource
import signal
import subprocess
import time
import unittest

from harness import SiteTest, clock, killed_at_end, needs_terminal
from oracle import Writer
from oracle_format import make_token, token_hash, token_id
from test_create import TOKEN_KEYS

DAY = 86400


class RotateTest(SiteTest):
    def rotate(self, *args, **more):
        """The successor, which is all that rotate prints on stdout."""
        result = self.ok("rotate", *args, may_show_token=True, **more)
        self.assertRegex(result.out, r"\A[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{61}\n\Z", result)
        token = self.site.guard(result.out[:-1])
        self.assertFalse(self.site.leaks(result.stderr), result)
        return token

    def old(self, **more):
        """A token by another writer, whose life began three days ago."""
        token, now = self.site.guard(make_token()), int(time.time())
        writer = Writer(self.site.domain)
        writer.create(token, "old | one", time=now - 3 * DAY, user="bob", scopes=("read",), nets=("10.0.0.0/8",),
            expires=now + 27 * DAY, **more)
        self.site.put(writer)
        return token


class Rotate(RotateTest):
    def test_the_successor(self):
        old = self.old(reason="")
        before, began = self.record(old), clock()
        new = self.rotate("1")
        ended, record = self.record(old), self.record(new)
        self.assertTrue(began <= record.created <= clock())
        self.assertEqual(record.expires - record.created, 30 * DAY)
        same = ("label", "scopes", "nets", "user", "ext")
        self.assertEqual([getattr(record, key) for key in same], [getattr(before, key) for key in same])
        self.assertEqual((record.op, record.serial, record.prev, record.hash, record.revoked, record.reason),
            ("C", 2, token_id(old), token_hash(new), None, ""))
        # the old one's line comes second, and says why
        self.assertEqual([entry[0] for entry in self.site.read().log], [1, 2, 3])
        self.assertEqual(ended, before._replace(
            op="U", time=record.time, expires=record.time + DAY, reason="succeeded by " + token_id(new), by=ended.by))
        for token in (old, new):
            self.assertEqual(self.verdict(token, "--from", "10.0.0.1")[0], "allow")

    def test_what_it_says(self):
        old = self.create("CI")
        result = self.ok("rotate", "1", "--grace", "7d", may_show_token=True, env={"TZ": "EST5"})
        new = self.site.guard(result.out.strip())
        end = time.strftime("%Y-%m-%d %H:%M EST", time.gmtime(self.record(old).expires - 5 * 3600))
        self.assertEqual(result.err.splitlines(), [
            'toktab: created token 2 (id %s) in domain example.com: "CI", expires: never (the old token\'s lifetime)'
            % token_id(new),
            "toktab: copy the token now; it cannot be shown again",
            "toktab: the old token 1 (id %s) works until %s" % (token_id(old), end),
        ])

    def test_the_last_of_several_successors(self):
        self.old()
        for serial in ("1", "2"):
            newest = self.rotate(serial)
        serial = self.json("show", token_id(newest))["serial"]
        self.refused(1, "rotate", "1", says="its successors, token %d (id %s), has none: rotate that one" % (serial, token_id(newest)))
        self.refused(1, "rotate", "2", says="has a successor, token %d (id %s): rotate" % (serial, token_id(newest)))
        newest = self.rotate(str(serial), "--grace", "0s")  # which revokes the one before
        self.refused(1, "rotate", "1", says="its successors, token 6 (id %s), has none" % token_id(newest))
        self.ok("revoke", "-y", "6")
        self.refused(1, "rotate", "1", says="token 6 (id %s), was revoked: create another" % token_id(newest))

    def test_not_twice(self):
        """A second successor would live as short as what is left of the old token."""
        old = self.old()
        new = self.rotate("1", "--grace", "1h")
        before = self.site.bytes()
        for reference in ("1", token_id(old)):
            for more in ([], ["-e", "90d"], ["--grace", "0s"]):
                result = self.refused(1, "rotate", reference, *more,
                    says=["has a successor, token 2 (id %s)" % token_id(new), "rotate that one"])
                self.assertEqual(result.out, "")
        self.ok("update", "1", "-e", "30d")
        self.refused(1, "rotate", "1", says="rotate that one")
        self.ok("revoke", "-y", "1")
        self.refused(1, "rotate", "1", says="rotate that one")
        self.assertEqual(self.site.read().n, 5)
        self.assertTrue(self.site.bytes().startswith(before))
        newer = self.record(self.rotate("2"))
        self.assertEqual(newer.expires - newer.created, 30 * DAY)
        self.ok("revoke", "-y", "2", newer.id)
        self.refused(1, "rotate", "2", says=["token 6 (id %s), was revoked" % newer.id, "create another"])

    def test_not_twice_after_a_compaction(self):
        """The successor's line may then come first, or be gone."""
        self.old()
        new = self.rotate("1")
        self.ok("update", "1", "-u", "carol")
        self.ok("compact")
        self.refused(1, "rotate", "1", says="token 2 (id %s)" % token_id(new))
        writer, old = Writer("example.com"), self.site.guard(make_token())
        writer.create(old)
        writer.update(old, reason="succeeded by 0123456789AB", expires=int(time.time()) + DAY)
        self.site.put(writer)
        self.refused(1, "rotate", "1", says=["compaction", "create another"])

    def test_not_twice_at_once(self):
        for _ in range(3):
            old = self.create()
            processes = [self.site.start("rotate", token_id(old)) for _ in range(4)]
            codes = sorted(process.communicate(timeout=60) and process.returncode for process in processes)
            self.assertEqual(codes, [0, 1, 1, 1])
            successors = [record for _, record, _ in self.site.read().tokens.values() if record.prev == token_id(old)]
            self.assertEqual(len(successors), 1)

    def test_grace(self):
        for text, seconds in (("1h", 3600), ("90s", 90), ("2w", 14 * DAY)):
            old = self.old()
            new = self.rotate(token_id(old), "--grace", text)
            self.assertEqual(self.record(old).expires - self.record(new).time, seconds)

    def test_a_date_as_grace(self):
        old, end = self.old(), int(time.time()) // DAY * DAY + 5 * DAY
        self.rotate("1", "--grace", time.strftime("%Y-%m-%d", time.gmtime(end)))
        self.assertEqual(self.record(old).expires, end)

    def test_nothing_is_extended(self):
        for grace in ("28d", "1000d", "never"):
            old = self.old()
            expires = self.record(old).expires
            self.rotate("1", "--grace", grace)
            self.assertEqual((self.record(old).expires, self.record(old).op), (expires, "U"))

    def test_no_grace(self):
        old = self.old()
        new = self.rotate("1", "--grace", "0s")
        record = self.record(old)
        self.assertEqual((record.op, record.revoked, record.reason),
            ("R", self.record(new).time, "succeeded by " + token_id(new)))
        self.assertEqual(self.verdict(old, "--from", "10.0.0.1"), ("deny", "revoked"))
        self.assertEqual(self.verdict(new, "--from", "10.0.0.1")[0], "allow")

    def test_expiry(self):
        self.old()
        new = self.record(self.rotate("1", "-e", "5d"))
        self.assertEqual(new.expires - new.created, 5 * DAY)
        self.assertIsNone(self.record(self.rotate("2", "-e", "never")).expires)
        self.assertIsNone(self.record(self.rotate("4")).expires, "the old one's life had no end")

    def test_one_that_has_expired(self):
        old, now = self.site.guard(make_token()), int(time.time())
        writer = Writer("example.com")
        writer.create(old, time=now - 3 * DAY, expires=now - DAY)
        self.site.put(writer)
        new = self.record(self.rotate("1"))
        self.assertEqual(new.expires - new.created, 2 * DAY)
        self.assertEqual(self.record(old).expires, now - DAY)
        self.assertEqual(self.verdict(old), ("deny", "expired"))

    def test_a_revoked_one(self):
        self.create()
        self.ok("revoke", "-y", "1")
        before = self.site.bytes()
        result = self.refused(1, "rotate", "1", says=["revoked", "create"])
        self.assertEqual(result.out, "")
        self.assertEqual(self.site.bytes(), before)

    def test_refused(self):
        self.create()
        before = self.site.bytes()
        for args in (
            [], ["1", "2"], ["1", "-e", "12"], ["1", "-e", "2001-01-31"], ["1", "--grace", "5"], ["1", "--grace", ""],
            ["1", "--grace", "-1h"], ["1", "--grace", "2001-01-31"], ["1", "--grace"], ["1", "--copy", "--json"],
            ["1", "-l", "x"], ["1", "--grce", "1h"],
        ):
            result = self.refused(2, "rotate", *args)
            self.assertNotIn("token\"", result.out)
        self.refused(66, "rotate", "7")
        self.assertEqual(self.site.bytes(), before)

    def test_json(self):
        old = self.old()
        result = self.json("rotate", "1", may_show_token=True)
        self.site.guard(result["token"])
        self.assertEqual(set(result), TOKEN_KEYS | {"token"})
        self.assertEqual((result["prev"], result["serial"], result["label"]), (token_id(old), 2, "old | one"))
        shown = self.json("show", "2")
        result.pop("token")
        self.assertEqual(shown, result)

    def test_a_line_that_is_too_long(self):
        """A successor's line is longer than the old one's, for it names that."""
        fits, too_long, longest = 1, 4096, None
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            result = self.run_tool("create", "-l", "x", "-s", "s" * middle, may_show_token=True)
            fits, too_long = (middle, too_long) if result.code == 0 else (fits, middle)
            longest = result.out.strip() or longest
        before = self.site.bytes()
        result = self.refused(2, "rotate", token_id(longest), says="too much")
        self.assertEqual((result.out, self.site.bytes()), ("", before))

    def test_nobody_sees_it(self):
        old = self.create()
        with open("/dev/full", "wb") as full:
            result = self.run_tool("rotate", "1", stdout=full)
        self.assertEqual(result.code, 74, result)
        new = [id for id in self.site.read().tokens if id != token_id(old)][0]
        self.assertIn(new, result.err)
        self.assertIn("revoke", result.err)
        self.assertIn(token_id(old), result.err)
        with self.site.start("rotate", "1", stdout=None, preexec_fn=lambda: os.close(1)) as process:
            self.assertIn(b"stdout", process.communicate()[1])
        self.assertEqual(process.returncode, 74)
        self.assertEqual(self.site.read().n, 3)

    def test_no_room_for_the_second_line(self):
        """Then it says which token still works as before."""
        old = self.create()
        size = len(self.site.bytes())
        size += size - len(self.site.bytes().splitlines(True)[0]) + 150
        result = self.run_tool("rotate", "1", may_show_token=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        new = self.site.guard(result.out.strip())
        self.assertEqual((result.code, self.site.read().n), (74, 2), result)
        self.assertIn("token %s: still works as before" % token_id(old), result.err)
        for token in (old, new):
            self.assertEqual(self.verdict(token)[0], "allow")

    def test_killed_in_between(self):
        """Then both work, and nothing is lost."""
        moment, seen = 0.001, set()
        while 2 not in seen and moment < 30:
            old = self.create()
            before = self.site.read().n
            with killed_at_end(self.site.start("rotate", token_id(old), "--grace", "0s")) as process:
                try:
                    process.wait(moment)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                process.wait()
            done = self.site.read().n - before
            self.assertEqual(self.record(old).revoked is not None, done == 2)
            self.assertEqual("rotation was interrupted" in self.run_tool("list").err, done == 1)
            if done == 1:
                self.refused(1, "rotate", token_id(old), "--grace", "0s", says=["had been interrupted", "rotate that one"])
                self.assertIsNotNone(self.record(old).revoked)
            seen.add(done)
            moment *= 1.1
        self.assertIn(2, seen, "it was killed each time")
        self.ok("check")


class Interrupted(RotateTest):
    """Somebody killed a rotation after the successor's line: nobody has seen the successor, and the old token has no end."""

    def setUp(self):
        super().setUp()
        self.old, self.new = self.site.guard(make_token()), self.site.guard(make_token())
        self.began = int(time.time()) - 3 * DAY
        self.writer = Writer("example.com")
        self.writer.create(self.old, "CI", time=self.began, expires=self.began + 30 * DAY)
        self.writer.create(self.new, "CI", time=self.began + DAY, expires=self.began + 31 * DAY, prev=token_id(self.old))
        self.site.put(self.writer)

    def assert_ended(self, grace=DAY):
        record = self.record(self.old)
        self.assertEqual((record.op, record.reason), ("U", "succeeded by " + token_id(self.new)))
        self.assertEqual(record.expires, record.time + grace)

    def test_list_says_so(self):
        for args in ([], ["--json"], ["-A"], ["-o", "id", "--no-headings"]):
            result = self.ok("list", *args)
            self.assertIn("token 1 (id %s) of domain example.com works as before: its rotation was interrupted: run "
                "`toktab -d example.com rotate %s`" % (token_id(self.old), token_id(self.old)), result.err)
            self.assertEqual(result.err.count("toktab: "), 1)
        self.refused(1, "-d", "example.com", "rotate", token_id(self.old))
        self.assertEqual(self.ok("list").err, "")

    def test_the_old_one_gets_its_end(self):
        result = self.refused(1, "rotate", "1", "--grace", "1h", says=["works until", "had been interrupted", "rotate that one"])
        self.assertEqual(result.out, "")
        self.assert_ended(3600)
        self.assertEqual(self.site.read().n, 3)
        self.refused(1, "rotate", "1", says="rotate that one")
        self.assertEqual(self.site.read().n, 3)

    def test_and_the_new_one_is_rotated(self):
        """By its serial or by the label, which means the successor: nobody has to know what happened."""
        for reference in (["2"], ["-l", "CI"]):
            self.site.put(self.writer)
            newest = self.rotate(*reference)
            self.assert_ended()
            record = self.record(newest)
            self.assertEqual((record.prev, record.serial), (token_id(self.new), 4))
            self.assertEqual(record.expires - record.created, 30 * DAY)
            self.assertEqual(self.record(self.new).expires, record.time + DAY)
            self.assertEqual(self.site.read().n, 5)

    def test_after_a_compaction(self):
        self.ok("compact")
        self.assertIn("interrupted", self.ok("list").err)
        self.rotate("-l", "CI")
        self.assert_ended()

    def test_what_somebody_has_changed_since_is_left_alone(self):
        self.ok("update", "1", "-e", "never")
        self.assertEqual(self.ok("list").err, "")
        self.rotate("2")
        self.assertIsNone(self.record(self.old).expires)

    def test_what_has_ended_by_itself(self):
        for change in (lambda writer: writer.revoke(self.old), lambda writer: None):
            writer = Writer("example.com")
            writer.create(self.old, "CI", time=self.began, expires=self.began + 2 * DAY)
            writer.create(self.new, "CI", time=self.began + DAY, prev=token_id(self.old))
            change(writer)
            self.site.put(writer)
            self.assertEqual(self.ok("list").err, "")
            n = self.site.read().n
            self.rotate("2")
            self.assertEqual(self.site.read().n, n + 2)

    def test_a_predecessor_that_is_gone(self):
        writer = Writer("example.com")
        writer.create(self.new, "CI", prev=token_id(self.old))
        self.site.put(writer)
        self.rotate("-l", "CI")
        self.assertEqual(self.site.read().n, 3)


class ForYears(RotateTest):
    """A cron job rotates by label, and nobody looks after it."""

    def test_twenty_times(self):
        now = int(time.time())
        writer, token = Writer("example.com"), self.site.guard(make_token())
        writer.create(token, "nightly backup", time=now - 3 * DAY, expires=now + 87 * DAY, scopes=("read",))
        writer.create(self.site.guard(make_token()), "another")
        self.site.put(writer)
        for i in range(20):
            previous, token = token, self.rotate("-l", "nightly backup")
            record = self.record(token)
            self.assertEqual((record.prev, record.expires - record.created), (token_id(previous), 90 * DAY))
            self.assertEqual(self.record(previous).expires, self.record(previous).time + DAY)
            if i % 7 == 3:
                self.ok("compact")
        self.assertEqual(self.verdict(token, "-s", "read")[0], "allow")
        tokens = self.json("list", "-l", "nightly backup", "--active")
        self.assertEqual(len(tokens), 21, "within the grace time all work")
        self.assertEqual([one["id"] for one in self.json("list", "--expiring", "100d", code=1)], [token_id(token)])
        self.assertEqual(self.ok("list").err, "")
        self.ok("list", "--expiring", "60d")
        self.refused(2, "show", "-l", "nightly backup", says="21 active tokens")

    def test_without_grace(self):
        """Then the label means one token for every command."""
        token = self.create("nightly backup", "-e", "90d")
        for _ in range(3):
            token = self.rotate("-l", "nightly backup", "--grace", "0s")
            self.assertEqual(self.json("show", "-l", "nightly backup")["id"], token_id(token))

    def test_the_list_says_what_was_rotated(self):
        self.create("a")
        self.assertNotIn("SUCCESSOR", self.ok("list").out)
        self.rotate("1")
        self.create("b")
        lines = self.ok("list", "-o", "serial,successor,label").out.splitlines()
        self.assertEqual([line.split() for line in lines],
            [["SERIAL", "SUCCESSOR", "LABEL"], ["1", "2", "a"], ["2", "-", "a"], ["4", "-", "b"]])
        self.assertIn(" SUCCESSOR", self.ok("list").out.splitlines()[0])
        self.assertNotIn("SUCCESSOR", self.ok("list", "-l", "b").out)


class Policy(RotateTest):
    domains = [{"name": "example.com", "max_lifetime": "10d", "scopes": ["read", "write"], "prefix": "acme"}]

    def test_a_maximum_that_was_lowered(self):
        self.old()
        result = self.ok("rotate", "1", may_show_token=True)
        new = self.record(self.site.guard(result.out.strip()))
        self.assertEqual(new.expires - new.created, 10 * DAY)
        self.assertIn("max_lifetime", result.err)
        self.assertTrue(result.out.startswith("acme_"))

    def test_a_life_without_end_is_cut_too(self):
        writer = Writer("example.com")
        writer.create(self.site.guard(make_token()))
        self.site.put(writer)
        new = self.record(self.rotate("1"))
        self.assertEqual(new.expires - new.created, 10 * DAY)

    def test_over_the_maximum(self):
        self.old()
        self.refused(2, "rotate", "1", "-e", "11d", says=["10d", "max_lifetime"])
        self.refused(2, "rotate", "1", "-e", "never", says="max_lifetime")
        self.assertEqual(self.site.read().n, 1)

    def test_a_scope_that_the_domain_has_no_longer(self):
        writer = Writer("example.com")
        writer.create(self.site.guard(make_token()), scopes=("read", "admin"))
        self.site.put(writer)
        self.refused(2, "rotate", "1", says=["admin", "read,write"])
        self.assertEqual(self.site.read().n, 1)
        self.ok("update", "1", "-s", "read")
        self.rotate("1")


@needs_terminal
class AtATerminal(RotateTest):
    def test_shown_with_the_warning(self):
        self.create()
        result = self.site.terminal("rotate", "1")
        self.assertEqual(result.code, 0, result)
        token = self.site.guard(re.search(r"\btok_[0-9A-Za-z]{61}\b", result.out).group())
        self.assertEqual(self.verdict(token)[0], "allow")
        self.assertIn("cannot be shown again", result.out)

    def test_copy(self):
        self.create()
        result = self.site.terminal("rotate", "1", "--copy")
        self.assertEqual(result.code, 0, result)
        encoded = re.search(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07", result.stdout).group(1)
        token = self.site.guard(base64.b64decode(encoded).decode())
        self.assertEqual(self.verdict(token)[0], "allow")
        self.assertFalse(self.site.leaks(result.stdout), "the token is on the screen")

    def test_copy_wants_a_terminal(self):
        self.create()
        self.refused(69, "rotate", "1", "--copy", says="terminal")
        self.assertEqual(self.site.read().n, 1)


if __name__ == "__main__":
    unittest.main()
