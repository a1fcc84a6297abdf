"""engine-etcd and what a gateway of etcd may answer: right, late, wrong, or nothing. The gateway is played here."""

import base64
import concurrent.futures
import http.server
import itertools
import json
import os
import socketserver
import subprocess
import tempfile
import threading
import unittest

from harness import TIME_LIMIT, TOKTAB, environment

ENGINE = os.path.join(os.path.dirname(os.path.abspath(TOKTAB)), "engine-etcd")
TXN, RANGE, DELETE, LOGIN = "/v3/kv/txn", "/v3/kv/range", "/v3/kv/deleterange", "/v3/auth/authenticate"
CLOSES = None  # the place of an answer


def line(n, chain="a", op="C"):
    """As much of a line as the engine looks at."""
    return b"%d|id|%s%s%s\n" % (n, op.encode(), b"|" * 17, chain.encode() * 32)


def header(epoch=1, base=0, chain="0"):
    return b"toktab1|example.com||%020d|%020d|%s||||||\n" % (epoch, base, chain.encode() * 32)


def head(n, epoch=1, chain="a"):
    return b"%d:%d:%s" % (epoch, n, chain.encode() * 32)


def base64_of(data):
    return base64.b64encode(data).decode()


def kvs(values):
    return [value if isinstance(value, dict) else {"value": base64_of(value)} for value in values]


def responses(*parts):
    return {"responses": [{"response_range": {"kvs": kvs(part)}} for part in parts]}


def number_of(value):
    digits = value.split(b"|")[0] if isinstance(value, bytes) else b""
    return int(digits) if digits.isdigit() else 1 << 64


def there(its_head, *lines):
    """The answers to `lines`, each from the number on that is asked for; what has none is always there."""

    def answer(body, _):
        asked = body["success"][1]["request_range"]
        first = int(base64.b64decode(asked["key"]).split(b"/")[-1])
        found = [each for each in lines if first == 0 or number_of(each) >= first]
        return responses([its_head] if its_head else [], found[: asked["limit"]])

    return answer


def otherwise(its_head, *lines):
    """The answer to `append` where the head is another."""
    return responses(lines, [its_head] if its_head else [])


def refusal(code, message="no", status=400):
    return status, {"code": code, "message": message}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server.gateway.take(self.path, body, self.headers.get("Authorization"))
        if answer is CLOSES:
            return
        status, text = answer if isinstance(answer, tuple) else (200, answer)
        text = text if isinstance(text, bytes) else json.dumps(text).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            pass  # whoever asked has had enough

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 32


class Gateway:
    """Plays etcd. answers: {path: answer, or a list of them, of which the last one stays, or a function that makes one}."""

    def __init__(self):
        self.answers, self.asked, self.lock = {}, [], threading.Lock()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.gateway = self
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def take(self, path, body, authorization):
        with self.lock:
            self.asked.append((path, body, authorization))
            answer = self.answers.get(path, {})
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            return answer(body, authorization) if callable(answer) else answer

    def bodies(self, path):
        return [body for its_path, body, _ in self.asked if its_path == path]


class EngineCase(unittest.TestCase):
    shim = None  # what the engine is preloaded with

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="toktab-e2e-")
        self.addCleanup(scratch.cleanup)
        self.dir = scratch.name
        self.gateway = self.new_gateway()

    def new_gateway(self):
        gateway = Gateway()
        self.addCleanup(gateway.close)
        return gateway

    def settings(self, gateway, more=()):
        path = os.path.join(self.dir, "etcd.conf.%d" % gateway.server.server_address[1])
        with open(path, "w") as file:
            file.writelines("%s\n" % text for text in ("nodes = " + gateway.url, "interval_ms = 1000", *more))
        return path

    def engine(self, verb, stdin, code, gateway=None, more=(), stdout=subprocess.PIPE):
        """What it says on stdout."""
        gateway = gateway or self.gateway
        gateway.asked.clear()
        done = subprocess.run([ENGINE, "-c", self.settings(gateway, more), verb, "example.com"], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
            cwd=self.dir, env=environment(self.shim and {"LD_PRELOAD": self.shim}), timeout=TIME_LIMIT, check=False)  # fmt: skip
        self.assertEqual(done.returncode, code, done)
        self.errors = done.stderr
        return done.stdout

    def lines(self, answers, asked=head(2), code=0, **more):
        """What comes, but that a HEAD may be said again."""
        self.gateway.answers = {TXN: answers, **more.pop("others", {})}
        said = self.engine("lines", asked + b"\n", code, **more) or b""
        return b"".join(each for each, _ in itertools.groupby(said.splitlines(keepends=True)))

    def append(self, answers, asked=head(2), new=line(3), **more):
        self.gateway.answers = {TXN: answers, **more.pop("others", {})}
        return self.engine("append", asked + b"\n" + new, 0, **more)


