"""Mending, from the description of the format alone: what is proved is kept, and who is in doubt is ended.

Pure functions of bytes: those of the damaged store first, then those of its copies. It stands on oracle.py.
"""

import re
import typing

from oracle import Writer, changes, rest_kind, unended_line
from oracle_format import Fault, Header, Line, chain_of, parse_header, proved, seal_of


class Mended(typing.NamedTuple):
    writer: Writer  # of the new epoch
    ended: list  # the ids that were in doubt, in order of their serials
    lost: int  # how many tokens are known to have been there, of which no file has a line any more


def mend(datas, domain, epoch, time=1700000000, by=("root", 0, None), reason="in doubt after damage"):
    """Raises Fault where nothing can be made of it."""
    header = choose_header(datas)
    if header.domain != domain:
        raise Fault("header: that of another domain")
    files = [read_file(data, header_of(data) or header) for data in datas]
    if not header_of(datas[0]) and not any(piece.line for piece in files[0].pieces):
        raise Fault("header: damaged, and nothing here proves itself under that of a copy")
    known = gather(files, header)
    old = sum(record.serial <= header.base for _, record, _ in known.tokens.values())
    writer = Writer(header.domain, header.storeid)
    writer.header, writer.n, writer.chain, writer.tokens = header, known.n, known.chain, known.tokens
    writer.begin_epoch(epoch, time, by)
    examined = [file for file in files if file is files[0] or file.header.base == header.base]
    doubtful = in_doubt(known, any(may_hide_changes(file, known) for file in examined), revoked_before(files, header))
    ended = [record for record in doubtful if record.id in writer.tokens]  # the others were dead before the cutoff
    for record in ended:
        writer.append(record._replace(op="R", revoked=time, time=time, by=by, reason=reason))
    return Mended(writer, [record.id for record in ended], max(0, header.lines - old) + lost_since(known))


def lost_since(known):
    """How many tokens were created after the snapshot, of which only the line after a missing one tells."""
    serials = {record.serial for _, record, _ in known.tokens.values()}
    told = {line.prior for n, line in known.log.items() if n - 1 > known.base and n - 1 not in known.log}
    return sum(serial > known.base for serial in told - serials)


# What the files say


def header_of(data):
    try:
        return parse_header(data[: data.find(b"\n") + 1])
    except Fault:
        return None


def choose_header(datas):
    """The one of the greatest base. The store's own may be damaged."""
    own, *copies = map(header_of, datas)
    if None in copies:
        raise Fault("a copy is no store")
    headers = copies + [own] * (own is not None)
    if not headers:
        raise Fault("header: damaged, and there is no copy")
    chosen = max(headers, key=lambda header: header.base)
    for header in headers:
        if (header.domain, header.storeid, header.epoch) != (chosen.domain, chosen.storeid, chosen.epoch):
            raise Fault("a copy is of another store or epoch")
        if header.base == chosen.base and header != chosen:
            raise Fault("a copy was compacted in another way")
    return chosen


class Piece(typing.NamedTuple):
    """A part of a file up to and with an LF, or what is after the last one; line: what it proves to be, or None."""

    text: bytes
    line: Line = None
    is_sealed: bool = False


class File(typing.NamedTuple):
    data: bytes
    header: Header
    pieces: list


def read_file(data, header):
    return File(data, header, [read_piece(text, header) for text in re.findall(rb"[^\n]*\n|[^\n]+", data)])


def read_piece(text, header):
    line = proved(text, seal_of, header.basechain)
    if line:
        return Piece(text, line, True)
    line = proved(text, chain_of, header.start) if text.endswith(b"\n") else unended_line(text, header.start)
    return Piece(text, line if line and line.n > header.base else None)


class Known(typing.NamedTuple):
    """What all files prove together."""

    sealed: dict  # {n: Line}
    log: dict  # {n: Line}, of what is after base
    tokens: dict  # {id: (n, Record, text)}, as a Store has them
    base: int
    n: int  # of the last line
    chain: str  # of that line
    contradicts: bool  # two different lines claim one place, or a line follows on another one than is there


