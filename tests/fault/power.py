"""A power cut between any two system calls: every legal state of the disk, by the model in disk.py.

Commands run one after the other on a store, some of them killed on the way, and log.c notes what they write, sync and
acknowledge. After each of these events the disk may hold any of disk.states(). In each of them must stand what was
acknowledged by then, and the next command must work.
"""

import concurrent.futures
import hashlib
import multiprocessing
import os
import random
import re

from disk import Disk, parse_events
from fault import (ALL_BUT_ONE, CALLS, HALF, KILL, NAMES, NONE, TEAR, TOKEN, Complaint, Fault, World, announce, oracle, require,
    token_id)

WORKERS = 2
LOG_SIZE = 64 << 20
DECISIVE = {"renameat", "renameat2", "linkat", "fsync", "fdatasync", "ftruncate", "pwrite64"}
ACKNOWLEDGED = re.compile(rb"(?m)^toktab: (revoked|already revoked:|updated|imported|created) |mended:|compacted")


class Story:
    """Commands, what they promised, and the events that they left.

    facts: [(serial number of the event from which on it holds, text, condition on the oracle's Store)]
    begun: {id: event} the tokens that some command was told to end, from when on
    """

    def __init__(self, seed, kills):
        self.rng, self.world, self.kills = random.Random(seed), World(), kills
        self.world.shim.close()
        self.world.shim = type(self.world.shim)(LOG_SIZE)
        self.world.start_over(None)
        self.events, self.facts, self.begun, self.active, self.tokens = [], [], {}, [], {}
        self.disk = Disk(os.stat(self.world.store_dir).st_ino, {})

    def run(self, *args, stdin=None, ends=()):
        """A command, killed on its way as often as not, if there are to be kills; then whole, or what rewrites the store
        not at all: the next command comes upon what was left. Returns the Result, or None."""
        begin = len(self.events)
        for id in ends:
            self.begun.setdefault(id, begin)
        if self.kills and self.rng.random() < 0.7:
            plan, part = self.rng.choice(((KILL, 0), (KILL, 0), (TEAR, 1), (TEAR, HALF), (TEAR, ALL_BUT_ONE)))
            calls = self.world.shim.counts()[CALLS] or 200
            if self.rng.random() < 0.5:
                self.world.shim.plan(plan, CALLS, self.rng.randrange(calls // 2, calls + 1), part=part, records=1)
            else:  # before or after what matters most
                call = self.rng.choice([number for number, name in NAMES.items() if name in DECISIVE])
                self.world.shim.plan(plan, CALLS, 0, part=part, call=call, records=1)
            self._take(self.world.shimmed(*args, stdin=stdin), begin, ends)
            if args[0] in ("import", "compact", "mend") and self.rng.random() < 0.6:
                return None
        self.world.shim.plan(NONE, records=1)
        result = self.world.shimmed(*args, stdin=stdin)
        require(result.code in (0, 1, 66) or b"in the store already" in result.stderr, "in the story: %s", result)
        return self._take(result, len(self.events), ends)

    def _take(self, result, begin, ends):
        self.events += parse_events(self.world.shim.take_log())
        spoken = {1: b"", 2: b""}
        for place in range(begin, len(self.events)):
            kind, inode, code, _, data, _ = self.events[place]
            if kind == "O" and inode in spoken:
                spoken[inode] += data
            acknowledged = ACKNOWLEDGED.search(spoken[2]) or (kind == "X" and code == 0)
            if kind == "O" or acknowledged:
                self._promise(place + 1, spoken[1], ends if acknowledged else ())
            if acknowledged:
                break
        self._promise(len(self.events), result.stdout, ends if result.code == 0 else ())
        return result

    def _promise(self, place, stdout, ends):
        for text in TOKEN.findall(stdout) if stdout.endswith(b"\n") else ():
            token = self.world.guard(text.decode())
            id = token_id(token)
            if id not in self.tokens:
                self.tokens[id] = token
                self.active.append(id)
                self.facts.append((place, "%s stands" % id, lambda store, id=id: id in store.tokens))
        for id in ends:
            if id in self.active:
                self.active.remove(id)
                self.facts.append((place, "%s is revoked" % id,
                    lambda store, id=id: id not in store.tokens or store.record(id).revoked is not None))

    def pick(self):
        return self.rng.choice(self.active)

    def tell(self):
        """All kinds of commands, so that each comes upon what each other one left."""
        for _ in range(3):
            self.run("create", "-l", "x" * self.rng.choice((3, 100, 120)))
        kinds = ["create"] * 5 + ["revoke"] * 4 + ["update"] * 2 + ["rotate", "import", "import", "compact", "compact", "mend", "many"]
        self.rng.shuffle(kinds)
        for number, kind in enumerate(kinds):
            id = self.pick()
            if kind == "create":
                self.run("create", "-l", "y" * self.rng.choice((3, 90, 125)))
            elif kind == "revoke" and len(self.active) > 1:
                self.run("revoke", "-y", id, "-r", "z" * self.rng.choice((0, 80)), ends=(id,))
            elif kind == "many" and len(self.active) > 2:
                ids = self.rng.sample(self.active, 2)
                self.run("revoke", "-y", *ids, ends=ids)
            elif kind == "update":
                label = "renamed %d" % number
                if self.run("update", id, "-l", label).code == 0:
                    self.facts.append((len(self.events), "%s is renamed" % id, self._was_renamed(id, label)))
            elif kind == "rotate" and len(self.active) > 1:
                self.run("rotate", id, "--grace", "0s", ends=(id,))
            elif kind == "import":
                keys = "".join("key %d\tk-%s\n" % (number, self.rng.randbytes(20).hex()) for _ in range(3))
                result = self.run("import", "-y", "-", stdin=keys)
                if result and result.code == 0:
                    self.facts.append((len(self.events), "the import", self._was_imported("key %d" % number)))
            elif kind in ("compact", "mend"):
                if self.run(*{"compact": ("compact",), "mend": ("mend", "-y")}[kind]):
                    self.facts.append((len(self.events), "the new file of %s" % kind,
                        self._has_base(self.world.read().header)))

    @staticmethod
    def _was_renamed(id, label):
        """Some time: a later update may be there already."""
        return lambda store: id not in store.tokens or store.record(id).label.startswith("renamed")


    @staticmethod
    def _was_imported(label):
        return lambda store: sum(record.label == label for _, record, _ in store.tokens.values()) == 3

    @staticmethod
    def _has_base(header):
        return lambda store: (store.header.epoch, store.header.base) >= (header.epoch, header.base)


class Judge:
    """States of the disk, each looked at once."""

    def __init__(self, story):
        self.story, self.world, self.seen, self.complaints = story, World(), set(), []
        self.cuts = self.states = 0

    def close(self):
        self.world.close()

    def look_at_all(self):
        """After each event that changes something."""
        story, disk, name = self.story, self.story.disk, self.world.domain + ".tokens"
        for place, event in enumerate(story.events):
            disk.apply(event)
            if event[0] not in Disk.CHANGES + "OX":
                continue
            self.cuts += 1
            facts = [fact for fact in story.facts if fact[0] <= place + 1]
            begun = {id for id, begin in story.begun.items() if begin <= place}
            for state in disk.states(name, random.Random(place)):
                key = hashlib.sha256(repr((sorted(state.get(name, ())[:1]), sorted(state), len(facts), len(begun)))
                    .encode()).digest()
                if key in self.seen:
                    continue
                self.seen.add(key)
                self.look_at(state, place, facts, begun)

    def look_at(self, state, place, facts, begun):
        self.states += 1
        try:
            self._look_at(state, facts, begun)
        except (Complaint, Fault, AssertionError) as complaint:
            kind, inode, *_ = self.story.events[place]
            if len(self.complaints) < 20:
                self.complaints.append("after event %d (%s, inode %d): %s\n%s" % (place, kind, inode, complaint,
                    {name: (len(value[0]), oct(value[1]), value[0][-700:]) if value != Disk.FOLDER else value
                        for name, value in state.items()}))

    def _look_at(self, state, facts, begun):
        self._put(state)
        store = self.world.store()
        require(store is not None or not facts, "the store is gone")
        if store:
            self._check_facts(store, facts, begun)
        victim = store and next((id for id, (_, record, _) in store.tokens.items() if record.revoked is None), None)
        result = self.world.run("revoke", "-y", victim) if victim else self.world.run("create", "-l", "next")
        require(result.code == 0, "the next command fails: %s", result)
        after = self.world.store()
        require(after.torn == b"", "the next command left a torn line")
        require(not victim or after.record(victim).revoked is not None, "it was not revoked")
        self._check_facts(after, facts, begun | {victim})
        revoked = [id for id, (_, record, _) in after.tokens.items()
            if record.revoked is not None and id != victim and id in self.story.tokens]
        if revoked:
            result = self.world.run("verify", stdin=self.story.tokens[revoked[-1]])
            require(result.code == 1, "a revoked token: %s", result)

    @staticmethod
    def _check_facts(store, facts, begun):
        for _, text, holds in facts:
            require(holds(store), "lost: %s", text)
        for id, (_, record, _) in store.tokens.items():
            require(record.revoked is None or id in begun, "revoked by nobody: %s", id)

    def _put(self, state):
        self.world.start_over(None)
        for name, value in state.items():
            path = os.path.join(self.world.store_dir, name)
            if value == Disk.FOLDER:
                os.mkdir(path, 0o1730)
                os.chmod(path, 0o3730)
            else:
                oracle.write_file(path, [value[0]], value[1])


def tell_and_judge(seed, kills):
    """One story from one seed: (events after which power may fail, states looked at, complaints)."""
    story = Story(seed, kills)
    try:
        story.tell()
        judge = Judge(story)
        try:
            judge.look_at_all()
        finally:
            judge.close()
        return judge.cuts, judge.states, judge.complaints
    except Complaint as complaint:
        return 0, 0, ["story %d: %s" % (seed, complaint)]
    finally:
        story.world.close()


def main(short):
    announce("power", "half a minute" if short else "four minutes")
    stories = 4 if short else 60
    first = 1 if short else random.randrange(1 << 30)  # the same stories on each run, or others
    cuts = states = 0
    complaints = []
    with concurrent.futures.ProcessPoolExecutor(WORKERS, multiprocessing.get_context("fork")) as pool:
        told = [pool.submit(tell_and_judge, first + number, number % 4 != 0) for number in range(stories)]
        for number, future in enumerate(told):
            more_cuts, more_states, found = future.result()
            cuts, states = cuts + more_cuts, states + more_states
            complaints += ["story %d: %s" % (first + number, complaint) for complaint in found]
    for complaint in complaints[:20]:
        print("FAILED: %.1500s" % complaint)
    print("power: cut after %d system calls of %d runs, %d different states of the disk replayed: %d acknowledged changes "
        "lost, stores unusable or revoked tokens admitted" % (cuts, stories, states, len(complaints)))
    return len(complaints)
