"""toktab-panel from outside: a real nginx before it, the real tool behind it."""

import json
import re
import secrets
import unittest
import urllib.parse

from harness import IS_ROOT, NOBODY, config_text, wait_until
from panel_host import PANEL, PanelCase


class StoryCase(PanelCase):
    def show(self, token_id, domain="example.com"):
        return json.loads(self.tool("-d", domain, "show", "--json", token_id).out)

    def listed(self, domain="example.com"):
        return json.loads(self.tool("-d", domain, "list", "--json").out)

    def labels(self, path, **named):
        """What the list shows, in its order."""
        body = self.expect(200, path, **named).body.decode()
        return re.findall(r'<th scope="row"[^>]*><a [^>]*><bdi>(.*?)</bdi>', body)


class OnAFollower(StoryCase):
    domains = [{"name": "example.com", "admins": ["web:alice@example.com"]}]

    def test_shows_and_offers_no_change(self):
        _, name = self.made("x")
        before = self.expect(200, "/example.com/")
        self.assertIn("Create Token", before.text)
        self.assertIn("/revoke", before.body.decode())
        form = self.expect(200, "/example.com/new").page.fields
        self.site.configure(config_text(self.site.store_dir, [{**self.domains[0], "source": "ssh w1"}]))
        for path in ("/example.com/", "/example.com/" + name):
            got = self.expect(200, path)
            self.assertIn("x", got.text)
            for word in ("Create Token", "/new", "/revoke", "/rotate"):
                self.assertNotIn(word, got.body.decode())
        self.assertIn("They are changed on another one.", self.expect(200, "/example.com/").text)
        got = self.expect(403, "/example.com/new", form={**form, "label": "y"})
        self.assertIn("You may not do this here.", got.text)
        self.assertIn("Nothing was done.", got.text)


