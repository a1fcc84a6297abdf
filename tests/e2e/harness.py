"""What the tests that drive toktab from outside have in common: a private site, and ways to run the tool on it.

    site = Site([{"name": "example.com", "scopes": ["read"]}])
    token = site.run("create", "-l", "CI").out.strip()
    site.close()

Site needs no root. As root it can also own its store as somebody else (owner=), hand it to a group (group=), and
run the tool as another user (user=).
"""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import termios
import time
import unittest

import oracle
from oracle_format import parse_token, token_id

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOKTAB = os.environ.get("TOKTAB", os.path.join(TOP, "build", "toktab"))
TIME_LIMIT = 60  # seconds, after which a command counts as hung
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
PIECE = 8  # so many characters of a secret in a row must be nowhere
# As Debian links sshd, sudo and such. Else the first call of each function puts all registers on the stack, with what
# strlen(3) and its like have left in them of a secret.
BOUND = {"LD_BIND_NOW": "1"}
LOCALE = "C.UTF-8"


def clock():
    """The second that time(3) tells the tool. It lags behind time.time() by up to a tick."""
    return int(time.clock_gettime(getattr(time, "CLOCK_REALTIME_COARSE", 5)))


needs_root = unittest.skipUnless(IS_ROOT, "only root can be several users")


def needs_terminal(test):
    try:
        for descriptor in pty.openpty():
            os.close(descriptor)
    except OSError as error:
        return unittest.skip("no pseudo-terminal here (is /dev/pts mounted?): %s" % error)(test)
    return test


class Result:
    """How a command ended: code (exit status, or minus the signal), stdout and stderr as bytes, out and err as text."""

    def __init__(self, command, code, stdout, stderr=b""):
        self.command, self.code, self.stdout, self.stderr = command, code, stdout, stderr
        self.out = stdout.decode(errors="backslashreplace")
        self.err = stderr.decode(errors="backslashreplace")

    def __str__(self):
        command = " ".join(map(repr, self.command))
        return "%s\nexit status %s\nstdout: %.2000s\nstderr: %.2000s" % (command, self.code, self.out, self.err)


def config_text(store_dir, domains):
    """The text of a toktab.conf. A domain is a dict of its settings, name among them."""

    def value(setting):
        if isinstance(setting, bool):
            return "true" if setting else "false"
        if isinstance(setting, (list, tuple)):
            return "[ %s ]" % ", ".join(map(value, setting))
        return '"%s"' % setting

    groups = ["{ %s }" % " ".join("%s = %s;" % (key, value(domain[key])) for key in domain) for domain in domains]
    return 'store_dir = "%s";\ndomains = (\n  %s\n);\n' % (store_dir, ",\n  ".join(groups))


