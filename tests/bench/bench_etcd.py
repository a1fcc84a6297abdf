"""Hosts that write through a real etcd of three nodes, all on this machine: what a change costs where it is made, and how
long a revocation takes from its acknowledgement to the file of the last of 20 hosts, which their nginx sees at its next
request; also while the node that leads is killed and stopped, then from its command on; and what verification costs without
etcd."""

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import threading
import time

from common import TOP
from rows import Row, ratios

sys.path[:0] = [os.path.join(TOP, "tests", "etcd"), os.path.join(TOP, "tests", "e2e")]

from cluster import PASSWORD, Cluster  # noqa: E402
from fleet_site import Engines, Host  # noqa: E402
from harness import wait_until  # noqa: E402

HOSTS, ADMINS = 20, 10


def p99(values):
    return statistics.quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else values[0]


class Fleet:
    def __init__(self, cluster):
        self.cluster, self.engines, self.processes = cluster, Engines(), []
        secret, conf = (os.path.join(self.engines.dir, name) for name in ("password", "etcd.conf"))
        certificate, key = cluster.client
        with open(secret, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(PASSWORD)
        with open(conf, "w") as file:
            file.write("nodes = %s\nca = %s\ncertificate = %s\nkey = %s\nuser = toktab\npassword_file = %s\n"
                       "token_file = etcd.token\n"
                       % (" ".join(cluster.clients), cluster.authority.ca, certificate, key, secret))
        self.engines.install("etcd", '#!/bin/sh\nexec "%s/build/engine-etcd" -c "%s" "$@"\n' % (TOP, conf))
        self.hosts = [Host(self.engines, "etcd") for _ in range(HOSTS)]
        self.first = self.hosts[0]

    def start(self):
        self.first.run("create", "-l", "the first")
        for host in self.hosts:
            self.processes.append(host.start("follow", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_until(lambda: all(os.path.exists(host.path()) for host in self.hosts), "the followers", seconds=120)

    def close(self):
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for host in self.hosts:
            host.close()
        self.engines.close()

    def create(self):
        result = self.first.run("create", "-l", "measured")
        while result.code in (69, 74):
            result = self.first.run("create", "-l", "measured")
        return result.out.strip()

    def revoke(self, token):
        """Milliseconds until it is acknowledged, and from then until the last host has it."""
        began = time.monotonic()
        while self.first.run("revoke", "-y", token[4:16]).code in (69, 74):
            pass
        said = time.monotonic()
        size = os.stat(self.first.path()).st_size
        wait_until(lambda: all(os.stat(host.path()).st_size >= size for host in self.hosts), "a change", seconds=60)
        return (said - began) * 1000, (time.monotonic() - said) * 1000

    def verify(self, token):
        began = time.monotonic()
        self.first.run("verify", stdin=token)
        return time.monotonic() - began

    def race(self, rounds):
        """Ten admins at ten hosts."""
        taken = []

        def create(host):
            for _ in range(rounds):
                began = time.monotonic()
                host.run("create", "-l", "racing")
                taken.append((time.monotonic() - began) * 1000)

        threads = [threading.Thread(target=create, args=(host,)) for host in self.hosts[:ADMINS]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return taken


def rows(bench):
    with contextlib.ExitStack() as stack:
        cluster = Cluster(more=("--bcrypt-cost", "10"))
        stack.callback(cluster.close)
        fleet = Fleet(cluster)
        stack.callback(fleet.close)
        fleet.start()
        tokens = [fleet.create() for _ in range(bench.rounds + 6)]
        taken = [fleet.revoke(tokens.pop()) for _ in range(bench.rounds)]
        yield Row("etcd: toktab revoke", "ms", "", [ours for ours, _ in taken])
        last = [theirs for _, theirs in taken]
        yield Row("etcd: a revocation to the last of %d hosts" % HOSTS, "ms", "", last)
        yield Row("etcd: a revocation to the last of %d hosts, p99" % HOSTS, "ms", "<=1000", [p99(last)])
        raced = fleet.race(max(1, bench.rounds // 4))
        yield Row("etcd: toktab create, %d admins at once" % ADMINS, "ms", "", raced)
        yield Row("etcd: toktab create, %d admins at once, p99" % ADMINS, "ms", "<=1000", [p99(raced)])
        for name, fault, cure in ("killed", cluster.kill, cluster.start), ("stopped", cluster.stop, cluster.go_on):
            leader = cluster.leader()
            fault(leader)
            values = [sum(fleet.revoke(tokens.pop())) for _ in range(3)]
            cure(leader)
            wait_until(cluster.healthy, "the node", seconds=60)
            yield Row("etcd: the leader is %s, to the last of %d hosts" % (name, HOSTS), "ms", "<=5000", [max(values)])
        token = fleet.create()
        there = [fleet.verify(token) for _ in range(bench.rounds)]
        for i in range(3):
            cluster.kill(i)
        gone = [fleet.verify(token) for _ in range(bench.rounds)]
        yield Row("etcd: toktab verify without etcd, to with it", "", "<=1.1", ratios(gone, there))