class Story(StoryCase):
    def test_create(self):
        got = self.send(200, "/example.com/new", label="CI deploy", scope_read="yes")
        token = self.site.guard(got.page.token)
        self.assertRegex(token, r"\Atok_[0-9A-Za-z]{61}\Z")
        self.assertIn("Copy this token now. It cannot be shown again.", got.text)
        shown = self.show(token.split("_")[1][:12])
        self.assertEqual((shown["label"], shown["scopes"]), ("CI deploy", ["read"]))
        self.assertRegex(shown["by"], r"\Aweb:alice@example\.com/")
        self.assertFalse(self.site.leaks(self.expect(200, "/example.com/").body))

    def test_all_that_a_token_has(self):
        _, name = self.made(
            "full", expires="days", days="30", scope_write="yes", scope_read="yes",
            more={"from": "192.0.2.0/24,2001:db8::/32", "user": "bob"},
        )  # fmt: skip
        shown = self.show(name)
        self.assertEqual(sorted(shown["scopes"]), ["read", "write"])
        self.assertEqual((shown["from"], shown["user"]), (["192.0.2.0/24", "2001:db8::/32"], "bob"))
        self.assertRegex(self.expect(200, "/example.com/" + name).text, r"Networks 192\.0\.2\.0/24 ?, 2001:db8::/32")

    def test_revoke(self):
        _, name = self.made("old phone")
        got = self.expect(200, "/example.com/%s/revoke" % name)
        self.assertIn("This is for good.", got.text)
        self.assertEqual(self.show(name)["state"], "active")
        got = self.send(303, "/example.com/%s/revoke" % name, reason="it was lost")
        got = self.expect(200, re.sub("^https?://[^/]*", "", got.header("Location")))
        self.assertIn("Token revoked.", got.text)
        shown = self.show(name)
        self.assertEqual((shown["state"], shown["reason"]), ("revoked", "it was lost"))
        self.assertNotIn("Token revoked.", self.expect(200, "/example.com/%s" % name).text)

    def test_revoked_by_whom(self):
        _, name = self.made("by bob")
        self.send(303, "/example.com/%s/revoke" % name, "bob@example.com")
        for path in ("/example.com/?show=ended", "/example.com/" + name):
            self.assertRegex(self.expect(200, path).text, r"Revoked 20\d\d-\d\d-\d\d \d\d:\d\d by web:bob@example\.com")
        got = self.expect(409, "/example.com/%s/revoke" % name)
        self.assertIn("This token was revoked already.", got.text)
        self.assertEqual(got.page.fields, {})

    def test_revoked_meanwhile(self):
        _, name = self.made("by two")
        form = self.expect(200, "/example.com/%s/revoke" % name).page.fields
        self.tool("-d", "example.com", "revoke", "-y", "-r", "I was first", name)
        got = self.expect(303, "/example.com/%s/revoke" % name, form=form)
        got = self.expect(200, re.sub("^https?://[^/]*", "", got.header("Location")))
        self.assertIn("I was first", got.text)
        self.assertIn("The token was revoked already", got.text)
        self.assertNotIn("Token revoked.", got.text)

    def test_rotate(self):
        _, old = self.made("rotated")
        got = self.send(200, "/example.com/%s/rotate" % old, grace="7d")
        token = self.site.guard(got.page.token)
        self.assertIn("works until", got.text)
        self.assertEqual(self.show(token.split("_")[1][:12])["prev"], old)
        self.assertEqual(self.show(old)["state"], "active")

    def test_rotate_at_once(self):
        _, old = self.made("rotated at once")
        got = self.send(200, "/example.com/%s/rotate" % old, grace="0s")
        self.site.guard(got.page.token)
        self.assertIn("does not work any more", got.text)
        self.assertEqual(self.show(old)["state"], "revoked")

    def test_no_rotation_of_the_revoked(self):
        _, name = self.made("gone")
        form = self.expect(200, "/example.com/%s/rotate" % name).page.fields
        self.tool("-d", "example.com", "revoke", "-y", name)
        got = self.expect(409, "/example.com/%s/rotate" % name, form=form)
        self.assertIn("Nothing was done.", got.text)
        self.assertIn("Create another.", self.expect(409, "/example.com/%s/rotate" % name).text)
        self.assertNotIn("/example.com/%s/rotate" % name, self.expect(200, "/example.com/%s" % name).page.links)

    def test_history(self):
        _, name = self.made("with a past")
        self.tool("-d", "example.com", "update", name, "-l", "with a new name")
        self.tool("-d", "example.com", "revoke", "-y", "-r", "the end", name)
        text = self.expect(200, "/example.com/%s" % name).text
        for word in ("with a new name", "create", "update", "revoke", "web:alice@example.com", "the end"):
            self.assertIn(word, text)

    def test_head(self):
        got = self.expect(200, "/example.com/", method="HEAD")
        self.assertEqual(got.body, b"")
        self.assertGreater(int(got.header("Content-Length")), 100)

    def test_files(self):
        body = self.send(200, "/example.com/new", label="for its files").body.decode()
        self.site.guard(re.search(r'value="(tok_\w+)"', body)[1])
        for pattern, media in (('href="(/panel-[0-9a-f]+.css)"', "text/css"), ('src="(/copy-[0-9a-f]+.js)"', "text/javascript")):
            got = self.expect(200, re.search(pattern, body)[1])
            self.assertEqual(got.header("Content-Type"), media + "; charset=utf-8")
            self.assertIn("immutable", got.header("Cache-Control"))

    def test_headers(self):
        for path, status in (("/example.com/", 200), ("/nosuch/", 404), ("/example.com/new", 200), ("/example.com", 303)):
            got = self.expect(status, path)
            self.assertEqual(got.header("Cache-Control"), "no-store")
            self.assertEqual(got.header("Referrer-Policy"), "same-origin")
            self.assertEqual(got.header("X-Content-Type-Options"), "nosniff")
            self.assertIn("default-src 'none'", got.header("Content-Security-Policy"))
            self.assertIsNone(got.header("Set-Cookie"))
            self.assertNotIn("style=", got.body.decode())


