"""nginx with auth_toktab against nginx with the same tokens in a plaintext map, and against nginx that asks nobody.

Three servers of one worker each, alike but for that, take turns under wrk. Where there are two processors the servers
have one and wrk has the other. What a worker executes for a request is counted by callgrind.
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

SECONDS = 2  # for one server in one round
CONNECTIONS = 16
FEW, MANY = 200, 1200  # requests that callgrind counts: the difference has nothing of nginx's start in it

CONF = """
%(load)s
user root;
worker_processes 1;
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
    }
}
"""

# Each request carries another token, in random order.
LUA = """
local requests, at = {}, 0
function init(arguments)
    for token in io.lines(arguments[1]) do
        table.insert(requests, math.random(#requests + 1),
            wrk.format("GET", "/page", { Authorization = "Bearer " .. token }))
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


class Server:
    """An nginx in a folder of its own. main: more of nginx.conf; under: a program that runs it."""

    def __init__(self, folder, root, build, load="", http="", location="", main="", under=()):
        os.mkdir(folder)
        self.port = free_port()
        path = os.path.join(folder, "nginx.conf")
        self.log = os.path.join(folder, "error.log")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONF % {"folder": folder, "root": root, "port": self.port, "load": load, "http": http,
                               "location": location, "main": main})
        nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        self.process = subprocess.Popen(
            [*under, nginx or "nginx", "-p", folder, "-e", self.log, "-c", path],
            env=dict(os.environ, LD_LIBRARY_PATH=build), stdin=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, processors()[0]))
        self.wait_until_it_answers()

    def wait_until_it_answers(self):
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), self.client() as client:
                client.request("GET", "/")
                client.getresponse().read()
                return
            time.sleep(0.02)
        self.close()
        with open(self.log) as file:
            raise RuntimeError("nginx does not start: " + file.read())

    def client(self):
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20))

    def busy_nanoseconds(self):
        """The processor time that the worker has used."""
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as file:
            worker = int(file.read().split()[0])
        with open("/proc/%d/schedstat" % worker) as file:
            return int(file.read().split()[0])

    def close(self):
        """One signal is not enough: nginx without a master may miss it, between looking for it and waiting."""
        while self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)


def load(server, script, tokens):
    """Requests in a second, and the worker's microseconds for each."""
    before = server.busy_nanoseconds()
    output = subprocess.run(
        ["wrk", "-t1", "-c%d" % CONNECTIONS, "-d%d" % SECONDS, "-s", script,
         "http://127.0.0.1:%d/" % server.port, "--", tokens],
        check=True, stdout=subprocess.PIPE, encoding="utf-8",
        preexec_fn=lambda: os.sched_setaffinity(0, processors()[1])).stdout
    busy = server.busy_nanoseconds() - before
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    if requests == 0 or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError("wrk was not served as it should be:\n" + output)
    return float(re.search(r"Requests/sec: *([\d.]+)", output).group(1)), busy / requests / 1000


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def map_of(tokens):
    with open(tokens, encoding="utf-8") as file:
        lines = "".join('        "Bearer %s" 1;\n' % token for token in file.read().split())
    return ("map_hash_bucket_size 128;\n    map_hash_max_size 16384;\n"
            "    map $http_authorization $known {\n        default 0;\n%s    }" % lines)


def executed(folder, root, build, parts, tokens, requests):
    """The instructions of an nginx that answers so many requests, and then ends."""
    out = folder + ".callgrind"
    server = Server(folder, root, build, **parts, main="master_process off;",
                    under=["valgrind", "--quiet", "--tool=callgrind", "--callgrind-out-file=" + out])
    with contextlib.closing(server), server.client() as client:
        for number in range(requests):
            client.request("GET", "/page", headers={"Authorization": "Bearer " + tokens[number % len(tokens)]})
            answer = client.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError("nginx answers %d" % answer.status)
    with open(out, encoding="utf-8") as file:
        return int(re.search(r"^(?:summary|totals): (\d+)", file.read(), re.M).group(1))


def instructions(folder, root, build, parts, tokens):
    """Those of a worker for a request."""
    few, many = (executed("%s-%d" % (folder, count), root, build, parts, tokens, count) for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def kinds_of_servers(site, build):
    """What stands in the nginx.conf of each kind."""
    return {
        "toktab": {
            "load": "load_module %s/nginx/ngx_http_auth_toktab_module.so;" % build,
            "http": "auth_toktab_config %s/toktab.conf;" % site,
            "location": "auth_toktab default;",
        },
        "map": {"http": map_of(os.path.join(site, "valid")), "location": "if ($known = 0) { return 401; }"},
        "none": {},
    }


def rows(folder, site, build, rounds):
    """Yields (name, unit, goal, values)."""
    tokens = os.path.join(site, "valid")
    folder = os.path.join(folder, "nginx")
    os.mkdir(folder)
    root = os.path.join(folder, "html")
    os.mkdir(root)
    write(os.path.join(root, "page"), "This page is for those who have a token.\n")
    kinds = kinds_of_servers(site, build)
    script = write(os.path.join(folder, "tokens.lua"), LUA)
    with contextlib.ExitStack() as stack:
        servers = {kind: stack.enter_context(contextlib.closing(Server(os.path.join(folder, kind), root, build, **parts)))
                   for kind, parts in kinds.items()}
        speed = {kind: [] for kind in servers}
        busy = {kind: [] for kind in servers}
        for number in range(rounds):
            order = list(servers)
            for kind in order[number % 3:] + order[:number % 3]:
                per_second, microseconds = load(servers[kind], script, tokens)
                speed[kind].append(per_second)
                busy[kind].append(microseconds)

    with open(tokens, encoding="utf-8") as file:
        some = random.Random(FEW).sample(file.read().split(), FEW)
    count = {kind: instructions(os.path.join(folder, "counted-" + kind), root, build, parts, some)
             for kind, parts in kinds.items()}

    def ratio(of, to):
        return [a / b for a, b in zip(of, to)]

    yield "nginx requests/s, auth_toktab / map and if", "", ">=0.97", ratio(speed["toktab"], speed["map"])
    yield "nginx requests/s, auth_toktab / no check at all", "", "", ratio(speed["toktab"], speed["none"])
    yield "nginx requests/s, auth_toktab", "/s", "", speed["toktab"]
    yield "nginx worker's time, auth_toktab / map and if", "", "", ratio(busy["toktab"], busy["map"])
    yield "nginx worker's time for a request, auth_toktab", "us", "", busy["toktab"]
    yield "nginx worker's time for a request, map and if", "us", "", busy["map"]
    yield ("nginx worker's instructions, auth_toktab - map and if", "insn", "<=1500",
           [count["toktab"] - count["map"]])
    yield "nginx worker's instructions, map and if", "insn", "", [count["map"]]
    yield "nginx worker's instructions, no check at all", "insn", "", [count["none"]]
