"""A domain admin who starts the tool in the worst of circumstances: whatever comes of it is no domain but her own, is in the
store and in the system's log or not done at all, and holds up nobody else."""

import calendar
import os
import random
import resource
import signal
import time
import unittest

from harness import Result, killed_at_end
from machine import needs_machine
from oracle_format import token_id
from test_delegation import MachineTest

KIB, MIB = 1 << 10, 1 << 20
LIMITS = {
    resource.RLIMIT_STACK: (32 * KIB, 64 * KIB, 128 * KIB, resource.RLIM_INFINITY),
    resource.RLIMIT_AS: (4 * MIB, 5 * MIB, 6 * MIB, 7 * MIB, 8 * MIB, 12 * MIB, 16 * MIB),
    resource.RLIMIT_DATA: (0, *range(512 * KIB, 1280 * KIB, 32 * KIB)),
    resource.RLIMIT_NOFILE: range(6, 14),
    resource.RLIMIT_NPROC: (0, 1),
    resource.RLIMIT_CPU: (0, 1),
    resource.RLIMIT_FSIZE: (0, 100, 600, 900),
    resource.RLIMIT_MEMLOCK: (0,),
    resource.RLIMIT_SIGPENDING: (0,),
    resource.RLIMIT_NICE: (0,),
}
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO, signal.SIGXCPU, signal.SIGXFSZ, signal.SIGPIPE)


