"""What crash.py, power.py, faults.py and full.py have in common: the shim's plans, worlds, and what is asked of a store."""

import contextlib
import mmap
import os
import re
import shutil
import socket
import struct
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "e2e")]

import oracle  # noqa: E402
from harness import IS_ROOT, NOBODY, TOKTAB, Site, clock, config_text  # noqa: E402
from oracle_format import Fault, make_token, token_id  # noqa: E402

BUILD = os.path.dirname(os.path.abspath(TOKTAB))
SHIM = os.path.join(BUILD, "fault-shim.so")
# A real disk would only be slower: what it loses is simulated, and how it fails.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
TOKEN = re.compile(rb"\b[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{61}\b")
STATUSES = {0, 1, 2, 65, 66, 69, 73, 74, 75, 77, 78}

CALLS, MEMORY_CALLS, SODIUM = range(3)
NONE, KILL, FAIL, CUT, TEAR = range(5)
ANY = -1
HALF, ALL_BUT_ONE = 0, -1

# x86-64's numbers of the system calls that a test speaks of
NAMES = {
    0: "read", 1: "write", 2: "open", 3: "close", 4: "stat", 5: "fstat", 6: "lstat", 7: "poll", 8: "lseek", 9: "mmap",
    10: "mprotect", 11: "munmap", 12: "brk", 16: "ioctl", 17: "pread64", 18: "pwrite64", 21: "access", 22: "pipe",
    28: "madvise", 32: "dup", 33: "dup2", 35: "nanosleep", 41: "socket", 42: "connect", 44: "sendto", 45: "recvfrom",
    46: "sendmsg", 47: "recvmsg", 53: "socketpair", 54: "setsockopt", 56: "clone", 61: "wait4", 62: "kill", 72: "fcntl",
    73: "flock", 74: "fsync", 75: "fdatasync", 77: "ftruncate", 82: "rename", 89: "readlink", 91: "fchmod", 93: "fchown",
    105: "setuid", 106: "setgid", 109: "setpgid", 116: "setgroups", 117: "setresuid", 119: "setresgid", 137: "statfs",
    149: "mlock", 157: "prctl", 160: "setrlimit", 190: "fsetxattr", 193: "fgetxattr", 199: "fremovexattr", 217: "getdents64",
    230: "clock_nanosleep", 231: "exit_group", 247: "waitid", 257: "openat", 258: "mkdirat", 262: "newfstatat", 263: "unlinkat",
    264: "renameat", 265: "linkat", 267: "readlinkat", 285: "fallocate", 288: "accept4", 289: "signalfd4",
    292: "dup3", 293: "pipe2", 302: "prlimit64", 316: "renameat2", 318: "getrandom", 332: "statx", 436: "close_range",
}


class Shim:
    """The file that the shim in a program and the test share."""

    HEAD = struct.Struct("<IIQiiiIII3Q2QQ64s")
    TRACED = struct.Struct("<iiqqqq")
    TRACES, NUMBERS, LOG = 8192, 512, 1 << 20

    def __init__(self, log_size=0):
        self.file = tempfile.NamedTemporaryFile(prefix="toktab-fault-", dir=MEMORY)
        os.fchmod(self.file.fileno(), 0o666)  # the tool becomes the stores' owner before it writes
        self.file.truncate(self.LOG + log_size)
        self.map = mmap.mmap(self.file.fileno(), self.LOG + log_size)
        self.taken = 0
        self.plan()

    def close(self):
        self.map.close()
        self.file.close()

    def plan(self, plan=NONE, source=CALLS, at=0, error=0, part=0, call=ANY, records=0):
        log_size = self.HEAD.unpack_from(self.map)[14]
        self.HEAD.pack_into(self.map, 0, plan, source, at, error, part, call, records, *([0] * 7), log_size, b"")
        made = self.HEAD.size + self.TRACES * self.TRACED.size
        self.map[made : made + 4 * self.NUMBERS] = bytes(4 * self.NUMBERS)

    def environment(self):
        return {"LD_PRELOAD": SHIM, "TOKTAB_FAULT": self.file.name}

    @property
    def happened(self):
        return bool(self.HEAD.unpack_from(self.map)[7])

    def counts(self):
        return self.HEAD.unpack_from(self.map)[9:12]

    def take_log(self):
        """What log.c has noted since the last time."""
        size = self.HEAD.unpack_from(self.map)[14]
        data, self.taken = self.map[self.LOG + self.taken : self.LOG + size], size
        return data

    def leaked(self):
        """(blocks, bytes, where one was made)"""
        head = self.HEAD.unpack_from(self.map)
        return (*head[12:14], head[15].rstrip(b"\0").decode())

    def trace(self):
        """(number of the call, exempt, arguments 1 to 3, result) of each, in order."""
        return [self.TRACED.unpack_from(self.map, self.HEAD.size + place * self.TRACED.size)
            for place in range(min(self.counts()[CALLS], self.TRACES))]