class Secrets(StoryCase):
    """Tokens that are pasted where none belongs. Afterwards no file holds one, not even a log of nginx."""

    def refused(self, path, form, field):
        got = self.send(422, path, more=form)
        self.assertIn("This looks like a token.", got.text)
        self.assertFalse(self.site.leaks(got.body))
        self.assertEqual(got.page.fields[field], "")
        self.assertIn("#" + field, got.page.links)
        return got

    def test_search(self):
        token, _ = self.made("searched for")
        for text in (token, "  %s\t" % token, "Authorization: Bearer " + token, token + "x", token[1:]):
            self.refused("/example.com/", {"q": text}, "q")

    def test_in_the_address(self):
        """It is too late, and the page says so, without another copy."""
        token = "tok_" + "0" * 61
        got = self.expect(422, "/example.com/?show=all&q=%s" % token)
        self.assertIn("It is now in the history of your browser and in the log of the server: revoke it.", got.text)
        self.assertNotIn(token, got.body.decode())
        self.assertNotIn("looks like a token", self.expect(200, "/example.com/new?label=" + token).text)
        self.assertIn("It is now in the history", self.expect(422, "/example.com?q=" + token).text)

    def test_forms(self):
        token, name = self.made("typed")
        for field in ("label", "user", "from"):
            got = self.refused("/example.com/new", {"label": "kept", "expires": "days", "days": "7", field: "x " + token}, field)
            self.assertEqual(got.page.fields["days"], "7")
        self.refused("/example.com/%s/revoke" % name, {"reason": token}, "reason")
        self.assertEqual(self.show(name)["state"], "active")
        form = {**got.page.fields, "label": "the form is still good", "from": ""}
        self.site.guard(self.expect(200, "/example.com/new", form=form).page.token)


class Scopes(StoryCase):
    many = ["s%d" % i for i in range(200)]
    odd = ["<b>", "a&b", "'", "=", "-x", "%41", "+", "$"]
    domains = [
        {"name": "many", "admins": ["web:alice@example.com"], "scopes": many},
        {"name": "odd", "prefix": "odd", "admins": ["web:alice@example.com"], "scopes": odd},
    ]  # fmt: skip

    def test_all(self):
        for domain, scopes in (("many", self.many), ("odd", self.odd)):
            got = self.send(200, "/%s/new" % domain, label="all", more={"scope-" + scope: "yes" for scope in scopes})
            token = self.site.guard(got.page.token)
            self.assertEqual(sorted(self.show(token.split("_")[1][:12], domain)["scopes"]), sorted(scopes))

    def test_none_of_them(self):
        got = self.send(422, "/odd/new", label="x", more={"scope-nosuch": "yes"})
        self.assertIn("#scopes", got.page.links)


