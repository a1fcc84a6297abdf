"""A real nginx with the module, in a folder and on a loopback port of its own.

As root its workers become an ordinary user, as on a real host; everybody else is one already. The
clients speak over plain sockets, so that a test decides which connection is used and which bytes are sent.
"""

import base64
import contextlib
import grp
import http.client
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import unittest

from harness import IS_ROOT, TOKTAB, TOP, Site, environment, process_state, wait_until
from oracle_format import token_id

BUILD = os.path.dirname(os.path.abspath(TOKTAB))
MODULE = os.path.join(BUILD, "nginx", "ngx_http_auth_toktab_module.so")
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

CONF = r"""
load_module {module};
{user}
env LD_LIBRARY_PATH;
env LD_PRELOAD;
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
env MALLOC_MMAP_THRESHOLD_;
worker_processes {workers};
worker_shutdown_timeout 10s;
pid {folder}/nginx.pid;
error_log {folder}/error.log {level};
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/temp;
    proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/temp;
    uwsgi_temp_path {folder}/temp;
    scgi_temp_path {folder}/temp;
    # All that the module offers to a log.
    log_format everything '$pid $status "$request" id=$toktab_id serial=$toktab_serial label=$toktab_label '
        'user=$toktab_user scopes=$toktab_scopes domain=$toktab_domain reason=$toktab_reason '
        'challenge=$sent_http_www_authenticate';
    access_log {folder}/access.log everything;
    keepalive_requests 100000;
    keepalive_timeout 120s;
    large_client_header_buffers 4 2m;
    default_type text/plain;
    root {folder}/html;
    add_header X-Worker $pid always;
    auth_toktab_config {toktab_conf};
{http}
}}
"""


def manual(name):
    """An example of toktab-nginx(8), as it is shown."""
    with open(os.path.join(TOP, "module", "nginx", "toktab-nginx.8")) as file:
        page = file.read()
    block = re.search(r'^\.\\" begin %s\n\.Bd [^\n]*\n(.*?)^\.Ed\n\.\\" end' % re.escape(name), page, re.S | re.M)
    return block[1].replace("\\-", "-")


def worker_user():
    """Whom the workers of a root's nginx become, as a pwd entry; None where it is not root's."""
    if not IS_ROOT:
        return None
    for name in ("www-data", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("this system has neither a user www-data nor nobody")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(parent):
    """The command lines of the children of a process: {pid: text}."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open("/proc/%s/stat" % name) as file:
                if int(file.read().rpartition(")")[2].split()[1]) != parent:
                    continue
            with open("/proc/%s/cmdline" % name) as file:
                found[int(name)] = file.read().rstrip("\0")
    return found


def is_running(pid):
    """Neither gone nor a zombie that nobody has fetched."""
    with contextlib.suppress(OSError):
        return process_state(pid) != "Z"
    return False


def basic(user, password):
    """A header; user is bytes, password text."""
    return "Authorization: Basic " + base64.b64encode(b"%s:%s" % (user, password.encode())).decode()


class Answer:
    """What came back. worker is the pid that sent it."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.getheaders()
        self.body = response.read()
        self.worker = int(self.header("X-Worker") or 0)
        self.challenges = [value for name, value in self.headers if name.lower() == "www-authenticate"]

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def __repr__(self):
        return "<%s %s %.100r>" % (self.status, self.headers, self.body)


class Connection:
    """One keep-alive connection."""

    def __init__(self, port, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))

    def ask(self, path="/", token=None, headers=(), method="GET", host="localhost"):
        """One request; an OSError or http.client.HTTPException where no answer comes.

        headers are whole lines, text or bytes; a token is sent as Authorization: Bearer.
        """
        lines = ["%s %s HTTP/1.1" % (method, path), "Host: %s" % host, *headers]
        if token is not None:
            lines.append("Authorization: Bearer %s" % token)
        raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
        self.socket.sendall(b"\r\n".join(raw) + b"\r\n\r\n")
        response = http.client.HTTPResponse(self.socket, method=method)
        response.begin()
        return Answer(response)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Nginx:
    """
    folder       does not exist yet; the workers may enter the one that it is in
    toktab_conf  for auth_toktab_config
    http         what stands inside http {}, where {port} and {folder} are filled in
    preload      a library that is loaded before the others
    env          more of its environment
    module       the path of the module
    """

    preload = None
    env = {}
    module = MODULE

    def __init__(self, folder, toktab_conf, http, workers=2, level="info"):
        self.folder, self.toktab_conf, self.http, self.workers, self.level = folder, toktab_conf, http, workers, level
        self.port = free_port()
        for name in ("", "html", "temp"):
            os.mkdir(os.path.join(folder, name))
            os.chmod(os.path.join(folder, name), 0o755)
        if worker_user():
            os.chown(os.path.join(folder, "temp"), worker_user().pw_uid, -1)
        self.conf = os.path.join(folder, "conf", "nginx.conf")

    # ---- its files ----

    def write(self, name, text):
        path = self.folder
        for part in name.split("/")[:-1]:
            path = os.path.join(path, part)
            with contextlib.suppress(FileExistsError):
                os.mkdir(path)
                os.chmod(path, 0o755)
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o644)

    def read(self, name):
        with open(os.path.join(self.folder, name), errors="replace") as file:
            return file.read()

    def write_conf(self):
        user = worker_user()
        filled = self.http.replace("{port}", str(self.port)).replace("{folder}", self.folder)
        parts = dict(vars(self), http=filled, module=self.module)
        parts["user"] = "user %s %s;" % (user.pw_name, grp.getgrgid(user.pw_gid).gr_name) if user else ""
        self.write("conf/nginx.conf", CONF.format(**parts))

    def run_nginx(self, *arguments):
        command = [NGINX, "-p", self.folder, "-c", self.conf, "-e", os.path.join(self.folder, "error.log"), *arguments]
        env = environment({"LD_LIBRARY_PATH": BUILD, **self.env})
        if self.preload:
            env["LD_PRELOAD"] = " ".join(filter(None, (env.get("LD_PRELOAD"), self.preload)))
        return subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=60, text=True, check=False,
        )  # fmt: skip

    def test(self):
        """nginx -t: its exit status and what it says."""
        self.write_conf()
        done = self.run_nginx("-t")
        return done.returncode, done.stdout

    # ---- its life ----

    def start(self):
        """Returns when it answers. A port that somebody else took in the meantime is given up."""
        for _ in range(5):
            self.write_conf()
            done = self.run_nginx()
            if done.returncode == 0:
                wait_until(self.is_up, "nginx")
                return self
            if "Address already in use" not in done.stdout:
                break
            self.port = free_port()
        raise RuntimeError("nginx does not start: %s" % done.stdout)

    def is_up(self):
        with contextlib.suppress(OSError, ValueError):
            socket.create_connection(("127.0.0.1", self.port)).close()
            return len(self.worker_pids()) == self.workers
        return False

    def master(self):
        return int(self.read("nginx.pid"))

    def worker_pids(self):
        """The workers that take requests."""
        return {pid for pid, line in children(self.master()).items() if line.rstrip() == "nginx: worker process"}

    def reload(self):
        """Returns when other workers have taken over."""
        before = self.worker_pids()
        os.kill(self.master(), signal.SIGHUP)
        wait_until(lambda: self.is_up() and not self.worker_pids() & before, "new workers")

    def stop(self):
        """Returns when nothing of it runs any more."""
        with contextlib.suppress(FileNotFoundError):
            master = self.master()
            os.kill(master, signal.SIGTERM)
            wait_until(lambda: not is_running(master), "the end of nginx")

    # ---- its clients ----

    def connect(self, source="127.0.0.1"):
        return Connection(self.port, source)

    def ask(self, *arguments, source="127.0.0.1", **named):
        """One request on a connection of its own."""
        with self.connect(source) as connection:
            return connection.ask(*arguments, **named)

    def connect_to_all(self, at_least=6):
        """Keep-alive connections, of which every worker has one or more."""
        connections, seen = [], set()
        while len(connections) < at_least or not seen >= self.worker_pids():
            if len(connections) == 300:
                raise AssertionError("300 connections, but the workers %s only took one" % seen)
            connections.append(self.connect())
            seen.add(connections[-1].ask().worker)
        return connections


