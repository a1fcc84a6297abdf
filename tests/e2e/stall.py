"""Calls that never return: whoever has a file system of his own (FUSE) can make others wait in them. Here root mounts it;
a member of the stores' group would do so in a user namespace."""

import ctypes
import functools
import os
import stat
import struct
import tempfile
import threading
import unittest

from harness import IS_ROOT

INIT, GETATTR, OPEN, READ = 26, 3, 14, 15  # of fuse(4)
ENOSYS = 38
SIZE = 1 << 20
FORCE_AND_DETACH = 1 | 2  # what waits in there goes on, with an error

libc = ctypes.CDLL(None, use_errno=True)


def open_device(folder):
    """A minimal root has no /dev/fuse: then one is made."""
    path = "/dev/fuse"
    if not os.path.exists(path):
        path = os.path.join(folder, "fuse")
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(10, 229))
    return os.open(path, os.O_RDWR)


class Stalled:
    """Within "with Stalled(path, owner)", what is read from this regular file never comes. It seems to belong to owner,
    and to have this mode."""

    def __init__(self, path, owner=0, mode=0o644):
        self.path, self.owner, self.mode = path, owner, stat.S_IFREG | mode
        self.waiting = threading.Event()  # is set when somebody reads

    def __enter__(self):
        with tempfile.TemporaryDirectory() as folder:
            self.device = open_device(folder)
        options = b"fd=%d,rootmode=100000,user_id=0,group_id=0,allow_other" % self.device
        if libc.mount(b"stalled", self.path.encode(), b"fuse", 0, options):
            error = ctypes.get_errno()
            os.close(self.device)
            raise OSError(error, os.strerror(error), self.path)
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        libc.umount2(self.path.encode(), FORCE_AND_DETACH)
        self.thread.join()
        os.close(self.device)

    def _serve(self):
        while True:
            try:
                request = os.read(self.device, 1 << 17)
            except OSError:
                return
            _, operation, number, _ = struct.unpack_from("<IIQQ", request)
            if operation == READ:
                self.waiting.set()
                continue
            answer = self._answer(operation)
            try:
                os.write(self.device, struct.pack("<IiQ", 16 + len(answer), 0 if answer else -ENOSYS, number) + answer)
            except OSError:  # who asked was killed
                pass

    def _answer(self, operation):
        if operation == INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, 65536, 0, 12, 9, 65536, 1, 0, 0, 0)
        if operation == GETATTR:
            return struct.pack("<QII6Q10I", 3600, 0, 0, 1, SIZE, 8, 0, 0, 0, 0, 0, 0, self.mode, 1, self.owner, 0, 0, 4096, 0)
        if operation == OPEN:
            return struct.pack("<QII", 1, 0, 0)
        return b""


@functools.lru_cache
def why_not():
    if not IS_ROOT:
        return "only root can mount"
    with tempfile.NamedTemporaryFile() as file:
        try:
            with Stalled(file.name):
                return None
        except OSError as error:
            return "no FUSE here: %s" % error


def needs_stall(test):
    reason = why_not()
    return unittest.skip(reason)(test) if reason else test
