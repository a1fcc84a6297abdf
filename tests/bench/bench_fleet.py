"""Many hosts that follow one, all on this machine and over pipes: how long a change takes to the last of them, what a new
host costs, and the memory and idle cost of `toktab log` and `toktab follow`.

Each round is a change: a token is created, and revoked. The time runs from the acknowledgement to the verdict of the last
follower's library.
"""

import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from common import BUILD, TOOL, timed
from rows import Row, ratios

FOLLOWERS = 20, 100
TICK = os.sysconf("SC_CLK_TCK")
IDLE = 10  # seconds
DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL"]


class Fleet:
    """A writer with a store of its own, and followers. folder: where they are made."""

    def __init__(self, folder, count):
        self.folder, self.processes, self.hosts = folder, [], []
        self.writer = self.site("writer", "")
        self.run(self.writer, "create", "-l", "the first")
        for number in range(count):
            source = "%s -c %s/toktab.conf log --from - --follow" % (TOOL, self.writer)
            self.hosts.append(self.site("host%d" % number, ' source = "%s";' % source))
            command = [*DIES_WITH_US, TOOL, "-c", self.hosts[-1] + "/toktab.conf", "follow"]
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        for host in self.hosts:
            self.wait_for(lambda host=host: os.path.exists(host + "/stores/default.tokens"))

    def site(self, name, settings):
        path = os.path.join(self.folder, name)
        os.mkdir(path)
        os.mkdir(path + "/stores", 0o750)
        with open(path + "/toktab.conf", "w", encoding="utf-8") as file:
            file.write('store_dir = "%s/stores";\ndomains = ({ name = "default";%s });\n' % (path, settings))
        return path

    def run(self, site, *arguments):
        return subprocess.run([TOOL, "-c", site + "/toktab.conf", *arguments], check=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8").stdout.strip()

    @staticmethod
    def wait_for(condition):
        end = time.monotonic() + 60
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError("a follower does not come up")
            time.sleep(0.01)

    def close(self):
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()


def changes(fleet, rounds):
    """Milliseconds from the acknowledgement of a change to the last host's verdict; 0 if it was faster."""
    command = [os.path.join(BUILD, "bench-fleet"), *fleet.hosts]
    taken = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as watch:
        def until(verdict, token, said):
            watch.stdin.write("%s %s\n" % (verdict, token))
            watch.stdin.flush()
            taken.append(max(0, float(watch.stdout.readline()) - said) * 1000)

        for _ in range(rounds):
            token = fleet.run(fleet.writer, "create", "-l", "measured")
            until("allow", token, time.monotonic())
            fleet.run(fleet.writer, "revoke", "-y", token[4:16])
            until("deny", token, time.monotonic())
        watch.stdin.close()
    return taken


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="utf-8") as file:
        return [int(child) for child in file.read().split()]


def memory(pid):
    """Megabytes, with all that it shares with others."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Rss:")) / 1024


def processor_time(pid):
    with open("/proc/%d/stat" % pid, encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def costs(fleet):
    """Of each process: its memory, and the share of a processor in percent while nothing changes."""
    kinds = {"follow": [process.pid for process in fleet.processes]}
    kinds["log"] = [child for pid in kinds["follow"] for child in children(pid)]
    before = {pid: processor_time(pid) for pids in kinds.values() for pid in pids}
    time.sleep(IDLE)
    for name, pids in kinds.items():
        yield Row("toktab %s, memory" % name, "MB", "<=5", [memory(pid) for pid in pids])
        shares = [(processor_time(pid) - before[pid]) / IDLE * 100 for pid in pids]
        yield Row("toktab %s, idle" % name, "% CPU", "", shares)


def fleet_rows(bench):
    for count in FOLLOWERS:
        place = tempfile.mkdtemp(dir=bench.folder)
        fleet = Fleet(place, count)
        try:
            taken = changes(fleet, bench.rounds)
            worst = statistics.quantiles(taken, n=100, method="inclusive")[98]
            yield Row("a change to the last of %d hosts" % count, "ms", "", taken)
            yield Row("a change to the last of %d hosts, p99" % count, "ms", "<=100", [worst])
            if count == FOLLOWERS[0]:
                yield from costs(fleet)
        finally:
            fleet.close()
            shutil.rmtree(place)


def new_host_rows(bench):
    """A host without a store fetches the great one, against a copy of it that is synced too."""
    great = bench.store(bench.great)
    fleet = Fleet(tempfile.mkdtemp(dir=bench.folder), 0)
    host = fleet.site("new", "")
    fetched, copied = [], []
    for _ in range(bench.few()):
        for name in os.listdir(host + "/stores"):
            with contextlib.suppress(IsADirectoryError):
                os.unlink(os.path.join(host, "stores", name))
        source = [TOOL, "-c", great + "/toktab.conf", "-d", "default", "log"]
        fetched.append(timed(TOOL, "-c", host + "/toktab.conf", "follow", "--once", "--", *source)[0])
        files = "if=" + great + "/default.tokens", "of=" + host + "/copy"
        copied.append(timed("dd", *files, "bs=1M", "conv=fsync")[0])
    yield Row("a new host / a copy of the file", "", "<=3", ratios(fetched, copied), bench.great)
    yield Row("a new host", "ms", "", fetched, bench.great)
    shutil.rmtree(fleet.folder)


def rows(bench):
    yield from fleet_rows(bench)
    yield from new_host_rows(bench)
