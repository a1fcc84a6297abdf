"""etcd: three nodes on loopback, with TLS, client certificates and users."""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from harness import TIME_LIMIT, TOP, environment, remove, wait_until

PAGE = os.path.join(TOP, "conf", "toktab-engine.7")
PASSWORD = "the password of the tests"


def free_ports(count):
    """Below those that the system gives to connections: a node that comes back finds its own again."""
    ports = []
    while len(ports) < count:
        with contextlib.suppress(OSError):
            port = random.randrange(12000, 32000)
            socket.create_server(("127.0.0.1", port)).close()
            if port not in ports:
                ports.append(port)
    return ports


class Authority:
    """Signs certificates."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.ca = self.path(name + ".pem")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=" + name, "-keyout", self.path(name + ".key"), "-out", self.ca)  # fmt: skip

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=TIME_LIMIT)

    def sign(self, name, subject):
        """The paths of a certificate for 127.0.0.1, and of its key."""
        request, key, certificate = (self.path(name + end) for end in (".csr", ".key", ".pem"))
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject,
            "-keyout", key, "-out", request)  # fmt: skip
        with open(self.path("san"), "w") as file:
            file.write("subjectAltName=IP:127.0.0.1\n")
        self.openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.path(self.name + ".key"),
            "-CAcreateserial", "-days", "2", "-extfile", self.path("san"), "-out", certificate)  # fmt: skip
        os.chmod(key, 0o600)
        return certificate, key


class Cluster:
    """users: whether etcd knows users from the start; more: options of etcd."""

    def __init__(self, users=True, more=()):
        self.dir = tempfile.mkdtemp(prefix="toktab-etcd-")
        os.chmod(self.dir, 0o755)
        self.authority = Authority(self.dir, "authority")
        self.server = self.authority.sign("server", "/O=server")
        self.client = self.authority.sign("client", "/O=toktab")
        ports = free_ports(6)
        self.clients = ["https://127.0.0.1:%d" % port for port in ports[:3]]
        self.peers = ["http://127.0.0.1:%d" % port for port in ports[3:]]
        self.more, self.users, self.nodes = list(more), False, [None] * 3
        try:
            self.start_all()
            if users:
                self.switch_users_on()
        except BaseException:
            self.close()
            raise

    def data(self, i):
        return os.path.join(self.dir, "node%d" % i)

    def cluster_options(self):
        return ["--initial-cluster", ",".join("node%d=%s" % pair for pair in enumerate(self.peers)),
            "--initial-cluster-token", "toktab"]  # fmt: skip

    def start(self, i):
        certificate, key = self.server
        with open(os.path.join(self.dir, "log%d" % i), "a") as log:
            self.nodes[i] = subprocess.Popen(
                ["etcd", "--name", "node%d" % i, "--data-dir", self.data(i), "--listen-client-urls", self.clients[i],
                    "--advertise-client-urls", self.clients[i], "--listen-peer-urls", self.peers[i],
                    "--initial-advertise-peer-urls", self.peers[i], *self.cluster_options(),
                    "--cert-file", certificate, "--key-file", key, "--client-cert-auth",
                    "--trusted-ca-file", self.authority.ca, "--bcrypt-cost", "4", *self.more],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(), start_new_session=True)  # fmt: skip

    def start_all(self):
        for i, node in enumerate(self.nodes):
            if node is None:
                self.start(i)
        wait_until(self.healthy, "etcd", seconds=60)

    def healthy(self):
        return all(self.ctl("get", "nosuch", node=i, check=False, seconds=3).returncode == 0 for i in range(3))

    def kill(self, i):
        self.nodes[i].send_signal(signal.SIGCONT)
        self.nodes[i].kill()
        self.nodes[i].wait(TIME_LIMIT)
        self.nodes[i] = None

    def stop(self, i):
        self.nodes[i].send_signal(signal.SIGSTOP)

    def go_on(self, i):
        self.nodes[i].send_signal(signal.SIGCONT)

    def close(self):
        for i, node in enumerate(self.nodes):
            if node is not None:
                with contextlib.suppress(ProcessLookupError):
                    self.kill(i)
        remove(self.dir)

    def ctl(self, *args, node=None, check=True, seconds=TIME_LIMIT):
        certificate, key = self.client
        endpoints = ",".join(self.clients) if node is None else self.clients[node]
        command = ["etcdctl", "--endpoints", endpoints, "--cacert", self.authority.ca, "--cert", certificate,
            "--key", key, "--command-timeout=%ds" % min(seconds, 20)]  # fmt: skip
        if self.users:
            command += ["--user", "root:" + PASSWORD]
        env = environment({"ETCDCTL_API": "3"})
        done = subprocess.run([*command, *args], capture_output=True, text=True, env=env, timeout=TIME_LIMIT, check=False)
        if check and done.returncode != 0:
            raise AssertionError("%s: %s%s" % (args, done.stdout, done.stderr))
        return done

    def switch_users_on(self):
        """As toktab-engine(7) shows."""
        with open(PAGE) as page:
            block = re.search(r'begin etcd users\n.Bd -literal\n((?:.*\n)*?)\.Ed', page.read())[1].replace("\\-", "-")
        for line in block.splitlines():
            words = line.split()[1:]
            if words[:2] == ["user", "add"]:
                words[2] += ":" + PASSWORD  # instead of asking for it
            self.ctl(*words)
        self.users = True

    def leader(self):
        """The number of the node that leads."""
        for i, node in enumerate(self.nodes):
            if node is not None:
                fields = self.ctl("endpoint", "status", node=i, check=False, seconds=2).stdout.split(", ")
                if len(fields) > 4 and "true" in fields[4:6]:
                    return i
        return None

    def save(self, path):
        self.ctl("snapshot", "save", path, node=0)

    def restore(self, path):
        """All nodes begin anew with what that file has."""
        for i, node in enumerate(self.nodes):
            if node is not None:
                self.kill(i)
        for i in range(3):
            shutil.rmtree(self.data(i))
            subprocess.run(
                ["etcdctl", "snapshot", "restore", path, "--name", "node%d" % i, "--data-dir", self.data(i),
                    "--initial-advertise-peer-urls", self.peers[i], *self.cluster_options()],
                check=True, capture_output=True, timeout=TIME_LIMIT, env=environment({"ETCDCTL_API": "3"}))  # fmt: skip
        self.start_all()
