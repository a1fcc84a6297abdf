"""SIGKILL: before every system call, in every write, and at any moment under load.

What the disk holds after a call is what it holds before the next one: so before each is everywhere.
"""

import concurrent.futures
import multiprocessing
import random
import subprocess
import threading

from fault import (ALL_BUT_ONE, CALLS, CHANGES, HALF, KILL, TEAR, TOKEN, Complaint, Fault, World, announce, is_damaged,
    next_command, read_start, require, revoked_ids, token_id)

WORKERS = 2
WRITES = {1: "write", 18: "pwrite64"}


def run_once(world, command):
    world.start_over(command.start(world))
    before = read_start(command, world)
    result = world.shimmed(*command.args, stdin=command.stdin)
    return before, result


def kill_points(world, command):
    """(plan, number of the call, part) of everything that can be cut off."""
    world.shim.plan()
    _, result = run_once(world, command)
    require(result.code == 0, "without a fault: %s", result)
    trace = world.shim.trace()
    points = [(KILL, place + 1, 0) for place in range(len(trace))]
    for place, (call, _, _, _, length, _) in enumerate(trace):
        if call in WRITES and length > 1:
            points += [(TEAR, place + 1, part) for part in (1, HALF, ALL_BUT_ONE)]
    return points


def try_point(world, command, point):
    """Returns whether somebody was killed there."""
    plan, at, part = point
    world.shim.plan(plan, CALLS, at, part=part)
    before, result = run_once(world, command)
    try:
        damaged = is_damaged(world)
        require(not damaged or command.damaged, "the store is damaged")
        if not damaged:
            command.judge(before, world.store(), result, world)
        next_command(world, damaged)
        if before is not None:
            left = revoked_ids(before) - revoked_ids(world.read())
            require(command.rewrites or not left, "revoked tokens are back")
    except (Complaint, Fault) as complaint:
        raise Complaint("%s, call %d (plan %d, part %d): %s\n%s" % (command.name, at, plan, part, complaint, result)) \
            from complaint
    return world.shim.happened


def walk(name, of):
    """One in so many points of a command: (tried, complaints)."""
    command = next(command for command in CHANGES if command.name == name)
    world, tried, complaints = World(**command.site), 0, []
    try:
        for point in kill_points(world, command)[::of]:
            try:
                tried += try_point(world, command, point)
            except Complaint as complaint:
                complaints.append(str(complaint))
    except Complaint as complaint:
        complaints.append("%s: %s" % (name, complaint))
    finally:
        world.close()
    return tried, complaints


class Load:
    """Threads whose commands are killed at any moment, and what was acknowledged meanwhile."""

    THREADS = 3

    def __init__(self):
        self.world, self.lock = World(), threading.Lock()
        self.world.start_over(None)
        self.active, self.revoked, self.killed, self.done = [], set(), 0, 0
        self.typical = 0.02

    def command(self):
        """What to do, and which token it would revoke."""
        kind = random.choices(("create", "revoke", "update", "rotate", "import", "compact", "mend"),
            (30, 30, 10, 10, 8, 8, 4))[0]
        with self.lock:
            id = random.choice(self.active) if self.active else None
        if kind in ("revoke", "update", "rotate") and not id:
            kind = "create"
        return {
            "create": (("create", "-l", "under load"), None),
            "revoke": (("revoke", "-y", id), id),
            "update": (("update", id, "-l", "renamed %d" % random.randrange(1000)), None),
            "rotate": (("rotate", id, "--grace", "0s"), id),
            "import": (("import", "-y", "-"), None),
            "compact": (("compact",), None),
            "mend": (("mend", "-y"), None),
        }[kind]

    def once(self):
        args, id = self.command()
        stdin = "key\tk-%s\n" % random.randbytes(24).hex() if args[0] == "import" else None
        process = self.world.start(*args, stdin=subprocess.PIPE)
        killer = threading.Timer(random.uniform(0, 1.2 * self.typical), process.kill)
        killer.start()
        stdout, stderr = process.communicate(stdin and stdin.encode())
        killer.cancel()
        with self.lock:
            self.killed += process.returncode == -9
            self.done += process.returncode == 0
            for token in TOKEN.findall(stdout) if stdout.endswith(b"\n") else ():
                self.active.append(token_id(self.world.guard(token.decode())))
            if id and (process.returncode == 0 or b"toktab: revoked token" in stderr):
                self.revoked.add(id)
            if id in self.revoked and id in self.active:
                self.active.remove(id)
            require(process.returncode in (0, 1, -9, 66, 75, 65), "%s: exit %d: %s", args, process.returncode, stderr)

    def batch(self, kills):
        """As many kills, then all that was acknowledged so far is looked for."""
        end, complaints = self.killed + kills, []

        def run():
            try:
                while self.killed < end and not complaints:
                    self.once()
            except Complaint as complaint:
                complaints.append(str(complaint))

        threads = [threading.Thread(target=run) for _ in range(self.THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        require(not complaints, "%s", complaints[:1])
        if self.world.store() is None:
            return
        result = self.world.run("revoke", "-y", self.active[0]) if self.active else self.world.run("check")
        require(result.code == 0, "the next command fails: %s", result)
        if self.active:
            self.revoked.add(self.active.pop(0))
        store = self.world.read()
        missing = set(self.active) - set(store.tokens)
        require(not missing, "acknowledged and lost: %s", missing)
        left = {id for id in self.revoked if store.record(id).revoked is None}
        require(not left, "acknowledged and not revoked: %s", left)


def under_load(kills):
    """(kills, commands that came to their end, acknowledged changes, complaints)"""
    load, complaints = Load(), []
    try:
        while load.killed < kills:
            load.batch(100)
    except (Complaint, Fault) as complaint:
        complaints.append("under load: %s" % complaint)
    finally:
        load.world.close()
    return load.killed, load.done, len(load.active) + len(load.revoked), complaints


def main(short):
    announce("crash", "half a minute" if short else "three minutes")
    points, complaints = 0, []
    with concurrent.futures.ProcessPoolExecutor(WORKERS, multiprocessing.get_context("fork")) as pool:
        walks = [pool.submit(walk, command.name, 6 if short else 1) for command in CHANGES]
        for future in walks:
            tried, found = future.result()
            points, complaints = points + tried, complaints + found
        kills, done, acknowledged, found = pool.submit(under_load, 300 if short else 2000).result()
    complaints += found
    for complaint in complaints[:20]:
        print("FAILED: %.1500s" % complaint)
    print("crash: killed before or in %d system calls of %d commands and %d times under load (%d commands came to their "
        "end, %d changes were acknowledged): %d lost, unusable or readmitted"
        % (points, len(CHANGES), kills, done, acknowledged, len(complaints)))
    return len(complaints)
