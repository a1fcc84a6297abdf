"""toktab create: what it prints, what the store then holds, and what it refuses."""

import calendar
import ipaddress
import json
import os
import pwd
import re
import time
import unittest

from harness import IS_ROOT, NOBODY, Site, SiteTest, clock, needs_root, needs_terminal
from oracle_format import parse_token, token_hash, token_id

DAY = 86400
TOKEN_KEYS = {
    "domain", "id", "serial", "label", "state", "created", "expires", "revoked", "scopes", "from", "user", "reason",
    "prev", "by", "last_used",
}


def login_uid():
    try:
        with open("/proc/self/loginuid") as file:
            uid = int(file.read())
    except OSError:
        return None
    return None if uid == 2**32 - 1 else uid


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # nobody has it
        return str(uid)


class Create(SiteTest):
    def test_token_and_line(self):
        before = clock()
        token = self.create("CI deploy")
        after = clock()
        prefix, id, _ = parse_token(token)
        store = self.site.read()
        record = store.record(id)
        self.assertEqual(prefix, "tok")
        self.assertEqual((store.header.domain, store.header.epoch, store.header.base), ("example.com", 1, 0))
        self.assertEqual((store.n, store.torn, len(store.tokens)), (1, b"", 1))
        self.assertEqual((record.op, record.serial, record.hash), ("C", 1, token_hash(token)))
        self.assertTrue(before <= record.created <= after and before <= record.time <= after, record)
        self.assertEqual((record.expires, record.revoked), (None, None))
        self.assertEqual((record.label, record.scopes, record.nets, record.user), ("CI deploy", (), (), ""))
        self.assertEqual((record.reason, record.prev, record.ext), ("", "", ()))

    def test_serial_is_the_place_in_the_log(self):
        tokens = [self.create("token %d" % i) for i in range(3)]
        self.ok("revoke", "-y", "2")
        tokens.append(self.create("after a revocation"))
        self.assertEqual([self.record(token).serial for token in tokens], [1, 2, 3, 5])
        self.assertEqual(len(set(map(token_id, tokens))), 4)

    def test_warning_is_on_stderr(self):
        result = self.ok("create", "-l", "x", may_show_token=True)
        self.site.guard(result.out.strip())
        self.assertRegex(result.err.lower(), "again|once|only time")
        self.assertFalse(self.site.leaks(result.stderr))

    def test_says_which_lifetime(self):
        self.assertRegex(self.ok("create", "-l", "x", may_show_token=True).err.lower(), "never|not expire|no expir")
        self.assertIn(time.strftime("%Y", time.gmtime(time.time() + 400 * DAY)), self.ok(
            "create", "-l", "x", "-e", "400d", may_show_token=True
        ).err)

    def test_by(self):
        record = self.record(self.create())
        self.assertEqual(record.by, (user_name(os.getuid()), os.getuid(), login_uid()))

    def test_a_forged_sudo_uid_grants_nothing(self):
        if IS_ROOT:
            site = Site(owner=NOBODY)
            self.addCleanup(site.close)
            result = site.run("create", "-l", "x", user=NOBODY, env={"SUDO_UID": "0", "SUDO_USER": "root"})
            uid = NOBODY
        else:
            site, uid = self.site, os.getuid()
            result = site.run("create", "-l", "x", env={"SUDO_UID": "0", "SUDO_USER": "root"})
        if result.code == 0:
            self.assertEqual(site.read().log[0][1].by[:2], (user_name(uid), uid))
        else:
            self.assertEqual(result.code, 77, result)

    @needs_root
    def test_root_through_sudo_names_the_caller(self):
        token = self.create("x", env={"SUDO_UID": str(NOBODY), "SUDO_USER": "mallory", "SUDO_GID": "0"})
        self.assertEqual(self.record(token).by[:2], (user_name(NOBODY), NOBODY))

    def test_json(self):
        result = self.json("create", "-l", "CI", "-u", "bob", "--from", "10.0.0.0/8", "-e", "90d",
            may_show_token=True)
        self.site.guard(result["token"])
        record = self.record(result["token"])
        self.assertEqual(set(result), TOKEN_KEYS | {"token"})
        self.assertEqual(
            {key: result[key] for key in ("domain", "id", "serial", "label", "state", "scopes", "from", "user")},
            {
                "domain": "example.com", "id": record.id, "serial": 1, "label": "CI", "state": "active",
                "scopes": [],
                "from": ["10.0.0.0/8"], "user": "bob",
            },
        )
        self.assertIsNone(result["revoked"])
        self.assertIsNone(result["last_used"])
        for key in ("created", "expires"):
            self.assertRegex(result[key], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)$")
            parsed = calendar.timegm(time.strptime(result[key][:19], "%Y-%m-%dT%H:%M:%S"))
            self.assertEqual(parsed, getattr(record, key))

    def test_user(self):
        for user in ("bob", "b|o%b", "bob@example.com", "Zoë"):
            self.assertEqual(self.record(self.create("x", "-u", user)).user, user)

    def test_wants_a_label_and_nothing_more(self):
        self.refused(2, "create", says="label")
        self.refused(2, "create", "-l")
        self.refused(2, "create", "-l", "x", "surplus")
        self.assertFalse(os.path.exists(self.site.path()) and self.site.read().tokens)

    def test_a_line_that_is_too_long(self):
        scopes = ",".join("scope-%d" % i for i in range(600))
        self.refused(2, "create", "-l", "x", "-s", scopes)
        self.assertFalse(os.path.exists(self.site.path()) and self.site.read().tokens)

    def test_the_longest_line_can_be_revoked(self):
        fits, too_long = 1, 4096
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            result = self.run_tool("create", "-l", "x", "-s", "s" * middle, may_show_token=True)
            self.assertIn(result.code, (0, 2), result)
            if result.code == 0:
                fits, longest = middle, result.out.strip()
            else:
                too_long = middle
        self.assertGreater(fits, 3000)
        self.ok("revoke", "-y", token_id(longest))
        self.assertIsNotNone(self.record(longest).revoked)