class Lines(EngineCase):
    def test_what_is_new(self):
        """Not the line that the host ends with, which only proves that it is the same log."""
        self.assertEqual(self.lines(there(head(4), line(2), line(3), line(4))), line(3) + line(4) + b"=" + head(4) + b"\n")
        self.assertEqual(self.lines(there(head(2), line(2))), b"=" + head(2) + b"\n")

    def test_a_new_host(self):
        self.assertEqual(self.lines(there(head(1), header(), line(1)), asked=b""), header() + line(1) + b"=" + head(1) + b"\n")
        self.assertIn(base64_of(b"/toktab/example.com/log/%020d/%020d" % (1, 0)), json.dumps(self.gateway.bodies(TXN)[-1]))

    def test_page_by_page(self):
        for last in 1001, 1002, 2500:
            said = self.lines(there(head(last), *map(line, range(1, last + 1))))
            self.assertEqual(said, b"".join(map(line, range(3, last + 1))) + b"=" + head(last) + b"\n")

    def test_a_log_that_does_not_continue_ours(self):
        for why, answer in (
            (b"!gap \n", there(head(3))),
            (b"!gap \n", there(head(3), line(3))),
            (b"!gap \n", there(head(4), line(2), line(4))),
            (b"!fork \n", there(head(3), line(2, "b"), line(3))),
            (b"!behind etcd holds nothing of this domain\n", there(None)),
            (b"!behind etcd holds nothing of this domain\n", there(b"1:3", line(2), line(3))),
            (b"!behind etcd holds nothing of this domain\n", there({"value": "%"}, line(2), line(3))),
            (b"!behind etcd holds nothing of this domain\n", {}),
        ):
            with self.subTest(why=why, answer=answer):
                self.assertEqual(self.lines(answer, code=1), why)

    def test_no_log_for_a_new_host(self):
        for why, answer in (
            (b"!unavailable etcd holds nothing of this domain yet\n", there(None)),
            (b"!gap etcd no longer holds the start of the log\n", there(head(5), line(5))),
            (b"!gap etcd no longer holds the start of the log\n", there(head(1), line(0), line(1))),
            (b"!gap etcd no longer holds the start of the log\n", there(head(6), header(base=5), line(6))),
        ):
            with self.subTest(why=why):
                self.assertEqual(self.lines(answer, asked=b"", code=1), why)

    def test_what_is_no_line(self):
        """What came before it was said."""
        for bad in b"rubbish", b"3|\n", b"x" + line(3), b"toktab1|\n", line(3)[:-9], {"value": "%"}, {"value": 1}, {}:
            with self.subTest(bad):
                said = self.lines(there(head(4), line(2), line(3), bad), code=1)
                self.assertEqual(said, line(3) + b"!unavailable etcd holds what is no line of a store\n")

    def test_an_older_log(self):
        """Whoever follows is told its end, and decides."""
        self.assertEqual(self.lines(there(head(1, chain="b"))), b"=" + head(1, chain="b") + b"\n")
        for epoch in 1, 3:
            self.assertEqual(self.lines(there(head(9, epoch)), asked=head(2, 2)), b"=" + head(9, epoch) + b"\n")

    def test_not_a_head(self):
        for asked in b"1", b"1:2", b"x:2:" + b"a" * 32, b"1:x:" + b"a" * 32, b"1:2:" + b"a" * 31, b"1:2:" + b"a" * 33, b"9" * 200, b"18446744073709551616:1:" + b"a" * 32:
            self.assertEqual(self.lines({}, asked, code=2), b"")
        self.assertEqual(self.gateway.asked, [])

    def test_nobody_reads(self):
        with open("/dev/full", "wb") as full:
            self.lines(there(head(3), line(2), line(3)), code=1, stdout=full)
            self.gateway.answers = {TXN: {"succeeded": True}}
            self.engine("append", head(2) + b"\n" + line(3), 1, stdout=full)
            self.gateway.answers = {RANGE: refusal(7)}
            self.engine("append", head(2) + b"\n" + line(3), 1, stdout=full)


    def test_reader_that_left(self):
        """Seen while it waits, not only by SIGPIPE when there is more to say."""
        self.gateway.answers = {TXN: there(head(2), line(2))}
        command = [ENGINE, "-c", self.settings(self.gateway), "lines", "example.com"]
        ends = []
        while 0 not in ends and len(ends) < 10:  # on a busy machine it may have waited by then, and be saying more
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self.dir, env=environment()) as engine:
                engine.stdin.write(head(2) + b"\n")
                engine.stdin.flush()
                self.assertEqual(engine.stdout.readline(), b"=" + head(2) + b"\n")
                engine.stdout.close()
                ends.append(engine.wait(TIME_LIMIT))
        self.assertIn(0, ends)


