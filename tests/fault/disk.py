"""A disk that has lost its power: which files a directory may hold, by what was written and synced before.

A model of what a file system may do at worst. Until a file is synced, each of its sectors may be the old one, the new
one, or new as far as some byte; and its size any that it had since. Until a directory is synced, each change of its
names may have reached the disk or not, also a later one without an earlier one. A rename is whole or not at all.
"""

import itertools
import struct

SECTOR = 512
ALL, SOME = 128, 20  # choices that are all tried; how many are drawn where there are more
EVENT = struct.Struct("<IIQQQII")


def parse_events(log):
    """(kind, inode, offset, other, bytes, bytes) of each event that log.c has noted."""
    at = 0
    while at < len(log):
        size, kind, inode, offset, other, first, second = EVENT.unpack_from(log, at)
        begin = at + EVENT.size
        yield chr(kind), inode, offset, other, log[begin : begin + first], log[begin + first : begin + first + second]
        at += size


def choices(counts, rng):
    """One of so many for each, as tuples: all, or, where these are too many, the extremes and some."""
    total = 1
    for count in counts:
        total *= count
    if total <= ALL:
        yield from itertools.product(*map(range, counts))
        return
    last = tuple(count - 1 for count in counts)
    for cut in range(len(counts) + 1):
        yield last[:cut] + (0,) * (len(counts) - cut)
        yield (0,) * cut + last[cut:]
    for place in range(len(counts)):
        yield tuple(rng.randrange(counts[place]) if other == place else value for other, value in enumerate(last))
        yield tuple(value if other == place else 0 for other, value in enumerate(last))
    for _ in range(SOME):
        yield tuple(map(rng.randrange, counts))


