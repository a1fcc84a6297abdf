"""nginx with auth_toktab against nginx with the same tokens in a plaintext map, against nginx that asks nobody, and against
the other ways to ask.

Servers of one worker each, alike but for that, take turns under wrk. Where there are two processors the servers have one
and wrk has the other. What a worker executes for a request is counted by callgrind.
"""

import contextlib
import http.client
import os
import random
import re
import shutil
import socket
import subprocess
import time

from common import BUILD, COUNTED, ENV, SMALL, TOOL, total
from rows import Row, ratios

SECONDS = 1  # for one server in one round
CONNECTIONS = 16
SAMPLE = 200_000  # tokens that wrk sends: more than fit into a processor's cache with their lines
PATIENCE = 300  # seconds until a server must answer: a map of 1,000,000 tokens takes long
UNITS = {"us": 1, "ms": 1000, "s": 1_000_000}

CONF = """
%(load)s
user root;
worker_processes %(workers)d;
daemon off;
%(main)s
pid %(folder)s/nginx.pid;
error_log %(folder)s/error.log;
events { }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    client_body_temp_path %(folder)s/temp; proxy_temp_path %(folder)s/temp; fastcgi_temp_path %(folder)s/temp;
    uwsgi_temp_path %(folder)s/temp; scgi_temp_path %(folder)s/temp;
    %(http)s
    server {
        listen 127.0.0.1:%(port)d;
        root %(root)s;
        location / {
            %(location)s
        }
        %(server)s
    }
}
"""

# Each request carries another line of the file in its Authorization.
LUA = """
local requests, at = {}, 0
function init(arguments)
    for line in io.lines(arguments[1]) do
        requests[#requests + 1] = wrk.format("GET", "/page", { Authorization = line })
    end
end
function request()
    at = at % #requests + 1
    return requests[at]
end
"""


def processors():
    """Those for nginx and those for wrk."""
    have = sorted(os.sched_getaffinity(0))
    return (have[:1], have[1:2]) if len(have) > 1 else (have, have)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class Kind:
    """A way to ask: its name, the file of Authorization lines that it admits, the number of
    its tokens, a program that runs its nginx, and what it adds to nginx.conf."""

    def __init__(self, name, lines, tokens=None, under=(), **parts):
        self.name, self.lines, self.tokens, self.under = name, lines, tokens, under
        self.parts = {"load": "", "http": "", "location": "", "server": "", **parts}


class PortTaken(RuntimeError):
    """nginx could not have the port that was free before."""


class Server:
    """An nginx of that kind in a folder of its own. main: more of nginx.conf; under: a program that runs it."""

    def __init__(self, folder, root, kind, main="", under=(), workers=1):
        os.mkdir(folder)
        self.kind, self.port = kind, free_port()
        path = os.path.join(folder, "nginx.conf")
        self.log = os.path.join(folder, "error.log")
        write(path, CONF % {"folder": folder, "root": root, "port": self.port, "main": main, "workers": workers,
                            **kind.parts})
        nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        self.process = subprocess.Popen(
            [*kind.under, *under, nginx or "nginx", "-p", folder, "-e", self.log, "-c", path], env=ENV, stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, processors()[0]))
        self.wait_until_it_answers()

    def wait_until_it_answers(self):
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            if self.listens():
                with self.client() as client:
                    client.request("GET", "/")
                    client.getresponse().read()
                return
            time.sleep(0.02)
        self.close()
        with open(self.log, encoding="utf-8") as file:
            log = file.read()[-2000:]
        raise (PortTaken if "Address already in use" in log else RuntimeError)("nginx does not start: " + log)

    def listens(self):
        """Not by trying: who connects to a port that nobody listens on may get it, and so a connection to itself."""
        with open("/proc/net/tcp", encoding="ascii") as file:
            return any(line.split()[1:4:2] == ["0100007F:%04X" % self.port, "0A"] for line in file)

    def client(self):
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE))

    def workers(self):
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid), encoding="utf-8") as file:
            return file.read().split()

    def busy_nanoseconds(self):
        """The processor time that the worker has used."""
        with open("/proc/%s/schedstat" % self.workers()[0], encoding="utf-8") as file:
            return int(file.read().split()[0])

    def close(self):
        """One signal is not enough: nginx without a master may miss it, between looking for it and waiting."""
        while self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)


