"""The files of last uses, as toktab-store(5) has them: written and read without toktab."""

import os
import struct
import time

ID, SLOT = 16, 8
DAY = 86400


def used_dir(site):
    return os.path.join(site.store_dir, "used")


def used_path(site, uid=None, domain=None):
    """uid: as which the host runs; without it, that of this process."""
    return os.path.join(used_dir(site), "%s.%d" % (domain or site.domain, os.geteuid() if uid is None else uid))


def store_id(site, domain=None):
    """As the file begins: the storeid in the store's header, as bytes."""
    return bytes.fromhex(site.bytes(domain).split(b"|")[2].decode())


def make_used(site, times, uid=None, began=None, storeid=None):
    """A host's file with the times, {serial: seconds}. Returns its path."""
    path = used_path(site, uid)
    with open(path, "wb") as file:
        file.write(storeid or store_id(site))
    write_slot(path, 0, now() - DAY if began is None else began)
    for serial, value in times.items():
        write_slot(path, serial, value)
    os.chmod(path, 0o640)
    if uid is not None:
        os.chown(path, uid, -1)
    return path


def read_slot(path, serial):
    """0 where the file is missing or ends before."""
    try:
        with open(path, "rb") as file:
            file.seek(ID + SLOT * serial)
            return struct.unpack("<Q", file.read(SLOT).ljust(SLOT, b"\0"))[0]
    except FileNotFoundError:
        return 0


def write_slot(path, serial, value):
    with open(path, "r+b") as file:
        file.seek(ID + SLOT * serial)
        file.write(struct.pack("<Q", value))


def now():
    """By the clock that the tool and the hosts look at, which may lag behind the exact one by some milliseconds."""
    return int(time.clock_gettime(5))  # CLOCK_REALTIME_COARSE


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
