"""The recipes of toktab-recipes(7) for an nginx that sees the stores from elsewhere: a container, a sandbox, a second host."""

import contextlib
import grp
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import unittest

from harness import Site, config_text, environment, wait_until
from host import needs, program, run
from nginx_host import BUILD, MODULE, Nginx
from oracle_format import token_id
from recipes import Shell, block, example, placed
from test_recipes_operation import verify_units
from world import GROUP, enter

HERE = os.path.dirname(os.path.abspath(__file__))
OWNER, DAEMON = 61003, 61234  # of the stores; whom systemd would make for a unit
HTTP = "server { listen 127.0.0.1:{port}; location / { auth_toktab default; } }"


class Elsewhere(Nginx):
    """An nginx that a command prefix puts elsewhere: it ends with the program that nginx becomes."""

    prefix = ()
    as_user = None  # uid, gid: nginx's master is not root

    def run_nginx(self, *arguments):
        if self.as_user:
            subprocess.run(["chown", "-R", "%d:%d" % self.as_user, self.folder], check=True)
        command = [program("nginx"), "-p", self.folder, "-c", self.conf, "-e", self.folder + "/error.log", *arguments]
        return subprocess.run(
            [*self.prefix, *command], env=environment({"LD_LIBRARY_PATH": BUILD}), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True, check=False,
        )  # fmt: skip


class MachineCase(unittest.TestCase):
    """The stores are in /var/lib/toktab of this site's own /var, and belong to a user of their own."""

    def setUp(self):
        self.site = Site([{"name": "default", "stale_limit": "0s"}])
        self.addCleanup(self.site.close)
        self.var = os.path.join(self.site.dir, "var")
        self.site.store_dir = os.path.join(self.var, "lib", "toktab")
        self.etc = os.path.join(self.site.dir, "etc")
        for path in (self.var, self.var + "/lib", self.site.store_dir, self.etc):
            os.mkdir(path)
            os.chmod(path, 0o755)
        self.own(self.site.store_dir)
        self.site.conf = os.path.join(self.etc, "toktab.conf")
        self.site.configure(config_text(self.site.store_dir, self.site.domains))
        self.shell = Shell(self.site)
        self.places = {"/var/lib/toktab": self.site.store_dir}
        self.first = self.create("the first")

    def own(self, folder):
        os.chown(folder, OWNER, grp.getgrnam(GROUP).gr_gid)
        os.chmod(folder, 0o2710)

    def nginx(self, prefix, as_user=None):
        nginx = Elsewhere(os.path.join(self.site.dir, "nginx"), self.site.conf, HTTP, workers=1)
        nginx.prefix, nginx.as_user = prefix, as_user
        nginx.module = shutil.copy(MODULE, self.site.dir)  # this tree may be in a home that only its owner may enter
        nginx.write("html/index.html", "the page")
        self.addCleanup(shutil.rmtree, nginx.folder)
        nginx.start()
        self.addCleanup(nginx.stop)
        return nginx

    def create(self, label="a token", *arguments):
        return self.site.guard(self.tool("create", "-l", label, *arguments).strip())

    def tool(self, *arguments):
        result = self.site.run(*arguments)
        self.assertEqual(result.code, 0, result)
        return result.out

    def assert_follows(self, nginx):
        """Each change holds for the very next request, also behind a compaction."""
        for _ in range(2):
            token = self.create()
            self.assertEqual(nginx.ask(token=token).status, 200, nginx.read("error.log"))
            self.tool("revoke", "-y", token_id(token))
            self.assertEqual(nginx.ask(token=token).status, 401)
            self.tool("compact")
            self.assertEqual(nginx.ask(token=token).status, 401)
            self.assertEqual(nginx.ask(token=self.first).status, 200, nginx.read("error.log"))

    def assert_read_only(self, nginx):
        inside = "/proc/%d/root" % nginx.master()
        with self.assertRaises(OSError):
            open(inside + self.site.store_dir + "/new", "w").close()

    def last_used(self):
        return json.loads(self.tool("show", "--json", token_id(self.first)))["last_used"]