class World(Site):
    """A site whose store is put back before each try. serials() names its tokens.

    1 stands, 2 was revoked, 3 to 6 are for the commands, 7 is what the next command revokes, 8 was revoked long ago.
    """

    def __init__(self, source=None, **more):
        """source: method that makes what the host follows, a file that is printed."""
        before, tempfile.tempdir = tempfile.tempdir, MEMORY
        try:
            super().__init__([{"name": "example.com", "foreign": True}], **more)
        finally:
            tempfile.tempdir = before
        self.shim = Shim()
        self.system_log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.system_log.bind(os.path.join(self.dir, "log"))
        os.chmod(os.path.join(self.dir, "log"), 0o666)
        self.tokens = [make_token() for _ in range(8)]
        for token in self.tokens:
            self.guard(token)
        self.now = clock()
        self.source = source and source(self)
        if source:
            path = os.path.join(self.dir, "source")
            oracle.write_file(path, [self.source])
            self.configure(config_text(self.store_dir, [{"name": self.domain, "source": "cat " + path, "max_lag": "1h"}]))

    def close(self):
        self.shim.close()
        self.system_log.close()
        super().close()

    def journal(self):
        """What the system's log was told since the last call."""
        lines = []
        with contextlib.suppress(BlockingIOError):
            while True:
                line = self.system_log.recv(65536, socket.MSG_DONTWAIT).decode()
                lines.append(re.fullmatch(r"<8[0-7]>.{15} toktab\[\d+\]: (.*)", line).group(1))
        return lines

    def writer(self):
        writer, now = oracle.Writer("example.com", "5" * 32), self.now
        for place, token in enumerate(self.tokens):
            writer.create(token, "token %d" % (place + 1), now - 1000000)
        writer.revoke(self.tokens[7], now - 900000)
        writer.revoke(self.tokens[1], now - 1000)
        return writer

    def sound(self):
        return self.writer().data()

    def compacted(self):
        writer = self.writer()
        writer.compact(self.now - 500)
        writer.revoke(self.tokens[5], self.now - 400)
        return writer.data()

    def ahead(self):
        writer = self.writer()
        writer.update(self.tokens[2], label="renamed")
        writer.revoke(self.tokens[3], self.now)
        return writer.data()

    def damaged(self):
        """A bit has flipped in the line of token 4, which thereby is in doubt."""
        data = bytearray(self.writer().data())
        data[data.index(b"token 4")] ^= 1
        return bytes(data)

    def start_over(self, data):
        for entry in os.scandir(self.store_dir):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
        if data is not None:
            self.put(data)

    def listing(self):
        return {name: self.read_file(name) for name in self.files() if not name.endswith(".lock")}

    def read_file(self, name):
        with open(os.path.join(self.store_dir, name), "rb") as file:
            return file.read()

    def store(self):
        """The oracle's Store; None: there is none. Raises Fault."""
        return self.read() if os.path.exists(self.path()) else None

    def shimmed(self, *args, **more):
        env = {**self.shim.environment(), "TOKTAB_LOG": os.path.join(self.dir, "log")}
        return self.run(*args, env=env, **more)