def gather(files, header):
    sealed, log, contradicts = {}, {}, False
    for file in files:
        for piece in file.pieces:
            if piece.line and (file.header == header if piece.is_sealed else piece.line.n > header.base):
                lines = sealed if piece.is_sealed else log
                contradicts |= lines.setdefault(piece.line.n, piece.line).text != piece.line.text
    chains = {header.base: header.basechain, **{n: line.chain for n, line in log.items()}}
    contradicts |= any(chains.get(n - 1, line.before) != line.before for n, line in log.items())
    tokens = {}
    for line in [sealed[n] for n in sorted(sealed)] + [log[n] for n in sorted(log)]:
        if changes(tokens, line.record):
            tokens[line.record.id] = (line.n, line.record, line.text)
    last = max(chains)
    return Known(sealed, log, tokens, header.base, last, chains[last], contradicts)


# Who is in doubt


def may_hide_changes(file, known):
    """Does anything stand after the file's line of the greatest n that could have been a change?

    Not if another file has the lines that stood there. A line that stands in the file for the second time could have
    been written over a change.
    """
    lines = [piece.line for piece in file.pieces]
    logged = [at for at, line in enumerate(lines) if line and not file.pieces[at].is_sealed]
    sealed = [at for at, piece in enumerate(file.pieces) if piece.is_sealed]
    at = max(logged or sealed, key=lambda at: lines[at].n, default=0)
    n, chain = (lines[at].n, lines[at].chain) if logged else (file.header.base, file.header.basechain)
    end = at + 1
    while end < len(lines) and lines[end] and lines[end] not in lines[:end]:
        end += 1
    kind = rest_kind(file.data, place_of(file, end), n, chain, file.header.start)
    return kind not in ("", "torn", "unsynced") and not has_all(known, file, n, place_of(file, at + 1))


def place_of(file, at):
    return sum(len(piece.text) for piece in file.pieces[:at])


def has_all(known, file, n, end):
    """Are the lines known that stood in a file after its line n, which ends there?"""
    rest = file.data.rfind(b"\n") + 1
    last = file.data[end:rest][-34:]
    while n + 1 in known.log:
        n += 1
        line = known.log[n]
        end += len(line.text)
        if end == len(file.data) and not ends_in_other_text(file.data, line.text):
            return True
        if last[1:] == b"%s\n" % line.chain.encode():
            return rest_kind(file.data, rest, n, line.chain, file.header.start) != "damage"
    return False


def ends_in_other_text(data, line):
    """Are its last bytes text, more than one bit of which is not that of the line?"""
    shown, known = data[-32:], line[-32:]
    is_text = not re.search(rb"[\0-\x09\x0b-\x1f\x7f]", shown)
    return is_text and sum(bin(a ^ b).count("1") for a, b in zip(shown, known)) > 1


def revoked_before(files, header):
    """The ids that a file with a lesser base has revoked: where the snapshot has not, two logs have parted."""
    return {
        piece.line.record.id for file in files for piece in file.pieces
        if piece.line and piece.line.n <= header.base and file.header != header and piece.line.record.revoked is not None
    }


def in_doubt(known, all_are, revoked_elsewhere):
    """The Records of those to end, in order of their serials."""
    up_to, all_up_to = {}, 0
    for n in set(range(known.base + 2, known.n)) - set(known.log):
        if n + 1 in known.log:
            serial = known.log[n + 1].prior
            up_to[serial] = max(n, up_to.get(serial, 0))
        else:
            all_up_to = max(n, all_up_to)
    return sorted(
        (
            record for n, record, _ in known.tokens.values()
            if record.revoked is None
            and (all_are or known.contradicts or record.id in revoked_elsewhere or n < max(all_up_to, up_to.get(record.serial, 0)))
        ),
        key=lambda record: record.serial,
    )
