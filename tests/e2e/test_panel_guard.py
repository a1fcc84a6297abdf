"""What toktab-panel refuses: forged names, forms from elsewhere, forms that were sent before, and what no form is."""

import json
import socket
import threading
import unittest
import urllib.parse

from panel_host import HTTP, SNIPPET, PanelCase, manual, parameters, speak

PLAIN = [{"name": "example.com", "admins": ["web:alice@example.com", "web:bob@example.com"]}]


class GuardCase(PanelCase):
    domains = PLAIN

    def count(self):
        return len(json.loads(self.tool("list", "--json").out))

    def unchanged(self):
        before = self.count()
        self.addCleanup(lambda: self.assertEqual(self.count(), before))


class Names(GuardCase):
    """nginx lets people in by something else than a password, and says so itself."""

    http = (
        HTTP
        + manual("proxy")
        + manual("certificate").replace("$ssl_client_s_dn", "$http_x_dn")
        + "server { listen unix:{folder}/certificate.sock; %s }"
        % manual("certificate-server").replace("ssl_verify_client on;", "")
        + "server { listen unix:{folder}/open.sock; location / { include %s; fastcgi_param REMOTE_USER $token_admin; "
        "fastcgi_pass unix:%%(socket)s; } }" % SNIPPET
    )

    def raw(self, door, *lines, path="/"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect("%s/%s.sock" % (self.nginx.folder, door))
            head = ["GET %s HTTP/1.1" % path, "Host: tokens.test", "Connection: close", *lines, "", ""]
            connection.sendall("\r\n".join(head).encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    basic = "Authorization: Basic Ym9iQGV4YW1wbGUuY29tOng="  # bob@example.com
    doors = (
        ("proxy", "X-Forwarded-Email: alice@example.com"),
        ("certificate", "X-DN: emailAddress=alice@example.com,CN=alice,O=Example"),
    )

    def test_the_right_one(self):
        for door, line in self.doors:
            self.assertIn(" 303 ", self.raw(door, line))

    def test_forged(self):
        for door, line in self.doors:
            for lines in (
                (self.basic,), ("Remote-User: bob@example.com",), ("REMOTE_USER: bob@example.com",),
                ("X-DN: emailAddress=alice@example.com",),
                ("X-DN: O=x\\,emailAddress=alice@example.com,CN=alice,O=Example",),
            ):  # fmt: skip
                self.assertIn(" 403 ", self.raw(door, *lines), lines)
            got = self.raw(door, self.basic, "Remote-User: bob@example.com", line, path="/example.com/")
            self.assertIn(">alice@example.com<", got)
            self.assertNotIn("bob", got)

    def test_twice(self):
        """Which one does the proxy mean? None is believed."""
        got = self.raw("proxy", self.doors[0][1], "X-Forwarded-Email: bob@example.com", path="/example.com/")
        self.assertNotIn("bob@example.com", got)

    def test_nobody(self):
        """A location that forgot to ask: the program does not guess."""
        got = self.raw("open", self.basic)
        self.assertIn(" 500 ", got)
        self.assertIn("Not set up", got)

    def test_wrong_password(self):
        self.users = {**self.users, "alice@example.com": "wrong"}
        self.expect(401, "/")

    def test_said_by_fastcgi(self):
        for user in (None, "", "a b", "alice@example.com, bob@example.com", "a" * 129, "a/b", "web:alice@example.com"):
            self.assertIn(b"Status: 500 ", speak(self.panel.path, parameters(user=user)), user)
        twice = [*parameters(), ("REMOTE_USER", "bob@example.com")]
        self.assertIn(b"Status: 500 ", speak(self.panel.path, twice))
        self.assertIn(b"Status: 500 ", speak(self.panel.path, [("REMOTE_USER", ""), *parameters()]))
        self.assertIn(b"Status: 303 ", speak(self.panel.path, parameters()))
        self.assertIn(b"Status: 500 ", speak(self.panel.path, parameters(PANEL_SELF="")))


class Origins(GuardCase):
    """What Chromium was seen to send from where, on http."""

    def headers(self, **named):
        names = {"origin": "Origin", "site": "Sec-Fetch-Site", "dest": "Sec-Fetch-Dest"}
        return {names[key]: value for key, value in named.items()}

    def test_refused(self):
        own = "http://127.0.0.1:%d" % self.nginx.port
        self.unchanged()
        for named in (
            {"origin": "http://evil.test:18006"}, {"origin": "null"}, {"origin": "http://127.0.0.1"},
            {"origin": own, "site": "cross-site"}, {"origin": own, "site": "same-site"}, {"site": "none"},
            {"origin": "https://127.0.0.1:%d" % self.nginx.port}, {"origin": "null", "site": "cross-site"},
        ):  # fmt: skip
            got = self.send(403, "/example.com/new", label="forged", headers=self.headers(**named))
            self.assertIn("This did not come from this site. Nothing was done.", got.text, named)

    def test_allowed(self):
        own = "http://127.0.0.1:%d" % self.nginx.port
        for named in ({}, {"origin": own}, {"origin": own, "site": "same-origin"}, {"origin": "null", "site": "same-origin"}):
            got = self.send(200, "/example.com/new", label="ours", headers=self.headers(**named))
            self.site.guard(got.page.token)

    def test_frames(self):
        self.expect(403, "/example.com/", headers=self.headers(dest="iframe"))
        self.expect(200, "/example.com/", headers=self.headers(dest="document"))

    def test_read_by_a_script(self):
        """Of another site, which could time a search."""
        self.expect(403, "/example.com/?q=x", headers=self.headers(dest="empty", site="cross-site"))
        self.expect(200, "/example.com/?q=x", headers=self.headers(dest="empty", site="same-origin"))

    def test_media_types(self):
        self.unchanged()
        for media in ("text/plain", "multipart/form-data; boundary=x", "application/json"):
            self.send(415, "/example.com/new", label="forged", headers={"Content-Type": media})


class Once(GuardCase):
    def test_twice(self):
        got = self.send(200, "/example.com/new", label="only once")
        token = self.site.guard(got.page.token)
        before = self.count()
        again = self.expect(409, "/example.com/new", form=got.sent)
        self.assertIn("This form was sent already", again.text)
        self.assertIn("only once", again.text)
        self.assertRegex(again.text, r"was created 20\d\d-\d\d-\d\d \d\d:\d\d UTC. It cannot be shown again.")
        self.assertIn("/example.com/%s/revoke" % token.split("_")[1][:12], again.page.links)
        self.assertIn("/example.com/" + token.split("_")[1][:12], again.page.links)
        self.assertFalse(self.site.leaks(again.body))
        self.assertEqual(self.count(), before)

    def test_two_admins(self):
        """At once: each gets her own."""
        users = ("alice@example.com", "bob@example.com")
        forms = {user: dict(self.expect(200, "/example.com/new", user).page.fields, label=user) for user in users}
        got = {}
        threads = [
            threading.Thread(target=lambda user=user: got.update({user: self.ask("/example.com/new", user, form=forms[user])}))
            for user in users
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for user in users:
            token = self.site.guard(got[user].page.token)
            shown = json.loads(self.tool("show", "--json", token.split("_")[1][:12]).out)
            self.assertEqual((shown["label"], shown["by"].split("/")[0]), (user, "web:" + user))

    def test_at_the_same_time(self):
        form = dict(self.expect(200, "/example.com/new").page.fields, label="at once")
        got = []
        threads = [threading.Thread(target=lambda: got.append(self.ask("/example.com/new", form=form))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(one.status for one in got), [200] + [409] * 7)
        self.site.guard(next(one.page.token for one in got if one.status == 200))

    def test_without(self):
        self.unchanged()
        for nonce in ("", "0" * 128, "x"):
            got = self.send(403, "/example.com/new", label="kept <text>", nonce=nonce)
            self.assertIn("This form is too old. Please send it again. Nothing was done.", got.text)
            self.assertEqual(got.page.fields["label"], "kept <text>")

    def test_the_form_that_comes_back_is_good(self):
        again = self.expect(403, "/example.com/new", form={"label": "no nonce"})
        got = self.expect(200, "/example.com/new", form=again.page.fields)
        self.site.guard(got.page.token)

    def test_of_somebody_else(self):
        self.unchanged()
        form = dict(self.expect(200, "/example.com/new", "bob@example.com").page.fields, label="of bob")
        self.expect(403, "/example.com/new", form=form)

    def test_of_another_form(self):
        _, one = self.made("one")
        _, other = self.made("other")
        form = self.expect(200, "/example.com/%s/rotate" % one).page.fields
        for path in ("%s/revoke" % one, "%s/rotate" % other, "new"):
            self.expect(403, "/example.com/" + path, form={**form, "label": "x"})

    def test_two_tabs(self):
        forms = [dict(self.expect(200, "/example.com/new").page.fields, label="tab") for _ in range(2)]
        for form in forms:
            self.site.guard(self.expect(200, "/example.com/new", form=form).page.token)

    def test_no_admin_any_more(self):
        """Between the form and its sending."""
        _, name = self.made("stays")
        paths = ("new", "%s/revoke" % name, "%s/rotate" % name)
        forms = [dict(self.expect(200, "/example.com/" + path).page.fields, label="x") for path in paths]
        before = self.tool("list", "--json").out
        with open(self.site.conf, "rb") as file:
            text = file.read()
        self.addCleanup(self.site.configure, text)
        self.site.configure(text.replace(b"web:alice@example.com", b"web:carol@example.com"))
        for path, form in zip(paths, forms):
            got = self.expect(403, "/example.com/" + path, form=form)
            self.assertIn("alice@example.com is not an admin of any domain here", got.text)
        self.assertEqual(self.tool("list", "--json").out, before)

    def test_refused_then_again(self):
        got = self.send(422, "/example.com/new", label="")
        self.assertIn("Nothing was done.", got.text)
        again = self.expect(409, "/example.com/new", form={**got.sent, "label": "now"})
        self.assertIn("Nothing was done then.", again.text)
        form = {**got.page.fields, "label": "now"}
        self.site.guard(self.expect(200, "/example.com/new", form=form).page.token)


class Forms(GuardCase):
    hostile = (
        "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "--help", "-x", "@file", "$(id)", "a;b|c&d",
        "\u05d0 b", "gr\u00fc\u00df", "\U0001f511", "%s%n", "'", "a" * 128,
    )  # fmt: skip

    def test_hostile_labels(self):
        for label in self.hostile:
            _, name = self.made(label)
            self.assertEqual(json.loads(self.tool("show", "--json", name).out)["label"], label)
            for path in ("", name, name + "/revoke", name + "/rotate"):
                got = self.expect(200, "/example.com/" + path)
                self.assertNotIn(b"<script>", got.body)
                self.assertNotIn(b"<img", got.body)
                self.assertFalse([a for _, attributes in got.page.tags for a in attributes if a.startswith("on")])
                self.assertIn(" ".join(label.split()), got.text, path)

    def test_long_labels(self):
        for letter in ("\u00fc", "\u20ac", "\U0001f511"):
            self.made(128 * letter)
            got = self.send(422, "/example.com/new", label=129 * letter)
            self.assertEqual(got.page.fields["label"], 129 * letter)

    def test_what_was_typed_is_kept(self):
        typed = {"label": '"a" <b>', "from": "nonsense", "user": "bob", "scopes": "one,two", "expires": "days", "days": "7"}
        got = self.send(422, "/example.com/new", more=typed)
        for name, value in typed.items():
            self.assertEqual(got.page.fields[name], value, name)
        self.assertIn("nonsense", got.text)
        self.assertTrue(any(attributes.get("role") == "alert" for _, attributes in got.page.tags))
        self.assertIn("#from", got.page.links)
        wrong = next(attributes for _, attributes in got.page.tags if "aria-invalid" in attributes)
        self.assertEqual((wrong["id"], wrong["aria-describedby"]), ("from", "from-trouble from-hint"))
        self.assertEqual(sum(attributes.get("id") == "from-trouble" for _, attributes in got.page.tags), 1)

    def test_refused(self):
        self.unchanged()
        for typed in (
            {"label": ""}, {"label": " "}, {"label": "a\nb"}, {"label": "\u202egnp.exe"}, {"label": "a" * 129}, {"label": "x", "expires": "days", "days": "-1"},
            {"label": "x", "expires": "days", "days": ""}, {"label": "x", "expires": "days", "days": "x"}, {"label": "x", "expires": "weird"}, {"label": "x", "expires": "days", "days": "99999999999999"}, {"label": "x", "scopes": "a b"},
        ):  # fmt: skip
            got = self.send(422, "/example.com/new", more=typed)
            self.assertIn("Nothing was done.", got.text, typed)

    def test_what_is_no_form(self):
        self.unchanged()
        nonce = self.expect(200, "/example.com/new").page.fields["nonce"]
        for body in (b"label=a&label=b&nonce=%s", b"label=%%ff&nonce=%s", b"label=%%00&nonce=%s", b"label&nonce=%s", b"label=%%4&nonce=%s"):
            self.expect(400, "/example.com/new", form=body % nonce.encode())

    def test_too_long(self):
        self.unchanged()
        self.expect(413, "/example.com/new", form=b"label=" + 20_000_000 * b"a")
        more = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": "20000000"}
        got = speak(self.panel.path, parameters("/example.com/new", method="POST", **more), 20_000_000 * b"a")
        self.assertIn(b"Status: 413 ", got)

    def test_lengths_that_lie(self):
        self.unchanged()
        body = urllib.parse.urlencode({"label": "x", "nonce": self.expect(200, "/example.com/new").page.fields["nonce"]}).encode()
        for length, status in (("junk", 413), ("-1", 413), (str(len(body) + 1), 400), ("99999999999999999999999", 413)):
            more = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": length}
            got = speak(self.panel.path, parameters("/example.com/new", method="POST", **more), body)
            self.assertIn(b"Status: %d " % status, got, length)

    def test_many_parameters(self):
        """180 MB of them."""
        got = speak(self.panel.path, [*parameters(), *[("X%d" % i, "y" * 1_000_000) for i in range(180)]])
        self.assertIn(b"Status: 303 ", got)
        self.expect(200, "/example.com/")


if __name__ == "__main__":
    unittest.main()
