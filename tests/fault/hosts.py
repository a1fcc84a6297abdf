"""Faults in real hosts: nginx, the example daemon, a host that asks PAM, the page, and a running follower. Each call that a
whole life of one makes fails in its turn. Nobody is admitted who should not be, nothing dies, what cannot start says why,
and a good token is let in again afterwards. What else they do than ask toktab may fail as it likes: a request may get no
answer."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

from fault import BUILD, CALLS, MEMORY_CALLS, NAMES, SODIUM, Complaint, Fault, World, require, revoked_ids
from fleet import log_command
from harness import config_text, environment, opened_by
from nginx_host import MODULE, NGINX, free_port
from panel_host import PANEL, parameters, speak

PATIENCE = 10  # seconds for an answer, which a fault may keep from coming
LIMIT = 60  # seconds for all else, on a busy machine
GOOD, REVOKED, LATER = range(3)  # places in World.tokens
NGINX_CONF = """
load_module {module};
daemon off; master_process off;
error_log {dir}/error.log info; pid {dir}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir};
    uwsgi_temp_path {dir}; scgi_temp_path {dir};
    auth_toktab_config {conf};
    server {{ listen 127.0.0.1:{port}; root {dir}/html; auth_toktab example.com; }}
}}
"""


class Host:
    """A server in a world, which lives from start() to end()."""

    reloads = False
    ends_with = 0  # after SIGTERM

    def __init__(self):
        self.world = World()
        self.port = free_port()
        self.log_path = os.path.join(self.world.dir, "host.log")
        self.writer = self.world.writer()
        self.before = self.writer.data()
        self.writer.revoke(self.world.tokens[LATER])
        self.prepare()

    def close(self):
        self.world.close()

    def prepare(self):
        pass

    def environment(self):
        return environment({**self.world.shim.environment(), "LD_LIBRARY_PATH": BUILD,
            "TOKTAB_LOG": os.path.join(self.world.dir, "nobody")})

    def start(self):
        self.world.start_over(self.before)
        open(self.log_path, "w").close()
        self.launch()

    def launch(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=self.stdin(), stdout=log, stderr=log, env=self.environment())

    def stdin(self):
        return subprocess.DEVNULL

    def said(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def ask(self, token=None):
        """The status; 0: no answer."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            header = "Authorization: Bearer %s\r\n" % token if token else ""
            connection.sendall(("GET / HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n\r\n" % header).encode())
            return int(connection.recv(4096)[9:12] or 0)
        return 0

    def may_end(self):
        return False

    def alive(self):
        """What ends by its own decision says why, and is started again, as systemd does."""
        code = self.process.poll()
        if code is not None:
            said = self.said()
            require(code > 0 and said.strip() and self.may_end(), "it died: %s, %s", code, said)
            self.launch()

    def wait(self, condition, what):
        deadline = time.monotonic() + LIMIT
        while not condition():
            self.alive()
            require(time.monotonic() < deadline, "never: %s", what)
            time.sleep(0.002)

    def begin(self):
        """False: it did not start, and said why."""
        while self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE).close()
                return True
            time.sleep(0.002)
        require(self.process.returncode > 0, "it died at its start: %d", self.process.returncode)
        require(self.said().strip(), "it does not start, and not a word")
        return False

    def refused(self, *tokens):
        for token in tokens:
            status = self.ask(token)
            require(status == 0 or status >= 400, "%s is admitted: %d", token, status)
            self.alive()

    def settled(self):
        tokens = self.world.tokens
        self.wait(lambda: self.ask(tokens[GOOD]) == 200, "a good token is let in")
        self.refused(None, tokens[REVOKED])

    def live(self):
        tokens = self.world.tokens
        require(self.ask(tokens[GOOD]) in (0, 200, 500, 503), "an odd answer")
        self.refused(None, tokens[REVOKED], tokens[REVOKED][:-1] + "?")
        with open(self.world.path(), "ab") as file:
            file.write(self.writer.log[-1])
        self.ask(tokens[LATER])
        self.settled()
        self.wait(lambda: self.ask(tokens[LATER]) == 401, "the revocation is seen")
        if self.reloads:
            self.reload()
            self.settled()
            self.refused(tokens[LATER])

    def run(self, plan):
        """plan: None, or what was put."""
        self.plan = plan
        self.start()
        try:
            if self.begin():
                self.live()
                self.process.send_signal(signal.SIGTERM)
                code = self.process.wait(LIMIT)
                require(code == self.ends_with, "it ends with %d: %s", code, self.said())
            else:
                require(plan is not None, "it does not start: %s", self.said())
        finally:
            self.process.kill()
            self.process.wait()


