"""What each command says and records if the disk fails: before a new file is in place, and after."""

import contextlib
import os
import re
import secrets
import subprocess
import unittest

from fleet import FleetTest
from fleet_site import Engines, Host
from harness import config_text, killed_at_end, wait_until
from oracle import Writer
from oracle_format import make_token

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int *renamed; /* a store, in this process or in one that it has made */

__attribute__((constructor)) static void begin(void)
{
    renamed = mmap(NULL, sizeof(*renamed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* FAIL: "fdatasync", "file" or "directory": their sync; "name": that of the directory after a store got its name;
 * once, if it is "name once"; "rename": of a store; "writer": of a DOMAIN.writer after that; "open": of a store that
 * was renamed; "missing": a store, whenever it is opened; "lines": to read many at once; "1970": the clock is before it;
 * "lock": others hold it, for a second each time that it is asked for; "child": a process takes six seconds */
static int fails(const char *what)
{
    const char *list = getenv("FAIL");

    return list && strstr(list, what);
}

static int is_directory(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

/* SLOW: microseconds that fdatasync(2) takes more.
 * SYNCS: a file that gets a line for each sync: by whom, of what */
static void note(const char *what)
{
    FILE *file = getenv("SYNCS") ? fopen(getenv("SYNCS"), "a") : NULL;

    if (!file)
        return;
    fprintf(file, "%d %s\n", (int)getpid(), what);
    fclose(file);
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

    note("data");
    if (getenv("SLOW"))
        usleep((useconds_t)atoi(getenv("SLOW")));
    if (!fails("fdatasync"))
        return real(fd);
    errno = EIO;
    return -1;
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");

    note(is_directory(fd) ? "directory" : "file");
    if (!fails(is_directory(fd) ? "directory" : "file") && !(is_directory(fd) && *renamed && fails("name")))
        return real(fd);
    if (fails("once"))
        *renamed = 0;
    errno = EIO;
    return -1;
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    int (*real)(int, const char *, int, const char *, unsigned) =
        (int (*)(int, const char *, int, const char *, unsigned))dlsym(RTLD_NEXT, "renameat2");

    if ((!fails("rename") || !strstr(new, ".tokens")) && (!*renamed || !fails("writer") || !strstr(new, ".writer"))) {
        *renamed |= strstr(new, ".tokens") != NULL;
        return real(from, old, to, new, flags);
    }
    errno = EIO;
    return -1;
}

int renameat(int from, const char *old, int to, const char *new)
{
    return renameat2(from, old, to, new, 0);
}

/* What open(2) is where it was compiled with _FORTIFY_SOURCE, and where it was not. */
int __open64_2(const char *path, int flags)
{
    if (fails("missing") && strstr(path, ".tokens")) {
        errno = ENOENT;
        return -1;
    }
    if (!*renamed || !fails("open") || !strstr(path, ".tokens"))
        return openat(AT_FDCWD, path, flags);
    errno = EIO;
    return -1;
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    int mode;

    va_start(rest, flags);
    mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    return mode != 0 ? openat(AT_FDCWD, path, flags, mode) : __open64_2(path, flags);
}

ssize_t pread64(int fd, void *bytes, size_t size, off64_t offset)
{
    ssize_t (*real)(int, void *, size_t, off64_t) =
        (ssize_t (*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");

    if (!fails("lines") || size < 128 * 1024)
        return real(fd, bytes, size, offset);
    errno = EIO;
    return -1;
}

ssize_t __pread64_chk(int fd, void *bytes, size_t size, off64_t offset, size_t room)
{
    return size <= room ? pread64(fd, bytes, size, offset) : -1;
}

time_t time(time_t *now)
{
    time_t (*real)(time_t *) = (time_t (*)(time_t *))dlsym(RTLD_NEXT, "time");

    return fails("1970") ? -86400 : real(now);
}

static time_t ahead; /* seconds that the clock has gone on beside */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    int result;

    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    result = real(clock, now);
    if (clock == CLOCK_MONOTONIC)
        now->tv_sec += ahead;
    return result;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *rest)
{
    int (*real)(clockid_t, int, const struct timespec *, struct timespec *) =
        (int (*)(clockid_t, int, const struct timespec *, struct timespec *))dlsym(RTLD_NEXT, "clock_nanosleep");
    struct timespec then = *until;

    if (flags & TIMER_ABSTIME)
        then.tv_sec -= ahead;
    return real(clock, flags, &then, rest);
}

int flock(int fd, int operation)
{
    int (*real)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");

    if (!fails("lock"))
        return real(fd, operation);
    ahead++;
    errno = EWOULDBLOCK;
    return -1;
}

pid_t waitpid(pid_t process, int *status, int options)
{
    pid_t (*real)(pid_t, int *, int) = (pid_t (*)(pid_t, int *, int))dlsym(RTLD_NEXT, "waitpid");

    ahead += fails("child") ? 6 : 0;
    return real(process, status, options);
}

int access(const char *path, int mode)
{
    return strcmp(path, "/dev/log") == 0 ? 0 : faccessat(AT_FDCWD, path, mode, 0);
}

int connect(int fd, const struct sockaddr *to, socklen_t size)
{
    int (*real)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");

    return strcmp(((const struct sockaddr_un *)to)->sun_path, "/dev/log") == 0 ? 0 : real(fd, to, size);
}

/* Only the system's log is written to by this. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    FILE *file = getenv("SYSLOG") ? fopen(getenv("SYSLOG"), "a") : NULL;

    (void)fd;
    (void)flags;
    if (!file)
        return 1;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        fwrite(message->msg_iov[i].iov_base, 1, message->msg_iov[i].iov_len, file);
    fputc('\n', file);
    fclose(file);
    return 1;
}
"""


class FailingDisk(FleetTest):
    def setUp(self):
        super().setUp()
        shim, self.log = (os.path.join(self.site.dir, name) for name in ("shim.so", "syslog"))
        command = ["cc", "-shared", "-fPIC", "-o", shim, "-x", "c", "-", "-ldl"]
        if os.environ.get("LD_PRELOAD") or any(name.endswith("SAN_OPTIONS") for name in os.environ):
            self.skipTest("under a sanitizer nothing else can be preloaded")
        if subprocess.run(command, input=SHIM.encode(), check=False).returncode:
            self.skipTest("no compiler for what makes the disk fail")
        self.env = {"LD_PRELOAD": shim, "SYSLOG": self.log}

    def failing(self, what):
        return {**self.env, "FAIL": what}

    def run_with(self, host, what, *args, code=74, says=(), stdin=None):
        result = host.run(*args, env=self.failing(what), stdin=stdin)
        self.assertEqual(result.code, code, result)
        for word in (says,) if isinstance(says, str) else says:
            self.assertIn(word, result.err, result)
        return result

    def journal(self):
        """What the system's log got since the last call."""
        with contextlib.suppress(FileNotFoundError), open(self.log) as file:
            lines = file.read().splitlines()
            os.unlink(self.log)
            return [re.fullmatch(r"<85>.*? toktab\[\d+\]: (in doubt: )?\S+ (.*)", line).expand(r"\1\2") for line in lines]
        return []


class Commands(FailingDisk):
    def test_compact_is_the_cure(self):
        self.create()
        result = self.refused(74, "revoke", "-y", "1", env=self.failing("fdatasync"), says="toktab compact")
        self.assertNotIn("revoked token", result.err)
        self.refused(74, "create", "-l", "x", env=self.failing("fdatasync"), says="toktab compact")
        self.ok("compact", env=self.failing("fdatasync"))  # it syncs by fsync(2), and that works
        self.ok("check")

    def test_a_new_file_that_cannot_be_synced(self):
        self.create()
        before = self.site.bytes()
        self.refused(74, "compact", env=self.failing("file,directory"), says="nothing was done")
        self.assertEqual(self.site.bytes(), before)
        self.assertEqual(self.site.files(), ["example.com.lock", "example.com.tokens"])

    def test_a_new_file_whose_name_may_be_lost(self):
        """It is in place, so the system's log has it; if it never came there, nothing was done."""
        self.create()
        for command, done in (("compact", "compacted"), ("mend", "mended")):
            with self.subTest(command=command):
                args = [command] + ["-y"] * (command == "mend")
                before = self.site.bytes()
                self.run_with(self.site, "rename", *args, says="nothing was done")
                self.assertEqual(self.site.bytes(), before)
                self.assertEqual(self.journal(), [])
                self.run_with(self.site, "name", *args, says=["in place, but", "toktab compact"])
                self.assertNotEqual(self.site.bytes(), before)
                self.assertEqual(self.journal(), ["in doubt: %s the store of domain example.com: HEAD %s" % (done, self.json("check")["head"])])

    def test_a_store_that_seems_to_be_missing(self):
        """It is not replaced by a new one."""
        self.create()
        before = self.site.bytes()
        self.refused(73, "create", "-l", "x", env=self.failing("missing"), says="File exists")
        self.assertEqual(self.site.bytes(), before)
        self.assertEqual(self.site.files(), ["example.com.lock", "example.com.tokens"])

    def test_a_clock_before_1970(self):
        self.create()
        before = self.site.bytes()
        for command in (["create", "-l", "x"], ["revoke", "-y", "1"], ["update", "-l", "x", "1"], ["compact"], ["mend", "-y"]):
            with self.subTest(command=command):
                self.refused(69, *command, env=self.failing("1970"), says="1970")
                self.assertEqual(self.site.bytes(), before)

    def test_what_mending_ends(self):
        """Also the tokens that it revokes."""
        self.create()
        self.ok("update", "1", "-l", "x")
        self.create()
        lines = self.site.bytes().splitlines(keepends=True)
        self.site.put(b"".join(lines[:2] + lines[3:]))  # without the update
        self.run_with(self.site, "name", "mend", "-y", says="in place, but")
        self.assertIn("revoked token", "\n".join(self.journal()))

    def test_import(self):
        self.site.configure(config_text(self.site.store_dir, [{"name": "example.com", "foreign": True}]))
        key = secrets.token_urlsafe(24)
        self.site.secrets.add(key)
        self.create()
        self.journal()
        self.run_with(self.site, "rename", "import", "-y", "-", stdin="a\t%s\n" % key, says="nothing was done")
        self.assertEqual(self.journal(), [])
        self.run_with(self.site, "name", "import", "-y", "-", stdin="a\t%s\n" % key, says=["in place, but", "toktab compact"])
        self.assertEqual(len(self.journal()), 1)

    def test_a_first_store(self):
        result = self.run_with(self.site, "directory", "create", "-l", "x", says="after a crash it may be gone")
        self.assertEqual(result.out, "")
        self.assertEqual(self.journal(), [])
        self.create()


class Hosts(FailingDisk):
    def test_promote(self):
        """Run again, it says that it is the writer only after a sync."""
        self.create()
        host = self.follower()
        self.once(host)
        before = host.bytes()
        for what, code in (("rename", 74), ("directory", 73)):
            self.run_with(host, what, "promote", code=code, says="nothing was done")
            self.assertEqual(host.bytes(), before)
            self.assertEqual(self.journal(), [])
            self.assertEqual(host.run("create", "-l", "x").code, 77)
        self.run_with(host, "name", "promote", says=["in place, but", "toktab compact"])
        head = host.run("check").out.strip()
        self.assertEqual(self.journal(), ["in doubt: promoted this host to write the store of domain example.com: HEAD " + head])
        for what in ("directory", "fdatasync"):
            self.assertEqual(self.run_with(host, what, "promote", says="cannot be written to the disk").out, "")
        self.assertEqual(host.run("promote").out.strip(), head)
        self.assertEqual(host.run("create", "-l", "x").code, 0)

    def test_mend_on_the_promoted_writer(self):
        """If it ends before the new epoch is in place, this host is still the writer of the old one."""
        self.create()
        host = self.follower()
        self.once(host)
        self.assertEqual(host.run("promote").code, 0)
        for what in ("rename", "file"):
            self.run_with(host, what, "mend", "-y", code=74, says="nothing was done")
            self.assertEqual(host.run("create", "-l", "x").code, 0)
        self.assertEqual(host.run("mend", "-y").code, 0)
        with open(os.path.join(host.store_dir, "example.com.writer")) as file:
            self.assertEqual(file.read(), "%d\n" % host.read().header.epoch)  # an older copy is not written to

    def test_mend_that_leaves_both_epochs(self):
        """Where the last thing that it does fails, it says so, and the next change does it."""
        self.create()
        host = self.follower()
        self.once(host)
        self.assertEqual(host.run("promote").code, 0)
        writer = os.path.join(host.store_dir, "example.com.writer")

        def named():
            with open(writer) as file:
                return [int(line) for line in file]

        for command in ("create", "-l", "x"), ("compact",), ("promote",), ("mend", "-y"):
            with self.subTest(command=command):
                old = host.read().header.epoch
                result = self.run_with(host, "writer", "mend", "-y", code=0, says="example.com.writer: cannot be written")
                new = host.read().header.epoch
                self.assertEqual(named(), [old, new])
                self.assertIn(str(new), result.out)
                self.assertEqual(host.run("list").code, 0)
                self.assertEqual(named(), [old, new])
                self.assertEqual(host.run(*command).code, 0)
                self.assertEqual(named(), [host.read().header.epoch])
        old = host.bytes()
        self.run_with(host, "writer", "mend", "-y", code=0)
        self.run_with(host, "directory", "create", "-l", "x")
        self.assertEqual(len(named()), 2)  # who cannot tell whether the store's name would last leaves both
        host.put(old)
        self.assertEqual(host.run("create", "-l", "x").code, 0)
        self.assertEqual(named(), [host.read().header.epoch])

    def test_follow(self):
        """It writes its last bytes again, and syncs them and the name, before it counts itself level."""
        self.create()
        host = self.follower()
        self.run_with(host, "name", "follow", "--once", says="in place, but")
        self.assert_same(host)
        self.assertEqual(host.run("check", "--fleet").code, 69)
        self.once(host)
        self.run_with(host, "fdatasync", "follow", "--once", says="cannot be written")
        self.assertIn('"state": "disk"', host.run("check", "--fleet", "--json").out)
        self.once(host)
        self.create()
        self.ok("compact")
        self.run_with(host, "name", "follow", "--once", says="in place, but")
        self.once(host)
        self.assert_same(host)

    def test_a_compaction_whose_name_may_not_last(self):
        """Also if the disk has recovered by the next try: then the host is level soon, but not without a word."""
        self.create()
        host = self.follower()
        self.once(host)
        self.ok("compact")
        self.run_with(host, "name once", "follow", "--once", says="in place, but")
        self.assertIn('"state": "disk"', host.run("check", "--fleet", "--json").out)
        self.once(host)
        self.assert_same(host)

    def test_a_compaction_that_has_no_room(self):
        """What is revoked after it arrives all the same."""
        token = self.create()
        host = self.follower()
        self.once(host)
        self.ok("compact")
        self.ok("revoke", "-y", "1")
        self.run_with(host, "rename", "follow", "--once", says="goes on without this compaction")
        self.run_with(host, "rename", "follow", "--once", code=0)
        self.assertEqual(host.run("verify", stdin=token).code, 1)
        self.assertEqual((host.read().header.base, host.read().n), (0, self.site.read().n))
        self.ok("compact")
        self.once(host)
        self.assert_same(host)

    def test_a_lock_that_others_hold(self):
        """Ten seconds later that is what `check --fleet` says, and then it goes on."""
        self.create()
        host = self.follower()
        self.once(host)
        before = host.bytes()
        self.create()
        self.run_with(host, "lock", "follow", "--once", says="has been locked for more than 10 seconds")
        self.assertIn('"state": "locked"', host.run("check", "--fleet", "--json").out)
        self.assertEqual(host.bytes(), before)
        self.once(host)
        self.assertIn('"state": "good"', host.run("check", "--fleet", "--json").out)
        self.assert_same(host)

    def test_follow_syncs_once(self):
        """A change waits for no sync before programs see it: what was there before was synced when it was written."""
        self.create()
        host = self.follower()
        self.once(host)
        syncs = os.path.join(host.dir, "syncs")

        def count(process):
            with contextlib.suppress(FileNotFoundError), open(syncs) as file:
                return [line.split()[1] for line in file if line.split()[0] == str(process.pid)]
            return []

        def noted():
            with open(os.path.join(host.store_dir, "example.com.contact")) as file:
                return file.read().split("|")[2].strip() == self.json("check")["head"]

        with killed_at_end(host.start("follow", env={**self.env, "SYNCS": syncs})) as process:
            wait_until(lambda: len(count(process)) == 2, "it stands")
            for number in range(3):
                self.create()
                wait_until(noted, "it has the change")
                self.assertEqual(count(process)[2:], ["data"] * (number + 1))
        self.assert_same(host)

    def test_others_get_their_turn(self):
        """While a follower writes many lines to a slow disk."""
        self.create()
        host = self.follower()
        self.once(host)
        writer = Writer.on(self.site.read())
        for number in range(500):  # more than it can write while another command waits for the lock
            writer.create(make_token(), "token %d" % number)
        writer.write(self.site.path())
        with killed_at_end(host.start("follow", env={**self.env, "SLOW": "40000"})):
            wait_until(lambda: host.read().n > 1, "the first of them")
            self.assertEqual(host.run("promote").code, 0)
            self.assertLess(host.read().n, 500)

    def hosts_with_an_engine(self):
        """Two, which have a token."""
        engines = Engines()
        self.addCleanup(engines.close)
        engines.install_shared()
        hosts = [Host(engines) for _ in range(2)]
        for host in hosts:
            self.addCleanup(host.close)
        self.assertEqual(hosts[0].run("create", "-l", "x").code, 0)
        self.assertEqual(hosts[1].catch_up().code, 0)
        return hosts

    def test_compact_with_an_engine(self):
        """What the engine has taken is no "nothing was done"."""
        hosts = self.hosts_with_an_engine()
        result = self.run_with(hosts[0], "rename", "compact", says=["has this compaction", "toktab follow"])
        self.assertEqual(len([line for line in self.journal() if line.startswith("compacted")]), 1, result)
        for host in hosts:
            self.assertEqual(host.catch_up().code, 0)
        self.assertEqual(hosts[0].bytes(), hosts[1].bytes())
        self.assertEqual(hosts[0].read().header.base, 1)
        hosts[0].engines.install("shared", "#!/bin/sh\nread -r head && read -r line\n")
        self.run_with(hosts[0], "", "compact", says="did not say whether it has")
        self.assertRegex("\n".join(self.journal()), r"\Ain doubt: compacted the store .*\Z")

    def test_a_log_that_cannot_be_read(self):
        """Wherever the engine stands: it is not called damaged, nor is it asked whether changes may be lost."""
        host = self.hosts_with_an_engine()[0]
        first = host.head()
        self.assertEqual(host.run("create", "-l", "y").code, 0)
        for mended in False, True:
            if mended:
                self.assertEqual(host.run("mend", "-y").code, 0)
            host.engines.install("shared", "#!/bin/sh\necho =%s\n" % first)
            self.run_with(host, "lines", "promote", says="cannot be read: Input/output error")

    def test_a_command_behind_a_compaction(self):
        """It repeats the compaction first, which is not the change that it was asked for."""
        hosts = self.hosts_with_an_engine()
        self.assertEqual(hosts[0].run("compact").code, 0)
        self.assertEqual(hosts[1].run("create", "-l", "y", env=self.env).code, 0)
        self.assertEqual(hosts[1].read().header.base, 1)
        self.assertEqual([line.split()[:3] for line in self.journal()], [["created", "token", "3"]])
        self.assertEqual(hosts[0].catch_up().code, 0)
        self.assertEqual(hosts[0].run("compact").code, 0)
        engines = hosts[0].engines
        point = os.path.join(engines.log, "example.com", "4")
        engines.install("shared", '#!/bin/sh\nread -r head && read -r line\nprintf "conflict %%s\\n" "$(cat "%s")"\n'
            "read -r head && read -r line && echo unavailable no majority\n" % point)  # fmt: skip
        self.run_with(hosts[1], "", "revoke", "-y", "1", code=69, says="NOT revoked")
        self.assertEqual(hosts[1].bytes(), hosts[0].bytes())
        self.assertEqual(self.journal(), [])

    def test_a_compaction_that_takes_long(self):
        """A command that repeats it says so; then it is done."""
        hosts = self.hosts_with_an_engine()
        self.assertEqual(hosts[0].run("compact").code, 0)
        result = self.run_with(hosts[1], "child", "create", "-l", "y", code=75, says="compact it as another host did")
        self.assertNotIn("all the time", result.err)
        self.assertEqual(hosts[1].bytes(), hosts[0].bytes())
        self.assertEqual(self.journal(), [])
        self.assertEqual(hosts[1].run("create", "-l", "y").code, 0)

    def test_a_compaction_that_cannot_be_opened(self):
        """A command that has repeated it writes nothing to the old file, which has no name any more."""
        hosts = self.hosts_with_an_engine()
        self.assertEqual(hosts[0].run("compact").code, 0)
        self.run_with(hosts[1], "open", "revoke", "-y", "1", says=["NOT revoked", "cannot open it"])
        self.assertEqual(hosts[1].bytes(), hosts[0].bytes())
        self.assertEqual(hosts[0].catch_up().code, 0)
        self.assertEqual(hosts[1].bytes(), hosts[0].bytes())
        self.assertEqual(self.journal(), [])


if __name__ == "__main__":
    unittest.main()
