"""toktab import: keys that another system issued. What is taken, and what is refused and by which line."""

import json
import os
import re
import resource
import secrets
import struct
import subprocess
import unittest

from harness import NOBODY, TOKTAB, TOP, Site, SiteTest, environment, needs_root, needs_terminal
from oracle import Writer
from oracle_format import foreign_id, key_hash, make_token

PAGE = os.path.join(TOP, "tool/toktab.1")
NOW = 1700000000
DAY = 86400


def make_key():
    return "sk-live-" + secrets.token_urlsafe(24)


class Import(SiteTest):
    domains = [
        {"name": "default", "foreign": True, "scopes": ["read", "write"], "default_lifetime": "90d",
         "max_lifetime": "365d"},
        {"name": "open", "foreign": True},
        {"name": "tokens"},
        {"name": "off", "foreign": False},
    ]

    def setUp(self):
        super().setUp()
        self.keys = [make_key() for _ in range(5)]
        self.site.secrets.update(key[8:] for key in self.keys)

    def imported(self, text, *args, **more):
        return self.json(*args, "import", "-y", "-", stdin=text, **more)

    def refused_lines(self, text, *args, domain=None):
        """{line: what is said of it} of an import that is refused; nothing is written."""
        before = (self.site.files(), os.path.exists(self.site.path(domain)) and self.site.bytes(domain))
        result = self.refused(2, *(["-d", domain] if domain else []), "import", "-y", "-", *args, stdin=text)
        self.assertEqual((self.site.files(), os.path.exists(self.site.path(domain)) and self.site.bytes(domain)), before)
        self.assertTrue(result.err.endswith("\ntoktab: nothing was imported\n"), result)
        return {int(line): what for line, what in re.findall(r"^toktab: line (\d+): (.*)$", result.err, re.M)}

    def test_json_says_which_line_first(self):
        for text, line in (("a\tshort\nb\t%s\nc" % self.keys[0], 1), ("a\t%s\nb\t%s" % (self.keys[0], self.keys[0]), 2)):
            error = json.loads(self.refused(2, "-d", "open", "import", "-y", "--json", "-", stdin=text).out)["error"]
            self.assertEqual((error["status"], error["field"]), (2, None))
            self.assertRegex(error["text"], r"\Aline %d: the " % line)

    def test_lines(self):
        a, b, c = self.keys[:3]
        tokens = self.imported("CI deploy\t%s\nf\u00fcr |%% alles\t %s \r\n\n  \nlast\t%s" % (a, b, c), "-d", "open")
        self.assertEqual([token["label"] for token in tokens], ["CI deploy", "f\u00fcr |% alles", "last"])
        self.assertEqual([token["serial"] for token in tokens], [1, 2, 3])
        self.assertEqual([token["expires"] for token in tokens], [None] * 3)
        store = self.site.read("open")
        for number, (key, token) in enumerate(zip((a, b, c), tokens)):
            id = foreign_id(key, store.header.storeid)
            record = store.record(id)
            self.assertEqual((token["id"], record.hash, record.serial), (id, key_hash(key, id), number + 1))
            self.assertEqual(self.ok("-d", "open", "verify", stdin=key).out.split(":")[0], "allow")
        self.ok("-d", "open", "check")

    def test_labels_that_nobody_sees(self):
        said = self.refused_lines("\u200b\t%s\n \u00a0\t%s\nCI\u202e\t%s\n" % tuple(self.keys[:3]), domain="open")
        self.assertEqual(set(said), {1, 2, 3})
        for what in said.values():
            self.assertIn("visible", what)

    def test_json(self):
        a, b = self.keys[:2]
        objects = [
            {"label": "a", "key": a, "expires": "30d", "scopes": ["read", "write"], "from": ["192.0.2.0/24", "2001:db8::1"],
             "user": "bob"},
            {"key": b, "label": "b\"\\\u00e4", "expires": None, "scopes": None, "from": [], "user": None},
        ]
        for text in (json.dumps(objects), json.dumps(objects, indent=2), "\n".join(map(json.dumps, objects)),
                "\ufeff " + json.dumps(objects), json.dumps(objects).replace("-", "\\u002d")):
            with self.subTest(text=text[:20]):
                if os.path.exists(self.site.path()):
                    os.unlink(self.site.path())
                first, second = self.imported(text)
                self.assertEqual((first["scopes"], first["from"], first["user"]),
                    (["read", "write"], ["192.0.2.0/24", "2001:db8::1/128"], "bob"))
                self.assertEqual((second["label"], second["scopes"], second["user"]), ("b\"\\\u00e4", [], None))
                for token, days in ((first, 30), (second, 90)):
                    record = self.site.read().record(token["id"])
                    self.assertEqual(record.expires - record.created, days * DAY)
                self.assertEqual(self.verdict(a), ("deny", "network"))
                self.assertEqual(self.verdict(a, "--from", "192.0.2.7", "-s", "write"), ("allow", None))
                self.assertEqual(self.verdict(b, "-s", "write"), ("deny", "scope"))

    def test_bad_lines(self):
        key, other = self.keys[:2]
        token = self.site.guard(make_token())
        text = "\n".join((
            "good\t" + key, "no tab " + other, "\t" + other, "x" * 129 + "\t" + other, "a\x01b\t" + other, "short\t" + "abcdefgh12345678901",
            "same\t" + "abcabcabcabcabcabcabcabc", "token\t" + token, "mistyped\t" + token[:-1] + "-", "shape\t" + token[:-6] + "000000",
            "two\t" + other + "\t" + other, "blank\t" + other + " x", "long\t" + other * 20, "umlaut\t\u00e4" + other,
            "again\t" + key, "nul\x00\t" + other,
        ))  # fmt: skip
        said = self.refused_lines(text)
        self.assertEqual(set(said), set(range(2, 17)) - {9})
        for line, word in ((2, "no tab"), (3, "label"), (4, "label"), (5, "label"), (6, "weak"), (7, "weak"), (8, "shape of a token"),
                (10, "shape of a token"), (11, "visible ASCII"), (12, "visible ASCII"), (13, "512"), (14, "visible ASCII"),
                (15, "same key as on line 1"), (16, "NUL")):
            self.assertIn(word, said[line])

    def test_bad_json(self):
        key = self.keys[0]
        good = {"label": "x", "key": key}
        for changed in ({"label": ""}, {"label": None}, {"label": 5}, {"label": ["x"]}, {"key": None}, {"key": 5}, {"key": ""},
                {"key": "short"}, {"key": make_token()}, {"scopes": ["admin"]}, {"scopes": ["a b"]}, {"scopes": [5]},
                {"scopes": [""]}, {"scopes": {}}, {"scopes": True}, {"from": ["x"]}, {"from": ["192.0.2.1/24"]}, {"from": 5},
                {"user": ""}, {"user": "a\nb"}, {"user": []}, {"expires": "366d"}, {"expires": "never"}, {"expires": 1798761600},
                {"expires": "2001-01-01"}, {"expires": ""}, {"extra": 1}, {key: 1}, {"domain": "open"}):
            with self.subTest(changed=list(changed)):
                text = "[%s,\n%s]" % (json.dumps(good).replace("sk-", "xk-"), json.dumps({**good, **changed}))
                self.assertEqual(list(self.refused_lines(text)), [2])
        one = json.dumps(good)
        for text, line in (("{", 1), ("[{", 1), ("[\n{}", 2), (one + "\n]", 2), ("[" + one, 1), ("[%s,]" % one, 1), ("[%s] x" % one, 1),
                ("[%s %s]" % (one, one), 1), (one + "," + one, 1), ("\n\n[%s,\n\n5]" % one, 5), ('{"key": "%s", "key": "%s"}' % (key, key), 1),
                ('{"label": "x",\n"key": "a\\u0000b"}', 2), ("{\n\"label\": \"%s" % key, 2), ("[%s" % ("[" * 5000), 1)):
            with self.subTest(text=text[:20]):
                self.assertIn(line, self.refused_lines(text))
        for text in ("", "\n \n", "[]", "[ ]\n"):
            self.refused(2, "import", "-y", "-", stdin=text, says="no keys")

    def test_many_bad_lines(self):
        text = "\n".join("label %d\tweak" % number for number in range(60))
        result = self.refused(2, "import", "-y", "-", stdin=text, says="and 10 more")
        self.assertEqual(len(result.err.splitlines()), 52)

    def test_known(self):
        a, b, c = self.keys[:3]
        self.imported("a\t%s\nb\t%s" % (a, b))
        said = self.refused_lines("c\t%s\nb\t%s\na\t%s" % (c, b, a))
        self.assertEqual(said, {2: "the key is in the store already, as token 2", 3: "the key is in the store already, as token 1"})
        self.ok("revoke", "-d", "default", "-y", "2")
        self.assertIn(2, self.refused_lines("c\t%s\nb\t%s" % (c, b)))  # revoked is for good
        self.assertEqual(len(self.imported("b\t" + b, "-d", "open")), 1)  # another store

    def test_too_much_for_a_line(self):
        scopes = ["scope%d" % number * 8 for number in range(200)]
        self.assertIn("one line of the store",
            self.refused_lines(json.dumps({"label": "x", "key": self.keys[0], "scopes": scopes}), domain="open")[1])

    def test_domain_without_foreign(self):
        for domain in ("tokens", "off"):
            self.refused(2, "-d", domain, "import", "-y", "-", stdin="x\t" + self.keys[0], says=("foreign = true", self.site.conf))
            self.assertFalse(os.path.exists(self.site.path(domain)))

    def test_turned_off_again(self):
        key = self.keys[0]
        self.imported("x\t" + key)
        with open(self.site.conf, encoding="utf-8") as file:
            self.site.configure(file.read().replace("foreign = true", "foreign = false"))
        self.assertEqual(self.verdict(key), ("deny", "malformed"))

    def test_the_file_is_the_old_one_and_more(self):
        """Header, snapshot and log byte for byte; the same owner, mode and list."""
        self.create("first")
        self.create("second")
        self.ok("revoke", "-d", "default", "-y", "1")
        self.ok("compact")
        self.create("third")
        os.chmod(self.site.path(), 0o600)
        before, status = self.site.bytes(), os.stat(self.site.path())
        self.imported("x\t%s\ny\t%s" % tuple(self.keys[:2]))
        after = os.stat(self.site.path())
        self.assertEqual(self.site.bytes()[: len(before)], before)
        self.assertEqual((after.st_mode, after.st_uid, after.st_gid), (status.st_mode, status.st_uid, status.st_gid))
        self.assertNotEqual(after.st_ino, status.st_ino)
        self.assertGreaterEqual(after.st_blocks * 512, after.st_size + 32768)
        self.assertEqual(self.site.files(), ["default.lock", "default.tokens"])
        self.ok("check")
        self.create("fourth")
        self.ok("check")

    def test_an_access_control_list_holds(self):
        self.create()
        wanted = struct.pack("<I", 2)
        for tag, permissions, id in ((1, 6, -1), (2, 4, NOBODY), (4, 0, -1), (16, 4, -1), (32, 0, -1)):
            wanted += struct.pack("<HHi", tag, permissions, id)
        os.setxattr(self.site.path(), "system.posix_acl_access", wanted)
        self.imported("x\t" + self.keys[0])
        self.assertEqual(os.getxattr(self.site.path(), "system.posix_acl_access"), wanted)

    @needs_root
    def test_a_group_that_cannot_be_given(self):
        site = Site(self.domains, mode=0o2750, owner=NOBODY, group=12345)
        self.addCleanup(site.close)
        site.run("create", "-l", "x")
        os.chown(site.path(), -1, 23456)
        before = site.bytes()
        result = site.run("import", "-y", "-", stdin="x\t" + self.keys[0])
        self.assertEqual((result.code, site.bytes()), (77, before), result)
        self.assertIn("chgrp", result.err)

    def test_ends_of_the_file(self):
        """A line without its LF gets it; what a killed writer left is left out."""
        for cut, more in ((1, b""), (0, b"3|abc"), (0, b"\0" * 10)):
            writer = Writer("default")
            writer.create(make_token())
            writer.create(make_token())
            data = writer.data()
            self.site.put(data[: len(data) - cut] + more)
            self.imported("x\t" + self.keys[0])
            self.assertEqual(self.site.bytes()[: len(data)], data)
            self.assertEqual(self.site.read().record(foreign_id(self.keys[0], writer.header.storeid)).serial, 3)

    def test_damaged(self):
        for _ in range(3):
            self.create()
        data = bytearray(self.site.bytes())
        data[len(data) // 2] ^= 4
        self.site.put(bytes(data))
        self.refused(65, "import", "-y", "-", stdin="x\t" + self.keys[0], says="toktab mend")
        self.assertEqual(self.site.bytes(), data)

    def test_no_room(self):
        self.create()
        before = self.site.bytes()
        for size in (0, 100, len(before) + 100):
            self.refused((73, 74), "import", "-y", "-", stdin="x\t" + self.keys[0],
                preexec_fn=lambda size=size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
            self.assertEqual(self.site.bytes(), before)
            self.assertEqual(self.site.files(), ["default.lock", "default.tokens"])

    def test_like_any_token(self):
        a, b = self.keys[:2]
        self.imported("a\t%s\nb\t%s" % (a, b))
        self.assertEqual(self.json("show", "1")["label"], "a")
        self.assertEqual([token["label"] for token in self.json("list")], ["a", "b"])
        self.ok("update", "1", "-l", "renamed", "-s", "read")
        self.assertEqual(self.verdict(a, "-s", "read"), ("allow", None))
        self.ok("compact")
        self.assertEqual(self.verdict(a), ("allow", None))
        self.ok("mend", "-y")
        self.assertEqual(self.verdict(a), ("allow", None))
        self.ok("revoke", "-d", "default", "-y", "2")
        self.assertEqual(self.verdict(b), ("deny", "revoked"))
        self.assertEqual([change["change"] for change in self.json("history", "2")][-1], "revoke")
        rotated = self.ok("rotate", "1", "--grace", "0s", may_show_token=True).out.strip()
        self.site.guard(rotated)
        self.assertRegex(rotated, r"\Atok_\w{61}\Z")
        self.assertEqual(self.verdict(rotated, "-s", "read"), ("allow", None))
        self.assertEqual(self.verdict(a), ("deny", "revoked"))
        self.assertEqual(self.record(rotated).prev, foreign_id(a, self.site.read().header.storeid))

    def test_a_stored_hash_is_no_key(self):
        token = self.create()
        self.imported("x\t" + self.keys[0])
        for change in self.site.bytes().decode().splitlines()[1:]:
            for column in change.split("|"):
                self.assertEqual(self.verdict(column)[0], "deny")
        self.assertEqual(self.verdict(token)[0], "allow")

    def test_scan_finds_none(self):
        self.imported("x\t" + self.keys[0])
        self.assertEqual(self.json("scan", stdin="key=%s\n" % self.keys[0]), [])

    def test_a_file(self):
        path = os.path.join(self.site.dir, "keys.tsv")
        with open(path, "w", encoding="utf-8") as file:
            file.write("x\t%s\n" % self.keys[0])
        result = self.ok("import", "-y", path)
        os.unlink(path)
        self.assertEqual(result.out, "")
        self.assertIn("imported 1 key into domain default, as token 1", result.err)
        self.assertEqual(self.verdict(self.keys[0])[0], "allow")
        self.refused(66, "import", "-y", path, says=path)
        self.refused((2, 74), "import", "-y", self.site.dir)
        self.refused(2, "import", "-y", says="which file")
        self.refused(2, "import", "-y", "a", "b")

    def test_without_a_terminal(self):
        self.refused(2, "import", "-", stdin="x\t" + self.keys[0], says="use -y")
        self.assertEqual(self.site.files(), [])

    @needs_terminal
    def test_at_a_terminal(self):
        path = os.path.join(self.site.dir, "keys.tsv")
        for answer, code in (("n\n", 1), ("\n", 1), ("yes\n", 0)):
            with open(path, "w", encoding="utf-8") as file:
                file.write("x\t%s\ny\t%s\n" % tuple(self.keys[:2]))
            result = self.site.terminal("import", path, answers=[(r"Import them\? \[y/N\] ", answer)])
            os.unlink(path)
            self.assertEqual(result.code, code, result)
            self.assertRegex(result.out, r"2 keys for domain default\r?\n")
            self.assertFalse(self.site.leaks(result.stdout))
            self.assertEqual(os.path.exists(self.site.path()), code == 0)

    def test_no_key_is_shown_in_the_wrong_column(self):
        """Members and columns that were mixed up: no message shows a piece of what stands there."""
        key = self.keys[0]
        for text in ("%s\tx" % key, json.dumps({"label": "x", "key": "short", "expires": key}),
                json.dumps({"label": "x", "key": self.keys[1], "scopes": [key]}), json.dumps({"label": "x", "key": self.keys[1], "from": key}),
                json.dumps({key: "x"}), '{"label": "x", "key": "%s' % key, '{"%s" "%s"}' % (key, key), "[%s]" % key):
            result = self.refused(2, "import", "-y", "-", stdin=text)
            for start in range(len(key) - 5):
                self.assertNotIn(key[start : start + 5], result.err)

    def test_limit(self):
        self.refused(2, "import", "-y", "-", stdin="x" * (64 << 20) + "y", says="64 MiB")


class Concurrency(SiteTest):
    domains = [{"name": "default", "foreign": True}]

    def test_two_at_once(self):
        """Both are there; or, where they have a key in common, one."""
        texts = ["\n".join("x\t" + make_key() for _ in range(500)) for _ in range(3)]
        texts.append(texts[0])
        running = [self.site.start("import", "-y", "-", stdin=subprocess.PIPE) for _ in texts]
        for process, text in zip(running, texts):
            process.stdin.write(text.encode())
            process.stdin.close()
        codes = []
        for process in running:
            process.stdin = None
            process.communicate()
            codes.append(process.returncode)
        self.assertEqual((sorted((codes[0], codes[3])), codes[1:3]), ([0, 2], [0, 0]))
        self.assertEqual(self.site.read().n, 1500)



class Recipes(SiteTest):
    """The manual's lines for other systems, tried on what these export."""

    domains = [{"name": "example.com", "foreign": True}]

    def recipe(self, words, source, name):
        page = subprocess.run(["man", "-l", PAGE], env=environment({"MANWIDTH": "200", "MANPAGER": "cat"}), check=True,
            stdout=subprocess.PIPE).stdout.decode()
        command = re.search(r"%s.*?\n\n +\$ (.*?)\n\n" % words, page, re.S)[1]
        self.assertIn("toktab import -", command)
        path = os.path.join(self.site.dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)
        command = command.replace("curl -s http://localhost:8001/key-auths", "cat " + name)
        command = command.replace("toktab import -", "%s -c %s import -y --json -" % (TOKTAB, self.site.conf))
        done = subprocess.run(["sh", "-c", command], cwd=self.site.dir, env=environment(), check=False,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, "%s\n%s" % (command, done.stderr.decode()))
        os.unlink(path)
        return json.loads(done.stdout)

    def test_map_of_nginx(self):
        tokens = self.recipe("keys of an nginx\\s+map", """
http {
    map $uri $other { default 1; /some/rather/long/path/of/ours x; }
    map $http_x_api_key $api_client {
        default "";
        # "sk-commented-out-0123456789"  nobody;
        "sk-live-0123456789abcdefghij"  "acme corp";  # since 2024
        plain-key-without-quotes-77     billing;
    }
    server { listen 80; }
}
""", "nginx.conf")  # fmt: skip
        self.assertEqual([token["label"] for token in tokens], ["acme corp", "billing"])
        self.assertEqual(self.verdict("sk-live-0123456789abcdefghij")[0], "allow")
        self.assertEqual(self.verdict("plain-key-without-quotes-77")[0], "allow")

    def test_kong(self):
        tokens = self.recipe("keys of Kong", json.dumps({
            "data": [
                {"consumer": {"id": "876bf719-8f18-4ce5-cc9f-5b5af6c36007"}, "created_at": 1443371053, "ttl": None,
                 "id": "62a7d3b7-b995-49f9-c9c8-bac4d781fb59", "key": "62eb165c070a41d5c1b58d9d3d725ca1", "tags": None},
                {"consumer": {"id": "a3dX2dh2-1adb-40a5-c042-63b19dbx83hF4"}, "created_at": 1443371053, "ttl": 864000,
                 "id": "72a7d3b7-b995-49f9-c9c8-bac4d781fb59", "key": "Kf3kQZ1x9bEwW2n0uVt7Rr5y", "tags": ["billing", "eu"]},
            ],
            "next": None,
        }), "key-auths")  # fmt: skip
        self.assertEqual([token["label"] for token in tokens], ["876bf719-8f18-4ce5-cc9f-5b5af6c36007", "billing"])
        self.assertIsNone(tokens[0]["expires"])
        record = self.site.read().record(tokens[1]["id"])
        self.assertEqual(record.expires - record.created, 10 * DAY)
        self.assertEqual(self.verdict("62eb165c070a41d5c1b58d9d3d725ca1")[0], "allow")

    def test_unkey(self):
        keys = [
            {"id": "key_1", "name": "ci", "start": "3Zb", "plaintext": "3ZbCvX9uYwQkP7tLmN5rSd2f", "expires": 4102444800123,
             "permissions": ["domain.read"]},
            {"id": "key_2", "name": "phone", "start": "8Gh", "plaintext": "8GhTtR4eEwQ1zXcV6bNmKl9p"},
        ]  # fmt: skip
        for number, export in enumerate(({"keys": keys, "total": 2}, {"meta": {}, "data": keys})):
            os.path.exists(self.site.path()) and os.unlink(self.site.path())
            tokens = self.recipe("keys of Unkey", json.dumps(export), "keys.json")
            self.assertEqual([token["label"] for token in tokens], ["ci", "phone"], number)
            self.assertEqual([token["expires"] for token in tokens], ["2100-01-01T00:00:00Z", None])
            self.assertEqual([token["scopes"] for token in tokens], [["domain.read"], []])
            self.assertEqual(self.verdict(keys[0]["plaintext"], "-s", "domain.read")[0], "allow")



if __name__ == "__main__":
    unittest.main()
