"""toktab-panel and the program that it runs: how it is run, and what each of its ends looks like."""

import json
import os
import textwrap
import unittest

from panel_host import PanelCase

# A tool that notes how it was run, shows a domain and a token, and does the rest as told.
FAKE = """\
#!/usr/bin/python3
import json, os, signal, sys
folder = %r
with open(folder + "/calls", "a") as file:
    json.dump({"argv": sys.argv[1:], "env": dict(os.environ),
               "fds": {fd: os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd")
                       if os.path.exists("/proc/self/fd/" + fd)},
               "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [])))}, file)
    file.write("\\n")
token = {"id": "Qfj7et6GnHPH", "serial": 17, "label": "CI deploy", "state": "active", "created": "2026-11-29T21:57:02Z",
         "expires": None, "revoked": None, "scopes": [], "from": [], "user": None, "by": "web:a/1/-", "last_used": None}
if "domains" in sys.argv:
    print(json.dumps([{"name": "example.com", "tokens": 1, "active": 1, "scopes": [],
                       "default_lifetime": None, "max_lifetime": None}]))
elif "show" in sys.argv:
    exec(open(folder + "/show").read() if os.path.exists(folder + "/show") else "print(json.dumps(token))")
elif "list" in sys.argv or "history" in sys.argv:
    print(json.dumps([token]))
else:
    exec(open(folder + "/do").read())
"""


class ToolCase(PanelCase):
    domains = [{"name": "example.com"}]

    @classmethod
    def make_tool(cls):
        cls.folder, fake = os.path.join(cls.site.dir, "told"), os.path.join(cls.site.dir, "fake")
        os.mkdir(cls.folder)
        os.chmod(cls.folder, 0o777)
        with open(fake, "w") as file:
            file.write(FAKE % cls.folder)
        os.chmod(fake, 0o755)
        return fake

    def told_to(self, text):
        with open(os.path.join(self.folder, "do"), "w") as file:
            file.write(textwrap.dedent(text))

    def shows(self, text):
        """From now on, to the end of the test, what it does in the place of show."""
        path = os.path.join(self.folder, "show")
        with open(path, "w") as file:
            file.write(text)
        self.addCleanup(os.unlink, path)

    def calls(self):
        with open(os.path.join(self.folder, "calls")) as file:
            return [json.loads(line) for line in file]


class HowItIsRun(ToolCase):
    def test_always_as_the_user(self):
        self.told_to('print(json.dumps({**token, "token": "tok_x"}))')
        for path in ("", "?show=all&q=x", "?before=7", "new", "Qfj7et6GnHPH"):
            self.expect(200, "/example.com/" + path)
        self.send(200, "/example.com/new", label="--as=web:bob@example.com")
        self.send(303, "/example.com/Qfj7et6GnHPH/revoke", reason="--as=web:bob@example.com")
        self.send(200, "/example.com/Qfj7et6GnHPH/rotate", grace="--as=web:bob@example.com")
        calls = self.calls()
        self.assertGreater(len(calls), 10)
        for call in calls:
            self.assertEqual(call["argv"][:2], ["--as", "web:alice@example.com"])
            self.assertEqual(call["argv"].count("--as"), 1)
            self.assertFalse([word for word in call["argv"][2:] if word.startswith("--as")])

    def test_inherits_nothing(self):
        self.expect(200, "/example.com/")
        for call in self.calls():
            self.assertLessEqual(set(call["env"]), {"PATH", "LC_ALL", "TZ", "LC_CTYPE"})
            self.assertEqual(call["blocked"], [])
            self.assertEqual(call["fds"]["0"], "/dev/null")
            self.assertFalse([name for name in call["fds"].values() if name.startswith("socket:")], call["fds"])

    def test_values_in_one_word(self):
        self.told_to('print(json.dumps({**token, "token": "tok_x"}))')
        self.send(200, "/example.com/new", more={"label": "-x", "user": "-y", "from": "-z", "scopes": "-s"})
        argv = self.calls()[-1]["argv"]
        for word in ("--label=-x", "--user=-y", "--from=-z", "--scopes=-s"):
            self.assertIn(word, argv)


