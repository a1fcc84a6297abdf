"""A program that asks PAM, running on its usual port of the private loopback, and what the tests of all of them share.

A host's PAM service is the example that this tree ships, and so are the lines of its configuration: the comments of the
example are read as an admin reads them.
"""

import contextlib
import grp
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import unittest

from harness import TOP, Site, environment, wait_until
from oracle_format import make_token, token_id
from world import GROUP, LOG

PATHS = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def program(name):
    """Where a program is, or the name itself."""
    return shutil.which(name, path=PATHS) or name


def needs(*names):
    """A class of tests that is left out where one of these programs is missing."""
    missing = [name for name in names if not os.path.exists(program(name))]
    return unittest.skipIf(missing, "not installed: %s" % " ".join(missing))


class Example:
    """A file of conf/examples/pam."""

    def __init__(self, name):
        with open(os.path.join(TOP, "conf", "examples", "pam", name)) as file:
            self.text = file.read()

    def service(self):
        """What the comment calls it."""
        return re.search(r"/etc/pam\.d/([a-z-]+)", self.text)[1]

    def settings(self, heading):
        """The lines that stand indented below a comment that names that file."""
        found = re.search(r"^# .*%s.*\n((?:#     .*\n)+)" % re.escape(heading), self.text, re.M)
        return re.sub(r"^#     ", "", found[1], flags=re.M)

    def install(self, conf, service, change=("", "")):
        """Make it a service of the private /etc/pam.d, with this configuration of toktab, and perhaps another change."""
        text = re.sub(r"^\w+ +required pam_toktab\.so", r"\g<0> config=" + conf, self.text, flags=re.M)
        with open("/etc/pam.d/" + service, "w") as file:
            file.write(text.replace(*change))


class Host:
    """
    folder   what it writes; belongs to whom it runs as
    port     on 127.0.0.1
    user     None: it is started as root
    """

    name = port = user = None

    def __init__(self, folder, example):
        self.folder, self.example, self.process = folder, example, None
        os.mkdir(folder)
        os.chmod(folder, 0o755)
        if self.user:
            owner = pwd.getpwnam(self.user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        self.output = os.path.join(folder, "output")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def command(self):
        raise NotImplementedError

    def identity(self):
        """For subprocess: a user with the groups that the system gives it, as a service manager starts a service."""
        if not self.user:
            return {}
        owner = pwd.getpwnam(self.user)
        groups = os.getgrouplist(self.user, owner.pw_gid)
        return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": groups}

    def start(self):
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder,
                env=environment(), **self.identity(),
            )  # fmt: skip
        wait_until(self.is_up, self.name)

    def assert_runs(self):
        if self.process.poll() is not None:
            with open(self.output, errors="replace") as output:
                raise AssertionError("%s does not start: %s" % (self.name, output.read()[-3000:]))

    def is_up(self):
        self.assert_runs()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise

    def login(self, user, token):
        """Try: what the client says, as run() has it, and whether the user was let in."""
        raise NotImplementedError


def run(command, stdin="", env=None):
    """What a client does, to its end."""
    return subprocess.run(
        command, input=stdin, env=environment(env), cwd="/", capture_output=True, text=True, timeout=60, check=False
    )


def curl(*lines):
    """The lines of its configuration, which hold the token, go in by stdin."""
    return run(["curl", "-q", "--silent", "--show-error", "--max-time", "30", "--config", "-"], "\n".join(lines))