@needs_machine
class Circumstances(MachineTest):
    def setUp(self):
        super().setUp()
        self.token = self.create("x", command=[*self.site.sudo(), "-d", "shop"])
        self.create("of another domain", command=[*self.site.sudo(), "-d", "wiki"], user="carol")
        self.others = self.site.bytes("wiki")
        self.known = self.site.read("shop").n
        self.recorded()

    def recorded(self):
        """How many changes the system's log has named since the last call."""
        return sum(tag.startswith("toktab[") for _, tag, _ in self.site.log.lines())

    def assert_recorded(self, result):
        """Each change is in the store, sound and with her name, and in the system's log; nothing else is."""
        store, recorded = self.site.read("shop"), self.recorded()
        if getattr(result, "code", 0) == -signal.SIGKILL:  # by sudo, in the instant between disk and system's log
            self.assertLessEqual(recorded, store.n - self.known, result)
        else:
            self.assertEqual(recorded, store.n - self.known, result)
        self.assertEqual({record.by[0] for _, record, _ in store.log}, {"alice"}, result)
        self.assertEqual(self.site.bytes("wiki"), self.others)
        self.known = store.n

    def change(self, label, preexec=None, command=None, **more):
        """An update through sudo; its exit status."""
        result = self.site.run("-d", "shop", "update", "-l", label, "1", preexec_fn=preexec,
            command=command or self.site.sudo(), **more)
        self.assertFalse(self.site.leaks(result.stdout + result.stderr), result)
        self.assert_recorded(result)
        return result

    def test_limits(self):
        for kind, values in LIMITS.items():
            for value in values:
                self.change("%d %d" % (kind, value), lambda kind=kind, value=value:
                    resource.setrlimit(kind, (value, value)))  # fmt: skip
        self.assertEqual(self.change("no limit").code, 0)
        self.ok("-d", "shop", "revoke", "-y", token_id(self.token))

    def test_a_small_stack(self):
        """It is made larger where that is allowed; else nothing is done. By the owner, whom no sudo gives another one."""
        command = ["/bin/sh", "-c", 'ulimit "$1" 128; shift; exec "$@"', "sh"]
        for option, code in (("-Ss", 0), ("-s", 69)):
            for args in (["update", "-l", "with " + option, "1"], ["list"], ["check"], ["compact"], ["mend", "-y"]):
                result = self.run_tool("-d", "shop", *args, user="toktab", command=[*command, option, self.site.program])
                self.assertEqual(result.code, code, result)

    def test_closed_descriptors(self):
        for closed in range(1, 8):
            closing = " ".join("%d>&-" % fd for fd in range(3) if closed & 1 << fd)
            for tool in ([self.site.program], self.site.sudo()):
                self.change("without %d" % closed, command=["/bin/sh", "-c", 'exec "$@" ' + closing, "sh", *tool])
        self.assertEqual(self.change("all open").code, 0)

    def test_little_of_the_processor(self):
        def idle():
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            os.nice(19)

        self.assertEqual(self.change("idle", idle).code, 0)

    def test_timers_and_masks(self):
        def all_blocked():
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

        def all_ignored():
            for number in ENDS:
                signal.signal(number, signal.SIG_IGN)

        for preexec in (all_blocked, all_ignored):
            self.assertEqual(self.change(preexec.__name__, preexec).code, 0)
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            for microseconds in (500, 2000, 5000, 10000, 20000):
                for tool in (self.site.sudo(), [self.site.program]):
                    self.change("timer %d %d" % (timer, microseconds), lambda timer=timer, microseconds=microseconds:
                        signal.setitimer(timer, microseconds / 1e6, microseconds / 1e6), command=tool)  # fmt: skip
        self.assertEqual(self.change("no timer").code, 0)

    def test_signals(self):
        """At any moment, to sudo, which passes them on."""
        for number in ENDS:
            for _ in range(2):
                process = self.site.start("-d", "shop", "update", "-l", "signal %d" % number, "1", command=self.site.sudo())
                with killed_at_end(process):
                    time.sleep(random.uniform(0, 0.03))
                    os.kill(process.pid, number)
                    process.communicate(timeout=60)
                self.assert_recorded(Result([number], process.returncode, b""))
        self.assertEqual(self.change("no signal").code, 0)

    def test_signals_to_the_tool(self):
        """Before the change or after it, never between it and its record: here the owner sends them."""
        for number in ENDS:
            for _ in range(2):
                process = self.site.start("-d", "shop", "update", "-l", "signal %d" % number, "1", user="toktab",
                    env={"SUDO_UID": "61001"})  # as sudo would set it
                with killed_at_end(process):
                    time.sleep(random.uniform(0, 0.03))
                    os.kill(process.pid, number)
                    process.communicate(timeout=60)
                self.assert_recorded(number)

    def test_environment(self):
        home = self.site.home
        for env in (
            {"LD_PRELOAD": home + "/evil.so", "LD_AUDIT": home + "/evil.so", "LD_LIBRARY_PATH": home,
             "LD_PROFILE": "libc.so.6", "LD_BIND_NOT": "1", "LD_SHOW_AUXV": "1"},
            {"MALLOC_PERTURB_": "165", "MALLOC_ARENA_MAX": "1", "MALLOC_TRACE": home + "/trace", "MALLOC_CHECK_": "3",
             "GLIBC_TUNABLES": "glibc.malloc.mxfast=0:glibc.malloc.check=3"},
            {"LC_ALL": "tr_TR.UTF-8", "LANGUAGE": "../../../..", "NLSPATH": home + "/%N", "LOCPATH": home, "CHARSET": "UTF-7"},
            {"GCONV_PATH": home, "HOSTALIASES": home + "/hosts", "RES_OPTIONS": "debug", "NIS_PATH": home, "RESOLV_ADD_TRIM_DOMAINS": "x"},
            {"TZ": ":" + home + "/zone", "TZDIR": home}, {"TZ": "\x1b[31mEVIL-24"}, {"TZ": "A" * 5000}, {"TZ": "<+24>-24:59:59"},
            {"SUDO_UID": "0", "SUDO_USER": "root", "SUDO_GID": "0", "SUDO_COMMAND": "x"},
            {"ASAN_OPTIONS": "", "TERM": "../../etc/passwd", "TERMINFO": home, "COLUMNS": "-1", "LINES": "999999999"},
        ):  # fmt: skip
            self.assertEqual(self.change("in this environment", env=env).code, 0, env)
        self.assertEqual(os.listdir(home), [])

    def test_time_zones(self):
        """They are hers to write times in, and nothing else: what is stored is the moment."""
        now = int(time.time())
        day = time.gmtime(now + 30 * 86400)
        noon = calendar.timegm((*day[:3], 12, 0, 0))
        for zone, hours in (("UTC0", 0), ("XXX-14", 14), ("YYY+12", -12)):
            result = self.ok("-d", "shop", "create", "-l", zone, "-e", time.strftime("%Y-%m-%dT12:00", day), may_show_token=True,
                command=["/usr/bin/env", "TZ=" + zone, *self.site.sudo()])
            token = self.site.guard(result.out.strip())
            record = self.record(token, "shop")
            self.assertEqual(record.expires, noon - hours * 3600)
            self.assertLess(abs(record.created - now), 3600)

    def test_nobody_is_held_up(self):
        """She stops and forgets her commands at any moment, as far as sudo lets her; others go on."""
        for moment in range(10):
            process = self.site.start("-d", "shop", "update", "-l", "of moment %d" % moment, "1")
            with killed_at_end(process):
                time.sleep(moment * 0.003)
                os.kill(process.pid, signal.SIGSTOP)  # what she started; sudo and the tool are not hers
                self.ok("-d", "shop", "update", "-l", "meanwhile %d" % moment, "1", user="root")
        self.assertEqual(self.site.bytes("wiki"), self.others)


if __name__ == "__main__":
    unittest.main()
