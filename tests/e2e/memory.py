"""What a core image of a process would show: its memory, taken while it is stopped.

    image = image_of(pid)                 a running process, all of its threads
    Traced(process).to_exit()             a process that trace_me() has begun: its image as it exits
    image.pieces_of(secret)               the pieces of 8 characters that are in it
    image.where(secret)                   the parts that hold such pieces

Not its registers: what strlen(3) and its like leave there depends on the processor and on where a text lies. Start it with
BOUND of the harness, or they may come to be in its memory.
"""

import array
import ctypes
import mmap
import os
import signal
import unittest

from harness import pieces_of, wait_until
from hook_host import sanitizers
from oracle_format import parse_token

PAGE = mmap.PAGESIZE
TRACEME, CONT, DETACH = 0, 7, 17
SETOPTIONS, SEIZE, INTERRUPT = 0x4200, 0x4206, 0x4207
TRACE_EXIT, EXIT_KILL = 0x40, 0x100000
EXITING = signal.SIGTRAP | 6 << 8
WALL = 0x40000000  # of waitpid(2): threads, too

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def unless_sanitized(test):
    return unittest.skipIf(sanitizers(), "a sanitizer has stacks of its own, and keeps what was freed")(test)


def secret_of(token):
    return parse_token(token)[2]


def pieces_in(data, secret):
    return [piece for piece in pieces_of(secret) if piece in data]


def ptrace(request, pid, address=0, data=0):
    if libc.ptrace(request, pid, address, data) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def trace_me():
    """In a child, before it becomes another program: it stops there, and waits for its Traced."""
    libc.ptrace(TRACEME, 0, None, None)


def touched(pagemap, first, last):
    """The runs of pages that are in memory, or swapped."""
    pagemap.seek(8 * first)
    entries = array.array("Q", pagemap.read(8 * (last - first)))
    there = [bool(entry >> 62) for entry in entries] + [False]
    begin = None
    for number, is_there in enumerate(there):
        if is_there and begin is None:
            begin = number
        elif not is_there and begin is not None:
            yield first + begin, first + number
            begin = None


class Part:
    """Memory that was touched. flags: those of smaps in proc(5): lo is locked, dd is in no core image."""

    def __init__(self, start, name, flags, data):
        self.start, self.name, self.flags, self.data = start, name, flags, data

    def __repr__(self):
        return "%x %s %s" % (self.start, self.name, " ".join(self.flags))


class Image:
    """Of a process that is stopped."""

    def __init__(self, pid):
        self.parts = list(self._read(pid))

    @staticmethod
    def _read(pid):
        ranges = []
        with open("/proc/%d/smaps" % pid) as smaps:
            for line in smaps:
                words = line.split()
                if "-" in words[0]:
                    ranges.append([words[0], words[1], words[5] if len(words) > 5 else "", ()])
                elif words[0] == "VmFlags:":
                    ranges[-1][3] = words[1:]
        with open("/proc/%d/mem" % pid, "rb") as memory, open("/proc/%d/pagemap" % pid, "rb") as pages:
            for place, mode, name, flags in ranges:
                if mode.startswith("rw"):
                    start, end = (int(part, 16) for part in place.split("-"))
                    for first, last in touched(pages, start // PAGE, end // PAGE):
                        memory.seek(first * PAGE)
                        yield Part(first * PAGE, name, flags, memory.read((last - first) * PAGE))

    def holds(self, data):
        return any(data in part.data for part in self.parts)

    def pieces_of(self, secret):
        return sorted({piece.decode() for part in self.parts for piece in pieces_in(part.data, secret)})

    def where(self, secret):
        return [part for part in self.parts if pieces_in(part.data, secret)]


def image_of(pid):
    """Stops all threads, and lets them go on."""
    stopped = []
    try:
        for thread in map(int, os.listdir("/proc/%d/task" % pid)):
            ptrace(SEIZE, thread)
            stopped.append(thread)
            ptrace(INTERRUPT, thread)
            os.waitpid(thread, WALL)
        return Image(pid)
    finally:
        for thread in stopped:
            ptrace(DETACH, thread)


def image_without(pid, secret):
    """An image that keeps no piece of it, which may still be on its way to be wiped; fails if one stays."""
    images = []

    def is_clean():
        images[:] = [image_of(pid)]
        return not images[0].where(secret)

    try:
        wait_until(is_clean, "a memory without the secret")
    except AssertionError as error:
        raise AssertionError("%s in %s" % (images[0].pieces_of(secret), images[0].where(secret))) from error
    return images[0]


class Traced:
    """A subprocess.Popen that was started with preexec_fn=trace_me."""

    def __init__(self, process):
        self.process, self.pid = process, process.pid
        self._wait()
        ptrace(SETOPTIONS, self.pid, 0, TRACE_EXIT | EXIT_KILL)

    def _wait(self):
        _, self.status = os.waitpid(self.pid, 0)
        if not os.WIFSTOPPED(self.status):
            raise AssertionError("it has ended unseen: %d" % self.status)

    def to_exit(self):
        ptrace(CONT, self.pid)
        self._wait()
        while self.status >> 8 != EXITING:
            ptrace(CONT, self.pid, 0, os.WSTOPSIG(self.status))
            self._wait()
        return Image(self.pid)

    def end(self):
        """After its last image: how it ended."""
        ptrace(CONT, self.pid)
        _, status = os.waitpid(self.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode
