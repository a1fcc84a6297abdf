"""toktab update: each attribute, what stays as it was, and what is refused."""

import os
import time
import unittest

from harness import SiteTest, clock
from oracle import Writer
from oracle_format import make_token, token_id
from test_create import TOKEN_KEYS

DAY = 86400


class Update(SiteTest):
    def setUp(self):
        super().setUp()
        self.token = self.create("CI", "-s", "read", "--from", "10.0.0.0/8", "-u", "bob", "-e", "90d")
        self.before = self.record(self.token)

    def becomes(self, *args, **columns):
        """update with these options changes these columns, and nothing else."""
        before = self.record(self.token)
        self.ok("update", "1", *args)
        after = self.record(self.token)
        self.assertEqual(after, before._replace(op="U", time=after.time, by=after.by, **columns))

    def test_each_attribute(self):
        self.becomes("-l", "a|b %7C", label="a|b %7C")
        self.becomes("-s", "write,admin", scopes=("write", "admin"))
        self.becomes("--from", "192.0.2.7,2001:db8::/32", nets=("192.0.2.7/32", "2001:db8::/32"))
        self.becomes("-u", "carol", user="carol")
        self.becomes("-e", "never", expires=None)

    def test_all_at_once(self):
        self.becomes("-l", "x", "-s", "a", "-s", "b", "--from", "::1", "-u", "c", "-e", "never",
            label="x", scopes=("a", "b"), nets=("::1/128",), user="c", expires=None)

    def test_nothing(self):
        self.becomes("-s", "", scopes=())
        self.becomes("--from", "", nets=())
        self.becomes("-u", "", user="")
        self.assertEqual(self.verdict(self.token)[0], "allow")
        self.becomes("-s", "", "-s", "read", scopes=("read",))
        for option in ("-s", "--from"):
            self.refused(2, "update", "1", option, "::1", option, "", says="none")

    def test_counts_at_once(self):
        self.assertEqual(self.verdict(self.token, "--from", "192.0.2.1"), ("deny", "network"))
        self.ok("update", "1", "--from", "192.0.2.0/24")
        self.assertEqual(self.verdict(self.token, "--from", "192.0.2.1")[0], "allow")

    def test_expiry_is_from_now(self):
        began = clock()
        self.ok("update", "1", "-e", "5d")
        self.assertTrue(began + 5 * DAY <= self.record(self.token).expires <= clock() + 5 * DAY)

    def test_what_it_says(self):
        result = self.ok("update", "1", "-l", "nightly", "-s", "", "-u", "eve")
        self.assertEqual((result.out, result.err), ("",
            'toktab: updated token 1 (id %s): "nightly": label: CI -> nightly; scopes: read -> -; '
            "user: bob -> eve\n" % token_id(self.token)))

    def test_what_is_so_already(self):
        self.ok("update", "1", "-e", "never")
        before = self.site.bytes()
        for args in (
            ["-l", "CI"], ["-s", "read", "-s", "read"], ["--from", "10.0.0.0/8"], ["-u", "bob"], ["-e", "never"],
            ["-l", "CI", "-e", "never", "-u", "bob"],
        ):
            with self.subTest(args=args):
                result = self.ok("update", "1", *args)
                self.assertEqual((result.out, result.err),
                    ("", "toktab: token 1 (id %s): nothing to change\n" % token_id(self.token)))
        self.assertEqual(self.json("update", "1", "-l", "CI"), self.json("show", "1"))
        self.assertEqual(self.site.bytes(), before)
        self.ok("update", "1", "-l", "CI", "-u", "")
        self.assertEqual(self.record(self.token).user, "")

    def test_json(self):
        answer = self.json("update", "1", "-l", "nightly")
        self.assertEqual(set(answer), TOKEN_KEYS)
        self.assertEqual(answer, self.json("show", "1"))
        self.assertEqual(answer["label"], "nightly")

    def test_refused(self):
        before = self.site.bytes()
        for args in (
            [], ["-l", ""], ["-l", "a\nb"], ["-l", "x" * 129], ["-e", ""], ["-e", "5"], ["-e", "2001-01-31"],
            ["-s", "read,"], ["-s", "a b"], ["--from", "10.0.0.0/33"], ["--from", "10.1.1.1/8"], ["-u", "a\x1bb"],
            ["-r", "reason"], ["--hash", "x"], ["-l", "x", "2"], ["-s", "s" * 4000],
        ):
            with self.subTest(args=args):
                self.refused(2, "update", "1", *args)
        self.refused(2, "update", "-l", "x")
        self.refused(66, "update", "7", "-l", "x")
        self.refused(66, "update", "zzzzzzzzzzzz", "-l", "x")
        self.assertEqual(self.site.bytes(), before)

    def test_nothing_to_change(self):
        self.refused(2, "update", "1", says=["nothing", "-l"])

    def test_a_revoked_one(self):
        self.ok("revoke", "-y", "1", "-r", "gone")
        before = self.site.bytes()
        self.refused(1, "update", "1", "-e", "90d", says="revoked")
        self.assertEqual(self.site.bytes(), before)

    def test_what_has_expired_works_again(self):
        token = self.site.guard(make_token())
        writer = Writer("example.com")
        writer.create(token, expires=1700000001)
        self.site.put(writer)
        self.assertEqual(self.verdict(token), ("deny", "expired"))
        self.ok("update", "1", "-e", "1h")
        self.assertEqual(self.verdict(token)[0], "allow")

    def test_a_line_of_an_earlier_reason(self):
        """The reason is that of the last change."""
        result = self.ok("rotate", "1", may_show_token=True)
        self.site.guard(result.out.strip())
        self.assertNotEqual(self.record(self.token).reason, "")
        self.ok("update", "1", "-l", "y")
        self.assertEqual(self.record(self.token).reason, "")

    def test_room_is_left_for_a_revocation(self):
        fits, too_long = 1, 4096
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            code = self.run_tool("update", "1", "-s", "s" * middle).code
            self.assertIn(code, (0, 2))
            fits, too_long = (middle, too_long) if code == 0 else (fits, middle)
        self.assertGreater(fits, 3000)
        self.ok("revoke", "-y", "1", "-r", "r" * 255)
        self.assertEqual(len(self.record(self.token).scopes), 1, "a revocation had no room")

    def test_one_that_goes_away_meanwhile(self):
        os.unlink(self.site.path())
        self.refused(66, "update", "1", "-l", "x")