class Loaded:
    """What wrk found: requests in a second, the worker's microseconds for one, and the 99th percentile in microseconds."""

    def __init__(self, server, script, seconds=SECONDS):
        before = server.busy_nanoseconds()
        output = subprocess.run(
            ["wrk", "-t1", "-c%d" % CONNECTIONS, "-d%d" % seconds, "--latency", "--timeout", "20", "-s", script,
             "http://127.0.0.1:%d/" % server.port, "--", server.kind.lines],
            check=True, stdout=subprocess.PIPE, encoding="utf-8",
            preexec_fn=lambda: os.sched_setaffinity(0, processors()[1])).stdout
        server.wait_until_it_answers()  # it may be busy with what wrk no longer waits for
        busy = server.busy_nanoseconds() - before
        requests = int(re.search(r"(\d+) requests in", output)[1])
        if requests == 0 or "Non-2xx" in output or "Socket errors" in output:
            raise RuntimeError("%s: wrk was not served as it should be:\n%s" % (server.kind.name, output))
        latency = re.search(r"99% +([\d.]+)(us|ms|s)", output)
        self.per_second = float(re.search(r"Requests/sec: *([\d.]+)", output)[1])
        self.busy = busy / requests / 1000
        self.p99 = float(latency[1]) * UNITS[latency[2]]


class Field:
    """Where servers of some kinds take turns: the results are in seen[kind]."""

    def __init__(self, bench, name, kinds):
        self.folder, self.kinds = bench.new(name), kinds
        self.root = os.path.join(self.folder, "html")
        os.mkdir(self.root)
        write(os.path.join(self.root, "page"), "This page is for those who have a token.\n")
        self.script = write(os.path.join(self.folder, "requests.lua"), LUA)
        self.seen = {kind: [] for kind in kinds}
        self.executed = {}
        self.servers = 0

    def run(self, rounds, seconds=SECONDS):
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(contextlib.closing(self.server(kind))) for kind in self.kinds]
            for number in range(rounds):
                first = number % len(servers)
                for server in servers[first:] + servers[:first]:
                    self.seen[server.kind].append(Loaded(server, self.script, seconds))

    def server(self, kind, **more):
        """Tries again where somebody else took its port in the meantime."""
        for _ in range(5):
            self.servers += 1
            try:
                return Server(os.path.join(self.folder, str(self.servers)), self.root, kind, **more)
            except PortTaken as taken:
                why = taken
        raise why

    def count(self, kind):
        """The instructions of a worker for a request."""
        if kind not in self.executed:
            few, many = (self.executed_for(kind, requests) for requests in COUNTED)
            self.executed[kind] = (many - few) / (COUNTED[1] - COUNTED[0])
        return self.executed[kind]

    def executed_for(self, kind, requests):
        """The instructions of an nginx that answers so many requests, and then ends."""
        out = os.path.join(self.folder, "callgrind.out")
        with open(kind.lines, encoding="utf-8") as file:
            lines = [file.readline().strip() for _ in range(COUNTED[0])]
        server = self.server(kind, main="master_process off;",
                             under=["valgrind", "--quiet", "--tool=callgrind", "--callgrind-out-file=" + out])
        with contextlib.closing(server), server.client() as client:
            for number in range(requests):
                client.request("GET", "/page", headers={"Authorization": lines[number % len(lines)]})
                answer = client.getresponse()
                answer.read()
                if answer.status != 200:
                    raise RuntimeError("nginx answers %d" % answer.status)
        return total(out)

    def of(self, kind, what):
        return [getattr(loaded, what) for loaded in self.seen[kind]]

    def against(self, kind, other, goal=""):
        """How many times the requests of the other that kind answers in a second."""
        return Row("nginx requests/s, %s / %s" % (kind.name, other.name), "", goal,
                   ratios(self.of(kind, "per_second"), self.of(other, "per_second")), kind.tokens,
                   ratios(self.of(kind, "busy"), self.of(other, "busy")), self.executed.get(kind))

    def absolute(self, kind):
        yield Row("nginx requests/s, " + kind.name, "/s", "", self.of(kind, "per_second"), kind.tokens,
                  instructions=self.executed.get(kind))
        yield Row("nginx worker's time for a request, " + kind.name, "us", "", self.of(kind, "busy"), kind.tokens)


def authorizations(bench, tokens, owner="library"):
    """The Authorization lines of some valid tokens of a store, in random order."""
    path = bench.path("bearer-%s-%d" % (owner, tokens))
    if not os.path.exists(path):
        with open(os.path.join(bench.store(tokens, owner), "valid"), encoding="utf-8") as file:
            valid = file.read().split()
        chosen = random.Random(1).sample(valid, min(SAMPLE, len(valid)))
        write(path, "".join("Bearer %s\n" % token for token in chosen))
    return path


def toktab(bench, tokens, owner="library"):
    return Kind("auth_toktab", authorizations(bench, tokens, owner), tokens=tokens,
                load="load_module %s/nginx/ngx_http_auth_toktab_module.so;" % BUILD,
                http="auth_toktab_config %s/toktab.conf;" % bench.store(tokens, owner), location="auth_toktab default;")