class NginxCase(unittest.TestCase):
    """Tests that share a site and an nginx. Afterwards no worker has died, and no log holds a secret."""

    domains = [
        {"name": "default", "scopes": ["read", "write"], "stale_limit": "2s"},
        {"name": "other", "prefix": "oth", "stale_limit": "2s"},
    ]
    http = "server { listen 127.0.0.1:{port}; location / { auth_toktab default; } }"
    options = {}

    @classmethod
    def setUpClass(cls):
        user = worker_user()
        cls.site = Site(cls.domains, mode=0o2710, group=user.pw_gid if user else None)
        cls.addClassCleanup(cls.site.close)
        cls.nginx = Nginx(os.path.join(cls.site.dir, "nginx"), cls.site.conf, cls.http, **cls.options)
        cls.nginx.write("html/index.html", "the page\n")
        cls.prepare()
        cls.nginx.start()
        cls.addClassCleanup(cls.end)

    @classmethod
    def prepare(cls):
        """What must be there before nginx starts."""

    @classmethod
    def end(cls):
        cls.nginx.stop()
        log = cls.nginx.read("error.log")
        died = re.findall(".*exited (?:on signal|with fatal).*|.*Sanitizer.*|.*toktab.*runtime error.*", log)
        leaks = [path for path in cls.site.leaking_files() if path.startswith(cls.nginx.folder)]
        if died or leaks:
            raise AssertionError("%s; secrets in %s" % (died, leaks))

    @classmethod
    def create(cls, label="a token", *arguments, domain="default"):
        result = cls.site.run("-d", domain, "create", "-l", label, *arguments)
        if result.code:
            raise AssertionError(result)
        return cls.site.guard(result.out.strip())

    @classmethod
    def revoke(cls, token, domain="default"):
        result = cls.site.run("-d", domain, "revoke", "-y", token_id(token))
        if result.code:
            raise AssertionError(result)

    def expect(self, status, *arguments, **named):
        answer = self.nginx.ask(*arguments, **named)
        self.assertEqual(answer.status, status, answer)
        return answer

    def assert_logged(self, pattern, log="access.log"):
        """nginx writes its logs after it has answered."""
        wait_until(lambda: re.search(pattern, self.nginx.read(log)), "%s in %s" % (pattern, log))
