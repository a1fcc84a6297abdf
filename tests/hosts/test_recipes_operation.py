"""The recipes of toktab-recipes(7) for an admin's own jobs: each script and each file as the page shows it."""

import json
import os
import re
import subprocess
import unittest

from harness import Site
from host import needs, run
from oracle_format import make_token, parse_token, token_id
from recipes import RecipeCase, Shell, block, example, placed


@needs("jq", "promtool")
class Metrics(RecipeCase):
    """A log that nginx has written, counted by the script."""

    recipes = {"log": "log server"}

    @classmethod
    def in_http(cls):
        return cls.shown("log http")

    def test_counters(self):
        shell = Shell(self.site)
        first, second = self.create('a "quoted" \\ label'), self.create("ended")
        for token, status in ((first, 200), (first, 200), (second, 200), (None, 401)):
            self.expect(status, "/api/x", token, host="log")
        self.revoke(second)
        self.expect(401, "/api/x", second, host="log")
        self.assert_logged("revoked", "tokens.json")
        script = placed(block("metrics script"), {
            "/var/lib/prometheus/node-exporter": self.nginx.folder, "/var/log/nginx": self.nginx.folder,
        })  # fmt: skip
        path = shell.install("count", script)
        for _ in range(2):
            shell.ok(path)
            row = 'toktab_token_requests_total{id="%s",label="%s",status="%d"} %d\n'
            counted = [line for line in self.nginx.read("tokens.prom").splitlines(True) if line[0] != "#"]
            self.assertEqual(sorted(counted), sorted([
                row % (token_id(first), 'a \\"quoted\\" \\\\ label', 200, 2), row % (token_id(second), "ended", 200, 1),
                row % (token_id(second), "ended", 401, 1)]))  # fmt: skip
        with open(os.path.join(self.nginx.folder, "tokens.prom"), "rb") as file:
            done = subprocess.run(["promtool", "check", "metrics"], stdin=file, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))


@needs("fail2ban-client", "fail2ban-regex")
class Fail2ban(RecipeCase):
    """The filters on the machine's own copy of fail2ban's settings; what nginx logs is read by one of them."""

    recipes = {"api": "identity server"}

    @classmethod
    def prepare(cls):
        for name in ("toktab-nginx.conf", "toktab-pam.conf"):
            with open("/etc/fail2ban/filter.d/" + name, "w") as file:
                file.write(example("fail2ban/" + name))

    def found(self, log, name):
        """The addresses, once for each line that the filter takes."""
        command = ["fail2ban-regex", "--out", "ip", log, "/etc/fail2ban/filter.d/%s.conf" % name]
        return run(command).stdout.split()

    def test_jails(self):
        with open("/etc/fail2ban/jail.local", "w") as file:
            file.write(block("fail2ban jail"))
        done = run(["fail2ban-client", "-d"])
        for name in ("toktab-nginx", "toktab-pam"):
            self.assertIn("['set', '%s', 'addfailregex'" % name, done.stdout, done.stderr)
        self.assertRegex(done.stdout, "'toktab-pam', 'addjournalmatch', 'SYSLOG_FACILITY=10'|"
            "'toktab-pam', 'addjournalmatch', \\['SYSLOG_FACILITY=10'")

    def test_nginx(self):
        guesser, forger = "127.0.0.2", "127.0.0.3"
        unknown, ended = self.site.guard(make_token()), self.create("ended")
        self.revoke(ended)
        for token, source in ((unknown, guesser), ("nonsense", guesser), (ended, "127.0.0.4"), (None, "127.0.0.5")):
            self.expect(401, "/api/x", token, host="api", source=source)
        forged = 'toktab:%20token%20denied:%20unknown,%20domain:%20"default",%20id:%20"",%20client:%20192.0.2.1,%20server:'
        self.expect(401, "/api/" + forged, unknown, host="api", source=forger,
            headers=['Referer: x toktab: token denied: unknown, domain: "default", id: "", client: 192.0.2.1, server: x'])
        self.assert_logged("client: " + forger, "error.log")
        log = os.path.join(self.nginx.folder, "error.log")
        self.assertEqual(sorted(self.found(log, "toktab-nginx")), [guesser, guesser, forger])


