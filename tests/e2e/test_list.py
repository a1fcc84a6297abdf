"""toktab list and show: filters, columns, references to tokens, the shape of a token in JSON."""

import re
import time
import unittest

from harness import SiteTest, needs_terminal
from oracle import Writer
from oracle_format import make_token, token_id
from test_create import TOKEN_KEYS

DAY = 86400
NOW = int(time.time())

# label, user, seconds to live, revoked
TOKENS = (
    ("CI deploy", "bob", None, False),
    ("CI nightly", "alice", 7 * DAY, False),
    ("backup", "bob", 30 * DAY, False),
    ("old laptop", "bob", None, True),
    ("CI old", "alice", -DAY, False),
    ("revoked and expired", "", -DAY, True),
)


class Listing(SiteTest):
    def setUp(self):
        super().setUp()
        writer = Writer("example.com")
        self.tokens = [self.site.guard(make_token()) for _ in TOKENS]
        for token, (label, user, life, _) in zip(self.tokens, TOKENS):
            expires = None if life is None else NOW + life
            writer.create(token, label, time=NOW - 10 * DAY, user=user, expires=expires)
        for token, (_, _, _, revoked) in zip(reversed(self.tokens), reversed(TOKENS)):
            if revoked:
                writer.revoke(token, time=NOW - 5 * DAY, reason="gone")
        self.site.put(writer)

    def serials(self, *args, code=0):
        return [token["serial"] for token in self.json("list", *args, code=code)]

    def test_all_in_order_of_serial(self):
        self.assertEqual(self.serials(), [1, 2, 3, 4, 5, 6])
        states = [token["state"] for token in self.json("list")]
        self.assertEqual(states, ["active", "active", "active", "revoked", "expired", "revoked"])

    def test_filters(self):
        self.assertEqual(self.serials("--active"), [1, 2, 3])
        self.assertEqual(self.serials("--revoked"), [4, 6])
        self.assertEqual(self.serials("--expired"), [5])
        self.assertEqual(self.serials("-u", "bob"), [1, 3, 4])
        self.assertEqual(self.serials("-l", "CI *"), [1, 2, 5])
        self.assertEqual(self.serials("-l", "CI"), [])
        self.assertEqual(self.serials("-l", "*old*"), [4, 5])
        self.assertEqual(self.serials("-l", "backu?"), [3])
        self.assertEqual(self.serials("-l", "[bo]*"), [3, 4])

    def test_filters_combine(self):
        self.assertEqual(self.serials("--active", "-u", "bob"), [1, 3])
        self.assertEqual(self.serials("--active", "-u", "bob", "-l", "CI*"), [1])
        self.assertEqual(self.serials("--revoked", "-u", "alice"), [])
        self.assertEqual(self.serials("--expired", "-u", "alice", "-l", "CI*"), [5])

    def test_expiring(self):
        self.assertEqual(self.serials("--expiring", "14d", code=1), [2])
        self.assertEqual(self.serials("--expiring", "60d", code=1), [2, 3])
        self.assertEqual(self.serials("--expiring", "60d", "-u", "bob", code=1), [3])
        self.assertEqual(self.serials("--expiring", "1d"), [])
        self.assertEqual(self.serials("--expiring", "14d", "-u", "bob"), [])
        self.assertEqual(self.serials("--expiring", time.strftime("%Y-%m-%d", time.gmtime(NOW + 14 * DAY)), code=1), [2])
        self.assertEqual(self.serials("--expiring", "never", code=1), [2, 3])
        self.expect(1, "list", "--expiring", "14d")
        for bad in ("14", "", "x", "-1d", "2001-01-31"):
            self.refused(2, "list", "--expiring", bad)

    def test_table(self):
        lines = self.ok("list").out.splitlines()
        self.assertEqual(len(lines), 1 + len(TOKENS))
        heading = lines[0].lower()
        for name in ("serial", "id", "label", "state", "scopes", "created", "expires"):
            self.assertIn(name, heading)
        for line, token, (label, _, _, _) in zip(lines[1:], self.tokens, TOKENS):
            self.assertIn(token_id(token), line)
            self.assertIn(label, line)
        self.assertEqual(len(self.ok("list", "--no-headings").out.splitlines()), len(TOKENS))
        self.assertNotIn("\x1b", self.ok("list").out)

    def test_columns(self):
        out = self.ok("list", "-o", "id", "--no-headings").out
        self.assertEqual(out.split(), [token_id(token) for token in self.tokens])
        rows = [line.split() for line in self.ok("list", "-o", "state,serial", "--no-headings").out.splitlines()]
        self.assertEqual(rows[0], ["active", "1"])
        self.assertEqual(rows[3], ["revoked", "4"])
        self.refused(2, "list", "-o", "lable", says=["lable", "label"])
        for columns in ("", ",", "id,", ",id", "id,,label"):
            self.refused(2, "list", "-o", columns, says="-o: a column name is missing")

    def test_columns_are_aligned_when_piped(self):
        for label in ("日本語", "e\u0301", "\U0001f389 party", "می\u200cخواهم"):
            self.create(label)
        rows = self.ok("list", "-o", "serial,label,state").out.splitlines()
        self.assertEqual(rows, [
            "SERIAL LABEL               STATE",
            "     1 CI deploy           active",
            "     2 CI nightly          active",
            "     3 backup              active",
            "     4 old laptop          revoked",
            "     5 CI old              expired",
            "     6 revoked and expired revoked",
            "     9 日本語              active",
            "    10 e\u0301                   active",
            "    11 \U0001f389 party            active",
            "    12 می\u200cخواهم             active",
        ])
        self.assertEqual(self.ok("list", "-o", "state,serial", "-l", "CI*", "--no-headings").out,
            "active       1\nactive       2\nexpired      5\n")

    def test_a_long_label_is_whole_when_piped(self):
        self.create("long " + "x" * 120)
        self.assertIn("long " + "x" * 120, self.ok("list").out)

    def test_somebody_leaves(self):
        ids = self.ok("list", "--active", "-u", "bob", "-o", "id", "--no-headings").out.split()
        self.assertEqual(len(ids), 2)
        self.ok("revoke", "-y", *ids)
        self.assertEqual(self.serials("--active", "-u", "bob"), [])
        self.assertEqual(self.serials("--active"), [2])

    def test_nothing_to_list(self):
        self.assertEqual(self.json("list", "-u", "nobody"), [])
        self.assertEqual(self.ok("list", "-u", "nobody", "--no-headings").out, "")

    def test_takes_no_arguments(self):
        self.refused(2, "list", "surplus")

    @needs_terminal
    def test_fits_and_is_colourless_where_it_should(self):
        for env, colour in (
            ({"NO_COLOR": "1", "TERM": "xterm"}, False),
            ({"TERM": "dumb"}, False),
            ({"TERM": "xterm"}, True),
        ):
            result = self.site.terminal("list", env=env)
            self.assertEqual(result.code, 0, result)
            self.assertEqual(b"\x1b" in result.stdout, colour, env)

    # JSON

    def test_shape_of_a_token(self):
        for token in self.json("list") + [self.json("show", "4")]:
            self.assertEqual(set(token), TOKEN_KEYS)
            for key in ("created", "expires", "revoked", "last_used"):
                if token[key] is not None:
                    self.assertRegex(token[key], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)$")
            self.assertIsInstance(token["scopes"], list)
            self.assertIsInstance(token["from"], list)
            self.assertEqual(token["domain"], "example.com")
        shown = self.json("show", "4")
        self.assertEqual(shown["reason"], "gone")
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(NOW - 5 * DAY))
        self.assertEqual(shown["revoked"][:19], stamp)
        self.assertIsNone(self.json("show", "1")["revoked"])
        self.assertIsNone(self.json("show", "1")["expires"])

    # show, and references to tokens

    def test_show(self):
        token = self.create("all of it", "-s", "read,write", "--from", "10.0.0.0/8", "-u", "carol", "-e", "90d")
        text = self.ok("show", token_id(token)).out
        for part in (token_id(token), "all of it", "read", "write", "10.0.0.0/8", "carol", "active"):
            self.assertIn(part, text)

    def test_references(self):
        for serial, token in enumerate(self.tokens, 1):
            id = token_id(token)
            for reference in (str(serial), id, id[:11] if re.search("[A-Za-z]", id[:11]) else id):
                self.assertEqual(self.json("show", reference)["serial"], serial)

    def test_unknown_references(self):
        for reference in ("7", "999", "9999999999", "zzzzzzzzzzzz", "zzzz"):
            self.refused(66, "show", reference, says=reference)
            self.refused(66, "revoke", "-y", reference, says=reference)

    def test_no_references(self):
        for reference in ("", "0", "-1", "abc", "a b c d", "12345678901234", "id with |", "é" * 6, "1x",
                "z" * 13, "../../etc"):
            result = self.refused((2, 66), "show", "--", reference)
            self.assertEqual(result.out, "")
        self.refused(2, "show")
        self.refused(2, "show", "1", "2")

    def test_a_token_is_not_a_reference(self):
        """Somebody pastes the token itself: it must not be shown again, in any message."""
        self.refused((2, 66), "show", self.tokens[0])
        self.refused((2, 66), "revoke", "-y", self.tokens[0])