class Httpd(Host):
    def command(self):
        return [os.path.join(BUILD, "fault-httpd"), str(self.port), self.world.conf]


class Nginx(Host):
    reloads = True

    def prepare(self):
        os.mkdir(os.path.join(self.world.dir, "html"))
        with open(os.path.join(self.world.dir, "html", "index.html"), "w") as file:
            file.write("in\n")
        self.conf = os.path.join(self.world.dir, "nginx.conf")
        with open(self.conf, "w") as file:
            file.write(NGINX_CONF.format(module=MODULE, dir=self.world.dir, conf=self.world.conf, port=self.port))

    def command(self):
        return [NGINX, "-p", self.world.dir, "-c", self.conf, "-e", os.path.join(self.world.dir, "error.log")]

    def start(self):
        self.error_log = os.path.join(self.world.dir, "error.log")
        open(self.error_log, "w").close()
        super().start()

    def said(self):
        with open(self.error_log, errors="replace") as file:
            return super().said() + file.read()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
        self.wait(lambda: "reconfiguring" in self.said(), "it is configured anew")


class Page(Host):
    """No token is asked for: what is created is shown, or is in doubt, and a page comes again afterwards."""

    def prepare(self):
        domain = {"name": "example.com", "admins": ["web:alice@example.com"]}
        self.world.configure(config_text(self.world.store_dir, [domain]))
        self.path = os.path.join(self.world.dir, "panel.sock")

    def command(self):
        return [PANEL, "--tool", self.world.tool(None), "-c", self.world.conf]

    def stdin(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen(16)
        self.listener = listener
        return listener

    def get(self, path, body=b"", **more):
        with contextlib.suppress(OSError):
            return bytes(speak(self.path, parameters(path, QUERY_STRING="", **more), body))
        return b""

    def launch(self):
        super().launch()
        self.listener.close()

    def may_end(self):
        return self.plan and NAMES.get(self.plan.call) == "signalfd4"

    def begin(self):
        return True

    def run(self, plan):
        try:
            super().run(plan)
        except AssertionError as error:
            require(False, "%s", error)

    def live(self):
        for path in ("/", "/example.com/"):
            self.get(path)
        nonce = re.search(rb'name="nonce" value="(\w+)"', self.get("/example.com/new"))
        if nonce:
            body = b"label=new&nonce=" + nonce[1]
            got = self.get("/example.com/new", body, method="POST", CONTENT_LENGTH=str(len(body)),
                CONTENT_TYPE="application/x-www-form-urlencoded")
            made = [id for id, (_, record, _) in self.world.read().tokens.items() if record.label == "new"]
            shown = re.search(rb'id="token"[^>]*value="\w+_(\w{12})', got) or re.search(rb'value="\w+_(\w{12})\w{49}"', got)
            require(not shown or shown[1].decode() in made, "a token is shown that is not there")
            require(len(made) <= 1, "made twice")
            self.alive()
        self.wait(lambda: b"token 1" in self.get("/example.com/"), "the page comes again")


class Follower(Host):
    """toktab follow, which gets a file, a line, a compaction, another line and a higher epoch. Its store is sound at each
    moment, and in the end the same as its source's, byte for byte. If it does not start, or has no memory, it says so and
    is started again, as systemd does."""

    ends_with = -signal.SIGTERM
    held = 7  # descriptors, while it waits: three streams, the store, its directory, and the pipes to the source

    def prepare(self):
        self.source, self.lives = World(), 0
        self.shims = [self.world.shim, self.source.shim]
        path = os.path.join(self.world.dir, "source")
        with open(path, "w") as file:
            file.write('echo >> "$STARTS"\nTOKTAB_FAULT=$SOURCE_FAULT exec %s\n' % log_command(self.source))
        self.world.configure(config_text(self.world.store_dir, [{"name": self.world.domain, "source": "sh " + path}]))
        self.later = [self.writer.data()]
        for change in (self.writer.compact, lambda: self.writer.update(self.world.tokens[GOOD], label="new"), self.writer.mend):
            change()
            self.later.append(self.writer.data())
        self.source_has, self.before = self.before, None

    def close(self):
        self.source.close()
        super().close()

    def environment(self):
        ours, of_source = (shim.file.name for shim in self.shims)
        return {**super().environment(), "TOKTAB_FAULT": ours, "SOURCE_FAULT": of_source, "TOKTAB_HURRY": "1", "STARTS": self.starts}

    def command(self):
        return [self.world.tool(), "-c", self.world.conf, "follow"]

    def start(self):
        self.source.start_over(self.source_has)
        self.source.shim.plan()
        self.revoked, self.running, self.lives = set(), False, self.lives + 1
        self.starts = os.path.join(self.world.dir, "starts-%d" % self.lives)  # an old source may come late
        super().start()

    def may_end(self):
        return self.plan and (not self.running or self.plan.source != CALLS)

    def is_level(self):
        try:
            revoked = revoked_ids(self.world.store())
        except Fault as fault:
            raise Complaint("the store is damaged: %s" % fault) from fault
        require(self.revoked <= revoked, "revoked tokens are back")
        self.revoked = revoked
        return bool(revoked) and self.world.bytes() == self.source.bytes()

    def holds_as_many(self):
        with contextlib.suppress(OSError):  # it may have ended
            return len(list(opened_by(self.process.pid))) == self.held
        return False

    def begin(self):
        self.wait(self.is_level, "it has its source's store")
        self.running = True
        return True

    def live(self):
        for data in self.later:
            old = self.source.bytes()
            if data.startswith(old):
                with open(self.source.path(), "ab") as file:
                    file.write(data[len(old):])
            else:
                self.source.put(data)
            self.wait(self.is_level, "it has what is new")
        self.wait(self.holds_as_many, "no descriptor is lost")
        require(os.path.getsize(self.starts) == 1 or "toktab: " in self.said(), "the source is started again, and not a word")


class Sender(Follower):
    """toktab log --follow, of which the follower must make good whatever fails."""

    def prepare(self):
        super().prepare()
        self.shims.reverse()

    def may_end(self):
        return False


class Pam:
    """Each login is a life of its own: libpam loads the module, and lets it go."""

    def __init__(self):
        self.world = World()
        self.world.start_over(self.world.sound())
        with open(os.path.join(self.world.dir, "web"), "w") as file:
            for kind in ("auth", "account"):
                file.write("%s required %s config=%s anyuser\n" % (
                    kind, os.path.join(BUILD, "pam", "pam_toktab.so"), self.world.conf))
        for kind in ("auth", "account"):
            with open(os.path.join(self.world.dir, "other"), "a") as file:
                file.write("%s required pam_deny.so\n" % kind)

    def close(self):
        self.world.close()

    def run(self, plan):
        tokens = [self.world.tokens[place] for place in (GOOD, REVOKED, GOOD, REVOKED, GOOD)]
        result = subprocess.run([os.path.join(BUILD, "fault-pam"), self.world.dir], check=False, timeout=60,
            input="\n".join(tokens).encode() + b"\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment({"LD_LIBRARY_PATH": BUILD, "TOKTAB_FAULT": self.world.shim.file.name,
                "TOKTAB_LOG": os.path.join(self.world.dir, "nobody")}))
        out = result.stdout.decode(errors="replace")
        require(result.returncode == 0, "it died: %d %s", result.returncode, out)
        codes = [tuple(map(int, line)) for line in re.findall(r"(?m)^(\d+) (\d+)$", out)]
        require(len(codes) == 3, "an answer is missing: %s", out)
        require(codes[1][0] != 0 and codes[1][1] != 0, "a revoked token is let in: %s", out)
        require(plan is not None or codes == [(0, 0), codes[1], (0, 0)], "a good token is refused: %s", out)
        require(codes[0] == (0, 0) or codes[2] == (0, 0), "the fault lasts: %s", out)
        require("lost 0 descriptors and 0 blocks" in out, "something is lost: %s", out)


KINDS = {"the example daemon": Httpd, "nginx": Nginx, "PAM": Pam, "the page": Page, "toktab follow": Follower,
    "toktab log --follow": Sender}
# In the others an allocation that fails ends the process, by its own decision, or that of libfcgi.
OF_MEMORY = (Nginx, Pam, Follower)


# Of the stacks of the daemon's threads, without which it ends; and glibc aborts where it cannot give one back.
OF_STACKS = ("clone", "mmap", "mprotect", "munmap")


def plans_for(host, plans):
    plans = [plan for plan in plans if plan.source != MEMORY_CALLS or isinstance(host, OF_MEMORY)]
    if isinstance(host, Page):  # sodium_malloc(3), and large allocations
        plans = [plan for plan in plans if plan.source != SODIUM and NAMES.get(plan.call) != "mmap"]
    return [plan for plan in plans if not isinstance(host, Httpd) or NAMES.get(plan.call) not in OF_STACKS]
