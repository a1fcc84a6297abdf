"""The store as a machine with few states: two writers, two threads of one host, and whoever kills or restores.

One token. A file is (epoch, log, base, tail, name): log is the text of all changes since line 1, one letter a line (C
creates the token, U changes it, R revokes it, P is the point of a compaction), of which the lines up to base are only in
the snapshot; tail is how many half lines of an unfinished write lie behind; name is whether the path leads to it. So
log[:n] stands for chain(n), and a size is 2 * lines + tail: time stamps are taken to be so coarse that they never tell
anything. Time goes in milliseconds: a look that is less than one old began in this one or the one before, and whoever has
waited for two is at least two further on.

Each arrow names the function that does it. RULES are what the arrows keep; without any of them a promise breaks, which
tests/model/run shows.
"""

from collections import namedtuple

HOLDS, WAITS = 1, 2  # milliseconds

RULES = {
    "a writer locks": "lock_take()",
    "a writer cuts a torn rest before it appends": "clear_rest()",
    "a writer syncs, waits two milliseconds, then acknowledges": "log_end()",
    "what was not in the file when it was read is not taken for seen": "follow()",
    "bytes behind what was read are a change": "publish_seen()",
    "a look counts from its beginning": "refresh()",
    "the link count is compared": "identity_equal()",
    "a snapshot is skipped only where its base is the reader's place": "continues_here()",
    "an older copy is refused": "known (load_lines())",
    "revoked stays revoked": "index_copy_revoked()",
    "one thread refreshes": "generations_lock()",
}

File = namedtuple("File", "epoch log base tail name")
# at: what it does next; op: the line it writes; tip: the log that it found; fd: the file that it opened; age: since durable
Writer = namedtuple("Writer", "at op tip fd age")
# at; began: the age of its clock reading; said: had "revoked" been acknowledged, was: had a thread answered so, then;
# status: (file, size, name) of an fstat(2); fd: the file at the path; other: its status
Thread = namedtuple("Thread", "at began said was status fd other")
# held: the file of fd; epoch, log: how far it was read; dead: the token is; seen: (file, size, name); look: its age
Handle = namedtuple("Handle", "good held epoch log dead seen look locked")
# said, was: see Thread; tried: a revocation has begun; restored: somebody put another file there; left: how many kills
# and restorations may come, and the changes, which either writer makes; wrong: a promise that is broken
State = namedtuple("State", "files lock writers handle threads said was tried restored left wrong")

IDLE = Writer("idle", "", "", None, 0)
REST = Thread("rest", 0, False, False, None, None, None)
OLD = 2  # an age that nothing asks beyond


def start(ops, kills=0, restorations=0):
    """The token was created, and the host is about to look for the first time since it was forked. ops: the changes to come,
    in the order in which writers begin them."""
    file = File(1, "C", 0, 0, True)
    handle = Handle(True, 0, 1, "C", False, None, OLD, False)
    return State((file,), None, (IDLE, IDLE), handle, (REST, REST), False, False, False, False,
        (kills, restorations, ops), "")  # fmt: skip


def put(items, index, item):
    return items[:index] + (item,) + items[index + 1:]


def path_of(state):
    return next(i for i, file in enumerate(state.files) if file.name)


def status_of(state, fd, rules):
    file = state.files[fd]
    links = file.name if "the link count is compared" in rules else True
    return fd, 2 * len(file.log) + file.tail, links


def install(state, file):
    """A new file takes the name."""
    files = tuple(old._replace(name=False) for old in state.files) + (file,)
    return state._replace(files=files)


# ---- writers ----

