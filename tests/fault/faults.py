"""Every system call, allocation and function of libsodium fails once, with each error that it can give.

Of the tool, command by command, of the library, in host.c, and of real hosts, in hosts.py. A fault may be survived; then all is done. Else
nothing is half done, and a message says so.
"""

import collections
import concurrent.futures
import errno as errors
import multiprocessing
import os
import random
import re
import subprocess

import hosts
from fault import (BUILD, CALLS, CHANGES, CHANGES_OF_FOLLOWERS, CUT, FAIL, FOLLOWS, HALF, MEMORY_CALLS, NAMES, SODIUM,
    STATUSES, TOKEN, Complaint, Fault, World, announce, is_damaged, next_command, oracle, read_start, require)
from harness import environment

WORKERS = 2
SOURCES = {CALLS: "system call", MEMORY_CALLS: "allocation", SODIUM: "libsodium"}

# What each can give, where nothing but the machine is at fault. Left out: what cannot fail, what only a wrong
# argument makes fail, and EPIPE, of which the tool is silent as others are.
OPEN = ("EACCES", "EIO", "EINTR", "EMFILE", "ENFILE", "ENOMEM")
NEW_NAME = ("EACCES", "EDQUOT", "EIO", "ENOMEM", "ENOSPC", "EROFS")
LOOK = ("EACCES", "EIO", "ENOMEM")
WRITE = ("EDQUOT", "EINTR", "EIO", "ENOSPC", "EFBIG")
SYNC = ("EDQUOT", "EINTR", "EIO", "ENOSPC")
SOCKET = ("EACCES", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM")
GIVES = {
    "read": ("EINTR", "EIO", "ENOMEM"), "pread64": ("EINTR", "EIO", "ENOMEM"), "write": WRITE, "pwrite64": WRITE,
    "openat": OPEN, "close": ("EINTR", "EIO"), "fstat": ("EIO", "ENOMEM"), "newfstatat": LOOK, "statx": LOOK,
    "stat": LOOK, "lstat": LOOK, "access": LOOK, "readlink": LOOK, "readlinkat": LOOK,
    "poll": ("EINTR", "ENOMEM"), "lseek": ("EINVAL",), "mmap": ("ENOMEM", "EAGAIN"), "mprotect": ("ENOMEM", "EACCES"),
    "munmap": ("ENOMEM",), "brk": ("ENOMEM",), "ioctl": ("ENOTTY", "EIO"), "madvise": ("EAGAIN", "EINVAL", "ENOMEM"),
    "pipe": ("EMFILE", "ENFILE"), "pipe2": ("EMFILE", "ENFILE"), "dup": ("EMFILE",), "dup2": ("EBUSY", "EINTR", "EMFILE"),
    "dup3": ("EBUSY", "EINTR", "EMFILE"), "nanosleep": ("EINTR",), "clock_nanosleep": ("EINTR",), "socket": SOCKET,
    "connect": ("EACCES", "EAGAIN", "ECONNREFUSED", "EINTR", "ENOENT"), "sendto": ("EAGAIN", "EINTR", "ENOBUFS"),
    "socketpair": ("EMFILE", "ENFILE", "ENOMEM"), "setsockopt": ("ENOMEM",), "sendmsg": ("EINTR", "ENOBUFS", "ENOMEM"),
    "recvmsg": ("EINTR", "ENOMEM"), "clone": ("EAGAIN", "ENOMEM"), "wait4": ("EINTR", "ECHILD"),
    "fcntl": ("EBADF", "EINTR", "EINVAL"), "flock": ("EINTR", "ENOLCK", "EWOULDBLOCK"), "fsync": SYNC, "fdatasync": SYNC,
    "ftruncate": ("EINTR", "EIO", "EPERM"), "fallocate": ("EDQUOT", "EINTR", "EIO", "ENOSPC", "EOPNOTSUPP"),
    "fchmod": ("EIO", "EPERM", "EROFS"), "fchown": ("EDQUOT", "EIO", "EPERM"), "rename": NEW_NAME, "renameat": NEW_NAME,
    "renameat2": NEW_NAME, "linkat": (*NEW_NAME, "EMLINK", "EPERM"), "mkdirat": NEW_NAME,
    "unlinkat": ("EACCES", "EBUSY", "EIO", "ENOMEM"), "getdents64": ("EIO", "ENOENT"),
    "fgetxattr": ("EIO", "EOPNOTSUPP", "EACCES"), "fsetxattr": ("EDQUOT", "EIO", "ENOSPC", "EOPNOTSUPP", "EPERM"),
    "fremovexattr": ("EIO", "EPERM"), "setuid": ("EAGAIN", "EPERM"), "setgid": ("EAGAIN", "EPERM"),
    "setresuid": ("EAGAIN", "EPERM"), "setresgid": ("EAGAIN", "EPERM"), "setgroups": ("ENOMEM", "EPERM"),
    "mlock": ("EAGAIN", "ENOMEM", "EPERM"), "prctl": ("EINVAL",), "setrlimit": ("EPERM",), "prlimit64": ("EPERM",),
    "getrandom": ("EINTR",), "close_range": ("ENOMEM",), "statfs": ("EIO", "ENOMEM"), "waitid": ("ECHILD", "EINTR"),
    "setpgid": ("EPERM",), "recvfrom": ("ECONNRESET", "EINTR", "ENOMEM"), "signalfd4": ("EMFILE", "ENFILE", "ENOMEM"),
    "accept4": ("ECONNABORTED", "EINTR", "EMFILE", "ENFILE", "ENOMEM"),
}
OF_MEMORY = {"mmap", "mprotect", "brk", "munmap", "madvise"}
TRANSFERS = {"read", "write", "pread64", "pwrite64"}
O_CREAT = 0o100


class Reader:
    """A command that changes nothing: if it ends with the same status as without the fault, it says the same."""

    new, targets, rewrites, again = 0, (), False, ()

    def __init__(self, name, args, code=0, start=None, stdin=None, site=None):
        self.name, self.args, self.code, self.stdin, self.site = name, args, code, stdin, site or {}
        self.start, self.damaged = start or World.sound, start is World.damaged


def token_of(serial):
    return lambda world: world.tokens[serial - 1]


READERS = [
    Reader("verify, a good token", ("verify",), stdin=token_of(1)),
    Reader("verify, a revoked token", ("verify", "--json"), 1, stdin=token_of(2)),
    Reader("list", ("list", "--all")),
    Reader("list --json", ("list", "--all", "--json")),
    Reader("show", ("show", "3")),
    Reader("history", ("history",)),
    Reader("check", ("check",), start=World.compacted),
    Reader("check, damage", ("check",), 1, start=World.damaged),
    Reader("domains", ("domains",)),
    Reader("scan", ("scan",), 1, stdin=token_of(3)),
    Reader("help", ("--help",)),
    Reader("log", ("log",), start=World.compacted),
    Reader("log --from HEAD", ("log", "--from", "-"), stdin=lambda world: oracle.Store(world.sound()).head()),
    Reader("check --fleet", ("check", "--fleet"), 69, site={"source": World.sound}),
]
COMMANDS = {command.name: command for command in [*CHANGES, *CHANGES_OF_FOLLOWERS, *READERS]}


class Plan:
    """One fault: which call, and what becomes of it. at: from 1, of the system calls that are `call`, or of the source."""

    def __init__(self, source, at, error=None, part=None, call=-1, descriptor=None):
        self.source, self.at, self.error, self.part, self.call, self.descriptor = source, at, error, part, call, descriptor

    def put(self, shim):
        if self.part is not None:
            shim.plan(CUT, self.source, self.at, part=self.part, call=self.call)
        else:
            shim.plan(FAIL, self.source, self.at, getattr(errors, self.error), call=self.call)

    def __str__(self):
        what = NAMES.get(self.call, self.call) if self.source == CALLS else SOURCES[self.source]
        return "%s %d: %s" % (what, self.at, self.error or "%s bytes" % (self.part or "half its"))


def plans_of(shim):
    """All faults of what the shim has just seen without one."""
    plans, counts, made = [], shim.counts(), collections.Counter()
    for call, exempt, first, _, third, _ in shim.trace():
        made[call] += 1
        name = NAMES.get(call)
        if exempt and name in OF_MEMORY:
            continue
        gives = GIVES.get(name, ())
        if name == "openat" and third & O_CREAT:
            gives = (*gives, "EDQUOT", "ENOSPC", "EROFS")
        plans += [Plan(CALLS, made[call], error, call=call, descriptor=first) for error in gives]
        if name in TRANSFERS and third > 1:
            plans += [Plan(CALLS, made[call], part=part, call=call, descriptor=first) for part in (1, HALF)]
    for source in (MEMORY_CALLS, SODIUM):
        plans += [Plan(source, at + 1, "ENOMEM") for at in range(counts[source])]
    return plans


def cannot_speak(plan):
    """The fault itself is that of a message, or of what it goes to."""
    return plan.source == CALLS and plan.descriptor == 2 and NAMES.get(plan.call) in ("write", "fcntl", "dup2")


def run_once(world, command):
    world.start_over(command.start(world))
    used = os.path.join(world.store_dir, "used")
    os.mkdir(used)
    os.chmod(used, 0o3730)
    before = read_start(command, world)
    world.journal()
    stdin = command.stdin(world) if callable(command.stdin) else command.stdin
    return before, world.shimmed(*command.args, stdin=stdin)


def judge_leaks(world):
    blocks, size, where = world.shim.leaked()
    if "libc.so" in where and NAMES.get(world.plan.call) == "lseek":
        return  # fclose(3) then loses its buffer
    require(blocks == 0, "%d blocks of %d bytes are lost, one made by %s", blocks, size, where)


def judge_manners(result, plan, command):
    require(result.code in STATUSES, "exit %d", result.code)
    calls_damage = result.code == 65 or (command.args[0] == "check" and result.code == 1)
    require(command.damaged or command.code or not calls_damage, "a sound store is called damaged")
    require(not TOKEN.search(result.stderr), "a token on stderr")
    if result.code != command.code:
        said = re.search(r"(?m)^toktab: .", result.err) or '"error"' in result.out
        require(said or cannot_speak(plan), "not a word")


def judge_reader(command, before, result, normal, world):
    require(world.listing() == before, "a reader changed a file")
    # `domains` says what the caller may do, and "nothing" is what EACCES means
    if result.code == command.code == 0 and result.out != normal.out and "MAY     STORE" not in result.out:
        require(re.search(r"(?m)^toktab: .", result.err), "it says something else, and not why")
    require(command.code == 0 or result.code != 0, "exit 0")


def judge_change(command, before, result, world):
    damaged = is_damaged(world)
    require(not damaged or command.damaged, "the store is damaged")
    if not damaged:
        after = world.store()
        complete = command.judge(before, after, result, world)
        require(not after or after.torn == b"" or (before and before.torn == after.torn), "a torn line is left")
        # an empty store is as good as none
        if after is not None and command.again != FOLLOWS:
            judge_journal(before, after, result, world)
        changed = after is not None and (after.n > 0 if before is None else after.head() != before.head())
        if result.code != 0 and changed:
            require(complete or command.name.startswith(("revoke", "rotate", "follow")), "half done")
            # where there is more to say than that it failed, it is said
            said = re.search(r"token \d+ |before that|written|in place|cannot vouch|known to be|could not be shown|HEAD is|compact", result.err)
            require(said or command.again == FOLLOWS or cannot_speak(world.plan), "it is done, but nobody is told")
            require(not complete or "NOT revoked" not in result.err, "it is done, and the opposite is said")
    if result.code != 0:
        next_command(world, damaged, command.again)


SAID = re.compile(r"(in doubt: )?\S+ (created|revoked|updated) token (\d+) \(id (\w{12})\) in domain example.com: ")
OPERATIONS = {"C": "created", "R": "revoked", "U": "updated"}


def judge_journal(before, after, result, world):
    """The system's log has each change, and calls in doubt what its maker was told to be in doubt."""
    told = [line for line in map(SAID.match, world.journal()) if line]
    sure, all_told = ({(line[2], line[4]) for line in told if not (line[1] and but)} for but in (True, False))
    begun = before.n if before else 0
    made = {(OPERATIONS[record.op], record.id) for n, record, _ in after.log if n > begun and record.op in OPERATIONS}
    require(sure <= made, "the system's log says what is not so: %s", sure - made)
    if NAMES.get(world.plan.call) in ("socket", "connect", "sendmsg"):
        return
    require(made <= all_told, "not in the system's log: %s", made - all_told)
    doubt = "cannot vouch" in result.err
    require(not doubt or all_told - sure, "only the admin is told of the doubt")
    require(doubt or result.code or not all_told - sure, "only the system's log is told of a doubt")


def leftovers(world, plan):
    names = [name for name in world.files() if name.startswith(".")]
    require(not names or NAMES.get(plan.call) in ("unlinkat", "getdents64"), "left behind: %s", names)


def try_plan(world, command, plan, normal):
    """True if the fault happened."""
    world.plan = plan
    plan.put(world.shim)
    before, result = run_once(world, command)
    happened = world.shim.happened
    try:
        judge_manners(result, plan, command)
        judge_leaks(world)
        if isinstance(command, Reader):
            judge_reader(command, {world.domain + ".tokens": normal.store}, result, normal, world)
        else:
            leftovers(world, plan)
            judge_change(command, before, result, world)
    except (Complaint, Fault, AssertionError) as complaint:
        raise Complaint("%s, %s: %s\n%s" % (command.name, plan, complaint, result)) from complaint
    return happened


def some_of(plans, of):
    """One in so many, the same on each run."""
    random.Random(1).shuffle(plans)
    return plans[::of]


def walk(name, of):
    """Faults of a command: ({source: how many}, complaints)."""
    command = COMMANDS[name]
    world = World(**command.site)
    happened, complaints = {source: 0 for source in SOURCES}, []
    data = command.start(world)
    command.start = lambda world: data
    try:
        world.plan = Plan(CALLS, 0)
        world.shim.plan()
        _, normal = run_once(world, command)
        if normal.code != command.code:
            raise Complaint("without a fault: %s" % normal)
        judge_leaks(world)
        normal.store = data
        for plan in some_of(plans_of(world.shim), of):
            try:
                happened[plan.source] += try_plan(world, command, plan, normal)
            except Complaint as complaint:
                complaints.append(str(complaint))
    except Complaint as complaint:
        complaints.append("%s: %s" % (name, complaint))
    finally:
        world.close()
    return happened, complaints


# ---- the library ----


class HostWorld(World):
    """A world for fault-host: the store, what is appended to it, and what takes its place."""

    def run_host(self, once):
        writer = self.writer()
        data = writer.data()
        writer.revoke(self.tokens[2])
        self.start_over(data)
        with open(self.path() + ".next", "wb") as file:
            file.write(writer.log[-1])
        writer.compact(self.now)
        oracle.write_file(self.path() + ".compacted", [writer.data()])
        command = [os.path.join(BUILD, "fault-host"), self.conf, self.path(), *["once"] * once]
        stdin = "".join(self.tokens[place] + "\n" for place in (0, 1, 2)).encode()
        return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False,
            env=environment({"LD_LIBRARY_PATH": BUILD, "TOKTAB_FAULT": self.shim.file.name}))