@needs("jq", "systemd-analyze")
class Warn(unittest.TestCase):
    def setUp(self):
        self.site = Site()
        self.addCleanup(self.site.close)
        self.shell = Shell(self.site)
        self.letters = os.path.join(self.site.dir, "letters")
        self.shell.install("mail", '#!/bin/sh\n{ printf "<%%s>" "$@"; echo; cat; } >> %s\n' % self.letters)
        self.script = self.shell.install("toktab-warn", block("warn script"))

    def create(self, label, expires, *arguments):
        self.site.guard(self.site.run("create", "-l", label, "-e", expires, *arguments).out.strip())

    def test_letters(self):
        self.create("alice's third", "60d", "-u", "alice")
        self.shell.ok(self.script)
        self.assertFalse(os.path.exists(self.letters))
        self.create("alice's first", "3d", "-u", "alice")
        self.create("bob's 'own' \\ \"label\"", "5d", "-u", "bob")
        self.create("alice's second", "10d", "-u", "alice")
        self.create("nobody's", "2d")
        self.create("hostile", "2d", "-u", "|touch " + self.site.dir + "/touched")
        self.create("option", "2d", "-u", "-f")
        self.assertEqual(self.shell.ok(self.script), "")
        with open(self.letters) as file:
            letters = file.read()
        by_address = {}
        for head, text in re.findall(r"^<(.*)>\n((?:[^<].*\n)+)", letters, re.M):
            subject, address = head.split("><")[1:]
            self.assertEqual(subject, "API tokens that expire soon")
            by_address.setdefault(address, []).extend(re.sub(r".*: ", "", line) for line in text.splitlines())
        self.assertEqual(by_address, {
            "alice": ["alice's first", "alice's second"], "bob": ["bob's 'own' \\ \"label\""],
            "root": ["nobody's", "option", "hostile"],
        })  # fmt: skip

    def test_trouble_is_no_silence(self):
        self.site.configure("nonsense")
        self.assertNotEqual(self.shell.run(self.script).returncode, 0)

    def test_units(self):
        places = {"/usr/local/sbin/toktab-warn": self.script}
        for name, text in (("service", placed(block("warn service"), places)), ("timer", block("warn timer"))):
            with open(os.path.join(self.site.dir, "toktab-warn." + name), "w") as file:
                file.write(text)
        self.assertEqual(verify_units(os.path.join(self.site.dir, "toktab-warn.timer"),
            os.path.join(self.site.dir, "toktab-warn.service")), "")  # fmt: skip


def verify_units(*paths):
    """What systemd says of them. It only reads."""
    done = run(["systemd-analyze", "--man=no", "verify", *paths])
    ours = {os.path.basename(path) for path in paths}
    return "".join(line + "\n" for line in (done.stdout + done.stderr).splitlines() if any(name in line for name in ours))


@needs("ansible-playbook", "jq")
class Once(unittest.TestCase):
    """By a real Ansible; vault is a stand-in that keeps what it gets, or fails."""

    def setUp(self):
        self.site = Site()
        self.addCleanup(self.site.close)
        self.shell = Shell(self.site)
        self.shell.install("toktab-once", example("toktab-once"))
        self.kept = os.path.join(self.site.dir, "kept")
        self.vault(True)
        self.play = os.path.join(self.site.dir, "play.yml")
        with open(self.play, "w") as file:
            file.write(block("once ansible"))

    def vault(self, works):
        self.shell.install("vault", '#!/bin/sh\n[ "$*" = "kv put secret/ci token=-" ] || exit 2\ncat > %s\n'
            'echo "version 1"\nexit %d\n' % (self.kept, not works))  # fmt: skip

    def run_play(self):
        env = {"HOME": self.site.dir, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0"}
        command = "ansible-playbook -i api, -c local -e ansible_python_interpreter=auto_silent -v " + self.play
        done = self.shell.run(command, env=env)
        self.assertFalse(self.site.leaks(done.stdout + done.stderr))
        counts = re.search(r"ok=\d+ +changed=(\d+) .*failed=(\d+)", done.stdout)
        self.assertTrue(counts, done.stdout + done.stderr)
        return int(counts[1]), int(counts[2])

    def states(self):
        tokens = self.site.run("list", "--all", "--json").out
        return [token["state"] for token in json.loads(tokens)] if tokens else []

    def token(self):
        with open(self.kept) as file:
            return self.site.guard(file.read())

    def test_created_once(self):
        self.assertEqual(self.run_play(), (1, 0))
        parse_token(self.token())
        self.assertEqual(self.site.run("verify", stdin=self.token()).code, 0)
        os.unlink(self.kept)
        self.assertEqual(self.run_play(), (0, 0))
        self.assertFalse(os.path.exists(self.kept))
        self.assertEqual(self.states(), ["active"])

    def test_what_the_vault_does_not_take_is_revoked(self):
        self.vault(False)
        self.assertEqual(self.run_play(), (0, 1))
        self.assertEqual(self.states(), ["revoked"])
        self.vault(True)
        self.assertEqual(self.run_play(), (1, 0))
        self.assertEqual(self.states(), ["revoked", "active"])

    def test_trouble_creates_nothing(self):
        self.site.run("create", "-l", "CI deploy")
        os.chmod(self.site.path(), 0o666)
        self.assertEqual(self.run_play(), (0, 1))
        self.assertFalse(os.path.exists(self.kept))


if __name__ == "__main__":
    unittest.main()
