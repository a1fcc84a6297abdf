"""A fleet on this machine: a writer, followers that reach it over links of their own, and an nginx beside each.

    network = Network()
    writer = Writer(network)
    follower = Follower(network, writer)    # a network namespace, a store of its own, `toktab follow` kept running

The writer serves its log as sshd would, at a TCP port of the bridge: a process for each follower. Links can be cut. It
all ends with the namespaces that tests/fleet/run starts.
"""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import threading

from harness import TOKTAB, Site, config_text, environment, wait_until
from nginx_host import Nginx, worker_user

OWNER = 61003
links = itertools.count()
RESTART = 1  # seconds, as the unit has it
HTTP = "server { listen 127.0.0.1:{port}; location / { auth_toktab default; } }"

# What the source of a follower is: connects, and passes on both ways until one side ends.
CONNECT = """#!/usr/bin/python3 -S
import os, select, socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 3) as there:
    there.settimeout(None)
    ends = {0: there.fileno(), there.fileno(): 1}
    while True:
        for here in select.select(list(ends), [], [])[0]:
            data = os.read(here, 65536)
            if not data:
                os._exit(0)
            while data:
                data = data[os.write(ends[here], data):]
"""


def run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


class Network:
    """A bridge in the namespace of the tests, which other networks may be beside."""

    def __init__(self):
        for self.number in range(250):
            self.name = "fleet%d" % self.number
            command = ["ip", "link", "add", self.name, "type", "bridge"]
            if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                break
        self.hosts = 0
        self.address = "10.%d.0.1" % self.number
        run("ip", "address", "add", self.address + "/16", "dev", self.name)
        run("ip", "link", "set", self.name, "up")

    def close(self):
        run("ip", "link", "delete", self.name)

    def join(self):
        """A new host: (the process that holds its namespace, its link's name here)."""
        self.hosts += 1
        number = self.hosts
        link = "h%dn%d" % (os.getpid(), next(links))  # those of earlier networks go when it pleases the kernel
        holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        holder.stdout.readline()
        inside = ["nsenter", "--target", str(holder.pid), "--net", "ip"]
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        run("ip", "link", "set", link, "master", self.name, "up")
        run(*inside, "address", "add", "10.%d.%d.%d/16" % (self.number, 1 + number // 200, 1 + number % 200), "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        return holder, link


def tail_of(path):
    """(epoch, n) of the last whole line of a store; (0, 0) where there is none."""
    try:
        with open(path, "rb") as file:
            header = file.read(4096).partition(b"\n")[0].split(b"|")
            file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
            lines = file.read().split(b"\n")[:-1]
        epoch = int(header[3])
        return epoch, 0 if lines[-1].startswith(b"toktab1|") else int(lines[-1].split(b"|")[0])
    except (OSError, IndexError, ValueError):
        return 0, 0


class Host:
    """A site of one domain, whose stores belong to a user of their own and which nginx's workers may read."""

    def __init__(self, **settings):
        settings = {"name": "default", "stale_limit": "1h", **settings}
        self.site = Site([settings], mode=0o2710, owner=OWNER, group=worker_user().pw_gid)
        self.path = self.site.path()
        self.web = None

    def close(self):
        if self.web:
            self.web.stop()
        self.site.close()

    def tool(self, *arguments, code=0, **more):
        done = self.site.run(*arguments, **more)
        if done.code != code:
            raise AssertionError(done)
        return done

    def bytes(self):
        with contextlib.suppress(FileNotFoundError):
            return self.site.bytes()
        return b""

    def put(self, data):
        """Another file in the place of the store, as an admin would restore one."""
        self.site.put(data)
        os.chown(self.path, OWNER, worker_user().pw_gid)

    def tail(self):
        return tail_of(self.path)

    def nginx(self):
        if not self.web:
            self.web = Nginx(os.path.join(self.site.dir, "nginx"), self.site.conf, HTTP, workers=1, level="warn")
            self.web.write("html/index.html", "the page\n")
            self.web.start()
        return self.web

    def alerts(self):
        """What nginx has said of the store."""
        lines = self.web.read("error.log").splitlines()
        return [line for line in lines if "[alert]" in line or "[crit]" in line or "[emerg]" in line]


class LogServer:
    """Serves a host's log at a port of the bridge: `toktab log` with a connection as its input and output."""

    def __init__(self, network, host):
        self.host, self.children, self.lock = host, [], threading.Lock()
        self.socket = socket.create_server((network.address, 0), backlog=256)
        self.address = self.socket.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def command(self):
        return [TOKTAB, "-c", self.host.site.conf, "log", "--from", "-", "--follow"]

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                with connection, self.lock:
                    self.children = [child for child in self.children if child.poll() is None]
                    self.children.append(subprocess.Popen(
                        self.command(), stdin=connection, stdout=connection, stderr=subprocess.DEVNULL, env=environment()))

    def kill_one(self, random):
        with self.lock:
            if self.children:
                random.choice(self.children).kill()

    def close_all(self):
        with self.lock:
            for child in self.children:
                child.kill()
                child.wait()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.close_all()


class Writer(Host):
    def __init__(self, network, **settings):
        super().__init__(**settings)
        self.server = LogServer(network, self)

    def close(self):
        self.server.close()
        super().close()

    def create(self, *arguments):
        return self.site.guard(self.tool("create", "-l", "a token", *arguments).out.strip())


class Follower(Host):
    """Keeps `toktab follow` running, as its unit does. What it says is in the file said."""

    def __init__(self, network, server, room=None, **settings):
        """room: the size of the file system that its stores are on, which is then one of its own."""
        self.holder, self.link = network.join()
        super().__init__(source="/bin/false", **settings)
        self.room = room
        if room:
            owner = "mode=2710,uid=%d,gid=%d,size=%s" % (OWNER, worker_user().pw_gid, room)
            run("mount", "-t", "tmpfs", "-o", owner, "tmpfs", self.site.store_dir)
        self.connect = os.path.join(self.site.dir, "connect")
        with open(self.connect, "w") as file:
            os.fchmod(file.fileno(), 0o755)
            file.write(CONNECT)
        self.said = os.path.join(self.site.dir, "said")
        self.process, self.stopping = None, threading.Event()
        self.lock = threading.Lock()
        self.follow(server)
        self.start()

    def follow(self, server):
        """From now on, the log that this LogServer serves."""
        self.source_is("%s %s %d" % (self.connect, *server.address))

    def source_is(self, source):
        domain = {**self.site.domains[0], "source": source}
        self.site.configure(config_text(self.site.store_dir, [domain]))

    def _keep_running(self):
        with open(self.said, "ab") as said:
            while not self.stopping.is_set():
                with self.lock:
                    self.process = subprocess.Popen(
                        ["nsenter", "--target", str(self.holder.pid), "--net", TOKTAB, "-c", self.site.conf, "follow"],
                        stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment(), start_new_session=True)
                self.process.wait()
                self.stopping.wait(RESTART)

    def kill(self):
        """With kill -9, wherever it stands; what it had started may go on for a moment."""
        with self.lock:
            self.process.kill()

    def stop(self):
        self.stopping.set()
        with self.lock, contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.thread.join()

    def start(self):
        self.stopping.clear()
        self.thread = threading.Thread(target=self._keep_running, daemon=True)
        self.thread.start()

    def close(self):
        self.stop()
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()
        if self.web:
            self.web.stop()
            self.web = None
        if self.room:
            run("umount", self.site.store_dir)
        super().close()

    def cut(self, is_cut):
        run("ip", "link", "set", self.link, "down" if is_cut else "up")

    def messages(self):
        with open(self.said, errors="replace") as file:
            return file.read()

    def wait_for(self, text, seconds=30):
        try:
            wait_until(lambda: text in self.messages(), text, seconds)
        except AssertionError as error:
            raise AssertionError("%s; it said: %s" % (error, self.messages()[-2000:])) from None

    def caught_up(self, writer, seconds=60):
        """Returns when its file is the writer's, byte for byte."""
        try:
            wait_until(lambda: self.bytes() == writer.bytes() != b"", "the same bytes", seconds)
        except AssertionError as error:
            raise AssertionError("%s: %s, not %s; it said: %s" % (
                error, self.tail(), writer.tail(), self.messages()[-2000:])) from None


def background(command, **more):
    """Start it in a session of its own. Returns what ends all of that."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment(), start_new_session=True, **more)

    def end():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    return end