class Lifetimes(StoryCase):
    domains = [
        {"name": name, "admins": ["web:alice@example.com"], **more}
        for name, more in (
            ("any", {}), ("longest", {"max_lifetime": "14d"}), ("both", {"default_lifetime": "36h", "max_lifetime": "365d"}),
            ("hours", {"max_lifetime": "90m"}),
        )
    ]  # fmt: skip

    def test_choices(self):
        """Only what the domain allows."""
        for domain, words, choices, days in (
            ("any", "Without an expiry it works until it is revoked.", ["days", "never"], "30"),
            ("longest", "in 14 days (default) .*At most 14 days from now.", ["default", "days"], "14"),
            ("both", "in 36 hours (default) .*At most 365 days from now.", ["default", "days"], "30"),
            ("hours", "in 90 minutes (default) .*At most 90 minutes from now.", ["default"], None),
        ):
            got = self.expect(200, "/%s/new" % domain)
            self.assertRegex(got.text, words.replace("(", r"\(").replace(")", r"\)"))
            self.assertEqual([a["value"] for _, a in got.page.tags if a.get("name") == "expires"], choices)
            self.assertEqual(got.page.fields.get("days"), days)
            self.site.guard(self.send(200, "/%s/new" % domain, label="as it comes").page.token)

    def test_days_that_are_not_chosen(self):
        """Somebody typed 7 there, and would have got a token that never expires."""
        got = self.send(422, "/any/new", label="kept", days="7")
        self.assertIn("A number of days was typed, but another expiry is chosen.", got.text)
        self.assertEqual((got.page.fields["label"], got.page.fields["days"]), ("kept", "7"))
        form = {**got.page.fields, "expires": "days"}
        self.site.guard(self.expect(200, "/any/new", form=form).page.token)

    def test_no_number_of_days(self):
        for days in ("", "0", "1.5", "-1", "d", "366001"):
            got = self.send(422, "/any/new", label="kept", expires="days", days=days)
            self.assertIn("Give a whole number of days, such as 30. Nothing was done.", got.text)
            self.assertEqual((got.page.fields["label"], got.page.fields["days"]), ("kept", days))

    def test_too_long(self):
        got = self.send(422, "/longest/new", label="x", expires="days", days="15")
        self.assertIn("14d", got.text)
        self.assertIn("#expires", got.page.links)
        self.assertEqual((got.page.fields["days"], got.page.fields["expires"]), ("15", "days"))


class Domains(StoryCase):
    def test_the_only_one(self):
        self.assertTrue(self.expect(303, "/").header("Location").endswith("/example.com/"))

    def test_several(self):
        got = self.expect(200, "/", "bob@example.com")
        self.assertLessEqual({"/example.com/", "/intern/"}, set(got.page.links))
        self.assertNotIn("others", got.text)

    def test_none(self):
        got = self.expect(403, "/", "eve")
        self.assertIn("eve is not an admin of any domain here", got.text)

    def test_no_oracle(self):
        """A domain of others looks as one that there is not."""
        name = self.create(domain="others").split("_")[1][:12]
        for path in ("", "/", "/new", "/" + name, "/%s/revoke" % name):
            other, none = self.expect(404, "/others" + path), self.expect(404, "/nosuch" + path)
            self.assertEqual(other.body, none.body)

    def test_another_domain_s_token(self):
        name = self.create(domain="intern").split("_")[1][:12]
        self.expect(404, "/example.com/" + name)
        form = self.expect(200, "/example.com/%s/revoke" % self.made()[1]).page.fields
        self.expect(404, "/example.com/%s/revoke" % name, form=form)
        self.assertEqual(self.show(name, "intern")["state"], "active")

    def test_any_scope(self):
        got = self.send(200, "/intern/new", "bob@example.com", label="any", scopes="one,two")
        token = self.site.guard(got.page.token)
        self.assertEqual(self.show(token.split("_")[1][:12], "intern")["scopes"], ["one", "two"])

    def test_without_a_slash(self):
        for method in ("GET", "HEAD"):
            got = self.expect(303, "/example.com", method=method)
            self.assertTrue(got.header("Location").endswith("/example.com/"), got)
            self.assertEqual(got.body, b"")
        self.expect(403, "/example.com", headers={"Sec-Fetch-Dest": "iframe"})
        self.assertEqual(self.expect(405, "/example.com", form={}).header("Allow"), "GET, HEAD")
        self.expect(404, "/favicon.ico")

    def test_addresses(self):
        for path in ("/example.com/new/", "/example.com/nosuch", "/x", "/example.com/--version000", "/-d/"):
            self.expect(404, path)
        self.expect(404, "/example.com/000000000000")
        _, name = self.made()
        for path in ("/", "/example.com/" + name):
            self.assertEqual(self.expect(405, path, form={}).header("Allow"), "GET, HEAD")
        self.assertEqual(self.expect(405, "/example.com/", method="PUT").header("Allow"), "GET, HEAD, POST")
        self.assertEqual(self.expect(405, "/example.com/new", method="DELETE").header("Allow"), "GET, HEAD, POST")
        self.expect(400, "/example.com/?q=%ff")


