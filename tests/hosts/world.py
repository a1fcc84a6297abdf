"""A machine of its own for the tests beside this file, which it then runs, or in the folder that
E2E_FOLDER names. Started by tests/hosts/run, in namespaces.

/run       empty; all that is private lies here
/etc       a copy, with the users alice and bob, and the group toktab for the hosts that are not root
/dev       its own log: what arrives there is written to LOG
the place of PAM's modules: a copy, with pam_toktab.so; libtoktab is where the linker finds it
the network: a loopback interface, so every host may have its usual port
"""

import fcntl
import glob
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from built import require_built  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(HERE, "..", "e2e")
BUILD = os.path.dirname(os.path.abspath(os.environ.get("TOKTAB", os.path.join(HERE, "../../build/toktab"))))
PRIVATE = "/run/private"
LOG = os.path.join(PRIVATE, "syslog")
USERS = {"alice": 61001, "bob": 61002}
GROUP, GROUP_ID, MEMBERS = "toktab", 61000, "postgres,proxy,www-data"


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def private(name, mode=0o755):
    path = os.path.join(PRIVATE, name)
    os.makedirs(path)
    os.chmod(path, mode)
    return path


def copy_over(folder, name):
    """What is changed there from now on is changed in a copy."""
    copy = private(name)
    subprocess.run(["cp", "-a", folder + "/.", copy], check=True)
    mount("--bind", copy, folder)


def make_run():
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    os.mkdir("/run/sshd")
    os.environ["TMPDIR"] = private("tmp", 0o1777)


def make_dev():
    new = private("dev")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        open(os.path.join(new, name), "w").close()
        mount("--bind", "/dev/" + name, os.path.join(new, name))
    os.mkdir(os.path.join(new, "net"))
    os.mknod(os.path.join(new, "net/tun"), stat.S_IFCHR | 0o600, os.makedev(10, 200))
    os.mkdir(os.path.join(new, "shm"))
    mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", os.path.join(new, "shm"))
    os.symlink("/proc/self/fd", os.path.join(new, "fd"))
    mount("--rbind", new, "/dev")


def enter(path, name, *fields):
    """Into passwd and its like, instead of who may have that name already."""
    with open(path) as file:
        lines = [line for line in file if not line.startswith(name + ":")]
    with open(path, "w") as file:
        file.writelines([*lines, ":".join((name, *map(str, fields))) + "\n"])


def make_users():
    enter("/etc/group", GROUP, "x", GROUP_ID, MEMBERS)
    for name, number in USERS.items():
        home = private("home/" + name)
        os.chown(home, number, number)
        enter("/etc/group", name, "x", number, "")
        enter("/etc/passwd", name, "x", number, number, "", home, "/bin/sh")
        enter("/etc/shadow", name, "*", 19000, 0, 99999, 7, "", "", "")


def make_module():
    folder = os.path.dirname(os.path.realpath(glob.glob("/lib/*/security/pam_unix.so")[0]))
    copy_over(folder, "security")
    shutil.copy(os.path.join(BUILD, "pam", "pam_toktab.so"), folder)
    libraries = private("lib")
    shutil.copy(os.path.join(BUILD, "libtoktab.so.0"), libraries)
    with open("/etc/ld.so.conf.d/toktab.conf", "w") as file:
        file.write(libraries + "\n")
    mount("-t", "tmpfs", "tmpfs", "/var/cache/ldconfig")
    subprocess.run(["/sbin/ldconfig", "-X"], check=True)


def start_loopback():
    with socket.socket() as any_socket:
        SIOCSIFFLAGS, IFF_UP = 0x8914, 1
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def start_log():
    """It ends with the world."""
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    file = open(LOG, "wb", buffering=0)  # noqa: SIM115
    if os.fork() == 0:
        while True:
            file.write(log.recv(65536).rstrip(b"\n\0") + b"\n")


def main():
    if os.getpid() != 1:
        sys.exit("tests/hosts/world.py changes the machine that it runs on: start tests/hosts/run")
    require_built(os.path.join(BUILD, "toktab"), os.path.join(BUILD, "libtoktab.so.0"), os.path.join(BUILD, "pam", "pam_toktab.so"))
    mount("-t", "proc", "proc", "/proc")
    make_run()
    make_dev()
    copy_over("/etc", "etc")
    make_users()
    make_module()
    start_loopback()
    start_log()
    env = {**os.environ, "E2E_FOLDER": os.environ.get("E2E_FOLDER", HERE), "PYTHONPATH": HERE}
    runner = os.path.join(E2E, "run")
    os.execve(sys.executable, [sys.executable, runner, *sys.argv[1:]], env)


if __name__ == "__main__":
    main()
