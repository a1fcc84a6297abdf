"""auth_toktab_metrics in a real nginx: what it counts, and what becomes of the counters when workers come and go."""

import contextlib
import os
import re
import signal
import unittest

from harness import SiteTest, clock, wait_until
from nginx_host import Nginx, NginxCase, is_running, worker_user
from oracle_format import make_token

REASONS = {
    "allow": ["none"],
    "deny": ["malformed", "unknown", "revoked", "expired", "scope", "network", "user", "unsupported", "missing",
             "repeated", "other"],
    "error": ["store", "request", "other"],
}  # fmt: skip
GAUGES = ["store_good", "store_tokens", "store_epoch", "store_line", "store_last_good_age_seconds"]
SAMPLE = re.compile(r'toktab_(\w+)\{domain="([^"\\]+)"(?:,verdict="(\w+)",reason="(\w+)")?\} (\d+|\+Inf)')


def parse(text):
    """{(name, domain) or ("requests_total", domain, verdict, reason): number} of a page, which must be well-formed."""
    samples, family = {}, None
    for line in text.splitlines():
        told = re.fullmatch(r"# (HELP|TYPE) toktab_(\w+) (.+)", line)
        if told and told[1] == "HELP":
            family = told[2]
        elif told:
            assert told.group(2, 3) == (family, "counter" if family.endswith("_total") else "gauge"), line
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample and sample[1] == family, line
            key = tuple(filter(None, sample.groups()[:4]))
            assert key not in samples, line
            samples[key] = float(sample[5])
    assert text.endswith("\n"), text[-100:]
    return samples


def metrics(nginx):
    answer = nginx.ask("/metrics")
    assert answer.status == 200, answer
    return parse(answer.body.decode())