def judge_host(result, plan):
    out = result.stdout.decode()
    require(result.returncode == 0, "it died: %d", result.returncode)
    require(result.stderr == b"", "the library wrote to stderr")
    require("lost 0 descriptors and 0 blocks" in out, "something is lost")
    require("errno changed" not in out, "errno was changed")
    require("\nrevoked allow" not in out, "a revoked token was admitted")
    opened = "not opened" not in out
    require(opened or re.search(r"not opened: .", out), "not opened, and not a word")
    require(not opened or "settled deny" in out, "the revocation is never seen")
    require(plan is not None or out.count("good allow") == 3, "a good token was refused")


def walk_host(once, of):
    world, happened, complaints = HostWorld(), {source: 0 for source in SOURCES}, []
    try:
        result = world.run_host(once)
        judge_host(result, None)
        for plan in some_of(plans_of(world.shim), of):
            plan.put(world.shim)
            result = world.run_host(once)
            happened[plan.source] += world.shim.happened
            try:
                judge_host(result, plan)
            except Complaint as complaint:
                complaints.append("library, %s: %s\n%s" % (plan, complaint, result))
    except Complaint as complaint:
        complaints.append("library: %s\n%s" % (complaint, result))
    finally:
        world.close()
    return happened, complaints


def walk_real(name, of):
    host, happened, complaints = hosts.KINDS[name](), {source: 0 for source in SOURCES}, []
    plan = None
    try:
        host.run(None)
        plans = hosts.plans_for(host, plans_of(host.world.shim))
        for plan in some_of(plans, of):
            plan.put(host.world.shim)
            try:
                host.run(plan)
            except (Complaint, subprocess.TimeoutExpired) as complaint:
                complaints.append("%s, %s: %s" % (name, plan, complaint))
            happened[plan.source] += host.world.shim.happened
    except Complaint as complaint:
        complaints.append("%s, without a fault: %s" % (name, complaint))
    finally:
        host.close()
    return happened, complaints


