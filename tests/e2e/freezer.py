"""Ways to halt a process where it stands, so that no signal handler of it runs: SIGSTOP, and a frozen cgroup."""

import contextlib
import os
import re
import signal
import tempfile

from harness import process_state, wait_until


class Stopper:
    """By SIGSTOP."""

    def enter(self):
        """In the child, before it becomes the program."""

    def halt(self, process):
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: process.poll() is not None or process_state(process.pid) == "T", "it stops")

    def go_on(self, process):
        process.send_signal(signal.SIGCONT)

    def close(self):
        pass


class Freezer:
    """By a cgroup, of either version."""

    def __init__(self, folder, file, frozen, thawed, shows):
        self.folder, self.file, self.frozen, self.thawed, self.shows = folder, file, frozen, thawed, shows

    def _put(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def enter(self):
        self._put("cgroup.procs", "0")

    def halt(self, process):
        self._put(self.file, self.frozen)
        wait_until(lambda: process.poll() is not None or self._is_frozen(), "it is frozen")

    def _is_frozen(self):
        with open(os.path.join(self.folder, self.shows)) as file:
            return re.search(r"(?m)^frozen 1$|^FROZEN$", file.read()) is not None

    def go_on(self, process):
        self._put(self.file, self.thawed)

    def close(self):
        self._put(self.file, self.thawed)
        wait_until(self._is_removed, "the cgroup is empty")

    def _is_removed(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)
        return not os.path.exists(self.folder)


def make_freezer():
    """None: this machine lets nobody make a cgroup that can be frozen."""
    with open("/proc/self/mountinfo") as file:
        mounts = re.findall(r"(?m)^\S+ \S+ \S+ \S+ (\S+) .* - (cgroup2?) \S+ (\S+)$", file.read())
    kinds = [(place, "cgroup.freeze", "1", "0", "cgroup.events") for place, kind, _ in mounts if kind == "cgroup2"]
    kinds += [(place, "freezer.state", "FROZEN", "THAWED", "freezer.state") for place, kind, options in mounts
        if kind == "cgroup" and "freezer" in options.split(",")]
    for place, *files in kinds:
        with contextlib.suppress(OSError):
            folder = tempfile.mkdtemp(prefix="toktab-e2e-", dir=place)
            if os.path.exists(os.path.join(folder, files[0])) and may_enter(folder):
                return Freezer(folder, *files)
            os.rmdir(folder)
    return None


def may_enter(folder):
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError), open(os.path.join(folder, "cgroup.procs"), "w") as file:
            file.write("0")
            file.flush()
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0