def take_terminal():
    """In the child: the terminal is its own, and ^C ends it, though whoever runs the tests in the background ignores that."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Site:
    """A private directory with a toktab.conf and an empty store directory.

    domains  dicts of settings; the first is the one that path() and friends mean
    mode     of the store directory: 0o2710 with group= for a service that shall read
    owner    uid that owns the store directory, group: gid that it belongs to (root only)
    """

    def __init__(self, domains=None, mode=0o750, owner=None, group=None):
        self.domains = domains or [{"name": "example.com"}]
        self.domain = self.domains[0]["name"]
        self.dir = tempfile.mkdtemp(prefix="toktab-e2e-")
        os.chmod(self.dir, 0o755)
        self.store_dir = os.path.join(self.dir, "stores")
        os.mkdir(self.store_dir)
        os.chown(self.store_dir, -1 if owner is None else owner, -1 if group is None else group)
        os.chmod(self.store_dir, mode)
        self.conf = os.path.join(self.dir, "toktab.conf")
        self.configure(config_text(self.store_dir, self.domains))
        self.secrets, self._known, self._pieces = set(), set(), set()
        self._tool_for_all = None

    def configure(self, text):
        with open(self.conf, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text if isinstance(text, bytes) else text.encode())

    def close(self):
        remove(self.dir)

    def path(self, domain=None):
        return os.path.join(self.store_dir, (domain or self.domain) + ".tokens")

    def lock_path(self, domain=None):
        return os.path.join(self.store_dir, (domain or self.domain) + ".lock")

    def files(self):
        """The names of the files in the store directory, in order. The directory used/ is none of them."""
        with os.scandir(self.store_dir) as entries:
            return sorted(entry.name for entry in entries if not entry.is_dir(follow_symlinks=False))

    def bytes(self, domain=None):
        with open(self.path(domain), "rb") as file:
            return file.read()

    def read(self, domain=None):
        """The store as the oracle reads it; Fault if it is not sound."""
        return oracle.Store(self.bytes(domain))

    def put(self, data, domain=None, mode=0o640):
        """Replace the store by these bytes, or by those of an oracle.Writer."""
        data = data if isinstance(data, bytes) else data.data()
        new = self.path(domain) + ".new"
        oracle.write_file(new, [data], mode)
        status = os.stat(self.store_dir)
        os.chown(new, status.st_uid if IS_ROOT else -1, status.st_gid if IS_ROOT else -1)
        os.rename(new, self.path(domain))

    def guard(self, token):
        """Remember a token that the tool must show nowhere else."""
        self.secrets.add(parse_token(token)[2])
        return token

    def leaks(self, data):
        """Is a piece of a secret, of 8 characters, in these bytes?"""
        data = data if isinstance(data, bytes) else data.encode()
        self._pieces.update(piece for secret in self.secrets - self._known for piece in pieces_of(secret))
        self._known |= self.secrets
        return not self._pieces.isdisjoint(data[at:at + PIECE] for at in range(len(data) - PIECE + 1))

    def leaking_files(self):
        found = []
        for folder, _, names in os.walk(self.dir):
            for path in (os.path.join(folder, name) for name in names):
                if os.path.isfile(path) and path != self._tool_for_all:
                    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
                        if self.leaks(file.read()):
                            found.append(path)
        return found

    def tool(self, user=None):
        """The tool's path; a copy where every user may run it, if it is to be somebody else."""
        if user is None:
            return TOKTAB
        if not self._tool_for_all:
            self._tool_for_all = shutil.copy(TOKTAB, os.path.join(self.dir, "toktab"))
            os.chmod(self._tool_for_all, 0o755)
        return self._tool_for_all

    def start(self, *args, user=None, conf=None, env=None, **more):
        """The running tool as a subprocess.Popen. conf="" for no -c; user: a uid, as which to run (root only)."""
        conf = self.conf if conf is None else conf
        command = [self.tool(user), *(["-c", conf] if conf else []), *args]
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        if user is not None:
            more.update(user=user, group=user, extra_groups=[])
        return subprocess.Popen(command, env=environment(env), cwd=self.dir, start_new_session=True, **more)

    def run(self, *args, stdin=None, **more):
        """Run the tool to its end, with these bytes (or this text) as stdin."""
        if stdin is not None:
            more["stdin"] = subprocess.PIPE
            stdin = stdin.encode() if isinstance(stdin, str) else stdin
        with self.start(*args, **more) as process:
            try:
                stdout, stderr = process.communicate(stdin, timeout=TIME_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError("hung: %s" % (process.args,)) from None
        return Result(process.args, process.returncode, stdout or b"", stderr or b"")

    def terminal(self, *args, answers=(), **more):
        """Run the tool on a terminal of its own. answers: pairs of a pattern to wait for, and what to type then.

        A pattern of None waits until the terminal does not echo. What to type is a text, or a function that makes it
        when it is wanted. The Result's stdout is all that the terminal got.
        """
        ours, theirs = pty.openpty()
        try:
            process = self.start(
                *args, stdin=theirs, stdout=theirs, stderr=theirs,
                preexec_fn=take_terminal, **more,
            )
        finally:
            os.close(theirs)
        try:
            screen = Screen(ours, process)
            for pattern, text in answers:
                screen.wait_for(pattern)
                os.write(ours, (text() if callable(text) else text).encode())
            screen.read_to_end()
            return Result(process.args, process.wait(TIME_LIMIT), screen.text)
        finally:
            process.kill()
            process.wait()
            os.close(ours)


class Screen:
    """What a process has written on our end of a terminal."""

    def __init__(self, descriptor, process):
        self.descriptor, self.process, self.text = descriptor, process, b""
        self.deadline = time.monotonic() + TIME_LIMIT

    def _read(self, seconds):
        """False when the terminal was closed."""
        if time.monotonic() > self.deadline:
            raise AssertionError("hung on a terminal: %s\n%r" % (self.process.args, self.text))
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # EIO: nobody has the other end open any more
            data = b""
        self.text += data
        return bool(data)

    def wait_for(self, pattern):
        def seen():
            if pattern is None:
                return not termios.tcgetattr(self.descriptor)[3] & termios.ECHO
            return re.search(pattern.encode(), self.text)

        while not seen():
            if not self._read(0.01):
                raise AssertionError("never asked %s: %s\n%r" % (pattern, self.process.args, self.text))

    def read_to_end(self):
        while self._read(1):
            pass


def environment(more=None):
    kept = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD")
    env = {name: value for name, value in os.environ.items() if name in kept or name.endswith("SAN_OPTIONS")}
    return {**env, "LC_ALL": LOCALE, "TZ": "UTC0", "HOME": "/nonexistent", "TERM": "dumb", **(more or {})}


def pieces_of(secret):
    return [secret[i:i + PIECE].encode() for i in range(len(secret) - PIECE + 1)]


def opened_by(pid):
    """What the descriptors of a process are."""
    folder = "/proc/%d/fd" % pid
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(os.path.join(folder, name))


def process_state(pid):
    """As in proc(5): "T" is stopped, "Z" a zombie that nobody has fetched."""
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rpartition(")")[2].split()[0]


def memory_of(pid):
    """All that a process has in memory that it can write to, but for the shadow that a sanitizer keeps of it."""
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as memory:
        for line in maps:
            place, mode, *_ = line.split()
            if mode.startswith("rw"):
                start, end = (int(part, 16) for part in place.split("-"))
                if end - start < 1 << 30:
                    memory.seek(start)
                    yield memory.read(end - start)


def wait_until(condition, what, seconds=30):
    """Poll for a condition that will come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain: " + what)
        time.sleep(0.002)


def remove(folder):
    """Also if a process that was killed, or a child of it, still makes files there."""
    def is_gone():
        shutil.rmtree(folder, ignore_errors=True)
        return not os.path.exists(folder)

    wait_until(is_gone, folder + " is removed")


@contextlib.contextmanager
def killed_at_end(process):
    """A subprocess.Popen that is not left behind, whatever happens. tests/coverage lets it write what it has covered."""
    try:
        yield process
    finally:
        if "E2E_GENTLY" in os.environ:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                process.terminate()
                process.wait(2)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.communicate()


class SiteTest(unittest.TestCase):
    """A test with a site of its own; when it ends, no file of the site may hold a part of a secret."""

    domains = [{"name": "example.com"}]
    site_options = {}

    def setUp(self):
        self.site = Site(self.domains, **self.site_options)
        self.addCleanup(self.site.close)

    def tearDown(self):
        self.assertEqual(self.site.leaking_files(), [], "files that hold a secret")

    def run_tool(self, *args, may_show_token=False, **more):
        """Site.run, and proof that it neither crashed nor showed a secret."""
        result = self.site.run(*args, **more)
        self.assertGreaterEqual(result.code, 0, "died of a signal: %s" % result)
        self.assertNotIn("Sanitizer", result.err, result)
        self.assertFalse(self.site.leaks(result.stderr), "a secret on stderr: %s" % result)
        self.assertTrue(may_show_token or not self.site.leaks(result.stdout), "a secret on stdout: %s" % result)
        return result

    def expect(self, code, *args, **more):
        result = self.run_tool(*args, **more)
        self.assertEqual(result.code, code, result)
        return result

    def ok(self, *args, **more):
        return self.expect(0, *args, **more)

    def refused(self, code, *args, says=(), **more):
        """The command fails with this exit status (or one of these), and a message that holds these words."""
        result = self.run_tool(*args, **more)
        self.assertIn(result.code, code if isinstance(code, tuple) else (code,), result)
        self.assertRegex(result.err, r"\Atoktab: .", result)
        for word in (says,) if isinstance(says, str) else says:
            self.assertIn(word.lower(), result.err.lower(), result)
        return result

    def json(self, *args, code=0, **more):
        """What a command with --json prints: one JSON value and a newline."""
        result = self.expect(code, *args, "--json", **more)
        self.assertTrue(result.stdout.endswith(b"\n"), result)
        try:
            return json.loads(result.stdout)
        except ValueError as error:
            raise AssertionError("not JSON: %s: %s" % (error, result)) from error

    def create(self, label="a token", *args, **more):
        """A new token, which is all that create prints on stdout."""
        result = self.ok("create", "-l", label, *args, may_show_token=True, **more)
        self.assertRegex(result.out, r"\A[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{61}\n\Z", result)
        token = self.site.guard(result.out[:-1])
        self.assertFalse(self.site.leaks(result.stderr), result)
        return token

    def record(self, token, domain=None):
        """What the store says of a token, by the oracle's reading."""
        return self.site.read(domain).record(token_id(token))

    def verdict(self, token, *args, **more):
        """The verdict of verify and its reason; its exit status must fit."""
        result = self.run_tool("verify", "--json", *args, stdin=token, **more)
        answer = json.loads(result.stdout)
        self.assertEqual(result.code == 0, answer["verdict"] == "allow", result)
        if answer["verdict"] == "deny":
            self.assertEqual(result.code, 1, result)
        return answer["verdict"], answer["why"]