class Metrics(NginxCase):
    http = r"""
    server {
        listen 127.0.0.1:{port};
        location / { auth_toktab default; }
        location /other { auth_toktab other; }
        location /scope { auth_toktab default; auth_toktab_scope write; }
        location /key { auth_toktab default; auth_toktab_token $http_x_key; }
        location /redirect { auth_toktab default; index page.html; }
        location /page { auth_toktab default; error_page 401 /page/401.html; }
        location /stricter {
            auth_toktab default;
            index page.html;
            location = /stricter/page.html { auth_toktab default; auth_toktab_scope write; }
        }
        location /any { auth_toktab default; satisfy any; allow 127.0.0.1; }
        location = /metrics { auth_toktab_metrics; }
        location = /metrics/nobody { auth_toktab_metrics; deny all; }
        location = /metrics/token { auth_toktab_metrics; auth_toktab default; }
    }
    """

    @classmethod
    def prepare(cls):
        for path in ("other", "scope", "key", "any"):
            cls.nginx.write("html/%s/index.html" % path, path)
        for path in ("redirect", "stricter"):
            cls.nginx.write("html/%s/page.html" % path, path)
        cls.token = cls.create()
        cls.other = cls.create(domain="other")

    @contextlib.contextmanager
    def counts(self, **expected):
        """Inside it, exactly these are counted: domain_verdict_reason=number."""
        before = metrics(self.nginx)
        yield
        after = metrics(self.nginx)
        changed = {
            "_".join(key[1:]): after[key] - before[key]
            for key in after
            if key[0] == "requests_total" and after[key] != before[key]
        }
        self.assertEqual(changed, expected)

    def test_the_page(self):
        answer = self.expect(200, "/metrics")
        self.assertEqual(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
        samples = parse(answer.body.decode())
        expected = {(name, domain) for name in GAUGES for domain in ("default", "other")}
        for verdict, reasons in REASONS.items():
            for reason in reasons:
                expected |= {("requests_total", domain, verdict, reason) for domain in ("default", "other")}
        self.assertEqual(set(samples), expected)

    def test_methods(self):
        answer = self.expect(200, "/metrics", method="HEAD")
        self.assertEqual(answer.body, b"")
        self.assertGreater(int(answer.header("Content-Length")), 1000)
        for method in ("DELETE", "PUT", "OPTIONS"):
            self.expect(405, "/metrics", method=method)
        self.expect(405, "/metrics", method="POST", headers=["Content-Length: 0"])

    def test_it_is_a_location_like_others(self):
        self.expect(403, "/metrics/nobody")
        with self.counts(default_deny_missing=1, default_allow_none=1):
            self.expect(401, "/metrics/token")
            self.expect(200, "/metrics/token", self.token)

    def test_verdicts(self):
        revoked, bound, reader = self.create(), self.create("far", "--from", "192.0.2.0/24"), self.create("r", "-s", "read")
        self.revoke(revoked)
        unknown = self.site.guard(make_token())
        with self.counts(default_allow_none=2, other_allow_none=1):
            self.expect(200, "/", self.token)
            self.expect(200, "/", self.token)
            self.expect(200, "/other/", self.other)
        with self.counts(
            default_deny_malformed=1, default_deny_unknown=2, other_deny_unknown=1, default_deny_revoked=1,
            default_deny_network=1, default_deny_scope=1, default_deny_missing=1,
        ):  # fmt: skip
            self.expect(401, "/", "x")
            self.expect(401, "/", unknown)
            self.expect(401, "/", self.other)
            self.expect(401, "/other/", self.token)
            self.expect(401, "/", revoked)
            self.expect(401, "/", bound)
            self.expect(403, "/scope/", reader)
            self.expect(401, "/")
        with self.counts(default_deny_repeated=1):
            self.expect(400, "/key/", headers=["X-Key: a", "X-Key: b"])

    def test_a_request_counts_once(self):
        reader, writer = self.create("r", "-s", "read"), self.create("w", "-s", "write")
        with self.counts(default_allow_none=1):
            self.expect(200, "/redirect/", reader)
        with self.counts(default_deny_missing=1):
            self.expect(401, "/page/")
        with self.counts(default_deny_malformed=1):
            self.expect(401, "/page/", "x")
        with self.counts(default_deny_missing=1):
            self.expect(200, "/any/")
        with self.counts(default_allow_none=1, default_deny_scope=1):
            self.expect(403, "/stricter/", reader)
        with self.counts(default_allow_none=1):
            self.expect(200, "/stricter/", writer)

    def test_all_workers_count_together(self):
        connections = self.nginx.connect_to_all()
        for connection in connections:
            self.addCleanup(connection.close)
        with self.counts(default_allow_none=10 * len(connections)):
            for connection in connections * 10:
                self.assertEqual(connection.ask("/", self.token).status, 200)
        pages = [parse(connection.ask("/metrics").body.decode()) for connection in connections]
        self.assertEqual(pages, [pages[0]] * len(pages))

    def test_a_store(self):
        head = self.site.run("check").out
        epoch, line = re.search(r"(\d+):(\d+):[0-9a-f]{32}", head).groups()
        page = metrics(self.nginx)
        self.assertEqual([page[name, "default"] for name in GAUGES], [1, page["store_tokens", "default"], float(epoch), float(line), 0])
        self.revoke(self.create())
        later = metrics(self.nginx)
        self.assertEqual(later["store_line", "default"] - page["store_line", "default"], 2)
        self.assertEqual(later["store_tokens", "default"] - page["store_tokens", "default"], 1)

    def test_a_follower(self):
        path = os.path.join(self.site.store_dir, "other.contact")
        self.addCleanup(os.unlink, path)
        for noted, least, most in ((1000000000, 700000000, 1e10), (clock() - 100, 100, 400), (0, float("inf"), float("inf"))):
            with open(path, "w") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write("%d|good|1:2:ab\n" % noted)
            page = metrics(self.nginx)
            self.assertTrue(least <= page["source_contact_age_seconds", "other"] <= most, page)
        self.assertNotIn(("source_contact_age_seconds", "default"), page)

    def test_a_store_in_trouble(self):
        path = self.site.path("other")
        os.rename(path, path + ".x")
        try:
            page = metrics(self.nginx)
            self.assertEqual((page["store_good", "other"], page["store_good", "default"]), (0, 1))
            wait_until(lambda: metrics(self.nginx)["store_last_good_age_seconds", "other"] >= 2, "the time since")
            self.assertEqual(metrics(self.nginx)["store_last_good_age_seconds", "default"], 0)
            with self.counts(other_error_store=1):
                self.expect(503, "/other/", make_token())
        finally:
            os.rename(path + ".x", path)
        page = metrics(self.nginx)
        self.assertEqual((page["store_good", "other"], page["store_last_good_age_seconds", "other"]), (1, 0))


class OwnNginx(SiteTest):
    """Each test has an nginx of its own, whose workers may die."""

    site_options = {"mode": 0o2710, "group": worker_user().pw_gid if worker_user() else None}
    domains = [{"name": name} for name in ("a", "b", "c")]

    def start(self, *names):
        self.nginx = Nginx(os.path.join(self.site.dir, "nginx"), self.site.conf, self.http(names))
        self.addCleanup(self.nginx.stop)
        self.nginx.start()

    def http(self, names):
        locations = ["location /%s { auth_toktab %s; }" % (name, name) for name in names]
        return "server { listen 127.0.0.1:{port}; location = /metrics { auth_toktab_metrics; }\n%s}" % "\n".join(locations)

    def reload(self, *names):
        self.nginx.http = self.http(names)
        self.nginx.write_conf()
        self.nginx.reload()

    def ask(self, *names):
        for name in names:
            self.assertEqual(self.nginx.ask("/" + name).status, 401)

    def missing(self):
        """Requests without a token, by domain."""
        page = metrics(self.nginx)
        return {key[1]: page[key] for key in page if key[2:] == ("deny", "missing")}


class Lives(OwnNginx):
    def test_a_store_that_was_never_there(self):
        self.start("a")
        page = metrics(self.nginx)
        self.assertEqual([page[name, "a"] for name in GAUGES], [0, 0, 0, 0, float("inf")])
        self.ok("-d", "a", "create", "-l", "first", may_show_token=True)
        self.assertEqual(metrics(self.nginx)["store_good", "a"], 1)

    def test_what_another_worker_saw(self):
        """The worker that answers has never seen the store good."""
        self.start("a")
        connections = self.nginx.connect_to_all()
        for connection in connections:
            self.addCleanup(connection.close)
        first, second = list({connection.ask().worker: connection for connection in connections}.values())[:2]
        self.assertIn(b" +Inf\n", first.ask("/metrics").body)
        self.ok("-d", "a", "create", "-l", "first", may_show_token=True)
        self.assertEqual(second.ask("/a", "x").status, 401)
        os.unlink(self.site.path("a"))
        page = parse(first.ask("/metrics").body.decode())
        self.assertEqual(page["store_good", "a"], 0)
        self.assertLess(page["store_last_good_age_seconds", "a"], float("inf"))

    def test_no_location_requires_a_token(self):
        self.start()
        self.assertEqual(metrics(self.nginx), {})

    def test_a_reload_keeps_the_counters(self):
        self.start("a", "b")
        self.ask("a", "a", "b")
        self.reload("a", "b")
        self.assertEqual(self.missing(), {"a": 2, "b": 1})
        self.reload("c", "a")
        self.assertEqual(self.missing(), {"c": 0, "a": 2})
        self.ask("c", "a")
        self.reload("a")
        self.reload("b", "c", "a")
        self.assertEqual(self.missing(), {"b": 1, "c": 1, "a": 3})

    def test_a_reload_that_fails_changes_nothing(self):
        self.start("a", "b")
        self.ask("a", "b")
        self.nginx.http = self.http(["c", "b"]).replace("listen 127.0.0.1:{port};", "listen 127.0.0.1:{port}; listen 192.0.2.1:1;")
        self.nginx.write_conf()
        os.kill(self.nginx.master(), signal.SIGHUP)
        wait_until(lambda: "bind() to 192.0.2.1:1 failed" in self.nginx.read("error.log"), "the failure")
        self.ask("a", "b")
        self.assertEqual(self.missing(), {"a": 2, "b": 2})

    def test_old_workers_count_on(self):
        """A connection that is in use keeps its worker over a reload."""
        self.start("a")
        with self.nginx.connect() as connection:
            connection.socket.sendall(b"GET /a HTTP/1.1\r\n")
            self.ask("a")
            before = self.nginx.worker_pids()
            os.kill(self.nginx.master(), signal.SIGHUP)
            wait_until(lambda: self.nginx.worker_pids() - before and self.nginx.is_up(), "new workers")
            connection.socket.sendall(b"Host: a\r\n\r\n")
            self.assertIn(b" 401 ", connection.socket.recv(4096))
        self.assertEqual(self.missing(), {"a": 2})

    def test_killed_workers(self):
        self.start("a")
        answered = 0
        for _ in range(5):
            before = self.nginx.worker_pids()
            for _ in range(20):
                self.ask("a")
                answered += 1
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: self.nginx.is_up() and not self.nginx.worker_pids() & before, "other workers")
        self.assertEqual(self.missing(), {"a": answered})

    def test_another_binary_begins_anew(self):
        self.start("a")
        self.ask("a")
        old = self.nginx.master()
        os.kill(old, signal.SIGUSR2)

        def another_master():
            with contextlib.suppress(OSError, ValueError):
                return self.nginx.master() != old and self.nginx.is_up()

        wait_until(another_master, "another master")
        os.kill(old, signal.SIGQUIT)
        wait_until(lambda: not is_running(old), "the end of the old one")
        self.assertEqual(self.missing(), {"a": 0})
        self.ask("a")
        self.assertEqual(self.missing(), {"a": 1})