class File:
    """Its durable bytes and mode, and what has been done since."""

    def __init__(self, content=b"", mode=0o600):
        self.durable, self.current, self.mode = content, bytearray(content), mode
        self.sectors, self.sizes, self.modes = {}, [len(content)], [mode]

    def write(self, offset, data):
        self._grow(offset + len(data))
        self.current[offset : offset + len(data)] = data
        self._changed(offset, offset + len(data))

    def resize(self, size):
        before = len(self.current)
        self._grow(size)
        self.current[size:] = bytes(max(0, before - size))  # what is cut off is cleared, sooner or later
        self._changed(size, before)
        del self.current[size:]
        self.sizes[-1] = size

    def change_mode(self, mode):
        self.mode = mode
        self.modes.append(mode)

    def sync(self):
        self.__init__(bytes(self.current), self.mode)

    def _grow(self, size):
        self.current.extend(bytes(max(0, size - len(self.current))))

    def _changed(self, begin, end):
        """Each sector that was touched has one more content that it may have on the disk."""
        for sector in range(begin // SECTOR, -(-end // SECTOR)):
            self.sectors.setdefault(sector, [self._of(self.durable, sector)]).append(self._of(self.current, sector))
        self.sizes.append(len(self.current))

    @staticmethod
    def _of(content, sector):
        return bytes(content[sector * SECTOR : (sector + 1) * SECTOR]).ljust(SECTOR, b"\0")

    def _content(self, choice, size, torn=None):
        """torn: (place in choice, byte from which on that sector is still the durable one)"""
        end = max([size, len(self.durable), *((sector + 1) * SECTOR for sector in self.sectors)])
        image = bytearray(self.durable).ljust(end, b"\0")
        for place, ((sector, contents), version) in enumerate(zip(self.sectors.items(), choice)):
            data = contents[version]
            if torn and torn[0] == place:
                data = data[: torn[1]] + contents[0][torn[1] :]
            image[sector * SECTOR : (sector + 1) * SECTOR] = data
        return bytes(image[:size])

    def contents(self, rng):
        """All (bytes, mode) that it may have."""
        found, sizes = set(), set(self.sizes)
        for choice in choices([len(contents) for contents in self.sectors.values()], rng):
            found |= {self._content(choice, size) for size in sizes}
        newest, torn = tuple(len(contents) - 1 for contents in self.sectors.values()), set()
        for place, contents in enumerate(self.sectors.values()):
            earlier_only = newest[: place + 1] + (0,) * (len(newest) - place - 1)
            for cut in self._cuts(contents[0], contents[-1], rng):
                for choice in (newest, earlier_only):
                    torn |= {self._content(choice, size, (place, cut)) for size in sizes}
        # that one byte alone is missing in a sector is not tried: it is damage, and toktab-store(5) says why
        found |= {content for content in torn if content.count(b"\0") != 1}
        return {(content, mode) for content in found for mode in set(self.modes)}

    @staticmethod
    def _cuts(old, new, rng):
        """Where a sector may be torn: at any byte, but these will do."""
        differing = [place for place in range(SECTOR) if old[place] != new[place]]
        if len(differing) < 2:
            return set()
        return {differing[1], differing[len(differing) // 2], *differing[-2:], rng.choice(differing[1:])}

    def anything(self, rng):
        choice = [rng.randrange(len(contents)) for contents in self.sectors.values()]
        return self._content(choice, rng.choice(self.sizes)), rng.choice(self.modes)


class Directory:
    """Names and the files that they lead to, durable and since changed."""

    def __init__(self, names):
        self.durable, self.current, self.changes = dict(names), dict(names), []

    def change(self, **names):
        """None: the name is removed."""
        self.changes.append(names)
        self._apply(self.current, names)

    def sync(self):
        self.__init__(self.current)

    @staticmethod
    def _apply(entries, names):
        for name, file in names.items():
            if file is None:
                entries.pop(name, None)
            else:
                entries[name] = file

    def variants(self, rng):
        for choice in choices([2] * len(self.changes), rng):
            entries = dict(self.durable)
            for names, kept in zip(self.changes, choice):
                if kept:
                    self._apply(entries, names)
            yield entries


class Disk:
    """One directory and its files, by inode. folder: what stands for a directory in it."""

    FOLDER = "folder"
    CHANGES = "WTMSCDRLU"

    def __init__(self, inode, files):
        """files: {name: (inode, bytes, mode)}, all durable"""
        self.inode = inode
        self.files = {number: File(content, mode) for number, content, mode in files.values()}
        self.directory = Directory({name: self.files[number] for name, (number, _, _) in files.items()})

    def apply(self, event):
        kind, inode, offset, other, first, second = event
        name, file = first.decode(errors="replace") if kind in "CDRLU" else None, self.files.get(inode)
        names = self.directory.current
        if kind == "?":
            raise AssertionError("log.c does not know system call %d" % inode)
        if kind == "W" and file:
            file.write(offset, first)
        elif kind == "T" and file:
            file.resize(offset)
        elif kind == "M" and file:
            file.change_mode(offset)
        elif kind == "S" and inode == self.inode:
            self.directory.sync()
        elif kind == "S" and file:
            file.sync()
        elif kind not in "CDRLU" or inode != self.inode:
            return
        elif kind == "C":
            self.files[other] = File(mode=offset)
            self.directory.change(**{name: self.files[other]})
        elif kind == "D":
            self.directory.change(**{name: self.FOLDER})
        elif kind == "U":
            self.directory.change(**{name: None})
        elif kind == "R":
            self.directory.change(**{second.decode(): names[name], name: None})
        elif kind == "L":
            self.directory.change(**{second.decode(): names[name]})

    def states(self, name, rng):
        """What the directory may be found to hold: {name: (bytes, mode) or FOLDER}. All that the named file may be; of
        the others, which matter less, one each."""
        for entries in self.directory.variants(rng):
            others = {other: self._any(file, rng) for other, file in entries.items() if other != name}
            if name not in entries:
                yield others
                continue
            for content in entries[name].contents(rng):
                yield {**others, name: content}

    def _any(self, file, rng):
        return file if file == self.FOLDER else file.anything(rng)