def map_of(bench, tokens):
    """Its buckets fit it: no request pays for a table that is too small."""
    with open(os.path.join(bench.store(tokens), "valid"), encoding="utf-8") as file:
        lines = "".join('        "Bearer %s" 1;\n' % token for token in file.read().split())
    return ("map_hash_bucket_size 1024;\n    map_hash_max_size %d;\n"
            "    map $http_authorization $known {\n        default 0;\n%s    }" % (2 * tokens, lines))


def plain_map(bench, tokens):
    return Kind("map and if", authorizations(bench, tokens), tokens=tokens,
                http=map_of(bench, tokens), location="if ($known = 0) { return 401; }")


def no_check(bench, tokens):
    return Kind("no check at all", authorizations(bench, tokens))


def compared(bench):
    """auth_toktab against the cheapest check there is, and against none."""
    none = no_check(bench, bench.great)
    pairs = [(toktab(bench, tokens), plain_map(bench, tokens)) for tokens in (SMALL, bench.great)]
    field = Field(bench, "nginx", [none] + [kind for pair in pairs for kind in pair])
    field.run(bench.rounds)
    few = pairs[0][1]
    for kind in (none, few, pairs[0][0], pairs[1][0]):
        field.count(kind)
    for kind, plain in pairs:
        yield field.against(kind, plain, ">=0.98")
        yield field.against(kind, none, ">=0.91")
        yield field.against(plain, none)
        yield Row("nginx 99th percentile, auth_toktab / no check at all", "", "<=1.25",
                  ratios(field.of(kind, "p99"), field.of(none, "p99")), kind.tokens)
        yield Row("nginx worker's instructions, auth_toktab - map and if", "insn", "<=1000",
                  [field.count(kind) - field.count(few)], kind.tokens)
    for kind in field.kinds:
        yield from field.absolute(kind)


def memory(bench):
    """What a further worker has for itself of a store."""
    kind = toktab(bench, bench.great)
    field = Field(bench, "workers", [kind])
    with contextlib.closing(field.server(kind, workers=2)) as server:
        Loaded(server, field.script)
        with open("/proc/%s/smaps_rollup" % server.workers()[1], encoding="utf-8") as file:
            own = sum(int(kilobytes) for kilobytes in re.findall(r"Private_\w+: +(\d+) kB", file.read()))
    yield Row("memory of a further nginx worker for each token", "bytes", "<=1", [own * 1024 / bench.great], bench.great)


class Paced:
    """Requests at a steady pace while a command runs beside the client: the 99th percentile and the slowest, and the
    worker's time for one, in microseconds. The command stays in this session: a kernel that groups processes by session
    heeds niceness only within one."""

    def __init__(self, server, command):
        before = server.busy_nanoseconds()
        output = subprocess.run(
            [os.path.join(BUILD, "bench-paced"), str(server.port), server.kind.lines, *command], check=True, env=ENV,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8",
            preexec_fn=lambda: os.sched_setaffinity(0, processors()[1])).stdout
        busy = server.busy_nanoseconds() - before
        self.p99, self.slowest, requests = (int(number) for number in output.splitlines()[-1].split())
        self.busy = busy / requests / 1000


def compaction(bench):
    """The slowest requests while the store is compacted. That takes a processor, memory and the disk for seconds, and a
    compaction of another store takes them too: against that one, what remains is what following costs the worker."""
    kind = toktab(bench, bench.great, "compacted")
    field = Field(bench, "compaction", [kind])
    own, other = (("nice", "-n", "19", TOOL, "-c", os.path.join(bench.store(bench.great, owner), "toktab.conf"), "compact")
                  for owner in ("compacted", "other"))
    none = ("sleep", "2")
    commands = [none, own, other]
    seen = {command: [] for command in commands}
    with contextlib.closing(field.server(kind)) as server:
        for number in range(bench.few(11)):
            first = number % len(commands)
            for command in commands[first:] + commands[:first]:
                seen[command].append(Paced(server, command))
    bench.forget(bench.store(bench.great, "other"))

    def row(what, unit, goal, attribute, against=None):
        values = [getattr(paced, attribute) for paced in seen[own]]
        if against:
            values = ratios(values, [getattr(paced, attribute) for paced in seen[against]])
        return Row("nginx %s" % what, unit, goal, values, bench.great)

    yield row("99th percentile, during a compaction / without", "", "<=1.25", "p99", none)
    yield row("99th percentile, during a compaction / during another store's", "", "<=1.25", "p99", other)
    yield row("worker's time, during a compaction / during another store's", "", "", "busy", other)
    yield row("99th percentile, during a compaction", "us", "", "p99")
    yield row("slowest request, during a compaction", "us", "", "slowest")


def rows(bench):
    for measure in (compared, memory, compaction):
        yield from measure(bench)
