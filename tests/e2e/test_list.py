"""toktab list and show: filters, columns, references to tokens, the shape of a token in JSON."""

import copy
import re
import time
import unittest

from harness import SiteTest, needs_terminal
from oracle import Writer
from oracle_format import Record, make_token, token_id
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
        self.assertEqual(self.serials("--all"), [1, 2, 3, 4, 5, 6])
        states = [token["state"] for token in self.json("list", "--all")]
        self.assertEqual(states, ["active", "active", "active", "revoked", "expired", "revoked"])

    def test_what_works_now_unless_said(self):
        self.assertEqual(self.serials(), [1, 2, 3])
        self.assertEqual(len(self.ok("list", "--no-headings").out.splitlines()), 3)

    def test_filters(self):
        self.assertEqual(self.serials("--active"), [1, 2, 3])
        self.assertEqual(self.serials("--revoked"), [4, 6])
        self.assertEqual(self.serials("--expired"), [5])
        self.assertEqual(self.serials("-u", "bob"), [1, 3])
        self.assertEqual(self.serials("-u", "bob", "--all"), [1, 3, 4])
        self.assertEqual(self.serials("-l", "CI *"), [1, 2])
        self.assertEqual(self.serials("-l", "CI *", "--all"), [1, 2, 5])
        self.assertEqual(self.serials("-l", "CI"), [])
        self.assertEqual(self.serials("-l", "*old*", "--all"), [4, 5])
        self.assertEqual(self.serials("-l", "backu?"), [3])
        self.assertEqual(self.serials("-l", "[bo]*", "--all"), [3, 4])

    def test_a_label_with_brackets(self):
        """It is found by itself, though as a glob it means something else."""
        for label in ("[prod] api", "p api", "*", "a?c", "abc"):
            self.create(label)
        for glob, serials in (("[prod] api", [9, 10]), ("\\[prod\\] *", [9]), ("a?c", [12, 13]), ("a\\?c", [12])):
            self.assertEqual(self.serials("-l", glob), serials, glob)

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
        lines = self.ok("list", "--all").out.splitlines()
        self.assertEqual(len(lines), 1 + len(TOKENS))
        self.assertEqual(lines[0].split(), ["SERIAL", "ID", "LABEL", "STATE", "EXPIRES"])
        for line, token, (label, _, _, _) in zip(lines[1:], self.tokens, TOKENS):
            self.assertIn(token_id(token), line)
            self.assertIn(label, line)
        self.assertEqual(len(self.ok("list", "--all", "--no-headings").out.splitlines()), len(TOKENS))
        self.assertNotIn("\x1b", self.ok("list").out)

    def test_columns_that_are_empty_are_left_out(self):
        self.assertNotIn("SCOPES", self.ok("list").out)
        self.create("scoped", "-s", "read,write")
        self.assertEqual(self.ok("list", "-l", "scoped").out.splitlines()[0].split(),
            ["SERIAL", "ID", "LABEL", "STATE", "SCOPES", "EXPIRES"])
        self.assertNotIn("SCOPES", self.ok("list", "-u", "bob").out)
        named = self.ok("list", "-o", "serial,scopes,successor", "-u", "bob").out.splitlines()
        self.assertEqual([line.split() for line in named], [["SERIAL", "SCOPES", "SUCCESSOR"], ["1", "-", "-"], ["3", "-", "-"]])

    def test_sort(self):
        for column, serials in (
            ("serial", [1, 2, 3, 4, 5, 6]), ("label", [1, 2, 5, 3, 4, 6]), ("state", [1, 2, 3, 5, 4, 6]),
            ("expires", [5, 6, 2, 3, 1, 4]), ("user", [6, 2, 5, 1, 3, 4]), ("created", [1, 2, 3, 4, 5, 6]),
            ("revoked", [4, 6, 1, 2, 3, 5]), ("last_used", [1, 2, 3, 4, 5, 6]), ("from", [1, 2, 3, 4, 5, 6]),
        ):
            self.assertEqual(self.serials("--all", "--sort", column), serials, column)
        ids = self.ok("list", "--all", "--sort", "id", "-o", "id", "--no-headings").out.split()
        self.assertEqual(ids, sorted(map(token_id, self.tokens)))
        self.refused(2, "list", "--sort", "lable", says=["lable", "label"])
        for bad in ("", "id,label"):
            self.refused(2, "list", "--sort", bad, says="unknown column")

    def test_pages(self):
        self.assertEqual(self.serials("--all", "--newest", "2"), [6, 5])
        self.assertEqual(self.serials("--all", "--newest", "2", "--before", "5"), [4, 3])
        self.assertEqual(self.serials("--all", "--newest", "2", "--before", "2"), [1])
        self.assertEqual(self.serials("--all", "--newest", "2", "--before", "1"), [])
        self.assertEqual(self.serials("--all", "--newest", "6"), [6, 5, 4, 3, 2, 1])
        self.assertEqual(self.serials("--all", "--newest", "18446744073709551615", "--before", "18446744073709551615"),
            [6, 5, 4, 3, 2, 1])
        self.assertEqual(self.serials("--all", "--before", "3"), [1, 2])
        out = self.ok("list", "--all", "--newest", "3", "-o", "serial", "--no-headings").out
        self.assertEqual(out.split(), ["6", "5", "4"])

    def test_pages_of_what_matches(self):
        self.assertEqual(self.serials("--newest", "2"), [3, 2])
        self.assertEqual(self.serials("--newest", "1", "--before", "6", "--revoked"), [4])
        self.assertEqual(self.serials("--newest", "2", "-u", "bob", "--all"), [4, 3])
        self.assertEqual(self.serials("--newest", "5", "-l", "CI *", "--all", "--before", "5"), [2, 1])
        self.assertEqual(self.serials("--newest", "1", "--expiring", "40d", code=1), [3])
        self.assertEqual(self.serials("--newest", "1", "--expiring", "40d", "--before", "2"), [])

    def test_pages_refused(self):
        for option in ("--newest", "--before"):
            for bad in ("0", "", "-1", "x", "1x", " 1", "18446744073709551616", "1.5", "0x1"):
                self.refused(2, "list", option, bad, says=option)
            self.refused(2, "list", option, "1", "-A", says=["-A", option])
        self.refused(2, "list", "--newest", "1", "--sort", "label", says=["--newest", "--sort"])

    @needs_terminal
    def test_what_is_older_is_counted_on_a_terminal(self):
        lines = self.site.terminal("list", "--newest", "1").out.splitlines()
        self.assertEqual(lines[-2:], ["2 older: --before 3", "not shown: 2 revoked, 1 expired (see --all)"])

    def test_columns(self):
        out = self.ok("list", "--all", "-o", "id", "--no-headings").out
        self.assertEqual(out.split(), [token_id(token) for token in self.tokens])
        rows = [line.split() for line in self.ok("list", "--all", "-o", "state,serial", "--no-headings").out.splitlines()]
        self.assertEqual(rows[0], ["active", "1"])
        self.assertEqual(rows[3], ["revoked", "4"])
        self.refused(2, "list", "-o", "lable", says=["lable", "label"])
        for columns in ("", ",", "id,", ",id", "id,,label"):
            self.refused(2, "list", "-o", columns, says="-o: a column name is missing")

    def test_columns_are_aligned_when_piped(self):
        for label in ("日本語", "e\u0301", "\U0001f389 party", "می\u200cخواهم"):
            self.create(label)
        rows = self.ok("list", "--all", "-o", "serial,label,state").out.splitlines()
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
        self.assertEqual(self.ok("list", "--all", "-o", "state,serial", "-l", "CI*", "--no-headings").out,
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

    @needs_terminal
    def test_the_rest_is_counted_on_a_terminal(self):
        def last(*args):
            return self.site.terminal("list", *args).out.splitlines()[-1]

        self.assertEqual(last(), "not shown: 2 revoked, 1 expired (see --all)")
        self.assertEqual(last("-u", "bob"), "not shown: 1 revoked (see --all)")
        self.assertEqual(last("-l", "CI*"), "not shown: 1 expired (see --all)")
        self.assertEqual(last("-l", "*and*"), "not shown: 1 revoked (see --all)")
        self.assertEqual(last("-u", "nobody"), "no tokens")
        for args in (["--all"], ["--active"], ["--revoked"], ["--no-headings"], ["--expiring", "14d"], ["--json"]):
            self.assertNotIn("not shown", self.site.terminal("list", *args).out)

    @needs_terminal
    def test_what_expires_soon_is_coloured(self):
        rows = self.site.terminal("list", "-o", "serial,expires", "--no-headings", env={"TERM": "xterm"}).stdout
        self.assertEqual(rows.splitlines(), [b"     1 never", b"     2 \x1b[33min 7d\x1b[0m", b"     3 in 30d"])

    # JSON

    def test_shape_of_a_token(self):
        for token in self.json("list", "--all") + [self.json("show", "4")]:
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


# As people give them.
REAL_LABELS = (
    "CI deploy", "GitHub Actions: release pipeline", "Prometheus scrape (prod-eu-1)", "Backup restic nightly, box 2",
    "Grafana datasource", "Terraform cloud runner", "Alice's laptop (ThinkPad X1)", "Bob's phone",
    "Kubernetes ingress webshop-prod", "staging webshop", "Ansible tower", "Mobile app beta testers",
    "partner: ACME logistics import", "partner: Globex", "Monitoring uptime robot", "[prod] payments webhook",
    "Data warehouse ETL (read only)", "Jenkins legacy", "docker registry pull, node pool A", "on-call runbook scripts",
)


class OnATerminal(SiteTest):
    """80 columns, if the terminal does not say."""

    def setUp(self):
        super().setUp()
        writer = Writer("example.com")
        for number, label in enumerate(REAL_LABELS):
            writer.create(self.site.guard(make_token()), label, time=NOW - number * DAY, scopes=("read", "write")[: number % 3],
                          expires=None if number % 2 else NOW + (20 + number) * DAY)
        self.site.put(writer)

    def rows(self, *args):
        return self.site.terminal(*args).out.splitlines()

    @needs_terminal
    def test_real_labels_fit(self):
        rows = self.rows("list")
        self.assertLessEqual(max(map(len, rows)), 80)
        self.assertLessEqual(len(rows), 25)

    @needs_terminal
    def test_text_breaks_at_blanks(self):
        rows = self.rows("list", "-o", "serial,id,label,state,scopes,created,expires,last_used")
        self.assertLessEqual(max(map(len, rows)), 80)
        start, end = rows[0].index("LABEL"), rows[0].index("STATE")
        words = {word for label in REAL_LABELS for word in label.split()}
        shown = [word for row in rows[1:] for word in row[start:end].split()]
        self.assertEqual(set(shown) - words, set())
        self.assertEqual(len(shown), sum(len(label.split()) for label in REAL_LABELS))

    @needs_terminal
    def test_history_fits(self):
        rows = self.rows("history")
        self.assertLessEqual(max(map(len, rows)), 80)
        self.assertLessEqual(len(rows), 2.5 * len(REAL_LABELS))
        self.assertEqual(rows[0].split(), ["N", "TIME", "SERIAL", "CHANGE", "BY", "WHAT"])

    def test_for_a_program_nothing_is_broken(self):
        self.assertEqual(len(self.ok("list").out.splitlines()), 1 + len(REAL_LABELS))


class ByCreator(SiteTest):
    """--by asks who created a token, whoever changed it since."""

    def setUp(self):
        super().setUp()
        writer = Writer("example.com")
        first, second, third = (self.site.guard(make_token()) for _ in range(3))
        writer.create(first, "a", by=("alice", 1000, 1000))
        writer.create(second, "b", by=("bob", 1001, None))
        writer.create(third, "c", by=("al/ice", 1002, None))
        writer.update(first, label="a2", by=("bob", 1001, None))
        writer.update(second, label="b2", by=("alice", 1000, 1000))
        self.site.put(writer)

    def by(self, name, *args, code=0):
        return [token["serial"] for token in self.json("list", "--by", name, *args, code=code)]

    def test_the_creator_counts(self):
        self.assertEqual(self.by("alice"), [1])
        self.assertEqual(self.by("bob"), [2])
        self.assertEqual(self.by("al/ice"), [3])
        for nobody in ("al", "1000", "alice/1000", "carol", ""):
            self.assertEqual(self.by(nobody), [])
        self.ok("revoke", "-y", "1")
        self.assertEqual(self.by("alice"), [])
        self.assertEqual(self.by("alice", "--all"), [1])

    def test_what_a_compaction_has_dropped_is_not_known(self):
        self.ok("compact")
        self.assertEqual(self.by("al/ice", code=69), [3])
        self.assertEqual(self.by("alice", code=69), [])
        self.refused(69, "list", "--by", "alice", says="who created 2 more tokens is not known")
        self.ok("revoke", "-y", "1", "2")
        self.assertEqual(self.by("al/ice"), [3])


class Empty(SiteTest):
    domains = [{"name": "example.com"}, {"name": "other"}]

    def test_a_domain_without_tokens(self):
        for domain in ("example.com", "other"):
            self.assertEqual(self.json("-d", domain, "list"), [])
            for args in ([], ["--all"], ["-l", "x"], ["--expiring", "14d"], ["--unused", "90d"], ["--by", "bob"], ["--sort", "id"]):
                result = self.ok("-d", domain, "list", *args)
                self.assertEqual((result.out, result.err), ("", ""))
            if domain == "other":
                self.assertEqual(self.json("-d", domain, "history"), [])
                self.assertEqual(self.ok("-d", domain, "history").out, "")
            self.site.put(Writer("example.com"))
        self.assertEqual(self.json("list", "-A"), [])

    @needs_terminal
    def test_on_a_terminal(self):
        self.assertEqual(self.site.terminal("-d", "other", "list").out.splitlines(), ["no tokens"])


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


class Odd(SiteTest):
    """Stores to which no tool of ours has just appended: what is shown of them, and what is said."""

    def setUp(self):
        super().setUp()
        self.writer = Writer("example.com")
        self.tokens = [self.site.guard(make_token()) for _ in range(5)]
        for number, token in enumerate(self.tokens[:4]):
            self.writer.create(token, "token %d" % number)

    def shown(self, data):
        """Serial and label of each token that is listed."""
        self.site.put(data)
        return [(token["serial"], token["label"]) for token in self.json("list", "--all")]

    def damaged(self, data, says):
        self.site.put(data)
        for args in (["list"], ["list", "--json"], ["domains"]):
            self.refused(65, *args, says=says)

    def test_by_serial_after_a_compaction_too(self):
        self.writer.update(self.tokens[0], label="changed")
        self.writer.update(self.tokens[2], label="changed too")
        self.writer.compact()  # in the order of their last changes
        self.writer.create(self.tokens[4], "new", prev=token_id(self.tokens[2]))
        self.writer.update(self.tokens[1], label="changed again")
        wanted = [(1, "changed"), (2, "changed again"), (3, "changed too"), (4, "token 3"), (8, "new")]
        self.assertEqual(self.shown(self.writer), wanted)
        lines = self.ok("list", "-o", "serial,successor", "--no-headings").out.splitlines()
        self.assertEqual([line.split() for line in lines], [["1", "-"], ["2", "-"], ["3", "8"], ["4", "-"], ["8", "-"]])

    def test_a_last_line_that_lacks_its_end(self):
        four = [(number + 1, "token %d" % number) for number in range(4)]
        self.writer.update(self.tokens[0], label="changed")
        whole, last = self.writer.data(), len(self.writer.log[-1])
        changed = [(1, "changed")] + four[1:]
        for data in (whole, whole[:-1], whole[:-1] + b"x"):
            self.assertEqual(self.shown(data), changed)
        for data in (whole[: 100 - last], whole[: 1 - last], whole[: 20 - last] + b"\0" * 200):
            self.assertEqual(self.shown(data), four)
        self.writer.create(self.tokens[4], "new")
        self.assertEqual(self.shown(self.writer.data()[:-1]), changed + [(6, "new")])

    def test_where_it_is_damaged(self):
        whole = self.writer.data()
        second = len(whole) - sum(map(len, self.writer.log[1:]))
        unlike = "line 3 (byte %d): the line does not match its checksum" % second
        self.damaged(whole[:second] + b"2" + whole[second:], unlike)
        self.damaged(whole + whole[second:], "line 6 (byte %d): the line number is not the next one" % len(whole))
        self.damaged(whole + b"x" * 5000, "line 6 (byte %d): the line is too long" % len(whole))
        self.writer.compact()
        whole = self.writer.data()
        header = len(whole) - sum(map(len, self.writer.snapshot + self.writer.log))
        self.damaged(whole[: header + 10], "line 2 (byte %d): the snapshot is cut short" % header)
        unlike = "line 2 (byte %d): the line does not match its seal" % header
        self.damaged(whole[: header + 5] + b"-" + whole[header + 6 :], unlike)

    def test_a_token_twice_in_the_snapshot(self):
        self.writer.tokens["again"] = self.writer.tokens[token_id(self.tokens[0])]
        self.writer.update(self.tokens[0], label="changed")
        self.writer.compact()
        at = len(self.writer.data()) - len(self.writer.log[0]) - len(self.writer.snapshot[-1])
        self.damaged(self.writer, "line 6 (byte %d): this id is in the snapshot twice" % at)

    def test_a_line_that_no_writer_of_ours_wrote(self):
        """It proves itself, but a column says what none can say."""
        columns = Record(token_id(self.tokens[4]), "C", "0" * 64, 5, NOW, time=NOW, label="odd").columns()
        for number, column in ((2, "g" * 64), (4, "soon"), (5, "never"), (6, "yes")):
            writer = copy.deepcopy(self.writer)
            writer.append_raw(columns[:number] + [column] + columns[number + 1 :])
            with self.subTest(column=column):
                self.site.put(writer)
                for args in (["list"], ["list", "--all", "--json"]):
                    self.refused(65, *args, says="token %s: its line is invalid" % columns[0])
                self.assertEqual(self.json("domains")[0]["active"], 4)


if __name__ == "__main__":
    unittest.main()