class Damage(StoryCase):
    def test_one_store_of_two(self):
        """The other domain goes on, and the page says which one does not."""
        self.create(domain="intern")
        _, name = self.made("to be revoked")
        with open(self.site.path("intern"), "r+b") as file:
            file.seek(20)
            file.write(b"#")
        text = self.expect(200, "/", "bob@example.com").text
        self.assertRegex(text, r"example\.com , active tokens: [1-9]")
        self.assertIn("intern , active tokens: not known", text)
        for path in ("/", "/" + name):
            self.expect(500, "/intern" + path, "bob@example.com")
        got = self.send(500, "/intern/new", "bob@example.com", label="x")
        self.assertIn("damaged", got.text)
        self.assertIn("Nothing was done.", got.text)
        self.send(303, "/example.com/%s/revoke" % name, "bob@example.com")
        self.assertEqual(self.show(name)["state"], "revoked")


class Listing(StoryCase):
    domains = [
        {"name": "many", "admins": ["web:alice@example.com"]},
        {"name": "soon", "prefix": "soo", "admins": ["web:alice@example.com"]},
        {"name": "empty", "prefix": "emp", "admins": ["web:alice@example.com"]},
    ]  # fmt: skip

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for i in range(1, 121):
            cls.create(cls(), "Number %d" % i, domain="many")
        cls.tool(cls(), "-d", "many", "revoke", "-y", "1", "2", "3")

    def test_pages(self):
        seen, path = [], "/many/"
        while path:
            got = self.expect(200, path)
            seen += self.labels(path)
            path = next(("/many/" + link for link in got.page.links if "before=" in link), None)
        self.assertEqual(seen, ["Number %d" % i for i in range(120, 3, -1)])

    def test_states(self):
        self.assertEqual(self.labels("/many/?show=ended"), ["Number 3", "Number 2", "Number 1"])
        self.assertEqual(len(self.labels("/many/?show=all")), 50)
        self.assertEqual(self.labels("/many/?show=all&before=3"), ["Number 2", "Number 1"])

    def test_counts(self):
        text = self.expect(200, "/many/").text
        self.assertIn("Show: Active 117 Ended 3 All 120", text)
        self.assertIn("Show: Active 0 Ended 0 All 0", self.expect(200, "/empty/").text)

    def test_expires_soon(self):
        for label, expires, says in (("near", "3d", ", expires in 3 days"), ("far", "30d", ""), ("at all", "never", "")):
            name = self.create(label, "-e", expires, domain="soon").split("_")[1][:12]
            self.assertIn("State Active%s Id" % says, self.expect(200, "/soon/" + name).text)
        self.assertEqual(self.expect(200, "/soon/").text.count("Active, expires in 3 days"), 1)

    def test_one_of_many(self):
        self.assertIn("1 to 50 of 117", self.expect(200, "/many/").text)
        self.assertIn("1 to 50 of 120", self.expect(200, "/many/?show=all").text)
        for query in ("?show=ended", "?q=Number", "?before=60"):
            self.assertNotIn("1 to ", self.expect(200, "/many/" + query).text)

    def test_odd_queries(self):
        """Each is a page: never the words of the tool."""
        newest = self.labels("/many/")
        for query in ("?before=0", "?before=", "?before=-1", "?before=007", "?before=1e3", "?before=99999999999999999999", "?show=x", "?x=y", "?"):
            self.assertEqual(self.labels("/many/" + query), newest, query)
        self.assertEqual(self.labels("/many/?before=18446744073709551615"), newest)
        self.assertIn("There are no such tokens here.", self.expect(200, "/many/?before=1").text)

    def test_other_domains(self):
        got = self.expect(200, "/many/")
        self.assertLessEqual({"/many/", "/soon/", "/empty/"}, set(got.page.links))

    def test_search_form(self):
        """It is sent on: what is searched for gets into the address only after it was looked at."""
        got = self.send(303, "/many/", q="number 119&<", show="all")
        self.assertEqual(got.header("Location"), "/many/?show=all&q=number%20119%26%3C")
        got = self.send(303, "/many/?show=ended&q=2&before=3", q="Number 3")
        self.assertEqual(self.labels(got.header("Location")), ["Number 3"])

    def test_filter(self):
        self.assertEqual(self.labels("/many/?q=nUMBER+11"), ["Number %d" % i for i in (*range(119, 109, -1), 11)])
        got = self.expect(200, "/many/?q=%22%3Cb%3E*")
        self.assertIn('No active token has " "<b>* " in its label.', got.text)

    def test_filter_is_no_pattern(self):
        labels = ("all * of them", "why? [a-z] \\d", "Ångström", "]x[", "-v")
        for label in labels:
            self.create(label, domain="soon")
        for query, found in (
            ("*", ["all * of them"]), ("?", ["why? [a-z] \\d"]), ("[a-z]", ["why? [a-z] \\d"]), ("\\D", ["why? [a-z] \\d"]),
            ("ngSTRöm", ["Ångström"]), ("å", []), ("]X[", ["]x["]), ("-v", ["-v"]), ("[!a]", []), ("\\", ["why? [a-z] \\d"]),
            ("all*them", []), ("L * O", ["all * of them"]), ("z" * 3000, []),
        ):  # fmt: skip
            self.assertEqual(self.labels("/soon/?q=" + urllib.parse.quote(query)), found, query)

    def test_empty(self):
        self.assertIn("There are no tokens in empty yet.", self.expect(200, "/empty/").text)


