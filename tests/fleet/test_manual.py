"""toktab-fleet(7), as an admin reads it: its blocks are run as they stand, on a real sshd, and its unit as it ships."""

import grp
import json
import os
import re
import shlex
import shutil
import subprocess
import unittest

from harness import TOP, Site, config_text, environment, wait_until
from host import needs, program
from network import HTTP, background
from nginx_host import Nginx
from oracle_format import token_id
from recipes import Shell, block, example, placed
from world import GROUP, enter

OWNER = 61003
SSHD = """
Port 22
ListenAddress %(address)s
HostKey %(folder)s/host_key
PidFile none
UsePAM no
SetEnv PATH=%(path)s:/usr/bin:/bin
"""
UNIT = os.path.join(TOP, "conf", "fleet", "toktab-follow@.service")


def unit_setting(name):
    with open(UNIT) as file:
        return re.search(r"^%s=(.*)$" % name, file.read(), re.M)[1]


class Machine:
    """What one host has of its own: /etc/toktab, /var/lib, and a command toktab that knows no other place."""

    def __init__(self, test, name, address):
        self.test, self.name, self.address = test, name, address
        group = grp.getgrnam(GROUP).gr_gid
        self.site = Site([{"name": "default", "stale_limit": "0s"}], mode=0o2710, owner=OWNER, group=group)
        test.addCleanup(self.site.close)
        self.etc, self.var = self.site.dir + "/etc-toktab", self.site.dir + "/var-lib"
        for path in (self.etc, self.var):
            os.mkdir(path)
            os.chmod(path, 0o755)
        self.site.conf = self.etc + "/toktab.conf"
        self.site.configure(config_text(self.site.store_dir, self.site.domains))
        self.shell = Shell(self.site)
        os.chmod(self.shell.folder, 0o755)
        self.shell.install("systemctl", '#!/bin/sh\necho "$@" >> %s/systemctl\n' % self.site.dir)
        self.places = {
            "/etc/toktab": self.etc,
            "/var/lib/toktab-log": self.var + "/toktab-log",
            "/var/lib/toktab/": self.site.store_dir + "/",
        }

    def block(self, name):
        text = block(name)
        places = {path: place for path, place in self.places.items() if path in text}
        return placed(text, places) if places else text

    def run_block(self, name, **env):
        """As root, in a directory of this host."""
        return self.shell.ok("cd %s\n%s" % (self.site.dir, self.block(name)), env=env)

    def tool(self, *arguments, code=0):
        done = self.site.run(*arguments)
        self.test.assertEqual(done.code, code, done)
        return done

    def create(self):
        return self.site.guard(self.tool("create", "-l", "a token").out.strip())

    def verdict(self, token):
        return json.loads(self.site.run("verify", "--json", stdin=token).out)["verdict"]

    def start_sshd(self):
        key = self.site.dir + "/host_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        conf = self.site.dir + "/sshd.conf"
        with open(conf, "w") as file:
            places = {"address": self.address, "folder": self.site.dir, "path": self.shell.folder}
            file.write(SSHD % places + block("fleet sshd"))
        with open(self.site.dir + "/sshd.log", "wb") as log:
            self.test.addCleanup(background([program("sshd"), "-D", "-e", "-f", conf], stdout=log, stderr=log))
        wait_until(lambda: b"listening" in open(self.site.dir + "/sshd.log", "rb").read(), "sshd")

    def configure_follower(self):
        with open(self.etc + "/ssh_config", "w") as file:
            file.write(self.block("fleet ssh_config"))
        self.site.configure('store_dir = "%s";\n%s' % (self.site.store_dir, self.block("fleet toktab.conf")))

    def start_follow(self):
        """The unit's command, as its user. Returns what ends it."""
        command = shlex.split(unit_setting("ExecStart").replace("%i", "default"))
        command[0] = os.path.join(self.shell.folder, os.path.basename(command[0]))
        identity = {"user": OWNER, "group": grp.getgrnam(GROUP).gr_gid, "extra_groups": []}
        with open(self.site.dir + "/follow.log", "ab") as log:
            again = ["sh", "-c", 'while :; do "$@"; sleep 1; done', "sh"]
            end = background([*again, *command], stdout=log, stderr=log, **identity)
        self.test.addCleanup(end)
        return end

    def said(self):
        with open(self.site.dir + "/follow.log", errors="replace") as file:
            return file.read()

    def is_level_with(self, other):
        try:
            wait_until(
                lambda: os.path.exists(self.site.path()) and self.site.bytes() == other.site.bytes(), "the same bytes")
        except AssertionError as error:
            raise AssertionError("%s: %s" % (error, self.said()[-2000:])) from None