class Prefixes(SiteTest):
    ids = ("abcdEFGH0001", "abcdEFGH0002", "ABCDefgh0003", "123456789012", "1234z6789012")

    def setUp(self):
        super().setUp()
        writer = Writer("example.com")
        for id in self.ids:
            writer.create(self.site.guard(make_token(id=id)), "label of " + id)
        self.site.put(writer)

    def test_unique(self):
        for reference, serial in (
            ("abcdEFGH0001", 1), ("abcdEFGH0002", 2), ("ABCD", 3), ("ABCDefgh000", 3), ("1234z", 5),
            ("123456789012", 4),
        ):
            self.assertEqual(self.json("show", reference)["serial"], serial, reference)

    def test_ambiguous(self):
        for reference in ("abcd", "abcdEFGH", "abcdEFGH000"):
            result = self.refused(2, "show", reference, says=["abcdEFGH0001", "abcdEFGH0002"])
            self.assertNotIn("ABCDefgh0003", result.err)
            self.assertIn('toktab:   2  abcdEFGH0002  "label of abcdEFGH0002"\n', result.err)
            self.refused(2, "revoke", "-y", "3", reference)
        self.assertEqual(len(self.json("list", "--active")), len(self.ids))

    def test_digits_alone_are_a_serial(self):
        self.refused(66, "show", "1234")
        self.refused(66, "show", "1234567890")

    def test_three_characters_are_too_few(self):
        self.refused((2, 66), "show", "ABC")

    def test_upper_and_lower_case_differ(self):
        self.refused(66, "show", "ABCDE")


if __name__ == "__main__":
    unittest.main()