@needs("setpriv")
class Container(MachineCase):
    """What docker would do with its options, by mount and setpriv."""

    def options(self, change=("", "")):
        """The values of an option, as the shell makes them of what the page shows."""
        said = os.path.join(self.site.dir, "said")
        self.shell.install("docker", '#!/bin/sh\nprintf "%%s\\n" "$@" > %s\n' % said)
        self.shell.ok(placed(block("container command"), {**self.places, "/etc/toktab": self.etc}).replace(*change))
        with open(said) as file:
            words = file.read().splitlines()
        self.assertEqual(words[:2] + words[-1:], ["run", "--detach", "example/nginx-with-toktab"])
        return {name: [value for option, value in zip(words, words[1:]) if option == name] for name in ("--user", "--volume")}

    def start(self, change=("", "")):
        options = self.options(change)
        # What the volumes mean outside is kept; then the image's own /var is empty.
        stage = os.path.join(self.site.dir, "stage")
        os.mkdir(stage)
        outside, inside = "mount --make-rprivate /\nmount -t tmpfs tmpfs %s\n" % stage, "mount -t tmpfs tmpfs %s\n" % self.var
        for number, volume in enumerate(options["--volume"]):
            source, target, *modes = volume.split(":")
            place, make = "%s/%d" % (stage, number), "mkdir -p" if os.path.isdir(source) else "install -D /dev/null"
            outside += "%s %s\nmount --bind %s %s\n" % (make, place, source, place)
            inside += "[ -e %s ] || %s %s\nmount --bind %s %s\n" % (target, make, target, place, target)
            if not os.path.isdir(source):
                inside += "chown %d %s\n" % (OWNER, os.path.dirname(target))  # else nginx does not trust it at all
            if modes == ["ro"]:
                inside += "mount -o remount,bind,ro %s\n" % target
        script = outside + inside
        user, group = map(int, options["--user"][0].split(":"))
        script += 'exec setpriv --reuid %d --regid %d --clear-groups "$@"' % (user, group)
        return self.nginx(["unshare", "--mount", "sh", "-eu", "-c", script, "sh"], (user, group))

    def test_recipe(self):
        nginx = self.start()
        self.assertIsNone(self.last_used())
        self.assert_follows(nginx)
        self.assertIsNotNone(self.last_used())
        self.assert_read_only(nginx)

    def test_without_last_use(self):
        used = "    --volume %s/used:%s/used \\\n" % (self.site.store_dir, self.site.store_dir)
        nginx = self.start((used, ""))
        self.assert_follows(nginx)
        self.assertIsNone(self.last_used())

    def test_group_is_needed(self):
        nginx = self.start(("$(stat -c %%g %s)" % self.site.store_dir, "33"))
        self.assertEqual(nginx.ask(token=self.first).status, 503)

    def test_a_store_by_itself(self):
        """What the recipe warns of is so: it works until the store is compacted."""
        directory = "--volume %s:%s:ro" % (self.site.store_dir, self.site.store_dir)
        store = self.site.path("default")
        nginx = self.start((directory, "--volume %s:%s:ro" % (store, store)))
        self.assertEqual(nginx.ask(token=self.first).status, 200, nginx.read("error.log"))
        self.tool("compact")
        self.assertEqual(nginx.ask(token=self.first).status, 503)
        self.assertIn("mount the directory, not the file", nginx.read("error.log"))


