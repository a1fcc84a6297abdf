"""toktab-panel over many requests of every kind: it loses no memory and no descriptor, and no check of memory complains.

PANEL_REQUESTS says how many; PANEL_RUNNER what it runs under, such as valgrind.
"""

import os
import re
import unittest
import urllib.parse

from harness import IS_ROOT, Site, wait_until
from panel_host import PANEL, Panel, parameters, speak

REQUESTS = int(os.environ.get("PANEL_REQUESTS", "1000"))
RUNNER = tuple(os.environ.get("PANEL_RUNNER", "").split())
# Fast, because it is not what is tested here.
FAKE = """\
#!/bin/sh
token='"id": "Qfj7et6GnHPH", "serial": 17, "label": "CI <deploy>", "state": "active", "created": "2026-11-29T21:57:02Z",
"expires": "2027-02-27T21:57:02Z", "revoked": null, "scopes": ["read"], "from": [], "user": null, "by": "web:a/1/-"'
case "$*" in
*domains*) echo '[{"name": "example.com", "tokens": 200, "active": 200, "scopes": ["read"], "max_lifetime": "90d"}, {"name": "x"}]' ;;
*list*) i=200; echo "[{$token}"; while [ $i -gt 150 ]; do i=$((i - 1)); echo ",{$token}"; done; echo "]" ;;
*history*) echo "[{$token}]" ;;
*create*|*rotate*) echo "{$token, \\"token\\": \\"tok_0123456789\\"}" ;;
*) echo "{$token}" ;;
esac
"""
FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}


class Soak(unittest.TestCase):
    def setUp(self):
        self.site = Site()
        self.addCleanup(self.site.close)
        tool = os.path.join(self.site.dir, "fake")
        with open(tool, "w") as file:
            file.write(FAKE)
        os.chmod(tool, 0o755)
        self.panel = Panel(self.site, tool)
        # as it is: what looks for lost memory may not trace another user's process
        self.panel.runner, self.panel.user = RUNNER, None
        self.panel.start()
        self.addCleanup(self.end)
        self.asked = 0

    def end(self):
        code, log = self.panel.stop(), self.panel.log()
        self.assertEqual(code, 0, log)
        self.assertNotRegex(log, "Sanitizer|runtime error|==[0-9]+==")

    def ask(self, status, path, query="", form=None, **more):
        body = b"" if form is None else form if isinstance(form, bytes) else urllib.parse.urlencode(form).encode()
        if form is not None:
            more = {**FORM, "CONTENT_LENGTH": str(len(body)), "method": "POST", **more}
        got = speak(self.panel.path, parameters(path, QUERY_STRING=query, **more), body)
        self.assertTrue(got.startswith(b"Status: %d " % status), (path, got[:2000]))
        self.asked += 1
        return got

    def send(self, path, again, **typed):
        nonce = re.search(rb'name="nonce" value="(\w+)"', self.ask(200, path))[1].decode()
        got = self.ask(303 if path.endswith("revoke") else 200, path, form={"nonce": nonce, **typed})
        if again:
            self.ask(409, path, form={"nonce": nonce, **typed})
        return got

    def round(self):
        one = "/example.com/Qfj7et6GnHPH"
        self.ask(200, "/")
        for query in ("", "show=all&q=deploy", "before=7&show=ended", "q=nothing+%3C"):
            self.ask(200, "/example.com/", query)
        got = self.send("/example.com/new", True, label="x" * 100)
        self.ask(200, "/" + re.search(rb"copy-\w+\.js", got)[0].decode())
        self.send(one + "/revoke", True, reason="<>")
        self.send(one + "/rotate", False)
        self.ask(200, one)
        for status, path, more in (
            (404, "/nosuch", {}), (404, "/other/", {}), (405, "/", {"form": b"a=b"}), (500, "/", {"user": "a b"}),
            (403, "/example.com/new", {"form": b"a=b", "HTTP_ORIGIN": "https://evil.test"}),
            (413, "/example.com/new", {"form": b"label=" + 20_000 * b"a"}), (400, "/example.com/new", {"form": b"label=%ff"}),
            (415, "/example.com/new", {"form": b"a=b", "CONTENT_TYPE": "text/plain"}), (303, "/example.com/", {"form": b"q=%3C"}),
            (403, "/example.com/new", {"form": {"label": "no nonce"}}), (400, "/", {"query": "%"}),
            (422, "/example.com/new", {"form": {"label": "tok_" + 61 * "0"}}), (403, "/", {"HTTP_SEC_FETCH_DEST": "iframe"}),
        ):  # fmt: skip
            self.ask(status, path, **more)
        speak(self.panel.path, parameters(), cut=40).close()
        speak(self.panel.path, parameters(), cut=100_000).close()
        for i in range(200):  # without the tool, which takes most of the time
            self.ask(404, "/%s/nosuch" % (i * "a"), "a=b&" * (i % 60) + "c=d", **{"X%d" % j: i * "y" for j in range(i % 40)})

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.panel.process.pid))

    @unittest.skipUnless(IS_ROOT, "only root sees the descriptors of a process that leaves no core image")
    def test_all_kinds(self):
        self.round()
        descriptors, memory = self.descriptors(), self.panel.memory()
        while self.asked < REQUESTS:
            self.round()
        wait_until(lambda: self.descriptors() <= descriptors, "no descriptor is left of the requests")
        with open(PANEL, "rb") as file:
            if not RUNNER and b"__asan_init" not in file.read():
                self.assertLess(self.panel.memory(), memory + 1024)


if __name__ == "__main__":
    unittest.main()