@needs("adduser", "nginx", "ssh", "ssh-keygen", "ssh-keyscan", "sshd")
class ThreeHosts(unittest.TestCase):
    def setUp(self):
        group = grp.getgrnam(GROUP).gr_gid
        enter("/etc/passwd", "toktab", "x", OWNER, group, "", "/nonexistent", "/usr/sbin/nologin")
        enter("/etc/shadow", "toktab", "*", 19000, 0, 99999, 7, "", "", "")
        self.writer = Machine(self, "w1", "127.0.0.2")
        self.follower = Machine(self, "r1", "127.0.0.3")
        with open("/etc/hosts", "a") as hosts:
            hosts.write("127.0.0.2 w1.example.com\n127.0.0.3 r1.example.com\n")
        self.first = self.writer.create()
        self.writer.start_sshd()
        self.join()

    def join(self):
        printed = self.follower.run_block("fleet key")
        command = ["ssh-keygen", "-lf", self.writer.site.dir + "/host_key.pub"]
        fingerprint = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1]
        self.assertIn(fingerprint, printed)
        shutil.copy(self.follower.etc + "/fleet_key.pub", self.writer.site.dir + "/r1.pub")
        self.writer.run_block("fleet server")
        # sshd without PAM takes a locked password for a locked account; Debian's asks PAM
        subprocess.run(["usermod", "-p", "*", "toktab-log"], check=True)
        self.addCleanup(subprocess.run, ["userdel", "--force", "toktab-log"], check=True, capture_output=True)
        self.follower.configure_follower()

    def soon(self, status, token):
        wait_until(lambda: self.nginx.ask(token=token).status == status, "%d" % status)

    def test_from_key_to_verdict(self):
        self.follower.start_follow()
        self.follower.run_block("fleet start")
        self.assertEqual(open(self.follower.site.dir + "/systemctl").read(), "enable --now toktab-follow@default\n")
        self.follower.is_level_with(self.writer)
        wait_until(lambda: self.follower.site.run("check", "--fleet").code == 0, "both level")
        self.nginx = Nginx(self.follower.site.dir + "/nginx", self.follower.site.conf, HTTP, workers=1)
        self.nginx.write("html/index.html", "the page")
        self.nginx.start()
        self.addCleanup(self.nginx.stop)
        self.assertEqual(self.nginx.ask(token=self.first).status, 200)
        for _ in range(3):
            token = self.writer.create()
            self.soon(200, token)
            self.writer.tool("revoke", "-y", token_id(token))
            self.soon(401, token)
            self.writer.tool("compact")
            self.follower.is_level_with(self.writer)
            self.assertEqual(self.nginx.ask(token=self.first).status, 200)
        self.assertEqual(self.writer.site.leaking_files() + self.follower.site.leaking_files(), [])
        self.refused_here()
        self.nothing_else()
        self.forked()

    def forked(self):
        """What each side has alone is shown."""
        old = self.writer.site.bytes()
        lost = self.writer.create()
        self.follower.is_level_with(self.writer)
        self.writer.site.put(old)
        os.chown(self.writer.site.path(), OWNER, grp.getgrnam(GROUP).gr_gid)
        other = self.writer.create()
        wait_until(lambda: "fork: " in self.follower.said(), "the fork")
        shown = self.follower.shell.run("cd %s\n%s" % (self.follower.site.dir, self.follower.block("fleet fork"))).stdout
        self.assertRegex(shown, r"(?m)^< \d+\|%s\|C\|a token\|$" % token_id(lost))
        self.assertRegex(shown, r"(?m)^> \d+\|%s\|C\|a token\|$" % token_id(other))
        self.assertEqual(len(re.findall("^[<>] [^=]", shown, re.M)), 2, shown)
        self.writer.tool("mend", "-y")
        self.follower.is_level_with(self.writer)

    def test_the_old_writer_becomes_a_follower(self):
        end = self.follower.start_follow()
        self.follower.is_level_with(self.writer)
        end()
        unsent = self.writer.create()
        self.writer.tool("revoke", "-y", "-r", "lost", token_id(self.first))
        said = self.follower.tool("promote").err
        head = re.search(r"log --from (\S+)` ", said)[1]
        self.assertIn("mended=%s|" % head, self.follower.site.bytes().decode())
        token = self.follower.create()
        shown = self.writer.run_block("fleet unsent", HEAD=head)
        self.assertEqual(shown, "2|%s|C|a token|\n3|%s|R|a token|lost\n" % (token_id(unsent), token_id(self.first)))

        new = "%s log --from - --follow" % os.path.join(self.follower.shell.folder, "toktab")
        self.writer.site.configure(config_text(self.writer.site.store_dir, [{"name": "default", "source": new}]))
        self.writer.run_block("fleet demote")
        self.writer.start_follow()
        self.writer.is_level_with(self.follower)
        self.assertIn(token_id(unsent).encode(), open(self.writer.site.path() + ".old", "rb").read())
        self.writer.tool("create", "-l", "x", code=77)
        self.assertEqual(self.follower.verdict(token), "allow")

    def refused_here(self):
        for command in (["create", "-l", "x"], ["revoke", "-y", token_id(self.first)], ["compact"], ["mend", "-y"]):
            done = self.follower.tool(*command, code=77)
            self.assertIn("w1", done.err)

    def nothing_else(self):
        """What the key opens, whatever is asked for."""
        def ssh(*more):
            command = ["ssh", "-F", self.follower.etc + "/ssh_config", *more]
            return subprocess.run(command, input=b"-\n", capture_output=True, timeout=30, check=False, env=environment(),
                user=OWNER, group=grp.getgrnam(GROUP).gr_gid, extra_groups=[])  # fmt: skip

        for asked in (["w1", "id"], ["w1", "toktab", "revoke", "-y", "1"], ["-s", "w1", "sftp"]):
            done = ssh(*asked)
            self.assertFalse(re.search(rb"uid=", done.stdout), done)
            self.assertTrue(done.stdout.startswith(b"toktab1|default|") or not done.stdout, done)
        self.assertNotEqual(ssh("-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.9:7777:127.0.0.1:22", "w1").returncode, 0)


