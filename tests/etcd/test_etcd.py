"""Hosts that write through etcd, while its nodes are killed, stopped and put back."""

import contextlib
import itertools
import os
import shutil
import subprocess
import threading
import time
import unittest

from cluster import PASSWORD, Authority, Cluster
from fleet_site import Engines, Host, wait_for_same
from harness import TIME_LIMIT, TOKTAB, SiteTest, killed_at_end, wait_until
from machine import propagation
from oracle_format import token_id

ENGINE = os.path.join(os.path.dirname(os.path.abspath(TOKTAB)), "engine-etcd")
HOSTS = int(os.environ.get("HOSTS", "20"))
FAULTS = int(os.environ.get("FAULTS", "3"))
numbers = itertools.count()


class EtcdTest(SiteTest):
    """self.site is the first host of a fleet with keys of its own in the cluster of the class."""

    users, more = True, ()

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls.users, cls.more)
        cls.addClassCleanup(cls.cluster.close)

    def setUp(self):
        self.engines = Engines()
        self.addCleanup(self.engines.close)
        self.prefix = "/toktab/%d" % next(numbers)
        self.configure()
        self.engines.install("etcd", '#!/bin/sh\nexec "%s" -c "%s" "$@"\n' % (ENGINE, self.conf))
        self.site = self.new_host()

    def configure(self, password=PASSWORD, **changes):
        self.conf = os.path.join(self.engines.dir, "etcd.conf")
        secret = os.path.join(self.engines.dir, "password")
        with open(secret, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(password + "\n")
        certificate, key = self.cluster.client
        settings = {"nodes": " ".join(self.cluster.clients), "prefix": self.prefix, "ca": self.cluster.authority.ca,
            "certificate": certificate, "key": key, "user": "toktab", "password_file": secret,
            "token_file": "etcd.token", **changes}  # fmt: skip
        # token_file is below the folder that the tool is started in, and so each host has its own
        with open(self.conf, "w") as file:
            file.writelines("%s = %s\n" % item for item in settings.items() if item[1] is not None)

    def new_host(self):
        host = Host(self.engines, "etcd")
        self.addCleanup(host.close)
        return host

    def second(self):
        host = self.new_host()
        result = host.catch_up()
        self.assertEqual(result.code, 0, result)
        return host

    def on(self, host):
        other = SiteTest()
        other.site = host
        return other

    @contextlib.contextmanager
    def following(self, *hosts):
        with contextlib.ExitStack() as stack:
            for host in hosts:
                process = host.start("follow", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                stack.enter_context(killed_at_end(process))
            yield

    def keys(self):
        """The numbers of the lines that etcd has."""
        out = self.cluster.ctl("get", "--prefix", "--keys-only", self.prefix + "/example.com/log").stdout
        return [int(key.rpartition("/")[2]) for key in out.split()]

    def until_it_answers(self, *args):
        """A command that may fail for want of a leader."""
        result = None

        def answered():
            nonlocal result
            result = self.site.run(*args)
            return result.code not in (69, 74)

        wait_until(answered, "an answer of etcd", seconds=60)
        self.assertEqual(result.code, 0, result)
        return result


class Life(EtcdTest):
    def test_each_command(self):
        token = self.create("first")
        other = self.second()
        there = self.on(other)
        with self.following(self.site, other):
            second = there.create("second")
            wait_until(lambda: second[4:16] in self.site.bytes().decode(), "the second token")
            self.ok("revoke", "-y", token_id(second))
            wait_until(lambda: there.verdict(second)[0] == "deny", "the revocation")
            there.ok("update", token_id(token), "-l", "renamed")
            wait_for_same([self.site, other])
            self.site.guard(self.ok("rotate", token_id(token), may_show_token=True).out.strip())
            wait_for_same([self.site, other])
            there.ok("compact")
            wait_for_same([self.site, other])
        self.assertEqual(self.ok("check").out, there.ok("check").out)
        self.ok("check", "--fleet")

    def test_ten_admins(self):
        self.create("first")
        hosts = [self.site] + [self.second() for _ in range(9)]
        results = []

        def create(host):
            results.extend(host.run("create", "-l", "token %d" % k) for k in range(2))

        threads = [threading.Thread(target=create, args=(host,)) for host in hosts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for host in hosts:
            self.assertEqual(host.catch_up().code, 0)
        self.assertEqual({host.bytes() for host in hosts}, {self.site.bytes()})
        store = self.site.bytes().decode()
        for result in results:
            self.assertEqual(result.code, 0, result)
            self.site.guard(result.out.strip())
            self.assertIn("|%s|C|" % result.out[4:16], store)
        self.ok("check")

    def test_many_hosts(self):
        """HOSTS followers."""
        token = self.create("first")
        hosts = [self.new_host() for _ in range(HOSTS)]
        with self.following(*hosts):
            wait_until(lambda: all(os.path.exists(host.path()) for host in hosts), "the store everywhere", seconds=120)
            self.ok("revoke", "-y", token_id(token))
            wait_for_same([self.site, *hosts], seconds=120)
        for host in hosts:
            self.assertEqual(self.on(host).verdict(token)[0], "deny")

    def test_old_lines_are_deleted(self):
        """What is more than 1,000 lines before a compaction; a host that has them goes on, a new one needs a file."""
        self.site.set_source(None)
        self.create("first")
        self.site.domains[0]["foreign"] = True
        self.site.set_source(None)
        keys = "".join("%d\tabcdefghijklmnopqrstuvwxyz%d\n" % (i, i) for i in range(1500))
        self.ok("import", "-y", "-", stdin=keys)
        other = self.new_host()
        shutil.copy(self.site.path(), other.path())
        self.site.set_source("etcd")
        self.assertIn("appended 1501 lines", self.ok("promote").err)
        self.ok("compact")
        self.assertEqual(self.keys(), list(range(502, 1503)))
        self.assertEqual(other.catch_up().code, 0)
        self.assertEqual(other.bytes(), self.site.bytes())
        new = self.new_host()
        result = new.catch_up()
        self.assertNotEqual(result.code, 0)
        self.assertIn("gap", result.err)
        result = new.run("follow", "--once", "--", TOKTAB, "-c", self.site.conf, "log")
        self.assertEqual(result.code, 0, result)
        self.on(new).ok("revoke", "-y", "1")
        self.assertEqual(self.site.catch_up().code, 0)
        self.assertEqual(new.bytes(), self.site.bytes())


class Faults(EtcdTest):
    def under_load(self, fault):
        """Two hosts create while there is a fault; nothing that was acknowledged is lost."""
        self.site.guard(self.until_it_answers("create", "-l", "first").out.strip())
        other = self.second()
        over, results = threading.Event(), []

        def create(host):
            while not over.is_set():
                results.append(host.run("create", "-l", "x"))

        threads = [threading.Thread(target=create, args=(host,)) for host in (self.site, other)]
        watcher = self.new_host()
        with self.following(watcher):
            for thread in threads:
                thread.start()
            try:
                fault()
                self.cluster.start_all()
                count = len(results)
                wait_until(lambda: sum(result.code == 0 for result in results[count:]) >= 2, "changes afterwards", seconds=60)
            finally:
                over.set()
                for thread in threads:
                    thread.join()
            for host in (self.site, other):
                wait_until(lambda host=host: host.catch_up().code == 0, "the log", seconds=60)
            wait_for_same([self.site, other, watcher])
        store = self.site.bytes().decode()
        for result in results:
            self.assertIn(result.code, (0, 69, 74), result)
            if result.code == 0:
                self.site.guard(result.out.strip())
                self.assertIn("|%s|C|" % result.out[4:16], store, "lost")
            else:
                self.assertEqual(result.out, "")
        self.ok("check")

    def test_leader_killed(self):
        def fault():
            for _ in range(FAULTS):
                leader = self.cluster.leader()
                if leader is not None:
                    self.cluster.kill(leader)
                    time.sleep(2)
                    self.cluster.start_all()

        self.under_load(fault)

    def test_leader_stopped(self):
        def fault():
            leader = self.cluster.leader()
            self.cluster.stop(leader)
            time.sleep(6)
            self.cluster.go_on(leader)

        self.under_load(fault)

    def test_all_killed(self):
        def fault():
            for i in range(3):
                self.cluster.kill(i)
            time.sleep(1)

        self.under_load(fault)

    def test_minority(self):
        token = self.create("first")
        other = self.second()
        for i in (0, 1):
            self.cluster.kill(i)
        before = self.site.bytes()
        try:
            self.refused(69, "revoke", "-y", "1", says=["NOT revoked", "no majority"])
            self.assertEqual(self.refused(69, "create", "-l", "x", says="no majority").out, "")
            self.assertEqual(self.site.bytes(), before)
            self.assertEqual(self.verdict(token), ("allow", None))
        finally:
            self.cluster.start_all()
        self.until_it_answers("revoke", "-y", "1")
        self.assertEqual(other.catch_up().code, 0)
        self.assertEqual(self.on(other).verdict(token)[0], "deny")

    def test_restored(self):
        """All nodes go on from an old backup."""
        self.create("first")
        snapshot = os.path.join(self.engines.dir, "snapshot")
        self.cluster.save(snapshot)
        token = self.create("second")
        self.ok("revoke", "-y", token_id(token))
        other = self.second()
        before = self.site.bytes()
        self.cluster.restore(snapshot)
        wait_until(lambda: "behind" in self.refused(69, "create", "-l", "x").err, "an answer of etcd", seconds=60)
        wait_until(lambda: other.catch_up().code == 1, "a refusal", seconds=60)
        self.assertEqual({self.site.bytes(), other.bytes()}, {before})
        wait_until(lambda: other.run("promote").code == 0, "the lines in etcd", seconds=60)
        self.site.guard(self.until_it_answers("create", "-l", "third").out.strip())
        self.assertEqual(other.catch_up().code, 0)
        self.assertEqual(self.on(other).verdict(token)[0], "deny")


class Mended(EtcdTest):
    def test_what_this_host_lacks_is_not_lost(self):
        """A host that is behind is mended, once or twice, and promoted."""
        token = self.create("first")
        other = self.second()
        self.ok("revoke", "-y", "1")
        there = self.on(other)
        for says in "did not have", "more than one":
            there.ok("mend", "-y")
            there.refused(1, "promote", says=[says, "-y"])
        self.ok("promote")
        there.ok("promote", "-y")
        self.assertEqual(there.verdict(token), ("allow", None))
        self.refused(69, "create", "-l", "x", says="fenced")

    def test_a_fork_is_ended(self):
        """As toktab-engine(7) says: by the host that is chosen."""
        self.create("first")
        other = self.second()
        self.ok("revoke", "-y", "1")
        there = self.on(other)
        other.set_source(None)
        token = there.create("there")
        other.set_source("etcd")
        there.refused(1, "promote", says="fork")
        there.ok("mend", "-y")
        there.refused(69, "create", "-l", "x", says="promote")
        there.ok("promote")
        there.ok("revoke", "-y", token_id(token))
        os.unlink(self.site.path())
        self.ok("follow", "--once", "--", TOKTAB, "-c", other.conf, "log")
        self.assertEqual(self.site.bytes(), other.bytes())


class Doors(EtcdTest):
    def test_wrong_password(self):
        self.configure(password="wrong")
        self.refused(69, "create", "-l", "x", says="authentication failed")
        self.assertFalse(os.path.exists(self.site.path()))
        self.configure()
        self.create("first")

    def test_password_that_others_may_read(self):
        os.chmod(os.path.join(self.engines.dir, "password"), 0o644)
        self.refused(69, "create", "-l", "x", says="chmod 600")

    def test_no_user(self):
        self.configure(user=None)
        self.refused(69, "create", "-l", "x", says="user name is empty")

    def test_another_prefix(self):
        self.configure(prefix="/elsewhere")
        self.refused(69, "create", "-l", "x", says="permission denied")

    def test_another_authority(self):
        other = Authority(self.engines.dir, "other")
        self.configure(ca=other.ca)
        self.refused(69, "create", "-l", "x", says="certificate")

    def test_authority_that_the_system_trusts(self):
        """With `ca`, only that one counts."""
        folder = os.path.join(self.engines.dir, "certs")
        os.mkdir(folder)
        trusted = self.cluster.authority.ca
        name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", trusted], check=True, capture_output=True, text=True)
        shutil.copy(trusted, os.path.join(folder, name.stdout.strip() + ".0"))
        self.configure(ca=Authority(self.engines.dir, "other").ca)
        script = 'mount --bind "$1" /etc/ssl/certs && exec "$2" -c "$3" lines example.com'
        command = ["unshare", "--mount", "--propagation", propagation(), "sh", "-c", script, "sh", folder, ENGINE, self.conf]
        done = subprocess.run(command, input="\n", capture_output=True, text=True, cwd=self.engines.dir, timeout=TIME_LIMIT, check=False)
        self.assertRegex(done.stdout, "^!unavailable .*certificate", done)

    def test_no_certificate(self):
        self.configure(certificate=None, key=None)
        self.refused(69, "create", "-l", "x")

    def test_certificate_with_a_name(self):
        certificate, key = self.cluster.authority.sign("named", "/CN=toktab")
        self.configure(certificate=certificate, key=key)
        self.refused(69, "create", "-l", "x", says="has a CN")

    def test_tokens_of_etcd_that_end(self):
        """Switching users off and on makes all of them void."""
        self.create("first")
        other = self.new_host()
        with self.following(other):
            wait_until(lambda: os.path.exists(other.path()), "the store")
            self.cluster.ctl("auth", "disable")
            self.cluster.users = False
            self.create("second")
            wait_for_same([self.site, other])
            self.cluster.ctl("auth", "enable")
            self.cluster.users = True
            self.create("third")
            wait_for_same([self.site, other])


class UsersLater(EtcdTest):
    users = False

    def test_users_switched_on_meanwhile(self):
        self.create("first")
        other = self.new_host()
        with self.following(other):
            wait_until(lambda: os.path.exists(other.path()), "the store")
            self.cluster.switch_users_on()
            self.create("second")
            wait_for_same([self.site, other])


class Full(EtcdTest):
    more = ("--quota-backend-bytes", "2000000")

    def test_no_space(self):
        token = self.create("first")
        filler = "x" * 100000
        wait_until(lambda: self.cluster.ctl("put", "/filler", filler, check=False).returncode != 0, "a full database", seconds=60)
        self.refused(69, "create", "-l", "x", says="space")
        self.refused(69, "revoke", "-y", "1", says=["NOT revoked", "space"])
        self.assertEqual(self.verdict(token), ("allow", None))


if __name__ == "__main__":
    unittest.main()