def main(short):
    announce("faults", "a minute" if short else "twenty minutes")
    of = 8 if short else 1
    total, complaints = {source: 0 for source in SOURCES}, []
    with concurrent.futures.ProcessPoolExecutor(WORKERS, multiprocessing.get_context("fork")) as pool:
        walks = {pool.submit(walk_real, name, of * 8 if short else 1): name for name in hosts.KINDS}
        walks.update({pool.submit(walk_host, once, min(of, 2)): "the library" for once in (False, True)})
        walks.update({pool.submit(walk, name, of): name for name in COMMANDS})
        for future in concurrent.futures.as_completed(walks):
            happened, found = future.result()
            if not short:
                print("%s: %d" % (walks[future], sum(happened.values())), flush=True)
            for complaint in found[:20]:
                print("FAILED: %.1500s" % complaint, flush=True)
            complaints += found
            for source in SOURCES:
                total[source] += happened[source]
    print("faults: %d injected (%d in system calls, %d in allocations, %d in libsodium) into %d commands, the library and %d hosts: "
        "%d crashes, leaks, half-done changes or silent failures"
        % (sum(total.values()), total[CALLS], total[MEMORY_CALLS], total[SODIUM], len(COMMANDS), len(hosts.KINDS), len(complaints)))
    return len(complaints)