class HostCase(unittest.TestCase):
    """Tests that share a site and a host. Afterwards nothing that the host or PAM has written holds a secret.

    example_name  of conf/examples/pam
    scope         that it demands
    service       if it is not what the example calls it: there is one /etc/pam.d for all tests
    """

    host_class = example_name = scope = service = None
    needs = ()  # programs
    domains = [{"name": "default", "stale_limit": "0s"}]

    @classmethod
    def setUpClass(cls):
        missing = [name for name in cls.needs if not os.path.exists(program(name))]
        if missing:
            raise unittest.SkipTest("not installed: %s" % " ".join(missing))
        cls.site = Site(cls.domains, mode=0o2710, group=grp.getgrnam(GROUP).gr_gid)
        cls.addClassCleanup(cls.site.close)
        cls.example = Example(cls.example_name)
        cls.service = cls.service or cls.example.service()
        cls.example.install(cls.site.conf, cls.service)
        cls.host = cls.host_class(os.path.join(cls.site.dir, cls.example_name), cls.example)
        cls.prepare()
        cls.addClassCleanup(cls.end)
        cls.host.start()

    @classmethod
    def prepare(cls):
        """What must be there before the host starts."""

    @classmethod
    def end(cls):
        if cls.host.process:
            cls.host.stop()
        leaks = cls.site.leaking_files()
        with open(LOG, "rb") as log:
            leaks += [LOG] if cls.site.leaks(log.read()) else []
        if leaks:
            raise AssertionError("files that hold a secret: %s" % leaks)

    def create(self, user="alice", *arguments):
        options = ["-s", self.scope, *(["-u", user] if user else []), *arguments]
        result = self.site.run("create", "-l", "a token", *options)
        self.assertEqual(result.code, 0, result)
        return self.site.guard(result.out.strip())

    def revoke(self, token):
        result = self.site.run("revoke", "-y", token_id(token))
        self.assertEqual(result.code, 0, result)

    def last_used(self, token):
        return json.loads(self.site.run("show", "--json", token_id(token)).out)["last_used"]

    def logged_since(self, length):
        with open(LOG, "rb") as log:
            log.seek(length)
            lines = log.read().decode(errors="replace").splitlines()
        return [line for line in lines if "(%s:" % self.service in line]

    def assert_admitted(self, user, token, **more):
        before = os.path.getsize(LOG)
        done, is_in = self.host.login(user, token, **more)
        self.assertTrue(is_in, "%s\n%s" % (done, self.logged_since(before)))

    def assert_refused(self, user, token, says, **more):
        """It is not let in, and PAM's log says so and why."""
        before = os.path.getsize(LOG)
        done, is_in = self.host.login(user, token, **more)
        self.assertFalse(is_in, self.logged_since(before))
        try:
            wait_until(lambda: any(says in line for line in self.logged_since(before)), says)
        except AssertionError as error:
            raise AssertionError("%s\n%s\n%s" % (error, done, self.logged_since(before))) from None

    @contextlib.contextmanager
    def without_store(self):
        os.rename(self.site.path(), self.site.path() + ".away")
        try:
            yield
        finally:
            os.rename(self.site.path() + ".away", self.site.path())

    @contextlib.contextmanager
    def belongs_to(self, group):
        """The store, and the directory that it is in."""
        before = os.stat(self.site.path()).st_gid
        for path in (self.site.path(), self.site.store_dir):
            os.chown(path, -1, group)
        os.chmod(self.site.store_dir, 0o2710)
        try:
            yield
        finally:
            for path in (self.site.path(), self.site.store_dir):
                os.chown(path, -1, before)
            os.chmod(self.site.store_dir, 0o2710)


class Logins:
    """What every host must do; mixed into a HostCase."""

    def test_good_token(self):
        """The host runs already when it is made."""
        self.assert_admitted("alice", self.create())

    def test_no_token(self):
        for text in ("", "hello", self.site.guard(make_token())[:-1]):
            with self.subTest(text=text):
                self.assertFalse(self.host.login("alice", text)[1])

    def test_wrong_token(self):
        self.create()
        self.assert_refused("alice", self.site.guard(make_token()), "token denied: unknown")

    def test_revoked_token(self):
        token = self.create()
        self.assert_admitted("alice", token)
        self.revoke(token)
        self.assert_refused("alice", token, "token denied: revoked")
        self.assert_admitted("alice", self.create())

    def test_other_users_token(self):
        token = self.create("bob")
        self.assert_admitted("bob", token)
        self.assert_refused("alice", token, "token denied: user")

    def test_other_scope(self):
        token = self.site.guard(self.site.run("create", "-l", "no scope", "-u", "alice").out.strip())
        self.assert_refused("alice", token, "token denied: scope")

    def test_networks(self):
        self.assert_admitted("alice", self.create("alice", "--from", "127.0.0.0/8"))
        self.assert_refused("alice", self.create("alice", "--from", "192.0.2.0/24"), "token denied: network")

    def test_missing_store(self):
        token = self.create()
        self.assert_admitted("alice", token)
        with self.without_store():
            self.assert_refused("alice", token, "cannot check tokens: store")
        self.assert_admitted("alice", token)

    def test_last_use(self):
        """It is noted; that it cannot be noted is no reason to refuse."""
        token = self.create()
        self.assertIsNone(self.last_used(token))
        self.assert_admitted("alice", token)
        self.assertIsNotNone(self.last_used(token))
        folder = os.path.join(self.site.store_dir, "used")
        (path,) = (entry.path for entry in os.scandir(folder))
        for trouble in (lambda file: os.truncate(file, 0), os.unlink, os.mkdir, os.rmdir):
            trouble(path)
            self.assert_admitted("alice", token)
            if trouble == os.unlink and os.path.exists(path):  # a host that starts for each login makes another
                os.unlink(path)
        shutil.rmtree(folder)
        self.assert_admitted("alice", token)