class Expiry(SiteTest):
    def life(self, *args, **more):
        """Seconds that a new token has to live, or None."""
        record = self.record(self.create("x", *args, **more))
        return None if record.expires is None else record.expires - record.created

    def test_durations(self):
        for text, seconds in (("90s", 90), ("5m", 300), ("12h", 12 * 3600), ("90d", 90 * DAY), ("2w", 14 * DAY)):
            self.assertEqual(self.life("-e", text), seconds, text)
        self.assertIsNone(self.life("-e", "never"))
        self.assertIsNone(self.life())

    def test_dates(self):
        year = time.gmtime().tm_year + 2
        midnight = calendar.timegm((year, 1, 31, 0, 0, 0))
        east = {"TZ": "EST-5:30"}  # as POSIX writes 5:30 east of Greenwich
        for text, seconds, env in (
            ("%d-01-31" % year, midnight, {}),
            ("%d-01-31" % year, midnight - 19800, east),
            ("%d-01-31T12:00" % year, midnight + 12 * 3600, {}),
            ("%d-01-31T12:00" % year, midnight + 12 * 3600 - 19800, east),
            ("%d-01-31T12:00:30" % year, midnight + 12 * 3600 + 30 - 19800, east),
            ("%d-01-31T12:00Z" % year, midnight + 12 * 3600, east),
            ("%d-01-31T12:00:30Z" % year, midnight + 12 * 3600 + 30, east),
            ("%d-01-31T12:00+02:00" % year, midnight + 10 * 3600, east),
            ("%d-01-31T12:00:30-01:30" % year, midnight + 13 * 3600 + 1830, east),
            ("%d-01-31 12:00" % year, midnight + 12 * 3600 - 19800, east),
        ):
            self.assertEqual(self.record(self.create("x", "-e", text, env=env)).expires, seconds, (text, env))

    def test_refused(self):
        year = time.gmtime().tm_year + 2
        texts = [
            "", " ", "90", "0", "-5d", "+5d", "1.5d", "90x", "90dd", "90 d", " 90d", "90d ", "d", "0x10d", "Never",
            "99999999999999999999d", "9223372036854775807w", "2001-01-31", "2001-01-31T12:00Z", "tomorrow",
        ]
        texts += ["%d-%s" % (year, rest) for rest in (
            "02-30", "13-01", "00-10", "01-00", "1-31", "01-31T", "01-31T24:01", "01-31T12", "01-31T12:60Z",
            "01-31T12:00:61Z", "01-31  12:00", "01-31T12:00+25:00", "01-31T12:00Zulu",
        )]
        for text in texts:
            with self.subTest(text=text):
                self.refused(2, "create", "-l", "x", "-e", text)
        self.assertFalse(os.path.exists(self.site.path()) and self.site.read().tokens)


    def test_as_the_tool_prints_it(self):
        for zone in ("UTC0", "EST5EDT,M3.2.0,M11.1.0", "<+0545>-5:45"):
            with self.subTest(zone=zone):
                first = self.create("x", "-e", "90d", env={"TZ": zone})
                shown = self.ok("show", token_id(first), env={"TZ": zone}).out
                self.assertIn("(in 90d)", shown)
                text = re.search(r"^expires +(.*) \(in 90d\)$", shown, re.M).group(1)
                second = self.create("x", "-e", text, env={"TZ": zone})
                self.assertEqual(self.record(second).expires, self.record(first).expires // 60 * 60)

    def test_an_hour_that_summer_time_skips(self):
        zone = {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}
        year = time.gmtime().tm_year + 1
        sunday = max(day for day in range(25, 32) if calendar.weekday(year, 3, day) == calendar.SUNDAY)
        self.refused(2, "create", "-l", "x", "-e", "%d-03-%dT02:30" % (year, sunday), env=zone, says=["01:30", "03:30"])
        self.create("x", "-e", "%d-03-%dT03:00" % (year, sunday), env=zone)


class WithoutNewline(SiteTest):
    """For what takes all of stdin as the secret: kubectl create secret generic x --from-file=token=/dev/stdin."""

    def test_create_and_rotate(self):
        for args in (["create", "-n", "-l", "x"], ["create", "--no-newline", "-l", "x"], ["rotate", "-n", "1"]):
            result = self.ok(*args, may_show_token=True)
            self.assertRegex(result.stdout, rb"\Atok_[0-9A-Za-z]{61}\Z")
            self.assertEqual(self.verdict(self.site.guard(result.out))[0], "allow")

    def test_excludes_the_other_forms(self):
        for other in ("--json", "--copy"):
            self.refused(2, "create", "-l", "x", "-n", other, says="exclude")
        self.assertFalse(os.path.exists(self.site.path()))

    @needs_terminal
    def test_on_a_terminal_the_token_stands_alone(self):
        out = self.site.terminal("create", "-n", "-l", "x").out
        self.assertRegex(out, r"(?m)^tok_[0-9A-Za-z]{61}\r?$")


class Lifetimes(SiteTest):
    domains = [
        {"name": "both", "default_lifetime": "90d", "max_lifetime": "365d"},
        {"name": "most", "max_lifetime": "30d"},
        {"name": "default-only", "default_lifetime": "12h"},
    ]

    def life(self, domain, *args):
        result = self.json("-d", domain, "create", "-l", "x", *args, may_show_token=True)
        record = self.record(result["token"], domain)
        return None if record.expires is None else record.expires - record.created

    def test_without_a_word(self):
        self.assertEqual(self.life("both"), 90 * DAY)
        self.assertEqual(self.life("most"), 30 * DAY)
        self.assertEqual(self.life("default-only"), 12 * 3600)

    def test_up_to_the_maximum(self):
        self.assertEqual(self.life("both", "-e", "365d"), 365 * DAY)
        self.assertEqual(self.life("both", "-e", "1h"), 3600)
        self.assertEqual(self.life("default-only", "-e", "5000d"), 5000 * DAY)
        self.assertIsNone(self.life("default-only", "-e", "never"))

    def test_over_the_maximum(self):
        year = time.gmtime().tm_year + 3
        for expiry in ("366d", "never", "%d-01-31" % year):
            self.refused(2, "-d", "both", "create", "-l", "x", "-e", expiry, says="365")
        self.refused(2, "-d", "most", "create", "-l", "x", "-e", "31d")


class Scopes(SiteTest):
    domains = [{"name": "limited", "scopes": ["read", "write"], "prefix": "acme"}, {"name": "open"}]

    def test_limited_to_the_domains(self):
        token = self.create_in("limited", "-s", "read,write")
        self.assertEqual(set(self.record(token, "limited").scopes), {"read", "write"})
        self.assertEqual(parse_token(token)[0], "acme")
        for scopes in ("admin", "read,admin", "READ", "rea", "read write", ",read", "read,", "read,,write"):
            self.refused(2, "-d", "limited", "create", "-l", "x", "-s", scopes)
        self.refused(2, "-d", "limited", "create", "-l", "x", "-s", "raed", says=["raed", "read"])

    def create_in(self, domain, *args):
        result = self.json("-d", domain, "create", "-l", "x", *args, may_show_token=True)
        return self.site.guard(result["token"])

    def test_any_scope_token(self):
        odd = "!#$%&'()*+-./:;<=>?@[]^_`{|}~"
        token = self.create_in("open", "-s", "repo:read,%s" % odd)
        self.assertEqual(self.record(token, "open").scopes, ("repo:read", odd))
        shown = self.json("-d", "open", "show", token_id(token))
        self.assertEqual(shown["scopes"], ["repo:read", odd])
        for bad in ("a b", 'a"b', "a\\b", "é", "a\tb", "a\x7f", b"\xff"):
            self.refused(2, "-d", "open", "create", "-l", "x", "-s", bad)

    def test_a_scope_that_is_too_long(self):
        for length in (4000, 5000, 131000):
            self.refused(2, "-d", "open", "create", "-l", "x", "-s", "s" * length, says="too much for one line")

    def test_none(self):
        self.assertEqual(self.record(self.create_in("open"), "open").scopes, ())


class Networks(SiteTest):
    def test_canonical(self):
        given = "10.0.0.0/8,192.0.2.7,2001:DB8:0:0::/32,2001:db8::0001"
        nets = self.record(self.create("x", "--from", given)).nets
        self.assertEqual([ipaddress.ip_network(net) for net in nets],
            [ipaddress.ip_network(net) for net in given.split(",")])
        for net in nets:
            network = ipaddress.ip_network(net)
            self.assertIn(net, (str(network), str(network.network_address)), "not canonical")

    def test_host_bits_are_refused_or_dropped(self):
        result = self.run_tool("create", "-l", "x", "--from", "10.1.2.3/8", may_show_token=True)
        if result.code == 0:
            self.assertEqual(self.record(result.out.strip()).nets, ("10.0.0.0/8",))
        else:
            self.assertEqual(result.code, 2, result)

    def test_refused(self):
        for bad in (
            "", "10.0.0.0/33", "2001:db8::/129", "300.1.1.1", "10.0.0", "10.0.0.0/", "10.0.0.0/-1",
            "10.0.0.0/8x", "example.com",
            "10.0.0.0/8,", ",10.0.0.0/8", "10.0.0.0/8 ", "10.0.0.0/8;11.0.0.0/8", "10.0.0.0/255.0.0.0",
            "2001:db8:::1", "fe80::1%eth0",
            "010.0.0.1", "10.0.0.0/08",
        ):
            with self.subTest(network=bad):
                self.refused(2, "create", "-l", "x", "--from", bad)


class Privileges(unittest.TestCase):
    @needs_root
    def test_root_becomes_the_directorys_owner(self):
        site = Site(owner=NOBODY, group=NOBODY, mode=0o2750)
        self.addCleanup(site.close)
        result = site.run("create", "-l", "x")
        self.assertEqual(result.code, 0, result)
        for name in os.listdir(site.store_dir):
            status = os.stat(os.path.join(site.store_dir, name))
            self.assertEqual((status.st_uid, status.st_gid), (NOBODY, NOBODY), name)
        self.assertEqual(site.read().log[0][1].by[:2], (user_name(0), 0))

    @needs_root
    def test_a_store_of_the_directorys_group(self):
        site = Site(group=NOBODY, mode=0o2750)
        self.addCleanup(site.close)
        self.assertEqual(site.run("create", "-l", "x").code, 0)
        self.assertEqual(os.stat(site.path()).st_gid, NOBODY)

    @needs_root
    def test_an_ordinary_user_with_everything_of_his_own(self):
        site = Site(owner=NOBODY)
        self.addCleanup(site.close)
        result = site.run("create", "-l", "mine", "--json", user=NOBODY)
        self.assertEqual(result.code, 0, result)
        token = json.loads(result.stdout)["token"]
        self.assertEqual(site.run("verify", stdin=token, user=NOBODY).code, 0)
        self.assertEqual(site.read().record(token_id(token)).by[:2], (user_name(NOBODY), NOBODY))


if __name__ == "__main__":
    unittest.main()