class Ends(ToolCase):
    ends = (
        # exit status, status of HTTP, what the page says, is it known that nothing was done?
        (1, 409, "out of the tool", True),
        (2, 422, "out of the tool", True),
        (65, 500, "toktab check", True),
        (66, 404, "no such token", True),
        (69, 500, "missing, or did not answer", True),
        (73, 500, "not set up properly", True),
        (74, 500, "not known whether this was done", False),
        (75, 503, "Somebody else is changing tokens", True),
        (77, 403, "You may not do this", True),
        (78, 500, "not set up properly", True),
        (3, 500, "not known whether this was done", False),
    )

    def test_each(self):
        for code, status, words, known in self.ends:
            self.told_to('print("toktab: out of the tool /a/path", file=sys.stderr)\nsys.exit(%d)' % code)
            for path in ("new", "Qfj7et6GnHPH/revoke", "Qfj7et6GnHPH/rotate"):
                got = self.send(status, "/example.com/" + path, label="x")
                self.assertIn(words, got.text, code)
                self.assertEqual("Nothing was done." in got.text, known, (code, got))
                self.assertEqual("/a/path" in got.text, code in (1, 2), (code, got))
            if code > 2:
                self.wait_for_log("exit status %d: toktab: out of the tool /a/path" % code)

    def test_old_token_that_never_expires(self):
        self.told_to('print(json.dumps({**token, "token": "tok_x"}))')
        got = self.send(200, "/example.com/Qfj7et6GnHPH/rotate")
        self.assertIn("The old token, serial 17, works until it is revoked.", got.text)

    def test_retry(self):
        self.told_to("sys.exit(75)")
        got = self.send(503, "/example.com/new", label="kept")
        self.assertEqual(got.header("Retry-After"), "10")
        self.assertEqual(got.page.fields["label"], "kept")
        self.told_to('print(json.dumps({**token, "token": "tok_x"}))')
        self.expect(200, "/example.com/new", form=got.page.fields)

    def test_error_as_json(self):
        self.told_to(
            """
            print(json.dumps({"error": {"status": 2, "field": "label", "text": "label: <not> so"}}))
            print("toktab: on stderr", file=sys.stderr)
            sys.exit(2)
            """
        )
        got = self.send(422, "/example.com/new", label="x")
        self.assertIn("label: <not> so. Nothing was done.", got.text)
        marked = [attributes["name"] for _, attributes in got.page.tags if "aria-invalid" in attributes]
        self.assertEqual(marked, ["label"])

    def test_in_doubt(self):
        for text in ("os.kill(os.getpid(), 9)", 'print("no json")', 'print("{}")', "pass", 'print("[")', 'print("x" * 70_000_000)'):
            self.told_to(text)
            for path in ("new", "Qfj7et6GnHPH/rotate"):
                got = self.send(500, "/example.com/" + path, label="x")
                self.assertIn("It is not known whether this was done.", got.text, text)
                again = self.expect(409, "/example.com/" + path, form=got.sent)
                self.assertIn("It is not known what became of it.", again.text)

    def test_doubt_of_what_was_not_begun(self):
        """What only reads has failed: nothing that changes anything was started."""
        forms = [(path, self.expect(200, path).page.fields) for path in ("/example.com/Qfj7et6GnHPH/revoke", "/example.com/Qfj7et6GnHPH/rotate")]
        self.shows("os.kill(os.getpid(), 9)")
        for path, form in forms:
            got = self.expect(500, path, form=form)
            self.assertIn("Nothing was done.", got.text)
            self.assertNotIn("not known whether", got.text)

    def test_doubt_of_a_revocation(self):
        self.told_to("os.kill(os.getpid(), 9)")
        got = self.send(500, "/example.com/Qfj7et6GnHPH/revoke")
        self.assertIn("It is not known whether this was done. Look at the token: if it is still active, revoke it again.", got.text)

    def test_hangs_before_it_changes(self):
        """Then there would be too little time to change something."""
        form = self.expect(200, "/example.com/Qfj7et6GnHPH/revoke").page.fields
        self.shows("import time; time.sleep(300)")
        self.told_to("print(json.dumps(token))")
        before = len(self.calls())
        got = self.expect(500, "/example.com/Qfj7et6GnHPH/revoke", form=form)
        self.assertIn("Nothing was done.", got.text)
        self.assertFalse([call for call in self.calls()[before:] if "revoke" in call["argv"]])
        self.wait_for_log("the tool did not end in time")

    def test_closes_its_output(self):
        """And ends later: it is waited for."""
        self.told_to(
            """
            import time
            print(json.dumps({**token, "token": "tok_x"}), flush=True)
            os.close(1)
            os.close(2)
            time.sleep(0.3)
            open(folder + "/ended", "w").close()
            """
        )
        self.assertEqual(self.send(200, "/example.com/new", label="x").page.token, "tok_x")
        self.assertTrue(os.path.exists(self.folder + "/ended"))

    def test_child_keeps_its_output(self):
        """The tool itself has ended: nobody waits for its child."""
        self.told_to(
            """
            import time
            print(json.dumps({**token, "token": "tok_x"}), flush=True)
            if os.fork() == 0:
                while os.path.exists(folder) and not os.path.exists(folder + "/answered"):
                    time.sleep(0.02)
            """
        )
        self.addCleanup(lambda: open(self.folder + "/answered", "w").close())
        before = self.panel.log()
        self.assertEqual(self.send(200, "/example.com/new", label="x").page.token, "tok_x")
        self.assertEqual(self.panel.log(), before)

    def test_hostile_answers(self):
        self.told_to('print(json.dumps({**token, "label": "<b>\\\\u0000\\\\u202e", "token": "\\"><script>"}))')
        got = self.send(200, "/example.com/new", label="x")
        self.assertNotIn(b"<b>", got.body)
        self.assertNotIn(b"<script>", got.body)


if __name__ == "__main__":
    unittest.main()
