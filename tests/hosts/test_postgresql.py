"""PostgreSQL, which asks PAM as the user postgres."""

import glob
import json
import os
import re
import subprocess
import unittest

from harness import environment
from host import Host, HostCase, Logins, run
from oracle_format import make_token, token_id
from recipes import Shell, block, example, placed
from world import GROUP, LOG

PROGRAMS = (sorted(glob.glob("/usr/lib/postgresql/*/bin")) or ["/usr/lib/postgresql/bin"])[-1]


class PostgreSQL(Host):
    name, port, user = "PostgreSQL", 5432, "postgres"

    def make(self):
        command = [PROGRAMS + "/initdb", "-D", self.path("data"), "-U", "postgres", "-A", "peer", "--no-sync"]
        done = subprocess.run(command, env=environment(), cwd=self.folder, capture_output=True, text=True, **self.identity())
        if done.returncode:
            raise AssertionError(done.stderr)
        line = self.example.settings("pg_hba.conf").replace("hostssl", "host")  # without a certificate
        self.write("data/pg_hba.conf", "host any all 127.0.0.1/32 pam pamservice=postgresql-any\n%s"
            "local all postgres peer\n" % line)  # fmt: skip
        self.query("CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE report LOGIN;")
        self.query("CREATE DATABASE \"any\";")

    def query(self, sql):
        command = [PROGRAMS + "/postgres", "--single", "-D", self.path("data"), "-j", "postgres"]
        subprocess.run(command, input=sql.encode(), env=environment(), cwd=self.folder, capture_output=True, check=True,
            **self.identity())  # fmt: skip

    def command(self):
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder, "fsync": "off",
            "log_connections": "on", "log_statement": "all", "log_min_messages": "debug5", "logging_collector": "off",
        }  # fmt: skip
        options = [word for name, value in settings.items() for word in ("-c", "%s=%s" % (name, value))]
        return [PROGRAMS + "/postgres", "-D", self.path("data"), *options]

    def is_up(self):
        """It listens before it takes anybody."""
        ready = [PROGRAMS + "/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return super().is_up() and run(ready).returncode == 0

    def login(self, user, token, database="postgres"):
        quoted = user.replace("\\", "\\\\").replace("'", "\\'")
        line = "host=127.0.0.1 port=%d dbname=%s user='%s'" % (self.port, database, quoted)
        command = [PROGRAMS + "/psql", "-X", "-w", "-A", "-t", "-c", "SELECT session_user", line]
        done = run(command, env={"PGPASSWORD": token})
        return done, done.returncode == 0 and done.stdout == user + "\n"


class PostgreSQLTest(Logins, HostCase):
    host_class, example_name, scope = PostgreSQL, "postgresql", "sql"
    needs = ("fail2ban-regex", PROGRAMS + "/postgres", PROGRAMS + "/initdb", PROGRAMS + "/psql", PROGRAMS + "/pg_isready")

    @classmethod
    def prepare(cls):
        cls.example.install(cls.site.conf, "postgresql-any", ("scope=sql", "scope=sql anyuser"))
        cls.host.make()

    def test_any_user(self):
        for token in (self.create("alice"), self.create(None)):
            self.assert_admitted("bob", token, database="any")
            self.assert_refused("bob", token, "token denied: user")

    def test_fail2ban(self):
        """The filter finds the client of each guess, whatever name it gives, and of nothing else."""
        before = os.path.getsize(LOG)
        ended, unknown = self.create(), self.site.guard(make_token())
        forged = 'pam_toktab(x:auth): token denied: unknown, id: "", label: "", user: "", rhost: "192.0.2.1"'
        for user in ("alice", 'x", rhost: "192.0.2.1', 'x\\", rhost: "192.0.2.1', forged):
            self.assertFalse(self.host.login(user, unknown)[1])
        self.revoke(ended)
        self.assert_refused("alice", ended, "token denied: revoked")
        with open(LOG, encoding="utf-8", errors="replace") as log:
            log.seek(before)
            lines = [re.sub(r"^<\d+>(\w+ +\d+ [\d:]+) ", r"\1 host ", line) for line in log]  # as syslogd writes it
        self.host.write("auth.log", "".join(line for line in lines if "(%s:" % self.service in line))
        self.host.write("toktab-pam.conf", example("fail2ban/toktab-pam.conf"))
        done = run(["fail2ban-regex", "--out", "ip", self.host.path("auth.log"), self.host.path("toktab-pam.conf")])
        self.assertEqual(done.stdout.split(), ["127.0.0.1"] * 4, "%s\n%s" % (done, lines))

    def test_rotation_recipe(self):
        """Both passwords work until the old one ends."""
        shell = Shell(self.site)
        old = self.site.guard(shell.ok(block("postgresql create")).strip())
        serial = str(json.loads(self.site.run("show", "--json", token_id(old)).out)["serial"])
        self.assert_admitted("report", old)
        rotate = placed(block("postgresql rotate"), {"rotate 1 ": "rotate %s " % serial})
        new = self.site.guard(shell.ok(rotate).strip())
        for token in (old, new, old):
            self.assert_admitted("report", token)
        self.revoke(old)
        self.assert_refused("report", old, "token denied: revoked")
        self.assert_admitted("report", new)

    def test_only_through_the_group(self):
        """It is not root: it reads a store through its group, and without says that it cannot."""
        self.assertIn(GROUP, subprocess.check_output(["id", "-nG", "postgres"], text=True).split())
        token = self.create()
        self.assertEqual(os.stat(self.site.path()).st_mode & 0o777, 0o640)
        self.assert_admitted("alice", token)
        with self.belongs_to(0):
            self.assert_refused("alice", token, "cannot check tokens: store")
        self.assert_admitted("alice", token)


if __name__ == "__main__":
    unittest.main()