@needs("systemd-analyze")
class Sandbox(MachineCase):
    def unit(self, text, name="apid.service"):
        path = os.path.join(self.site.dir, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_recipe(self):
        unit = self.unit(block("sandbox unit").replace("/var", self.var))
        folder = os.path.join(self.site.dir, "nginx")
        group = str(grp.getgrnam(GROUP).gr_gid)
        launcher = [sys.executable, os.path.join(HERE, "sandbox.py"), unit, str(DAEMON), group, folder]
        nginx = self.nginx(["unshare", "--mount", *launcher], (DAEMON, DAEMON))
        self.assertIsNone(self.last_used())
        self.assert_follows(nginx)
        self.assertIsNotNone(self.last_used())
        self.assert_read_only(nginx)
        self.assertEqual(os.listdir("/proc/%d/root%s/lib" % (nginx.master(), self.var)), ["toktab"])

    def test_systemd_understands_it(self):
        unit = block("sandbox unit")
        self.assertEqual(verify_units(self.unit(placed(unit, {"/usr/local/bin/apid": "/bin/true"}))), "")
        instead = unit.partition("TemporaryFileSystem")[0] + "ReadWritePaths=-/var/lib/toktab/used\n"
        self.assertEqual(verify_units(self.unit(placed(instead, {"/usr/local/bin/apid": "/bin/true"}))), "")


SSHD = """
Port 22
ListenAddress 127.0.0.2
HostKey %(folder)s/host_key
PidFile none
UsePAM no
"""


@needs("inotifywait", "rrsync", "rsync", "ssh-keygen", "sshd", "systemd-analyze")
class SecondHost(MachineCase):
    """r.example.com is another mount namespace, which has another directory in the place of the stores."""

    def setUp(self):
        super().setUp()
        group = grp.getgrnam(GROUP).gr_gid
        enter("/etc/passwd", "toktab", "x", OWNER, group, "", self.site.store_dir, "/usr/sbin/nologin")
        enter("/etc/shadow", "toktab", "*", 19000, 0, 99999, 7, "", "", "")
        with open("/etc/hosts", "a") as hosts:
            hosts.write("127.0.0.2 r.example.com\n")
        self.replica = os.path.join(self.site.dir, "replica")
        os.mkdir(self.replica)
        self.own(self.replica)
        self.there = ["unshare", "--mount", "sh", "-eu", "-c",
            'mount --make-rprivate /; mount --bind %s %s; exec "$@"' % (self.replica, self.site.store_dir), "sh"]
        self.make_keys()
        receiver = [*self.there, "sh", "-eu", "-c", placed(block("second receiver"), self.places)]
        subprocess.run(receiver, env=environment(), cwd=self.site.dir, check=True, capture_output=True)
        self.start_sshd()

    def make_keys(self):
        """The first host's key, and what it knows of the second."""
        folder = os.path.join(self.site.store_dir, ".ssh")
        os.mkdir(folder, 0o700)
        key, host_key = os.path.join(folder, "id_ed25519"), os.path.join(self.site.dir, "host_key")
        for path in (key, host_key):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "toktab", "-f", path], check=True)
        with open(host_key + ".pub") as public, open(folder + "/known_hosts", "w") as known:
            known.write("r.example.com " + public.read())
        subprocess.run(["chown", "-R", "%d" % OWNER, folder], check=True)
        shutil.copy(key + ".pub", os.path.join(self.site.dir, "key.pub"))

    def start_sshd(self):
        conf = os.path.join(self.site.dir, "sshd.conf")
        with open(conf, "w") as file:
            file.write(SSHD % {"folder": self.site.dir})
        with open(os.path.join(self.site.dir, "sshd.log"), "wb") as log:
            self.start([*self.there, program("sshd"), "-D", "-e", "-f", conf], stdout=log, stderr=log)
        wait_until(self.can_log_in, "sshd")

    def can_log_in(self):
        """To the point where the command is refused, which is not rsync."""
        return self.as_toktab("ssh", "r.example.com", "id").returncode not in (0, 255)

    def start(self, command, **more):
        process = subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL, start_new_session=True, **more)

        def end():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

        self.addCleanup(end)
        return end

    def as_toktab(self, *command):
        return subprocess.run(command, env=environment({"HOME": self.site.store_dir}), stdin=subprocess.DEVNULL,
            capture_output=True, timeout=30, check=False, **self.identity())  # fmt: skip

    def identity(self):
        return {"user": OWNER, "group": grp.getgrnam(GROUP).gr_gid, "extra_groups": []}

    def push(self):
        """As its unit has it run."""
        script = self.shell.install("toktab-push", placed(example("toktab-push"), self.places))
        unit = placed(example("toktab-push@.service"), {"/usr/local/sbin/toktab-push": script, "%i": "r.example.com"})
        self.assertIn("\nUser=toktab\n", unit)
        (command,) = (line.partition("=")[2] for line in unit.splitlines() if line.startswith("ExecStart="))
        return self.start(shlex.split(command), **self.identity())

    def test_recipe(self):
        end = self.push()
        wait_until(lambda: os.path.exists(self.replica + "/default.tokens"), "the first transfer")
        nginx = self.nginx(self.there)

        def soon(status, token):
            try:
                wait_until(lambda: nginx.ask(token=token).status == status, "%d" % status, 50)
            except AssertionError as error:
                with open(self.replica + "/default.tokens", "rb") as copy:
                    is_same = copy.read() == self.site.bytes("default")
                raise AssertionError("%s; the copy is %s" % (error, "the same" if is_same else "another")) from None

        soon(200, self.first)
        for _ in range(3):
            token = self.create()
            soon(200, token)
            self.tool("revoke", "-y", token_id(token))
            soon(401, token)
            self.tool("compact")
            soon(401, token)
            soon(200, self.first)
        self.assertNotRegex(nginx.read("error.log"), r"\[alert\]|\[crit\]")
        end()
        self.heal()
        self.take_over(nginx)

    def heal(self):
        """What differs is sent, though size and time are the same."""
        copy, status = self.replica + "/default.tokens", os.stat(self.replica + "/default.tokens")
        with open(copy, "r+b") as file:
            file.write(b"damaged")
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
        end = self.push()
        wait_until(lambda: self.site.bytes("default") == open(copy, "rb").read(), "a whole copy")
        end()

    def take_over(self, nginx):
        """The second host becomes the one that writes."""
        def tool(*arguments):
            command = [*self.there, self.site.tool(), "-c", self.site.conf, *arguments]
            done = run(command)
            self.assertEqual(done.returncode, 0, done)
            return done.stdout.strip()

        tool("mend", "-y")
        token = self.site.guard(tool("create", "-l", "from the second host"))
        for each in (token, self.first):
            wait_until(lambda: nginx.ask(token=each).status == 200, "200")

    def test_the_key_can_do_nothing_else(self):
        for command in ("id", "cat " + self.site.conf, "rsync --server --sender . /etc/passwd"):
            done = self.as_toktab("ssh", "r.example.com", command)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout, b"")
        here = os.path.join(self.site.dir, "sshd.conf")
        self.as_toktab("rsync", here, "r.example.com:../outside")
        self.assertFalse(os.path.exists(self.site.dir + "/outside"))

    def test_unit(self):
        path = os.path.join(self.site.dir, "toktab-push@r.example.com.service")
        with open(path, "w") as file:
            file.write(placed(example("toktab-push@.service"), {"/usr/local/sbin/toktab-push": "/bin/true"}))
        self.assertEqual(verify_units(path), "")


if __name__ == "__main__":
    unittest.main()
