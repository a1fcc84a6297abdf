"""nginx under load for SOAK_SECONDS, while everything that may happen to it and to its store happens at random.

Tokens are created, revoked, rotated and updated; the store is compacted, is damaged at its end and mended; nginx is
reloaded and upgraded, and its logs are rotated. No request that should pass fails, no token is admitted from the exit
of the tool on that revoked it, memory and descriptors stay as they are, and no log has an alert.

There are three stages: in the first, workers grow old, in the second, they come and go and the master grows old, and
in the third, masters come and go. In each, memory is measured whenever the workers are warm. The first fifth of a
stage is its warm-up; the median of the second fifth and that of the last are compared.
"""

import contextlib
import ctypes
import os
import random
import re
import signal
import statistics
import time
import unittest

import oracle
from harness import IS_ROOT, opened_by, wait_until
from nginx_host import NginxCase, children, is_running
from oracle_format import make_token, token_id
from soak_client import CHANGING, DEAD, FREE, GOOD, Board, Client, Http1, Http2
from test_nginx_metrics import metrics

SECONDS = int(os.environ.get("SOAK_SECONDS") or 5)
# What is done in each stage beside the changes of the store, and its share of the time.
STAGES = (
    ("workers grow old", ("rotate_logs",), 0.4),
    ("the master grows old", ("rotate_logs", "reload", "reload", "reload"), 0.4),
    ("masters come and go", ("rotate_logs", "reload", "upgrade", "downgrade"), 0.2),
)
TOKENS = 5000  # that nobody changes
LINE = 256  # bytes of a revoked token, which a worker remembers as long as it lives
LIVE = 20  # others, on average
WARM = 2000  # requests until workers count as warm
MEASURED = 30  # seconds from which memory is measured
FEW, MANY = 3, 10  # measurements of a stage: the least, and from how many on medians say something
LONG_STAGE = 120  # seconds, in which whatever comes and goes has come and gone many times
PR_SET_THP_DISABLE = 41  # prctl(2)
ALARM = re.compile(rb"\[(alert|crit|emerg)\]")
# What a host says, rightly, of a store that was damaged.
DAMAGE = re.compile(rb"toktab: store \S+: line \d+: .*: run `toktab check`")
LONG = re.compile(rb"[0-9A-Za-z]{16,}")  # a piece of a secret could be in there


