"""Runs a command as systemd would run the daemon of a unit; where no systemd runs, this shows what the daemon sees.

    sandbox.py UNIT USER GROUP WRITABLE COMMAND [ARGUMENT...]

Knows the settings that the recipe has, and no other. USER is what DynamicUser= gave, GROUP the number of the group in
SupplementaryGroups=, WRITABLE a folder that stays as it is. Started in a mount namespace of its own.
"""

import ctypes
import os
import re
import subprocess
import sys

CLONE_NEWUSER = 0x10000000
KNOWN = {"ExecStart", "DynamicUser", "SupplementaryGroups", "ProtectSystem", "PrivateUsers", "TemporaryFileSystem",
    "BindReadOnlyPaths", "BindPaths"}  # fmt: skip


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def bind(source, target, options):
    os.makedirs(target, exist_ok=True)
    mount("--no-canonicalize", "--bind", source, target)  # what /proc leads to, not what has its name now
    mount("-o", "remount,bind," + options, target)


def hide(unit, writable):
    """Everything is read-only; the folder is empty but for what is bound into it."""
    kept = {"rw": [writable], "ro": []}
    kept["ro"] += re.findall(r"^BindReadOnlyPaths=(.*)$", unit, re.M)
    kept["rw"] += [path for path in re.findall(r"^BindPaths=-?(.*)$", unit, re.M) if os.path.exists(path)]
    held = [(os.open(path, os.O_PATH), path, options) for options in ("ro", "rw") for path in kept[options]]
    folder, _, options = re.search(r"^TemporaryFileSystem=(.*)$", unit, re.M)[1].partition(":")
    mount("-t", "tmpfs", "tmpfs", folder)
    for descriptor, path, mode in held:
        if path.startswith(folder + "/"):
            bind("/proc/%d/fd/%d" % (os.getpid(), descriptor), path, mode)
        os.close(descriptor)
    mount("-o", "remount," + options, folder)
    mount("--bind", writable, writable)
    with open("/proc/self/mountinfo") as table:
        points = [line.split()[4] for line in table]
    for point in points:
        if not point.startswith((*kept["rw"], "/proc", "/sys", "/dev")):
            mount("-o", "remount,bind,ro", point)


def enter_private_users(user):
    """Root and the daemon's user are themselves, everybody else is nobody. A parent outside writes the maps."""
    ready, go = os.pipe(), os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.read(ready[0], 1)
        for name in ("uid_map", "gid_map"):
            with open("/proc/%d/%s" % (parent, name), "wb", buffering=0) as file:
                file.write(b"0 0 1\n%d %d 1\n" % (user, user))
        os.write(go[1], b"x")
        os._exit(0)
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    os.write(ready[1], b"x")
    os.close(go[1])
    if os.read(go[0], 1) != b"x":
        raise RuntimeError("the maps of the user namespace could not be written")
    os.waitpid(child, 0)


def main():
    with open(sys.argv[1]) as file:
        unit = file.read()
    user, group = int(sys.argv[2]), int(sys.argv[3])
    settings = dict(re.findall(r"^(\w+)=(.*)$", unit, re.M))
    if set(settings) != KNOWN or settings["ProtectSystem"] != "strict" or settings["PrivateUsers"] != "yes":
        sys.exit("sandbox.py does not know this unit")
    hide(unit, sys.argv[4])
    os.setgroups([user, group])
    enter_private_users(user)
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    os.execvp(sys.argv[5], sys.argv[5:])


if __name__ == "__main__":
    main()