def writer_arrows(state, i, rules):
    """The writer's next steps: (function, state)."""
    writer = state.writers[i]
    kills, restorations, ops = state.left

    def go(function, new=state, **changed):
        return function, new._replace(writers=put(new.writers, i, writer._replace(**changed)))

    if writer.at != "idle" and kills:
        lock = None if state.lock == i else state.lock
        yield "SIGKILL", state._replace(writers=put(state.writers, i, IDLE), lock=lock, left=(kills - 1, restorations, ops))

    if writer.at == "idle":
        if ops and (state.lock is None or "a writer locks" not in rules):
            yield go("lock_take()", state._replace(lock=i, tried=state.tried or ops[0] == "R", left=(kills, restorations, ops[1:])),
                at="open", op=ops[0])
    elif writer.at == "open":
        fd = path_of(state)
        cuts = state.files[fd].tail and "a writer cuts a torn rest before it appends" in rules
        yield go("tip_read()", at="new" if writer.op == "P" else "cut" if cuts else "write", fd=fd, tip=state.files[fd].log)
    elif writer.at == "cut":
        files = put(state.files, writer.fd, state.files[writer.fd]._replace(tail=0))
        yield go("clear_rest()", state._replace(files=files), at="write")
    elif writer.at == "write":
        file, whole = state.files[writer.fd], writer.tip + writer.op
        for tail in (2, 3):  # killed in the middle: a line may be longer than another
            if kills and file.log == writer.tip:
                torn = file._replace(tail=tail)
                yield "write_all(), killed", state._replace(files=put(state.files, writer.fd, torn), writers=put(state.writers, i, IDLE),
                    lock=None if state.lock == i else state.lock, left=(kills - 1, restorations, ops))
        # at the place that it found, whatever lies there now
        longer = file.log[:len(writer.tip)] + writer.op + file.log[len(writer.tip) + 1:]
        assert len(longer) >= len(whole)
        files = put(state.files, writer.fd, file._replace(log=longer, tail=0))
        yield go("write_all()", state._replace(files=files, wrong="half a line lies behind a line" if file.tail > 2 else ""), at="sync")
    elif writer.at == "new":
        file = state.files[writer.fd]
        made = File(file.epoch, writer.tip + "P", len(writer.tip), 0, True)
        yield go("newfile_install()", install(state, made), at="sync", fd=len(state.files))
    elif writer.at == "sync":
        yield go("log_sync(), lock_release()", state._replace(lock=None if state.lock == i else state.lock), at="wait", age=0)
    elif writer.age >= WAITS or "a writer syncs, waits two milliseconds, then acknowledges" not in rules:
        said = state._replace(writers=put(state.writers, i, IDLE), said=state.said or writer.op == "R")
        log = state.files[path_of(state)].log
        if not state.restored and log[len(writer.tip):len(writer.tip) + 1] != writer.op:
            said = said._replace(wrong="an acknowledged change is lost")
        yield "acknowledge()", said


# ---- whoever restores ----

def restore_arrows(state):
    """A copy of the first line or two is put there, or mended there, which begins a new epoch."""
    kills, restorations, ops = state.left
    if not restorations or state.lock is not None:
        return
    now = state.files[path_of(state)]
    for length in range(1, len(now.log) + 1):
        copy = File(now.epoch, now.log[:length], 0, 0, True)
        for file, what in ((copy, "cp"), (copy._replace(epoch=now.epoch + 1), "cp, rewrite_install()")):
            yield what, install(state, file)._replace(restored=True, left=(kills, restorations - 1, ops))


# ---- threads of one host ----