@needs("curl", "nginx", "openssl")
class Https(unittest.TestCase):
    def setUp(self):
        self.writer = Machine(self, "w1", "127.0.0.4")
        self.follower = Machine(self, "r1", "127.0.0.5")
        self.first = self.writer.create()
        key, certificate = self.writer.site.dir + "/tls.key", self.writer.site.dir + "/tls.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=w1.example.com",
             "-addext", "subjectAltName=DNS:w1.example.com", "-keyout", key, "-out", certificate],
            check=True, capture_output=True)  # fmt: skip
        http = "server { %s ssl_certificate %s; ssl_certificate_key %s;\n%s }" % (
            "listen 127.0.0.1:{port}; listen 127.0.0.4:443 ssl;", certificate, key, self.writer.block("fleet https"))
        self.nginx = Nginx(self.writer.site.dir + "/nginx", self.writer.site.conf, http, workers=1)
        self.nginx.start()
        self.addCleanup(self.nginx.stop)
        self.give_token(certificate)
        pull = self.follower.shell.install("toktab-pull", example("toktab-pull"))
        text = placed(self.follower.block("fleet pull"), {"/usr/local/bin/toktab-pull": pull})
        self.follower.site.configure('store_dir = "%s";\n%s' % (self.follower.site.store_dir, text))

    def give_token(self, certificate):
        token = self.writer.site.guard(self.writer.tool("create", "-s", "log", "-l", "r1").out.strip())
        path = self.follower.etc + "/curl.conf"
        with open(path, "w") as file:
            file.write(placed(block("fleet curl"), {"tok_...": token}))
            file.write('cacert = "%s"\nresolve = "w1.example.com:443:127.0.0.4"\n' % certificate)
            os.fchown(file.fileno(), OWNER, -1)
            os.fchmod(file.fileno(), 0o400)
        shutil.copy(certificate, self.follower.etc)

    def test_pulled(self):
        end = self.follower.start_follow()
        self.follower.is_level_with(self.writer)
        inode = os.stat(self.follower.site.path()).st_ino
        for _ in range(2):
            token = self.writer.create()
            self.writer.tool("revoke", "-y", token_id(token))
            self.follower.is_level_with(self.writer)
        self.assertEqual(os.stat(self.follower.site.path()).st_ino, inode)  # by its lines, not as a file
        self.writer.tool("compact")
        self.follower.is_level_with(self.writer)
        end()
        self.writer.create()
        self.writer.tool("compact")
        self.writer.create()
        self.follower.start_follow()
        self.follower.is_level_with(self.writer)
        self.assertEqual(self.writer.site.leaking_files(), [])

    def test_only_with_a_token(self):
        self.assertEqual(self.nginx.ask("/toktab/default.tokens").status, 401)
        self.assertEqual(self.nginx.ask("/toktab/default.tokens", self.first).status, 403)


@needs("systemd-analyze")
class Unit(unittest.TestCase):
    def analyze(self, *arguments):
        with open(UNIT) as file:
            text = file.read().replace("/usr/bin/toktab", "/bin/true")
        self.assertIn("\nUser=toktab\n", text)
        path = os.path.join(os.environ["TMPDIR"], "toktab-follow@example.com.service")
        with open(path, "w") as file:
            file.write(text)
        command = ["systemd-analyze", "--man=no", *arguments, path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_verify(self):
        self.assertEqual(self.analyze("verify"), (0, "", ""))

    def test_security(self):
        code, out, err = self.analyze("security", "--offline=true", "--threshold=25")
        self.assertEqual(code, 0, out + err)


if __name__ == "__main__":
    unittest.main()