NO_MEMORY = """\
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
void *__libc_malloc(size_t size);
void *malloc(size_t size)
{
    if (size != %d)
        return __libc_malloc(size);
    errno = ENOMEM;
    return NULL;
}
"""
NO_STREAM = """\
#include <errno.h>
#include <stdio.h>
FILE *open_memstream(char **text, size_t *size)
{
    errno = ENOMEM;
    return NULL;
}
"""


class WithoutMemory(EngineCase):
    def setUp(self):
        super().setUp()
        if os.environ.get("LD_PRELOAD") or any(name.endswith("SAN_OPTIONS") for name in os.environ):
            self.skipTest("under a sanitizer nothing else can be preloaded")

    def without(self, source):
        self.shim = os.path.join(self.dir, "shim.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.shim, "-x", "c", "-"], input=source.encode(), check=True)

    def test_to_ask(self):
        self.without(NO_STREAM)
        self.assertEqual(self.lines({}, code=1), b"!unavailable out of memory\n")
        self.assertEqual(self.append({}), b"unavailable no majority of etcd answers: out of memory\n")
        self.assertEqual(self.gateway.asked, [])

    def test_for_what_etcd_holds(self):
        """It is not said that etcd holds nothing, nor something else."""
        size = 99_000  # of a value, in bytes, of which no other is so large
        self.without(NO_MEMORY % (size // 3 * 4 // 4 * 3 + 4))
        long = b"3|" + b"x" * (size - 3) + b"\n"
        self.assertEqual(self.lines(there(long[:-1] + b"x"), code=1), b"!unavailable out of memory\n")
        self.assertEqual(self.lines(there(head(3), line(2), long), code=1), b"!unavailable out of memory\n")
        others = {RANGE: {}}
        self.assertEqual(self.append(otherwise(head(2), long), others=others), b"unknown\n")
        self.assertEqual(self.append(otherwise(long), others=others), b"unavailable out of memory\n")


class Refused(EngineCase):
    def test_says_why(self):
        for why, answer in (
            (b"etcd: permission denied", refusal(7, "permission denied", 403)),
            (b"etcd: an error without a message", (400, {"code": 7})),
            (b"etcd: an error without a message", (400, {"message": 7})),
            (b"etcd: " + b"x" * 120, refusal(3, "x" * 500)),
            (b"the client certificate has a CN, ", (401, b"CommonName of client sending a request against gateway will be ignored\n")),
        ):
            with self.subTest(why=why):
                self.assertRegex(self.lines(answer, code=1), b"!denied " + why)
                self.assertRegex(self.append(answer), b"unavailable " + why)
                self.assertRegex(self.append({}, others={RANGE: answer}), b"unavailable " + why)
                self.assertEqual(self.gateway.bodies(TXN), [], "not before etcd has shown its majority")

    def test_a_node_that_cannot_now(self):
        """It is asked again, or another one."""
        good = there(head(3), line(2), line(3))
        said = line(3) + b"=" + head(3) + b"\n"
        bad = {"closes": CLOSES, "half": (200, b"{"), "no JSON": (500, b"busy"), "endless": (200, b"{}" + b" " * 33 * 1024 * 1024)}
        for name, answer in [*bad.items(), *((code, refusal(code, status=503)) for code in (1, 2, 4, 13, 14))]:
            with self.subTest(name):
                self.assertEqual(self.lines([answer, good]), said)
                self.assertEqual(self.append([answer, {"succeeded": True}]), b"done\n")
                self.assertEqual(self.append({"succeeded": True}, others={RANGE: [answer, {}]}), b"done\n")

    def test_no_answer_for_seconds(self):
        """It may be done only if it was sent."""
        first, second, third = (self.new_gateway() for _ in range(3))
        first.answers = {TXN: CLOSES}
        second.answers = {RANGE: CLOSES}
        third.answers = {TXN: refusal(14, "etcdserver: no leader", 503)}
        asked = head(2) + b"\n"
        with concurrent.futures.ThreadPoolExecutor() as pool:
            unknown = pool.submit(self.engine, "append", asked + line(3), 0, gateway=first)
            unsent = pool.submit(self.engine, "append", asked + line(3), 0, gateway=second)
            silent = pool.submit(self.engine, "lines", asked, 1, gateway=third)
            self.assertEqual(unknown.result(), b"unknown\n")
            self.assertRegex(unsent.result(), b"^unavailable no majority of etcd answers: ")
            # on a busy machine the last request may have had no time left for its answer
            self.assertRegex(silent.result(), b"^!unavailable (etcd: etcdserver: no leader|http://.*)\n$")
        self.assertEqual(second.bodies(TXN), [])


class Append(EngineCase):
    def test_done(self):
        """If the head is what it was, and nothing is in the line's place; then both are put at once."""
        self.assertEqual(self.append({"succeeded": True}), b"done\n")
        body = self.gateway.bodies(TXN)[-1]
        head_key, line_key = (base64_of(b"/toktab/example.com/" + name) for name in (b"head", b"log/%020d/%020d" % (1, 3)))
        self.assertEqual(body["compare"], [
            {"key": head_key, "target": "VALUE", "result": "EQUAL", "value": base64_of(head(2))},
            {"key": line_key, "target": "CREATE", "result": "EQUAL", "create_revision": "0"}])  # fmt: skip
        self.assertEqual(body["success"], [
            {"request_put": {"key": line_key, "value": base64_of(line(3))}},
            {"request_put": {"key": head_key, "value": base64_of(head(3))}}])  # fmt: skip

    def test_the_first(self):
        self.assertEqual(self.append({"succeeded": True}, asked=b"", new=header()), b"done\n")
        self.assertEqual([each["target"] for each in self.gateway.bodies(TXN)[-1]["compare"]], ["CREATE", "CREATE"])

    def test_several(self):
        """etcd has shown its majority once."""
        self.gateway.answers = {TXN: {"succeeded": True}}
        said = self.engine("append", b"".join(head(n) + b"\n" + line(n + 1) for n in range(2, 6)), 0)
        self.assertEqual(said, b"done\n" * 4)
        self.assertEqual([path for path, _, _ in self.gateway.asked].index(TXN), len(self.gateway.bodies(RANGE)))

    def test_it_was_done_by_an_earlier_request(self):
        self.assertEqual(self.append([CLOSES, otherwise(head(3), line(3))]), b"done\n")

    def test_lines_of_others(self):
        lines = [line(n, "b") for n in range(3, 6)]
        self.assertEqual(self.append(otherwise(head(5), *lines)), b"more %smore %sconflict %s" % tuple(lines))
        for bad in b"rubbish\n", line(7), line(4)[:-1], b"", {"value": "%"}:
            self.assertEqual(self.append(otherwise(head(5), lines[0], bad)), b"conflict " + lines[0])
        self.assertEqual(self.append(otherwise(head(0, chain="1"), header(chain="1")), asked=b"", new=header()), b"conflict " + header(chain="1"))

    def test_another_head(self):
        for why, asked, new, answer in (
            (b"behind: etcd holds nothing", head(2), line(3), otherwise(None)),
            (b"behind: etcd holds nothing", head(2), line(3), otherwise(b"rubbish")),
            (b"behind: etcd holds nothing", head(2), line(3), {}),
            (b"held: etcd holds a store", b"", header(), otherwise(head(7))),
            (b"fenced: etcd has the older epoch 1, this host 2", head(2, 2), line(3), otherwise(head(7))),
            (b"fenced: etcd has epoch 3, this host 2", head(2, 2), line(3), otherwise(head(1, 3))),
            (b"behind: etcd ends at n=1, this host has 2", head(2), line(3), otherwise(head(1))),
            (b"gap: etcd no longer holds", head(2), line(3), otherwise(head(9))),
            (b"gap: etcd no longer holds", head(2), line(3), otherwise(head(9), line(8))),
            (b"fork: etcd holds another line", head(2), line(3), otherwise(head(2, chain="b"))),
            (b"fork: etcd holds another line", head(2), header(2, 2), otherwise(head(2, chain="b"), line(2))),
        ):
            with self.subTest(why=why):
                self.assertRegex(self.append(answer, asked=asked, new=new), b"^unavailable " + why)

    def test_not_a_head_and_a_line(self):
        long = b"x" * 5000
        for text in (
            b"1:2", b"1:2\n", b"rubbish\n" + line(3), b"9" * 99 + b"\n" + line(3), head(2) + b"\nrubbish\n", head(2) + b"\n" + line(3)[:-1],
            head(2) + b"\n" + long + b"\n", b"\n" + line(1), b"\n\n", b"\ntoktab1|\n",
        ):  # fmt: skip
            with self.subTest(text):
                self.assertEqual(self.engine("append", text, 2), b"")
                self.assertEqual(self.errors, b"engine-etcd: standard input: not a HEAD and a line\n")
        self.assertEqual(self.gateway.asked, [])


class OldLines(EngineCase):
    """After the line of a compaction, but for the thousand before it."""

    def compact(self, n=3000, look=None, delete=None):
        """Returns the bodies of what deleted. look, delete: the answers in the place of those of an etcd with 3000 lines."""
        self.keys = {b"/toktab/example.com/log/%020d/%020d" % (1, number) for number in range(3000)}
        self.looks = []

        def ends(body):
            return base64.b64decode(body["key"]), base64.b64decode(body["range_end"])

        def find(body, _):
            if "limit" not in body:
                return {}  # a majority is there
            self.looks.append(body)
            first, end = ends(body)
            found = sorted(key for key in self.keys if first <= key < end)
            return look or {"kvs": [{"key": base64_of(key)} for key in found[:body["limit"]]]}

        def remove(body, _):
            first, end = ends(body)
            self.keys = {key for key in self.keys if not first <= key < end}
            return delete or {}

        self.gateway.answers = {TXN: {"succeeded": True}, RANGE: find, DELETE: remove}
        self.assertEqual(self.engine("append", head(n - 1) + b"\n" + line(n, op="P"), 0), b"done\n")
        return self.gateway.bodies(DELETE)

    def test_all_of_them(self):
        """In steps, so that others are not held up for long."""
        for n, left in (3000, 1000), (2500, 1500), (3999, 1), (9000, 0):
            bodies = self.compact(n)
            self.assertEqual(len(self.keys), left)
            self.assertGreaterEqual(len(bodies), (3000 - left) // 1000)

    def test_none(self):
        self.assertEqual(self.compact(1000), [])
        self.assertEqual(self.looks, [])
        self.assertEqual(self.compact(look={"kvs": []}), [])
        self.assertEqual(self.compact(look={"kvs": [{"key": "%"}]}), [])

    def test_it_fails(self):
        """No harm: the next compaction is followed by the same."""
        self.assertEqual(self.compact(look=refusal(7)), [])
        self.compact(delete=refusal(7))
        self.assertEqual(len(self.looks), 1)


class Login(EngineCase):
    GOOD = staticmethod(there(head(3), line(2), line(3)))
    SAID = line(3) + b"=" + head(3) + b"\n"

    def setUp(self):
        super().setUp()
        self.ticket = os.path.join(self.dir, "ticket")
        secret = os.path.join(self.dir, "password")
        with open(secret, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("pass word\n")
        self.user = "user = toktab", "password_file = " + secret, "token_file = " + self.ticket

    def keep(self, token, mode=0o600):
        """Another program of this host got it."""
        with open(self.ticket, "w") as file:
            os.fchmod(file.fileno(), mode)
            file.write(token + "\n")

    def only(self, token, code=16, message="invalid auth token"):
        """Nobody without this token."""
        return lambda body, authorization: self.GOOD(body, None) if authorization == token else refusal(code, message, 401)

    def read(self, txn, login=None, said=SAID, code=0):
        """Returns what was asked first, and the token with it."""
        got = self.lines(txn, code=code, others={LOGIN: {"token": "new"} if login is None else login}, more=self.user)
        self.assertTrue(got.startswith(said), got)
        return self.gateway.asked[0][0], self.gateway.asked[0][2]

    def test_one_for_all_programs(self):
        self.assertEqual(self.read(self.only("new")), (LOGIN, None))
        self.assertEqual(self.gateway.asked[0][1], {"name": "toktab", "password": "pass word"})
        self.assertEqual(os.stat(self.ticket).st_mode & 0o7777, 0o600)
        self.assertEqual(self.read(self.only("new")), (TXN, "new"))

    def test_a_ticket_that_others_could_have_read_or_written(self):
        self.keep("known", 0o640)
        self.assertEqual(self.read(self.only("new")), (LOGIN, None))
        os.rename(self.ticket, self.ticket + ".elsewhere")
        os.symlink(self.ticket + ".elsewhere", self.ticket)
        self.assertEqual(self.read(self.only("new")), (LOGIN, None))

    def test_no_place_for_a_ticket(self):
        os.mkdir(os.path.join(self.dir, "folder"))
        for ticket in os.path.join(self.dir, "nowhere", "ticket"), os.path.join(self.dir, "folder"):
            self.user = (*self.user[:2], "token_file = " + ticket)
            for _ in range(2):
                self.assertEqual(self.read(self.only("new")), (LOGIN, None))
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith("folder.")], [])

    def test_a_ticket_that_is_void(self):
        for code, message in ((16, "invalid auth token"), (3, "user name is empty"), (3, "revision of auth store is old")):
            self.keep("old")
            self.assertEqual(self.read(self.only("new", code, message)), (TXN, "old"))

    def test_another_program_was_faster(self):
        self.keep("old")

        def answer(body, authorization):
            self.keep("newer")
            return self.only("newer")(body, authorization)

        self.assertEqual(self.read(answer, login=refusal(3)), (TXN, "old"))

    def test_a_ticket_that_no_node_answers(self):
        """As after a restored backup: one that etcd does not know yet makes it wait."""
        self.keep("future")
        self.assertEqual(self.read(lambda body, authorization: self.GOOD(body, None) if authorization == "new" else CLOSES), (TXN, "future"))

    def test_refused(self):
        wrong = refusal(3, "etcdserver: authentication failed, invalid user ID or password")
        self.read(self.only("new"), wrong, b"!denied etcd: etcdserver: authentication failed", 1)
        self.read(self.only("other"), None, b"!denied etcd: invalid auth token", 1)
        self.assertEqual(self.lines(self.only("new"), code=1), b"!denied etcd: invalid auth token\n", "no user is set")

    def test_no_token(self):
        for answer in {}, {"token": 1}, {"token": "x" * 1024}:
            self.read(self.only("new"), answer, b"!denied etcd's answer to the login has no token", 1)

    def test_a_login_that_fails_for_the_moment(self):
        for answer in CLOSES, refusal(14, status=503):
            self.read(self.only("new"), [answer, {"token": "new"}])
            self.assertGreater(len(self.gateway.bodies(LOGIN)), 1)
            os.unlink(self.ticket)

    def test_users_are_switched_off(self):
        """And on again: a code of etcd's says so."""
        off = refusal(9, "etcdserver: authentication is not enabled")
        self.read(self.only(None), off)
        self.read([refusal(16), self.only("new")], [off, {"token": "new"}])


if __name__ == "__main__":
    unittest.main()
