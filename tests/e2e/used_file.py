"""The file of last uses, as toktab-store(5) has it: written and read without toktab."""

import os
import struct
import time

SLOT = 8


def used_path(site, domain=None):
    return os.path.join(site.store_dir, (domain or site.domain) + ".used")


def mark(site, domain=None):
    """What slot 0 must hold: the first half of the storeid in the store's header."""
    return bytes.fromhex(site.bytes(domain).split(b"|")[2].decode())[:SLOT]


def read_slot(path, serial):
    with open(path, "rb") as file:
        file.seek(SLOT * serial)
        return struct.unpack("<Q", file.read(SLOT))[0]


def write_slot(path, serial, value):
    with open(path, "r+b") as file:
        file.seek(SLOT * serial)
        file.write(struct.pack("<Q", value))


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
