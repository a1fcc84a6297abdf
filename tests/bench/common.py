"""What the parts of the measurement share: the stores, the programs that were built, and how often to measure."""

import collections
import os
import re
import resource
import subprocess
import time

from rows import Row

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
TOOL = os.path.join(BUILD, "toktab")
SMALL, HUGE = 1000, 10_000_000
ENV = {**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": BUILD}  # where the modules find the library
COUNTED = (100, 1100)  # how often a thing is done for callgrind, which counts the difference


# A command that was run: milliseconds that it took, milliseconds of the processor, and what it printed.
Run = collections.namedtuple("Run", "taken busy output")


class Bench:
    """folder: for scratch files. great: how many tokens the great store has. all: other programs, and HUGE, too."""

    def __init__(self, folder, rounds, great, everything):
        self.folder, self.rounds, self.great, self.all = folder, rounds, great, everything
        self.stores = {}

    def sizes(self):
        return (SMALL, self.great, HUGE) if self.all else (SMALL, self.great)

    def few(self, at_most=7):
        return min(self.rounds, at_most)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def new(self, name):
        path = self.path(name)
        os.mkdir(path)
        return path

    def store(self, tokens, owner="library", updates=0):
        """A store of so many tokens, for one part to change, or "library", whose stores nothing changes."""
        key = "%s-%d-%d" % (owner, tokens, updates)
        if key not in self.stores:
            self.stores[key] = self.new(key)
            program("store", self.stores[key], tokens, *([updates] if updates else []))
        return self.stores[key]

    def forget(self, path):
        """Remove a store that takes much room."""
        subprocess.run(["rm", "-rf", path], check=True)
        self.stores = {key: kept for key, kept in self.stores.items() if kept != path}


def program(name, *arguments, goals=(), tokens=None):
    """The rows that a measuring program prints: what, unit and values. goals: {what: goal}."""
    command = [os.path.join(BUILD, "bench-" + name), *map(str, arguments)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8", env=ENV).stdout
    rows = []
    for line in output.splitlines():
        what, unit, values = line.split("\t")
        rows.append(Row(what, unit, dict(goals).get(what, ""), [float(value) for value in values.split()], tokens))
    return rows


def timed(*command, status=0, output=subprocess.DEVNULL):
    """Run a command; output=subprocess.PIPE where what it prints is wanted."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, env=ENV, check=False)
    taken = (time.perf_counter() - began) * 1000
    if ended.returncode != status:
        raise RuntimeError("%s: exit status %d: %s" % (command, ended.returncode, ended.stderr.decode()))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = (after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime) * 1000
    return Run(taken, busy, (ended.stdout or b"").decode())


def tool(store, *arguments, domain="default", **more):
    return timed(TOOL, "-c", os.path.join(store, "toktab.conf"), "-d", domain, *arguments, **more)


def create(store):
    """A Run that created a token, and the token's id."""
    created = tool(store, "create", "-l", "measured", output=subprocess.PIPE)
    return created, created.output.partition("_")[2][:12]


def peak_memory(*command):
    """The most bytes that a command had in memory at once."""
    return int(timed(os.path.join(BUILD, "bench-peak"), *command, output=subprocess.PIPE).output) * 1024


def counted(out, *command):
    """The instructions of a command, by callgrind, which writes to the file out."""
    subprocess.run(["valgrind", "--quiet", "--tool=callgrind", "--callgrind-out-file=" + out, *map(str, command)],
                   check=True, stdout=subprocess.DEVNULL, env=ENV)
    return total(out)


def total(out):
    with open(out, encoding="utf-8") as file:
        return int(re.search(r"^(?:summary|totals): (\d+)", file.read(), re.M).group(1))