class Complaint(Exception):
    """What the product did wrong."""


def require(condition, text, *values):
    if not condition:
        raise Complaint(text % values if values else text)


def revoked_ids(store):
    return {id for id, (_, record, _) in store.tokens.items() if record.revoked is not None} if store else set()


class Command:
    """A command that changes a store, and how its changes are told.

    done(before, after, world)  has all happened that it was told to do?
    targets                     serials whose records it may change
    new                         how many tokens it makes
    rewrites                    that it may leave out tokens that are dead
    site                        options of the World: whose the stores are
    again                       what comes next on a host that follows another
    """

    code = 0

    def __init__(self, name, args, done, start=None, stdin=None, targets=(), new=0, rewrites=False, site=None, again=()):
        self.name, self.args, self.done, self.stdin, self.targets, self.new = name, args, done, stdin, targets, new
        self.rewrites, self.site, self.again = rewrites, site or {}, again
        self.start = start or World.sound
        self.damaged = start is World.damaged

    def judge(self, before, after, result, world):
        """Nothing that stood before is lost, changed or brought back, and what was acknowledged is there."""
        require(after is not None or before is None, "the store is gone")
        complete = after is not None and self.done(before, after, world)
        told = TOKEN.findall(result.stdout)
        if before is not None:
            self._judge_old(before, after, world)
        ids = {token_id(token.decode()) for token in told}
        require(not after or ids <= set(after.tokens), "a token was printed that the store does not have")
        require(after or not ids, "a token was printed, and there is no store")
        require(not ids & revoked_ids(after), "a token was printed that is revoked")
        made = len(set(after.tokens) - set(before.tokens if before else ())) if after else 0
        require(made in (0, self.new), "%d of %d new tokens", made, self.new)
        require(result.code != self.code or complete, "it ends as usual, but it is not done")
        for serial in re.findall(rb"(?m)^toktab: revoked token (\d+) ", result.stderr):
            record = next(record for _, record, _ in after.tokens.values() if record.serial == int(serial))
            require(record.revoked is not None, "token %s was called revoked, and is not", serial)
        return complete

    def _judge_old(self, before, after, world):
        lost = set(before.tokens) - set(after.tokens)
        may_go = revoked_ids(before) | {token_id(world.tokens[serial - 1]) for serial in self.targets}
        require(not lost or (self.rewrites and lost <= may_go), "tokens are lost: %s", lost)
        back = revoked_ids(before) - revoked_ids(after) - lost
        require(not back, "revoked tokens are back: %s", back)
        for id, (_, record, _) in before.tokens.items():
            same = id in lost or after.tokens[id][1] == record
            require(same or record.serial in self.targets, "token %d was changed", record.serial)


def is_revoked(*serials):
    def done(before, after, world):
        ids = [token_id(world.tokens[serial - 1]) for serial in serials]
        return all(id in after.tokens and after.record(id).revoked is not None for id in ids)
    return done


def has_new(count):
    def done(before, after, world):
        return len(set(after.tokens) - set(before.tokens if before else ())) == count
    return done


def rotated(now):
    def done(before, after, world):
        id = token_id(world.tokens[2])
        old = after.record(id)
        made = [record for _, record, _ in after.tokens.values() if record.prev == id]
        return len(made) == 1 and (old.revoked is not None if now else old.expires is not None)
    return done


def renamed(before, after, world):
    return after.record(token_id(world.tokens[2])).label == "renamed"


def compacted(before, after, world):
    return after.header.base > before.header.base


def mended(before, after, world):
    return after.header.epoch > 1


def follows(before, after, world):
    return world.bytes() == world.source


KEYS = "".join("key %d\tk-%d-abcdefghijklmnopqrstuvwxyz0123456789\n" % (place, place) for place in range(3))