class Policy(SiteTest):
    domains = [{"name": "example.com", "max_lifetime": "10d", "scopes": ["read", "write"]}]

    def test_limits(self):
        self.create("x", "-e", "1d")
        self.refused(2, "update", "1", "-s", "raed", says=["raed", "read,write"])
        # also in the very second of its making
        self.refused(2, "update", "1", "-e", "11d", says=["10d", "max_lifetime", "must expire by"])
        self.refused(2, "update", "1", "-e", "never", says=["max_lifetime", "must expire by"])
        self.ok("update", "1", "-s", "write", "-e", "9d")

    def test_a_life_begins_with_the_creation(self):
        """Else a token could be kept alive for ever, a little at a time."""
        now = int(time.time())
        writer = Writer("example.com")
        writer.create(self.site.guard(make_token()), time=now - 8 * DAY, expires=now + DAY)
        self.site.put(writer)
        last = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now + 2 * DAY))
        self.refused(2, "update", "1", "-e", "3d", says=["10d", last.lower(), "rotate"])
        self.ok("update", "1", "-e", "1d")

    def test_old_scopes_stay(self):
        writer = Writer("example.com")
        writer.create(self.site.guard(make_token()), scopes=("admin",))
        self.site.put(writer)
        self.ok("update", "1", "-l", "x")
        self.assertEqual(self.json("show", "1")["scopes"], ["admin"])


if __name__ == "__main__":
    unittest.main()