def thread_arrows(state, i, rules):
    thread, handle = state.threads[i], state.handle

    def go(function, new=state, **changed):
        return function, new._replace(threads=put(new.threads, i, thread._replace(**changed)))

    def with_handle(**changed):
        return state._replace(handle=handle._replace(**changed))

    def published(**changed):
        """publish_look()"""
        return with_handle(look=thread.began if "a look counts from its beginning" in rules else 0, **changed)

    if thread.at == "rest":
        asked = thread._replace(began=0, said=state.said, was=state.was)
        if handle.good and handle.look <= HOLDS:
            yield answered("look_holds()", state._replace(threads=put(state.threads, i, asked)), i)
        if not handle.good or handle.look >= HOLDS:
            yield go("reader_look()", at="begin", began=0, said=state.said, was=state.was)
    elif thread.at == "begin":
        if handle.good and status_of(state, handle.held, rules) == handle.seen:
            yield go("unchanged()", at="unchanged")
        else:
            yield go("wait_and_refresh()", at="wait")
    elif thread.at == "unchanged":
        yield answered("publish_look()", published(), i)
    elif thread.at == "wait":
        if not handle.locked or "one thread refreshes" not in rules:
            yield go("generations_lock()", with_handle(locked=True), at="again", began=0)
    elif thread.at == "again":
        status = status_of(state, handle.held, rules)
        if handle.good and status == handle.seen:
            yield answered("unchanged()", published(locked=False), i)
        else:
            yield go("follow()", at="open", status=status)
    elif thread.at == "open":
        fd = path_of(state)
        yield go("storefile_open()", at="drain", fd=fd, other=status_of(state, fd, rules))
    elif thread.at == "drain":
        held = state.files[handle.held]
        log = held.log if len(held.log) >= len(handle.log) else handle.log
        read = with_handle(log=log, dead=handle.dead or "R" in log)
        yield go("drain()", read, at="judge" if thread.fd != handle.held else "same")
    elif thread.at == "same":
        fd, size, links = thread.status
        if "what was not in the file when it was read is not taken for seen" not in rules:
            fd, size, links = status_of(state, handle.held, rules)
        if "bytes behind what was read are a change" in rules:
            size = 2 * len(handle.log)
        yield answered("publish_seen()", published(good=True, seen=(fd, size, links), locked=False), i)
    elif thread.at == "judge":
        file = state.files[thread.fd]
        read = file.log
        keeps = handle.dead and "revoked stays revoked" in rules
        jumps = file.base > 0 and file.epoch == handle.epoch and (
            (file.base == len(handle.log) and file.log[:file.base] == handle.log)
            or "a snapshot is skipped only where its base is the reader's place" not in rules)  # fmt: skip
        same_log = file.log[:len(handle.log)] == handle.log or file.base > len(handle.log)
        size = 2 * len(read) if "bytes behind what was read are a change" in rules else thread.other[1]
        taken = dict(held=thread.fd, epoch=file.epoch, log=read, good=True, seen=(thread.fd, size, thread.other[2]), locked=False)
        if jumps:
            yield answered("jump()", published(**taken, dead=handle.dead or "R" in read[file.base:]), i)
        elif file.epoch > handle.epoch or (file.epoch == handle.epoch and same_log) or "an older copy is refused" not in rules:
            back = file.epoch == handle.epoch and not same_log
            yield answered("read_whole()", published(**taken, dead=keeps or "R" in read)._replace(
                wrong="a host goes back to an older copy" if back else ""), i)
        else:
            yield answered("may_follow()", with_handle(good=False, locked=False), i)


def answered(function, state, i):
    """By the index as it is now: what the verdict must be."""
    thread, handle = state.threads[i], state.handle
    new = state._replace(threads=put(state.threads, i, REST), was=state.was or handle.dead)
    if handle.dead:
        if not state.tried:
            new = new._replace(wrong="a good token is refused")
    elif thread.was:
        new = new._replace(wrong="a token that was seen revoked is admitted")
    elif thread.said and not state.restored:
        new = new._replace(wrong="a token whose revocation was acknowledged is admitted")
    elif not handle.good and not state.restored:
        new = new._replace(wrong="a sound store is taken for bad")
    return function, new


# ---- time, and all together ----

def older(age):
    return min(age + 1, OLD)


def tick(state):
    writers = tuple(w._replace(age=older(w.age)) if w.at == "wait" else w for w in state.writers)
    threads = tuple(t if t.at == "rest" else t._replace(began=older(t.began)) for t in state.threads)
    return "a millisecond", state._replace(writers=writers, threads=threads, handle=state.handle._replace(look=older(state.handle.look)))


def ordered(state):
    """The two threads are alike, and so are the two writers: one of the orders stands for both."""
    threads = tuple(sorted(state.threads, key=hash))
    if hash(state.writers[0]) > hash(state.writers[1]):
        lock = state.lock if state.lock is None else 1 - state.lock
        return state._replace(threads=threads, writers=state.writers[::-1], lock=lock)
    return state._replace(threads=threads)


def arrows(state, rules):
    yield tick(state)
    for i in (0, 1):
        yield from writer_arrows(state, i, rules)
        yield from thread_arrows(state, i, rules)
    yield from restore_arrows(state)


def explore(first, rules):
    """All states that can come to be: their number, the names of all arrows, and the way to a broken promise, if any."""
    came_from, names, todo = {first: None}, set(), [first]
    while todo:
        level = []
        for state in todo:
            for name, new in arrows(state, rules):
                names.add(name)
                new = ordered(new)
                if new in came_from:
                    continue
                came_from[new] = (name, state)
                if new.wrong:
                    return len(came_from), names, way_to(new, came_from)
                level.append(new)
        todo = level
    return len(came_from), names, []


def way_to(state, came_from):
    way = [state.wrong]
    while came_from[state]:
        name, state = came_from[state]
        way.append(name)
    return way[::-1]