class ManyDomains(OwnNginx):
    """More than there is room for; a place that nobody wants any more goes to another."""

    names = ["d%03d" % number for number in range(600)]
    domains = [{"name": name} for name in names]

    def test_no_room(self):
        self.start(*self.names[:400])
        self.ask(*self.names[:5])
        counted = self.missing()
        self.assertEqual({name: counted[name] for name in self.names[:6]}, dict.fromkeys(self.names[:5], 1) | {self.names[5]: 0})
        self.assertTrue(280 < len(counted) < 400, len(counted))
        self.assertEqual(len([key for key in metrics(self.nginx) if key[0] == "store_good"]), 400)
        said = "has room for %d domains: %d more are not counted" % (len(counted), 400 - len(counted))
        self.assertIn(said, self.nginx.read("error.log"))

        with self.nginx.connect() as connection:  # to a worker that then waits for the end of the request
            connection.socket.sendall(b"GET /%s HTTP/1.1\r\n" % self.names[1].encode())
            self.reload(self.names[0], *self.names[400:410])  # those before were still in use when this was read
            self.assertEqual(self.missing(), {self.names[0]: 1})
            self.reload(self.names[0], *self.names[400:410])
            self.ask(self.names[0], self.names[409])
            connection.socket.sendall(b"Host: a\r\n\r\n")
            self.assertIn(b" 401 ", connection.socket.recv(4096))
        self.assertEqual(self.missing(), dict.fromkeys(self.names[400:409], 0) | {self.names[0]: 2, self.names[409]: 1})


if __name__ == "__main__":
    unittest.main()
