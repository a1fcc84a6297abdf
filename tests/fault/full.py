"""Disks that are really full: no change is half done, and 100 revocations go through.

Mounts tmpfs, and ext4 and xfs on loop devices, in a mount namespace of its own, fills each, and lets the owner of the
stores go on; on ext4 also with a quota that is used up. What the machine does not allow is said aloud.
"""

import contextlib
import ctypes
import os
import shutil
import struct
import subprocess
import tempfile

from fault import Complaint, World, announce, oracle, require, revoked_ids, token_id, make_token, Fault

OWNER = 61999  # of the stores: the last blocks of a disk, and quotas, are not for root
TOKENS, REVOCATIONS = 120, 100
XFS_LEAST = 300 << 20  # bytes, sparse
Q_SETQUOTA, QIF_BLIMITS = 0x800008, 1


class NotHere(Exception):
    """The machine does not let us."""


def must_run(*command):
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if ended.returncode != 0:
        raise NotHere("%s: %s" % (" ".join(command), ended.stdout.decode(errors="replace").strip()))


class Mount:
    """A small file system at a private path."""

    def __init__(self, folder, kind):
        self.folder, self.kind = folder, kind
        self.path, self.image = os.path.join(folder, "mnt"), os.path.join(folder, "image")
        os.mkdir(self.path)
        if kind == "tmpfs":
            must_run("mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", self.path)
            return
        with open(self.image, "wb") as image:
            image.truncate(XFS_LEAST if kind == "xfs" else 16 << 20)
        quota = ("-O", "quota", "-E", "quotatype=usrquota") if kind == "quota" else ()
        must_run(*{"xfs": ("mkfs.xfs", "-q")}.get(kind, ("mkfs.ext4", "-q", "-m", "0", *quota)), self.image)
        must_run("mount", "-o", "loop", self.image, self.path)

    def limit(self, blocks):
        """What the owner may have, in KiB."""
        with open("/proc/self/mounts", encoding="ascii") as mounts:
            device = next(line.split()[0] for line in mounts if line.split()[1] == self.path)
        wanted = struct.pack("<8QI4x", blocks, blocks, 0, 0, 0, 0, 0, 0, QIF_BLIMITS)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.quotactl(Q_SETQUOTA << 8, device.encode(), OWNER, wanted) != 0:
            raise NotHere("quotactl: %s" % os.strerror(ctypes.get_errno()))

    def close(self):
        subprocess.run(["umount", self.path], check=False, stderr=subprocess.DEVNULL)


def fill(path):
    """As the owner, down to the last byte."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setgid(OWNER)
            os.setuid(OWNER)
        number = 0
        for size in (1 << 20, 1 << 14, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while number < 5000:
                    file = os.open(os.path.join(path, "filler-%d" % number), os.O_WRONLY | os.O_CREAT, 0o600)
                    number += 1
                    while os.write(file, b"x" * size) == size:
                        pass
        os._exit(0)
    os.waitpid(child, 0)


class FullWorld(World):
    """A world whose stores are on the small file system."""

    def __init__(self, mount):
        super().__init__()
        self.store_dir = os.path.join(mount.path, "stores")
        os.mkdir(self.store_dir)
        os.chmod(self.store_dir, 0o750)
        os.chown(self.store_dir, OWNER, OWNER)
        with open(self.conf, encoding="utf-8") as file:
            text = file.read()
        start = text.index('"')
        self.configure(text[:start] + '"%s"' % self.store_dir + text[text.index('"', start + 1) + 1 :])
        self.more = [make_token() for _ in range(TOKENS)]
        writer = self.writer()
        for place, token in enumerate(self.more):
            writer.create(token, "number %d" % place, self.now)
        oracle.write_file(self.path(), [writer.data()])
        os.chown(self.path(), OWNER, OWNER)

    def must(self, *args, **more):
        result = self.run(*args, **more)
        require(result.code == 0, "%s", result)

    def refuses(self, *args, **more):
        before = self.store()
        result = self.run(*args, **more)
        require(result.code in (73, 74) and result.err.startswith("toktab: "), "%s", result)
        require(self.store().head() == before.head(), "half done: %s", result)
        require(not [name for name in self.files() if name.startswith(".")], "left behind: %s", self.files())


def try_one(mount):
    world = FullWorld(mount)
    try:
        world.must("create", "-l", "before it is full")  # which allocates what is kept for revocations
        if mount.kind == "quota":
            mount.limit(2048)
        fillers = os.path.join(mount.path, "fillers")
        os.mkdir(fillers)
        os.chown(fillers, OWNER, OWNER)
        fill(fillers)
        revoked = 0
        world.refuses("import", "-y", "-", stdin="key\tk-0123456789abcdefghijklmnopqrstuvwxyz\n")
        world.refuses("compact")
        for token in world.more[:REVOCATIONS]:
            result = world.run("revoke", "-y", token_id(token))
            require(result.code == 0, "after %d revocations: %s", revoked, result)
            revoked += 1
        require({token_id(token) for token in world.more[:REVOCATIONS]} <= revoked_ids(world.store()), "they are lost")
        result = world.run("verify", stdin=world.more[0])
        require(result.code == 1, "a revoked token: %s", result)
        for number in range(500):  # into what was kept for revocations, until that is low
            before = world.store()
            result = world.run("create", "-l", "when it is full %d" % number)
            if result.code != 0:
                break
        require(result.code in (73, 74) and world.store().head() == before.head(), "create: %s", result)
        shutil.rmtree(fillers)
        for args in (("create", "-l", "room again"), ("compact",), ("check",)):
            world.must(*args)
    finally:
        world.close()


KINDS = ("tmpfs", "ext4", "xfs", "quota")


def main(_):
    announce("full", "a quarter of a minute")
    complaints, tried = [], []
    for kind in KINDS:
        with tempfile.TemporaryDirectory(prefix="toktab-full-") as folder:
            os.chmod(folder, 0o755)
            mount = None
            try:
                mount = Mount(folder, kind)
                try_one(mount)
                tried.append(kind)
            except NotHere as reason:
                print("NOT TRIED, because this machine does not let us: %s: %s" % (kind, reason), flush=True)
            except (Complaint, Fault, AssertionError) as complaint:
                complaints.append("%s: %s" % (kind, complaint))
            finally:
                if mount:
                    mount.close()
                else:
                    subprocess.run(["umount", os.path.join(folder, "mnt")], check=False, stderr=subprocess.DEVNULL)
    for complaint in complaints:
        print("FAILED: %s" % complaint)
    print("full: %d revocations went through on each of %d full file systems (%s): %d changes half done or refused wrongly"
        % (REVOCATIONS, len(tried), ", ".join(tried) or "none", len(complaints)))
    return len(complaints) + (not tried)
