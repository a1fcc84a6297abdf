"""toktab scan: finds tokens in any text, says whether they work, and never shows one."""

import base64
import contextlib
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from harness import IS_ROOT, NOBODY, SiteTest, killed_at_end, needs_terminal, wait_until
from oracle import Writer
from oracle_format import make_token, token_id


def opener_of(pid):
    """The processes that share a session with the tool, which leads one, but for itself."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            if int(fields[3]) == pid and int(name) != pid and fields[1] != str(pid):
                found.append(int(name))
    return found


class Scan(SiteTest):
    domains = [{"name": "example.com", "prefix": "acme"}, {"name": "other.example"}, {"name": "empty.example"}]

    def setUp(self):
        super().setUp()
        self.token = self.create("CI | deploy", domain="example.com")
        self.other = self.create("other", domain="other.example")

    def create(self, label="a token", *args, domain="example.com", **more):
        result = self.ok("-d", domain, "create", "-l", label, *args, may_show_token=True, **more)
        return self.site.guard(result.out.strip())

    def write(self, name, text):
        """A text with secrets, which no file of the site may hold, outside of it."""
        path = os.path.join("/dev/shm" if os.path.isdir("/dev/shm") else "/tmp", "toktab-scan-%d-%s" % (os.getpid(), name))
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        self.addCleanup(os.unlink, path)
        return path

    def found(self, text, code=1, *args):
        return self.expect(code, *args, "scan", stdin=text).out.splitlines()

    def test_says_where_whose_and_what_state(self):
        text = "a\nkey = %s;\n\n%s" % (self.token, self.other)
        self.assertEqual(self.found(text), [
            'stdin:2: active token 1 (id %s) of example.com: "CI | deploy"' % token_id(self.token),
            'stdin:4: active token 1 (id %s) of other.example: "other"' % token_id(self.other)])

    def test_a_token_in_the_name_of_a_file(self):
        """Neither printed nor written down."""
        hidden = self.token[:-49] + "*" * 49
        for text, args, code in (("", [], 0), (self.token, [], 1), (self.token, ["--revoke"], 1)):
            with self.subTest(args=args):
                result = self.expect(code, "scan", *args, self.write("%d?key=%s&x" % (len(args) + len(text), self.token), text))
                self.assertEqual("?key=%s&x:1: active" % hidden in result.out, code == 1)
        self.refused(66, "scan", self.token, says=hidden)
        self.assertIn(hidden, self.json("-d", "example.com", "show", "1")["reason"])

    def test_nothing_there(self):
        for text in ("", "\n", "nothing\n", self.token[:-1], self.token[:-1] + "_", self.token[1:].upper()):
            with self.subTest(text=text):
                self.assertEqual(self.found(text, 0), [])

    def test_what_does_not_work_any_more(self):
        expired = self.create("short", "-e", "1s")
        self.ok("-d", "example.com", "revoke", "-y", "1")
        wait_until(lambda: self.json("-d", "example.com", "list", "--active") == [], "its expiry")
        self.assertEqual([line.split()[1] for line in self.found(self.token + "\n" + expired, 0)], ["revoked", "expired"])

    def test_of_one_domain(self):
        self.assertEqual(len(self.found(self.token + "\n" + self.other, 1, "-d", "other.example")), 1)

    def test_a_token_that_no_store_knows(self):
        forged = make_token("acme", id=token_id(self.token))
        foreign, unknown = make_token("zzz"), make_token("acme")
        self.assertEqual(self.found("\n".join((forged, foreign, unknown)), 0), [
            "stdin:1: unknown token (id %s)" % token_id(self.token), "stdin:3: unknown token (id %s)" % token_id(unknown)])

    def test_the_domain_had_another_prefix(self):
        self.site.configure(open(self.site.conf, encoding="utf-8").read().replace("acme", "new"))
        self.assertEqual(len(self.found(self.token)), 1)

    def test_anywhere_in_a_line(self):
        for before, after in (("", ""), ("_", "_"), ("x", "x"), ("key", "0" * 100), ("\0\xff", "\0"), ("\u2028", "\u2028")):
            with self.subTest(before=before):
                self.assertEqual(len(self.found(before + self.token + after)), 1)

    def test_across_the_pieces_that_are_read(self):
        for size in range(262144 - 70, 262144 + 3, 6):
            self.assertEqual(len(self.found("x" * (size - 1) + "\n" + self.token)), 1)

    def test_a_stream_in_constant_memory(self):
        """What is found comes while the text still goes on; a hundred megabytes take no more room than one."""
        with killed_at_end(self.site.start("scan", stdin=subprocess.PIPE)) as process:
            process.stdin.write((self.token + "\n").encode() + b"x" * 300000)
            process.stdin.flush()
            self.assertIn(b"active", process.stdout.readline())
            used = []
            for megabytes in (1, 100):
                for _ in range(megabytes):
                    process.stdin.write(b"some words of text \n" * 52429)
                process.stdin.flush()
                with open("/proc/%d/status" % process.pid, encoding="ascii") as status:
                    used.append(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")))
            self.assertLess(used[1], used[0] + 1024)

    @needs_terminal
    def test_progress_on_a_terminal(self):
        """It is shown while the text still comes, and gone when it ends."""
        path, seen = os.path.join(self.site.dir, "pipe"), threading.Event()
        os.mkfifo(path)

        def write():
            with open(path, "wb") as pipe:
                pipe.write(b"%s\n" % self.token.encode())
                while not seen.wait(0.02):
                    pipe.write(b"some words of text \n" * 10000)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            result = self.site.terminal("scan", path, answers=[(r"[1-9][0-9]* MB", lambda: seen.set() or "")])
        finally:
            seen.set()
            writer.join()
        self.assertEqual(result.code, 1)
        self.assertRegex(result.out, r"\A\S+:1: active token .*\n(\r[0-9]+ MB)+\r\x1b\[K\Z")

    def test_files(self):
        a, b = self.write("a", self.token), self.write("b", "\n\n" + self.token)
        lines = self.expect(1, "scan", a, b).out.splitlines()
        self.assertEqual([line.split(" ")[0] for line in lines], [a + ":1:", b + ":3:"])

    def test_a_file_that_cannot_be_read(self):
        good, missing = self.write("good", "nothing"), os.path.join(self.site.dir, "missing")
        self.refused(66, "scan", missing, good, says=missing)
        result = self.expect(1, "scan", missing, self.write("bad", self.token))
        self.assertIn(missing, result.err)
        self.assertIn("active", result.out)

    def test_encoded(self):
        """Once in base64, as Kubernetes, docker and HTTP have it, and in UTF-16; on the line where that begins."""
        def pack(text):
            return base64.b64encode(text.encode()).decode()

        secret = "apiVersion: v1\nkind: Secret\ndata:\n  password: %s\n" % pack("key=" + self.token)
        docker = json.dumps({"auths": {"registry.example": {"auth": pack("bob:" + self.token)}}})
        mail = "Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(("x" * 200 + "\n" + self.token).encode()).decode()
        for text, line in ((secret, 4), (docker, 1), ("GET / HTTP/1.1\r\nAuthorization: Basic %s\r\n" % pack(":" + self.token), 2), (mail, 3),
                (("\n\n" + self.token).encode("utf-16-le"), 3), (("\n" + self.token).encode("utf-16"), 2), (self.token.encode("utf-16-be"), 1)):
            with self.subTest(text=text):
                self.assertEqual([place.split(" ")[:2] for place in self.found(text)], [["stdin:%d:" % line, "active"]])
        self.assertEqual(self.found(pack(pack(self.token)), 0), [])
        self.expect(1, "scan", "--revoke", stdin=docker)
        self.assertEqual(self.json("-d", "example.com", "show", "1")["reason"], "found in stdin, line 1")

    def test_below_directories(self):
        """In .git too; no symbolic link is followed there, and no pipe is waited for."""
        folder = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.addCleanup(shutil.rmtree, folder)
        os.makedirs(folder + "/tree/.git/objects")
        os.makedirs(folder + "/elsewhere")
        for name in ("tree/a", "tree/.git/objects/b", "elsewhere/c"):
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write("\n" + self.token)
        os.symlink("../elsewhere", folder + "/tree/link")
        os.symlink("../elsewhere/c", folder + "/tree/file-link")
        os.symlink("nowhere", folder + "/tree/dangling")
        os.symlink(".", folder + "/tree/circle")
        os.mkfifo(folder + "/tree/pipe")
        places = {line.split(" ")[0] for line in self.expect(1, "scan", folder + "/tree").out.splitlines()}
        self.assertEqual(places, {folder + "/tree/a:2:", folder + "/tree/.git/objects/b:2:"})
        places = {line.split(" ")[0] for line in self.expect(1, "scan", folder + "/tree/link", folder + "/tree/file-link").out.splitlines()}
        self.assertEqual(places, {folder + "/tree/link/c:2:", folder + "/tree/file-link:2:"})
        self.refused(66, "scan", folder + "/tree/dangling")
        self.ok("scan", "/dev/null")
        result = self.expect(1, "scan", "--revoke", folder)
        self.assertEqual(result.out.count("active"), 3)
        self.assertEqual(self.json("-d", "example.com", "show", "1")["state"], "revoked")

    @unittest.skipUnless(IS_ROOT, "root reads everything")
    def test_a_directory_that_cannot_be_read(self):
        folder = os.path.join(self.site.dir, "closed")
        os.mkdir(folder, 0o700)
        os.chown(self.site.store_dir, -1, NOBODY)
        for name in self.site.files():
            os.chown(os.path.join(self.site.store_dir, name), -1, NOBODY)
        self.refused(77, "scan", folder, user=NOBODY, says=folder + ": cannot be read: Permission denied")

    def test_who_opens_the_files_is_killed(self):
        """What was not looked at is not called clean."""
        pipe = os.path.join(self.site.dir, "pipe")
        os.mkfifo(pipe)
        with killed_at_end(self.site.start("scan", pipe)) as process:
            wait_until(lambda: opener_of(process.pid), "who opens the files")
            for pid in opener_of(process.pid):
                os.kill(pid, signal.SIGKILL)
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 74)
            self.assertIn(b"not all files were read", err)

    def test_many_small_files(self):
        folder = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.addCleanup(shutil.rmtree, folder)
        for number in range(3000):
            with open("%s/%d" % (folder, number), "w", encoding="ascii") as file:
                file.write(self.token if number % 1000 == 0 else "nothing")
        self.assertEqual(self.expect(1, "scan", folder).out.count("active"), 3)

    @unittest.skipUnless(IS_ROOT, "another user is needed, who may not send more descriptors than may be open")
    def test_many_files_and_few_descriptors(self):
        """However many files wait to be read, nobody is refused one."""
        folder = os.path.join(self.site.dir, "many")
        os.mkdir(folder)
        for number in range(1000):
            with open("%s/%d" % (folder, number), "w", encoding="ascii") as file:
                file.write("nothing")
        for name in ("", *self.site.files()):
            os.chown(os.path.join(self.site.store_dir, name), NOBODY, NOBODY)
        self.ok("scan", folder, user=NOBODY, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))

    def test_a_name_cannot_speak_to_the_terminal(self):
        self.assertNotIn("\033", self.expect(1, "scan", self.write("\033[31m", self.token)).out)

    @unittest.skipUnless(IS_ROOT, "only root may read what the owner of the stores may not")
    def test_files_are_opened_as_who_calls(self):
        os.chown(self.site.store_dir, 12345, 12345)
        for name in os.listdir(self.site.store_dir):
            os.chown(os.path.join(self.site.store_dir, name), 12345, 12345)
        path = self.write("private", self.token)
        os.chmod(path, 0o600)
        self.expect(1, "scan", path)

    def test_json(self):
        unknown = make_token("acme")
        found = self.json("scan", code=1, stdin="\n%s\n%s" % (self.token, unknown))
        self.assertEqual(found, [
            {"file": "stdin", "line": 2, "id": token_id(self.token), "state": "active",
             "record": self.json("-d", "example.com", "show", "1")},
            {"file": "stdin", "line": 3, "id": token_id(unknown), "state": "unknown", "record": None}])
        self.assertEqual(self.json("scan", stdin="nothing"), [])

    def test_a_store_in_trouble(self):
        """What is not known to be harmless is not called so."""
        data = bytearray(self.site.bytes())
        data[-40] ^= 1
        self.site.put(bytes(data))
        self.refused(65, "scan", stdin="nothing", says="check")
        self.assertEqual(len(self.found(self.token + "\n" + self.other)), 2)

    def test_revoke(self):
        path = self.write("leak", "\n%s %s\n%s" % (self.token, self.token, self.other))
        result = self.expect(1, "scan", "--revoke", path)
        self.assertEqual(result.out.count("active token"), 3)
        self.assertEqual(result.err.count("revoked token 1 "), 2)
        record = self.json("-d", "example.com", "show", "1")
        self.assertEqual((record["state"], record["reason"]), ("revoked", "found in %s, line 2" % path))
        self.assertEqual(self.expect(0, "scan", path).out.count("revoked token"), 3)
        self.assertEqual(len(self.json("-d", "example.com", "history")), 2)

    def test_revoke_says_what_could_not_be_ended(self):
        """Locks are waited for once, however many tokens need them, and in however many domains."""
        second, third = self.create("second", domain="example.com"), self.create("third", domain="empty.example")
        leak, locked = self.write("leak", "\n".join([self.token, second, self.other, third])), ("example.com", "empty.example")
        with contextlib.ExitStack() as stack:
            for domain in locked:
                lock = stack.enter_context(open(self.site.lock_path(domain), "rb+"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            process = self.site.start("scan", "--revoke", leak, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.enterContext(killed_at_end(process))
            said = process.stderr.read().decode()
        self.assertEqual(process.wait(), 75)
        self.assertEqual(said.count("NOT revoked"), 3, said)
        waited = [domain for domain in locked if self.site.path(domain) + ": has been locked for more than" in said]
        self.assertEqual(len(waited), 1, said)
        self.assertEqual(len([domain for domain in locked if self.site.path(domain) + ": is locked, and" in said]), 1, said)
        self.assertIn("revoked token 1 (id %s)" % token_id(self.other), said)

    def test_a_name_that_no_reason_may_have(self):
        """It is written as it is shown, and saves no token."""
        self.expect(1, "scan", "--revoke", self.write("a\u202eb\u200b\nc", self.token))
        record = self.json("-d", "example.com", "show", "1")
        self.assertEqual(record["state"], "revoked")
        self.assertRegex(record["reason"], r"found in /.*a\\u\{202E\}b\\u\{200B\}\\x0ac, line 1$")

    def test_a_reason_that_would_be_too_long(self):
        path = self.write("x" * 225, self.token)
        self.expect(1, "scan", "--revoke", path)
        self.assertEqual(self.json("-d", "example.com", "show", "1")["reason"], "found by toktab scan")

    def test_tokens_of_one_serial(self):
        """Which hosts admit, whatever check says of such a store."""
        writer, tokens = Writer(domain="example.com"), [self.site.guard(make_token("acme")) for _ in range(3)]
        for token in tokens:
            writer.create(token, serial=1)
        self.site.put(writer)
        self.assertEqual([line.split()[1] for line in self.found("\n".join(tokens))], ["active"] * 3)

    def test_many_tokens(self):
        writer = Writer(domain="example.com")
        tokens = [make_token("acme") for _ in range(500)]
        for token in tokens:
            self.site.guard(token)
            writer.create(token)
        self.site.put(writer, domain="example.com")
        self.assertEqual(len(self.found("".join(tokens))), 500)


if __name__ == "__main__":
    unittest.main()