class Many(StoryCase):
    """More than 10,000 tokens, of which some have ended."""

    domains = [{"name": "many", "foreign": True, "admins": ["web:alice@example.com"]}]
    count = 10_004

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        keys = "".join("Number %d\tsk-live-%s\n" % (i, secrets.token_hex(24)) for i in range(1, cls.count + 1))
        result = cls.site.run("import", "-y", "-", stdin=keys, user=NOBODY if IS_ROOT else None)
        assert result.code == 0, result.err
        cls.tool(cls(), "revoke", "-y", *map(str, range(9_001, 9_101)))

    def test_list(self):
        got = self.expect(200, "/many/")
        self.assertIn("Active 9904 Ended 100 All 10004", got.text)
        self.assertEqual(self.labels("/many/"), ["Number %d" % i for i in range(self.count, self.count - 50, -1)])
        self.assertEqual(self.labels("/many/?before=3"), ["Number 2", "Number 1"])
        self.assertEqual(self.labels("/many/?show=ended"), ["Number %d" % i for i in range(9_100, 9_050, -1)])

    def test_memory(self):
        """What a search takes is given back."""
        self.expect(200, "/many/")
        before = self.panel.memory()
        self.expect(200, "/many/?show=all&q=number")
        with open(PANEL, "rb") as file:
            if b"__asan_init" not in file.read():
                wait_until(lambda: self.panel.memory() < before + 1024, "little memory")

    def test_search(self):
        self.assertEqual(self.labels("/many/?show=all&q=number+9099"), ["Number 9099"])
        got = self.expect(200, "/many/?show=all&q=number+4")
        self.assertIn("Older", got.text)
        older = next(link for link in got.page.links if "before=" in link)
        self.assertEqual(self.labels("/many/" + older)[-1], "Number 4900")

    def test_search_older(self):
        """A label of one of the oldest is found, too."""
        self.tool("update", "4", "-l", "the oldest")
        self.assertEqual(self.labels("/many/?show=all&q=oldest"), ["the oldest"])


if __name__ == "__main__":
    unittest.main()