def torn(world):
    """What a killed writer left."""
    writer = world.writer()
    data, line = writer.data(), writer.update(world.tokens[2], label="never said") and writer.log[-1]
    return data + line[: len(line) // 2]


def without_lf(world):
    return world.writer().data()[:-1]


CHANGES = [
    Command("create, the first", ("create", "-l", "new"), has_new(1), start=lambda world: None, new=1),
    Command("create", ("create", "-l", "new"), has_new(1), new=1),
    Command("create after a torn line", ("create", "-l", "new"), has_new(1), start=torn, new=1),
    Command("create after a line without LF", ("create", "-l", "new", "--json"), has_new(1), start=without_lf, new=1),
    Command("revoke", ("revoke", "-y", "3", "4", "5", "-r", "a reason"), is_revoked(3, 4, 5), targets=(3, 4, 5)),
    Command("revoke after a compaction", ("revoke", "-y", "3"), is_revoked(3), start=World.compacted, targets=(3,)),
    Command("rotate", ("rotate", "3", "--grace", "1h"), rotated(False), targets=(3,), new=1),
    Command("rotate at once", ("rotate", "3", "--grace", "0s", "--json"), rotated(True), targets=(3,), new=1),
    Command("update", ("update", "3", "-l", "renamed"), renamed, targets=(3,)),
    Command("import", ("import", "-y", "-"), has_new(3), stdin=KEYS, new=3),
    Command("compact", ("compact", "--drop-dead", "1d"), compacted, rewrites=True),
    Command("compact again", ("compact",), compacted, start=World.compacted, rewrites=True),
    Command("mend", ("mend", "-y"), mended, start=World.damaged, targets=(4,), rewrites=True),
]
FOLLOWS = ("follow", "--once")
CHANGES_OF_FOLLOWERS = [
    Command("follow --once, lines", FOLLOWS, follows, targets=(3, 4), site={"source": World.ahead}, again=FOLLOWS),
    Command("follow --once, a compaction", FOLLOWS, follows, targets=(3, 4, 6), rewrites=True,
        site={"source": World.compacted}, again=FOLLOWS),
    Command("follow --once, the first", FOLLOWS, follows, start=lambda world: None, new=8, site={"source": World.ahead}, again=FOLLOWS),
    Command("promote", ("promote",), mended, rewrites=True, site={"source": World.sound}, again=("promote",)),
    Command("scan --revoke", ("scan", "--revoke"), is_revoked(3), stdin=lambda world: world.tokens[2], targets=(3,)),
]
CHANGES_OF_FOLLOWERS[-1].code = 1
if IS_ROOT:  # which becomes the owner of the stores first
    theirs = {"owner": NOBODY, "group": NOBODY}
    CHANGES += [
        Command("revoke in another's store", ("revoke", "-y", "3"), is_revoked(3), targets=(3,), site=theirs),
        Command("compact another's store", ("compact",), compacted, rewrites=True, site=theirs),
    ]


def read_start(command, world):
    """What a command found, as the oracle reads it; a damaged store as mending leaves it."""
    return oracle.Store(world.sound()) if command.damaged else world.store()


def next_command(world, damaged, again=()):
    """Whatever came before, the next command works, and who was revoked stays out."""
    if again:
        result = world.run(*again)
        require(result.code == 0, "the next command fails: %s", result)
        if again != FOLLOWS:
            return
        require(world.bytes() == world.source, "the next command does not follow")
        result = world.run("promote")
        require(result.code == 0, "the next command fails: %s", result)
    id = token_id(world.tokens[6])
    if damaged:
        result = world.run("mend", "-y")
        require(result.code == 0, "mending fails: %s", result)
    store = world.store()
    if store and id in store.tokens:
        result = world.run("revoke", "-y", id)
        require(result.code == 0, "the next command fails: %s", result)
        require(world.read().record(id).revoked is not None, "it was not revoked")
        result = world.run("verify", stdin=world.tokens[1])
        require(result.code == 1, "a revoked token: %s", result)
    else:
        result = world.run("create", "-l", "next")
        require(result.code == 0, "the next command fails: %s", result)
    require(world.read().torn == b"", "the next command left a torn line behind")


def is_damaged(world):
    try:
        world.store()
        return False
    except Fault:
        return True


def announce(part, minutes):
    print("%s: takes about %s" % (part, minutes), flush=True)