def anonymous_memory(pid):
    """kB of a process that are neither of a file nor of nginx's zones; those that it shares count in part."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return int(re.search(r"Pss_Anon: +(\d+) kB", file.read())[1])


def descriptors(pid):
    """How many a process has open, but for those of requests: sockets, and pages that are being sent."""
    return sum(not link.startswith("socket:") and not link.endswith(".html") for link in opened_by(pid))


def compare(values):
    """What there was when it was warm, and at the end."""
    fifth = len(values) // 5
    if len(values) < MANY:
        return values[1], values[-1]
    return statistics.median_low(values[fifth : 2 * fifth]), statistics.median_low(values[-fifth:])


class Soak(NginxCase):
    http = r"""
    limit_req_zone $toktab_id zone=id:1m rate=100r/s;
    limit_req_status 429;
    auth_toktab default;
    server {
        listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.2:{port} http2 backlog=4096;
        location / { }
        location /limited/ { limit_req zone=id burst=5 nodelay; }
        location /log/ { add_header X-Token "$toktab_id $toktab_label $toktab_user"; }
        location /write/ { auth_toktab_scope write; }
        location = /metrics { auth_toktab off; auth_toktab_metrics; }
    }
    """
    options = {"level": "warn"}
    slow = True

    @classmethod
    def prepare(cls):
        # nginx inherits that it has no huge pages, which come and go as the kernel likes.
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
        cls.addClassCleanup(prctl, PR_SET_THP_DISABLE, 0, 0, 0, 0)
        # What it frees is given back at once, and not kept for what may come: mallopt(3). A table of so few tokens is
        # made of pieces of 60 kB and more; in the heap, each would leave a hole that whatever lies above it keeps open.
        cls.nginx.env = {"MALLOC_MMAP_THRESHOLD_": str(32 * 1024)}
        store = oracle.Writer("default")
        for _ in range(TOKENS):
            store.create(make_token(rng=random))
        cls.site.put(store)
        for path in ("limited", "log", "write"):
            cls.nginx.write("html/%s/index.html" % path, path)

    def setUp(self):
        self.board, self.logged, self.done, self.damages, self.alerts = Board(), 0, {}, 0, []
        self.rotated = set()  # slots whose token has a successor
        for _ in range(LIVE):
            self.do_create()
        port = self.nginx.port
        self.clients = [
            Client(self.board, 0, port, Http1, 8), Client(self.board, 1, port, Http1, 0),
            Client(self.board, 2, port, Http2, 4, 8), Client(self.board, 3, port, Http1, 8),
        ]  # fmt: skip
        for client in self.clients:
            client.process.start()
        self.addCleanup(self.end_clients)

    def end_clients(self):
        self.board.add(1)
        for client in self.clients:
            client.process.join(60)
            client.process.kill()
            client.process.join()

    def look_at_clients(self):
        for client in self.clients:
            if client.errors.poll():
                self.fail(client.errors.recv())
            self.assertIn(client.process.exitcode, (None, 0), "a client is gone")

    def served(self):
        return sum(client.served for client in self.clients)

    def go_on(self, requests):
        """Until so many more have been answered to each client."""
        goals = [client.served + requests // len(self.clients) for client in self.clients]

        def reached():
            self.look_at_clients()
            return all(client.served >= goal for client, goal in zip(self.clients, goals))

        wait_until(reached, "more requests", 120)

    # ---- changes of the store ----

    def slots(self, state):
        return [slot for slot in range(Board.SLOTS) if self.board.read(slot)[1] == state]

    def some_good(self):
        slot = random.choice(self.slots(GOOD))
        return slot, self.board.read(slot)[2].decode()

    def ok(self, *arguments):
        result = self.site.run(*arguments)
        self.assertEqual(result.code, 0, result)
        return result.out.strip()

    def put(self, token):
        """In the place of one that has been dead for some time."""
        slot = random.choice(self.slots(FREE) or self.slots(DEAD))
        self.rotated.discard(slot)
        self.board.put(slot, self.site.guard(token))

    def do_create(self):
        self.put(self.ok("create", "-l", "token %d" % random.randrange(1000), "-s", "read,write"))

    def do_revoke(self):
        slot, token = self.some_good()
        self.board.mark(slot, CHANGING)
        self.ok("revoke", "-y", token_id(token))
        self.board.mark(slot, DEAD)
        for _ in range(3):
            self.expect(401, "/", token)

    def do_rotate(self):
        slot, token = self.some_good()
        if slot in self.rotated:
            return
        at_once = random.random() < 0.5
        if at_once:
            self.board.mark(slot, CHANGING)
        successor = self.ok("rotate", "--grace", "0s" if at_once else "1h", token_id(token))
        self.board.mark(slot, DEAD if at_once else GOOD)
        self.rotated.add(slot)
        self.put(successor)
        self.expect(401 if at_once else 200, "/", token)
        self.expect(200, "/", successor)

    def do_update(self):
        _, token = self.some_good()
        scopes, status = random.choice([("read", 403), ("read,write", 200)])
        self.ok("update", "-s", scopes, "-l", "label %d" % random.randrange(1000), token_id(token))
        self.expect(status, "/write/", token)

    def do_compact(self):
        self.ok("compact", *random.choice([(), ("--drop-dead", "0s")]))

    def do_mend(self):
        """A line that a writer has left unfinished; or a byte of the last line, which a copy has."""
        for connection in self.nginx.connect_to_all():  # all workers know the store as it is now
            self.assertEqual(connection.ask("/", self.some_good()[1]).status, 200)
            connection.close()
        copy, torn = self.site.bytes(), random.random() < 0.5
        copy_path = os.path.join(self.site.dir, "copy")
        with open(copy_path, "wb") as file:
            file.write(copy)
        self.board.add(0)
        with open(self.site.path(), "r+b") as file:
            if torn:
                file.seek(0, os.SEEK_END)
                file.write(b"%d|0123456789ab|C|" % (int(copy.splitlines()[-1].split(b"|")[0]) + 1))
            else:
                file.seek(len(copy) - random.randrange(40, 100))
                file.write(b"#")
        self.go_on(200)
        self.damages += not torn
        self.assertEqual(self.site.run("check").code == 0, torn)
        self.ok("mend", "-y", copy_path)
        self.expect(200, "/", self.some_good()[1])
        self.board.add(0)
        for name in self.site.files():
            if ".damaged-" in name:
                os.unlink(os.path.join(self.site.store_dir, name))

    # ---- and of nginx ----

    def master_now(self):
        """None while a master is about to write its number."""
        with contextlib.suppress(OSError, ValueError):
            return self.nginx.master()

    def is_settled(self):
        """One master with its workers, and none left of before."""
        master = self.master_now()
        return master and self.nginx.is_up() and len(children(master)) == self.nginx.workers

    def settle(self):
        wait_until(self.is_settled, "the end of the former workers", 60)

    def do_reload(self):
        self.nginx.reload()
        self.settle()

    def upgrade(self):
        """Two masters with their workers."""
        old = self.nginx.master()
        os.kill(old, signal.SIGUSR2)
        wait_until(lambda: self.master_now() not in (None, old) and self.nginx.is_up(), "another master")
        new = self.nginx.master()
        self.go_on(200)
        os.kill(old, signal.SIGWINCH)
        wait_until(lambda: set(children(old)) == {new}, "the end of the old master's workers", 60)
        self.go_on(200)
        return old, new

    def do_upgrade(self):
        old, _ = self.upgrade()
        os.kill(old, signal.SIGQUIT)
        wait_until(lambda: not is_running(old), "the end of the old master")
        self.settle()

    def do_downgrade(self):
        """The upgrade is taken back."""
        old, new = self.upgrade()
        os.kill(old, signal.SIGHUP)
        wait_until(lambda: len(children(old)) == self.nginx.workers + 1, "workers of the old master")
        os.kill(new, signal.SIGQUIT)
        wait_until(lambda: not is_running(new) and self.master_now() == old, "the end of the new master", 60)
        self.settle()

    def do_rotate_logs(self):
        names = {name: os.path.join(self.nginx.folder, name) for name in ("access.log", "error.log")}
        for path in names.values():
            os.rename(path, path + ".1")
        master = self.nginx.master()
        os.kill(master, signal.SIGUSR1)
        pids = {master, *self.nginx.worker_pids()}
        if IS_ROOT:
            wait_until(lambda: not any(link.endswith(".log.1") for pid in pids for link in opened_by(pid)), "new logs")
        else:
            wait_until(lambda: all(os.path.exists(path) for path in names.values()), "new logs")
            self.go_on(WARM)
        self.look_at_logs(".1")
        for path in names.values():
            os.unlink(path + ".1")

    def look_at_logs(self, suffix=""):
        """Count the requests; there is no secret, and no alert but for a store that was damaged."""
        with open(os.path.join(self.nginx.folder, "access.log" + suffix), "rb") as file:
            for line in file:
                self.logged += 1
                self.look_for_secrets(line)
        with open(os.path.join(self.nginx.folder, "error.log" + suffix), "rb") as file:
            for line in file:
                self.look_for_secrets(line)
                if ALARM.search(line) and not (self.damages and DAMAGE.search(line)):
                    self.alerts.append(line)

    def look_for_secrets(self, line):
        for piece in LONG.findall(line):
            self.assertFalse(self.site.leaks(piece), line)

    # ---- the soak ----

    def do(self, *kinds):
        kind = random.choice(kinds)
        getattr(self, "do_" + kind)()
        self.done[kind] = self.done.get(kind, 0) + 1
        self.look_at_clients()

    def measure(self):
        """(memory but for revoked tokens, descriptors), with no garbage in tables, and warm workers."""
        while len(self.slots(GOOD)) != LIVE:
            self.do("create" if len(self.slots(GOOD)) < LIVE else "revoke")
        for _ in range(2):  # a worker has had as many tables at once as it ever has
            self.ok("mend", "-y")  # whoever sees another epoch reads the whole file
            self.ok("compact", "--drop-dead", "0s")
            self.go_on(WARM)
        pids = (self.nginx.master(), *self.nginx.worker_pids())
        revoked = metrics(self.nginx)["store_tokens", "default"] - TOKENS - LIVE
        memory = sum(map(anonymous_memory, pids)) - int(self.nginx.workers * revoked * LINE / 1024)
        return memory, sum(map(descriptors, pids))

    def stage(self, name, kinds, seconds):
        """Prints its figures."""
        end, measured = time.monotonic() + seconds, []
        # others may not look into processes that leave no core image
        measures = IS_ROOT and SECONDS >= MEASURED
        while time.monotonic() < end or not self.done.get(kinds[-1]) or (measures and len(measured) < FEW):
            self.do(kinds[-1])
            for _ in range(8):
                grows = len(self.slots(GOOD)) < LIVE
                self.do(*2 * ["create" if grows else "revoke"], "rotate", "update", "compact", "mend", *kinds)
                if not measures and time.monotonic() > end:
                    break
            if measures:
                if "reload" in kinds:
                    self.do("reload")  # a master that was just started has read its configuration only once
                measured.append(self.measure())
        if not measures:
            return
        memory, opened = (compare(values) for values in zip(*measured))
        self.assertEqual(*opened, (name, "descriptors", measured))
        more = 100 * (memory[1] / memory[0] - 1)
        limit = 1 if seconds >= LONG_STAGE and len(measured) >= MANY else 50
        self.assertLess(more, limit, (name, "memory", measured))
        print("%s: %d measurements, memory %d kB and %+.1f%%, %d descriptors" % (
            name, len(measured), memory[0], more, opened[0]), flush=True)  # fmt: skip

    def test_all_at_random(self):
        for name, kinds, share in STAGES:
            self.stage(name, kinds, share * SECONDS)
        self.end_clients()
        self.look_at_clients()
        self.look_at_logs()
        for name in ("access.log", "error.log"):  # what looks at them at the end of each class would take minutes
            os.truncate(os.path.join(self.nginx.folder, name), 0)
        served, repeated = self.served(), sum(client.repeated for client in self.clients)
        self.assertEqual(self.alerts, [])
        self.assertLessEqual(served, self.logged, "requests that are in no access log")
        if "SOAK_SECONDS" in os.environ:
            print("%s requests right, %d of them sent again because nginx had closed the connection" % (
                format(served, ","), repeated))  # fmt: skip
            print(", ".join("%d times %s" % (count, kind) for kind, count in sorted(self.done.items())), flush=True)


if __name__ == "__main__":
    unittest.main()
