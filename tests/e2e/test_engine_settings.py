"""The settings of engine-etcd: what is wrong is named with file and line, in the language of the pipe, without an etcd."""

import os
import subprocess

from harness import TIME_LIMIT, TOKTAB, Result, SiteTest, environment

ENGINE = os.path.join(os.path.dirname(os.path.abspath(TOKTAB)), "engine-etcd")
HEAD = b"1:1:" + b"0" * 32 + b"\n"
LINE = b"2|" + b"|" * 18 + b"0" * 32 + b"\n"
NODES = "nodes = http://127.0.0.1:1\n"  # where nobody listens


class Settings(SiteTest):
    def setUp(self):
        super().setUp()
        self.conf = os.path.join(self.site.dir, "etcd.conf")

    def engine(self, *args, env=None):
        command = [ENGINE, *args]
        ended = subprocess.run(command, input=HEAD + LINE * ("append" in args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(env),
            timeout=TIME_LIMIT, check=False)
        return Result(command, ended.returncode, ended.stdout, ended.stderr)

    def says(self, text, complaint, env=None):
        """Before it asks a node, both programs refuse."""
        with open(self.conf, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        with self.subTest(settings=text):
            for program, word in (("lines", "!denied "), ("append", "unavailable ")):
                result = self.engine("-c", self.conf, program, "example.com", env=env)
                self.assertTrue(result.out.startswith(word), result)
                self.assertIn(complaint, result.out)

    def test_nodes(self):
        for nodes in ("127.0.0.1:2379", "http://", "https://", "http:///", "ftp://a", "http://a/b", "http://a b",
                "https:// http://a", " ".join("http://a" for _ in range(100))):
            self.says("nodes = %s\n" % nodes, ':1: "nodes" must be URLs')
        self.says("# nothing\n\n", '"nodes" is missing')

    def test_intervals(self):
        for interval in ("19", "1001", "1s", "-20", "99999999999999999999"):
            self.says(NODES + "interval_ms = %s\n" % interval, ':2: "interval_ms" must be milliseconds from 20 to 1000')

    def test_lines(self):
        self.says(NODES + "colour = red\n", ':2: "colour" is no setting')
        self.says(NODES + "\n  user \n", ':3: "user" is not NAME = VALUE')
        self.says(NODES + "user =\n", ':2: "user" has no value')
        self.says(NODES.encode() + b"user = a\0b\n", "contains a NUL byte")
        self.says(NODES.encode() + b"user = a\xff\n", ':2: "user" is not UTF-8')
        os.unlink(self.conf)
        self.assertIn("!denied", self.engine("-c", self.conf, "lines", "example.com").out)

    def test_passwords(self):
        password = os.path.join(self.site.dir, "password")
        text = NODES + "user = toktab\npassword_file = %s\ntoken_file = %s.token\n" % (password, password)
        self.says(NODES + "user = toktab\n", "user toktab has no password")
        self.says(text, "cannot open it")
        with open(password, "wb") as file:
            os.fchmod(file.fileno(), 0o640)
        self.says(text, "others may read it (mode 0640): chmod 600 it")
        os.chmod(password, 0o600)
        self.says(text, "holds no password")
        self.says(NODES + "user = toktab\n", "cannot open it", env={"CREDENTIALS_DIRECTORY": self.site.dir})

    def test_usage(self):
        self.assertEqual(self.engine("-h").code, 0)
        for args in ((), ("lines",), ("lines", "a", "b"), ("read", "example.com"), ("lines", "../x"), ("-x",), ("-c",)):
            self.assertEqual(self.engine(*args).code, 2, args)

    def test_nobody_answers(self):
        with open(self.conf, "w", encoding="ascii") as file:
            file.write(NODES.replace("\n", "/\n") + "prefix = /somewhere/\ninterval_ms = 20\n")
        result = self.engine("-c", self.conf, "append", "example.com")
        self.assertTrue(result.out.startswith("unavailable"), result)
