"""A machine with users, groups and sudo of its own, for the tests of delegation.

It is this machine, seen through a mount namespace in which a few files of /etc and the directory of the system's
toktab.conf are other ones. Outside of it nothing is changed. Wants root, and leave to mount.
"""

import contextlib
import functools
import grp
import os
import pwd
import re
import select
import shutil
import socket
import subprocess
import threading
import unittest

from harness import IS_ROOT, LOCALE, TOKTAB, TOP, Site, environment

# name: (uid, further groups); each has a group of its own with the same number
USERS = {
    "toktab": (61000, ()),
    "alice": (61001, ("toktab-admins",)),
    "carol": (61002, ("toktab-admins", "webops")),
    "mallory": (61003, ("toktab-admins",)),
    "eve": (61004, ()),
    "reader": (61005, ("toktab",)),
}
GROUPS = {"toktab-admins": 61100, "webops": 61101}

SUDOERS = """Defaults env_reset
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Defaults use_pty
Defaults !syslog, !mail_no_user, logfile=%s/sudo.log
Defaults env_keep += "ASAN_OPTIONS UBSAN_OPTIONS"
root ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"""
PAM = "".join("%s required pam_permit.so\n" % kind for kind in ("auth", "account", "session", "password"))

# $1: a directory whose files are put over those of the same path, and whose log.socket is /dev/log
SETUP = """
mkdir "$1/dev" && mount -t tmpfs dev "$1/dev" && mkdir "$1/dev/pts" &&
for name in null zero full random urandom tty; do
    [ ! -e "/dev/$name" ] || { : > "$1/dev/$name" && mount --bind "/dev/$name" "$1/dev/$name"; } || exit
done
: > "$1/dev/log" && mount --bind "$1/log.socket" "$1/dev/log" || exit
[ ! -d /dev/pts ] || mount --bind /dev/pts "$1/dev/pts" || exit
ln -s pts/ptmx "$1/dev/ptmx" && ln -s /proc/self/fd "$1/dev/fd" && mount --rbind "$1/dev" /dev || exit
cd "$1/over" && find . -mindepth 1 -name '*.over' | while read -r path; do
    target=${path#.}; target=${target%.over}
    mount --bind "$path" "$target" || exit
done && cd "$1" && echo ready && exec cat
"""


