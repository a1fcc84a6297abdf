"""nginx with auth_toktab against nginx with the same tokens in a plaintext map, and against nginx that asks nobody.

Three servers of one worker each, alike but for that, take turns under wrk. Where there are two processors the servers
have one and wrk has the other.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time

SECONDS = 2  # for one server in one round
CONNECTIONS = 16

CONF = """
%(load)s
user root;
worker_processes 1;
daemon off;
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
    """An nginx in a folder of its own."""

    def __init__(self, folder, root, build, load="", http="", location=""):
        os.mkdir(folder)
        self.port = free_port()
        path = os.path.join(folder, "nginx.conf")
        self.log = os.path.join(folder, "error.log")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONF % {"folder": folder, "root": root, "port": self.port, "load": load, "http": http,
                               "location": location})
        nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        self.process = subprocess.Popen(
            [nginx or "nginx", "-p", folder, "-e", self.log, "-c", path],
            env=dict(os.environ, LD_LIBRARY_PATH=build), stdin=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, processors()[0]))
        self.worker = self.wait_for_worker()

    def wait_for_worker(self):
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as file:
                    return int(file.read().split()[0])
            time.sleep(0.02)
        self.close()
        with open(self.log) as file:
            raise RuntimeError("nginx does not start: " + file.read())

    def busy_nanoseconds(self):
        """The processor time that the worker has used."""
        with open("/proc/%d/schedstat" % self.worker) as file:
            return int(file.read().split()[0])

    def close(self):
        self.process.terminate()
        self.process.wait()


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


def start_servers(stack, folder, site, build):
    """toktab, map and none, which end with the stack."""
    root = os.path.join(folder, "html")
    os.mkdir(root)
    write(os.path.join(root, "page"), "This page is for those who have a token.\n")
    kinds = {
        "toktab": {
            "load": "load_module %s/nginx/ngx_http_auth_toktab_module.so;" % build,
            "http": "auth_toktab_config %s/toktab.conf;" % site,
            "location": "auth_toktab default;",
        },
        "map": {"http": map_of(os.path.join(site, "valid")), "location": "if ($known = 0) { return 401; }"},
        "none": {},
    }
    servers = {}
    for kind, parts in kinds.items():
        servers[kind] = Server(os.path.join(folder, kind), root, build, **parts)
        stack.callback(servers[kind].close)
    return servers


def rows(folder, site, build, rounds):
    """Yields (name, unit, goal, values)."""
    tokens = os.path.join(site, "valid")
    folder = os.path.join(folder, "nginx")
    os.mkdir(folder)
    script = write(os.path.join(folder, "tokens.lua"), LUA)
    with contextlib.ExitStack() as stack:
        servers = start_servers(stack, folder, site, build)
        speed = {kind: [] for kind in servers}
        busy = {kind: [] for kind in servers}
        for number in range(rounds):
            kinds = list(servers)
            for kind in kinds[number % 3:] + kinds[:number % 3]:
                per_second, microseconds = load(servers[kind], script, tokens)
                speed[kind].append(per_second)
                busy[kind].append(microseconds)

    def ratio(of, to):
        return [a / b for a, b in zip(of, to)]

    yield "nginx requests/s, auth_toktab / map and if", "", ">=0.95", ratio(speed["toktab"], speed["map"])
    yield "nginx requests/s, auth_toktab / no check at all", "", "", ratio(speed["toktab"], speed["none"])
    yield "nginx requests/s, auth_toktab", "/s", "", speed["toktab"]
    yield "nginx worker's time, auth_toktab / map and if", "", "", ratio(busy["toktab"], busy["map"])
    yield "nginx worker's time for a request, auth_toktab", "us", "", busy["toktab"]
    yield "nginx worker's time for a request, map and if", "us", "", busy["map"]