@functools.lru_cache
def propagation():
    """In a chroot the root cannot be made private; then it must be so already."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        shared = " shared:" in file.read()
    return "private" if shared or subprocess.run(
        ["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0 else "unchanged"


def system_config():
    """The path of the configuration that is built into the tool."""
    help_text = subprocess.run([TOKTAB, "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return re.search(r"instead of (/\S+)", help_text).group(1)


def nearest_directory(path):
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


@functools.lru_cache
def why_not():
    """Why there can be no such machine here; None if there can."""
    if not IS_ROOT:
        return "only root can be several users"
    if not os.access("/usr/bin/sudo", os.X_OK):
        return "sudo is not installed"
    probe = subprocess.run(
        ["unshare", "--mount", "--propagation", propagation(), "mount", "--bind", "/tmp", "/tmp"],
        stderr=subprocess.PIPE, check=False)
    if probe.returncode != 0:
        return "root may not mount here: %s" % probe.stderr.decode().strip()
    if nearest_directory(os.path.dirname(system_config())) in ("/", "/etc"):
        return "there is no %s to put another one over" % os.path.dirname(system_config())
    if not os.path.exists("/etc/hosts"):
        return "there is no /etc/hosts to put another one over, without which sudo complains"
    taken = {entry.pw_uid for entry in pwd.getpwall()} | {entry.gr_gid for entry in grp.getgrall()}
    if taken & ({uid for uid, _ in USERS.values()} | set(GROUPS.values())):
        return "uids or gids from 61000 on are in use"
    return None


def needs_machine(test):
    reason = why_not()
    return unittest.skip(reason)(test) if reason else test


class SystemLog:
    """What listens at /dev/log, and takes what comes until it is stopped."""

    kind = socket.SOCK_DGRAM

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, self.kind)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        if self.kind == socket.SOCK_STREAM:
            self.socket.listen()
            self.socket.setblocking(False)
        self.taken, self.lock, self.stopping = [], threading.Lock(), False
        self.thread = threading.Thread(target=self._take)
        self.thread.start()

    def _drain(self):
        with self.lock, contextlib.suppress(BlockingIOError):
            while True:
                self.taken.append(self.socket.recv(65536, socket.MSG_DONTWAIT).decode())

    def _take(self):
        while not self.stopping:
            if select.select([self.socket], [], [], 0.05)[0]:
                self._drain()

    def lines(self):
        """(priority with the facility, tag, text) of each line since the last call."""
        self._drain()
        with self.lock:
            taken, self.taken = self.taken, []
        found = [re.fullmatch(r"<(\d+)>.{15} ([^ :]+): (.*)", line).groups() for line in taken]
        return [(int(priority), tag, text) for priority, tag, text in found]

    def stop(self):
        """From here on nobody takes anything: whoever writes will have to wait."""
        self.stopping = True
        self.thread.join()

    def close(self):
        self.stop()
        self.socket.close()


class StreamLog(SystemLog):
    """It takes streams, as some do. In them a NUL ends each line."""

    kind = socket.SOCK_STREAM

    def _drain(self):
        with self.lock, contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self.socket.accept()
                connection.setblocking(True)
                with connection, connection.makefile() as stream:
                    self.taken += stream.read().split("\0")[:-1]


class Machine(Site):
    """A site whose configuration is the system's, and whose stores belong to the user toktab.

    start() and what it serves take user=, a name from USERS, or root. The tool is self.program, the same for all.
    """

    def __init__(self, domains, link=False, log=SystemLog):
        """link: the configuration names the store directory by a symbolic link."""
        super().__init__(domains, mode=0o2710, owner=USERS["toktab"][0], group=USERS["toktab"][0])
        self.program = os.path.join(self.dir, "toktab")
        shutil.copy(TOKTAB, self.program)
        os.chmod(self.program, 0o755)
        self._tool_for_all = self.program
        self.home = os.path.join(self.dir, "home")
        os.mkdir(self.home)
        os.chmod(self.home, 0o1777)
        with open(self.conf, encoding="utf-8") as file:
            text = file.read()
        if link:
            os.symlink(self.store_dir, os.path.join(self.dir, "link"))
            text = text.replace(self.store_dir, os.path.join(self.dir, "link"))
        self._put_over(text)
        self.log = log(os.path.join(self.dir, "log.socket"))
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", propagation(), "sh", "-c", SETUP, "sh", self.dir],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._holder.stdout.readline() != b"ready\n":
            self.close()
            raise AssertionError("the machine could not be made")

    def _over(self, path, text, mode=0o644):
        """What takes the place of a file. It has another name as long as it is not there."""
        path = "%s/over%s.over" % (self.dir, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)

    @staticmethod
    def _without_ours(path):
        """The lines of the file but those of our names: where the package is installed there is a user toktab."""
        with open(path, encoding="utf-8") as file:
            return "".join(line for line in file if line.split(":")[0] not in {**USERS, **GROUPS})

    def _put_over(self, config):
        passwd, group = self._without_ours("/etc/passwd"), self._without_ours("/etc/group")
        for name, (uid, _) in USERS.items():
            passwd += "%s:x:%d:%d::%s:/bin/sh\n" % (name, uid, uid, self.home)
        for name, gid in {**{name: uid for name, (uid, _) in USERS.items()}, **GROUPS}.items():
            members = [user for user, (_, groups) in USERS.items() if name in groups]
            group += "%s:x:%d:%s\n" % (name, gid, ",".join(members))
        self._over("/etc/passwd", passwd)
        self._over("/etc/group", group)
        self._over("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        self._over("/etc/hosts", "127.0.0.1 localhost %s\n" % os.uname().nodename)
        self._over("/etc/pam.d/sudo", PAM)
        self._over("/etc/sudoers", SUDOERS % self.dir, 0o440)
        self._put_directory_over("/etc/sudoers.d", {"toktab": self.sudoers_line()}, 0o440)

        self.conf_dir = os.path.dirname(system_config())
        base = nearest_directory(self.conf_dir)
        path = self._put_directory_over(base, {}, 0)
        os.makedirs(path + self.conf_dir[len(base):], exist_ok=True)
        self.conf = os.path.join(path + self.conf_dir[len(base):], "toktab.conf")
        self.configure(config)

    def put_over(self, path, text, mode):
        """From now on this is what the machine has there."""
        self._over(path, text, mode)
        subprocess.run(["/usr/bin/nsenter", "--target", str(self._holder.pid), "--mount", "--root", "--wd", "--",
            "mount", "--bind", "%s/over%s.over" % (self.dir, path), path], check=True)

    def _put_directory_over(self, target, files, mode):
        path = "%s/over%s.over" % (self.dir, target)
        os.makedirs(path)
        os.chmod(path, 0o755)
        for name, text in files.items():
            with open(os.path.join(path, name), "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), mode)
                file.write(text)
        return path

    def sudoers_line(self):
        """The one that is shipped, for the tool that is tested."""
        with open(os.path.join(TOP, "conf/sudoers"), encoding="utf-8") as file:
            text = file.read()
        assert "/usr/bin/toktab" in text
        return text.replace("/usr/bin/toktab", self.program)

    def configure(self, text, mode=0o640):
        super().configure(text)
        if hasattr(self, "conf_dir"):
            os.chown(self.conf, 0, USERS["toktab"][0])
            os.chmod(self.conf, mode)

    def close(self):
        self._holder.stdin.close()
        self._holder.wait()
        self._holder.stdout.close()
        self.log.close()
        super().close()

    def start(self, *args, user="alice", conf=None, env=None, command=None, **more):
        """conf: as for a Site, but that without it the system's is used. command: another one than the tool."""
        command = command or [self.program]
        uid = 0 if user == "root" else USERS[user][0]
        command = [
            "/usr/bin/nsenter", "--target", str(self._holder.pid), "--mount", "--root", "--wd", "--",
            "/usr/bin/setpriv", "--reuid", str(uid), "--regid", str(uid), "--init-groups", "--",
            *command, *(["-c", conf] if conf else []), *args,
        ]
        more = {
            "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
            "start_new_session": True, **more,
        }
        return subprocess.Popen(command, env={**environment(), "LC_ALL": LOCALE, **(env or {})}, **more)

    def sudo(self):
        """What runs the tool as the owner of the stores."""
        return ["/usr/bin/sudo", "-n", "-u", "toktab", self.program]
