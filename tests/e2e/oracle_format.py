"""The format's grammar: tokens, text in columns, lines and what proves them, and the header.

Made from the description of the format alone, as oracle.py is, which builds on it and should be read first.
"""

import functools
import hashlib
import ipaddress
import random
import re
import typing
import zlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN_SHAPE = re.compile(r"([a-z][a-z0-9]{1,15})_([0-9A-Za-z]{12})([0-9A-Za-z]{43})([0-9A-Za-z]{6})")
DOMAIN_SHAPE = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
NO_ID = "-" * 12
LINE_LIMIT = 4096
COLUMNS = 20
DIGEST_OF_NOTHING = hashlib.blake2b(digest_size=32).hexdigest()


class Fault(ValueError):
    """The bytes are no sound store, or no token: the text says where, and why."""


# Tokens


def base62(number, width):
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    if number:
        raise ValueError("too large for %d digits" % width)
    return "".join(reversed(digits))


def make_token(prefix="tok", id=None, secret=None, rng=random.SystemRandom()):
    body = "%s_%s%s" % (
        prefix,
        id or "".join(rng.choices(ALPHABET, k=12)),
        secret or "".join(rng.choices(ALPHABET, k=43)),
    )
    return body + base62(zlib.crc32(body.encode()), 6)


def parse_token(text):
    """A token's prefix, id and secret."""
    match = TOKEN_SHAPE.fullmatch(text)
    if not match:
        raise Fault("not the shape of a token")
    if match[4] != base62(zlib.crc32(text[:-6].encode()), 6):
        raise Fault("the token's checksum is wrong")
    return match[1], match[2], match[3]


def token_id(token):
    return parse_token(token)[1]


def token_hash(token):
    return key_hash(token, token_id(token))


def foreign_id(key, storeid):
    """The id that a key of another system has in that store."""
    if not re.fullmatch("[!-~]{20,512}", key) or TOKEN_SHAPE.fullmatch(key):
        raise Fault("no foreign key")
    digest = hashlib.blake2b(key.encode(), digest_size=32, salt=bytes.fromhex(storeid), person=b"toktab/foreign1").digest()
    return base62(int.from_bytes(digest[:9], "big") % 62**12, 12)


def key_hash(key, id):
    return hashlib.blake2b(key.encode(), digest_size=32, salt=id.encode(), person=b"toktab/token/v1").hexdigest()


# Text in columns


def escape(text, also=""):
    """Text as a column has it; also: what this column needs besides."""
    return re.sub("[%%|\x00-\x1f\x7f%s]" % also, lambda match: "%%%02X" % ord(match[0]), text)


def unescape(text, also=""):
    plain = text if "%" not in text else re.sub("%([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), text)
    if escape(plain, also) != text:
        raise Fault("bad text %r" % text)
    return plain


def escape_list(items):
    return ",".join(escape(item, ",") for item in items)


def unescape_list(text):
    return tuple(unescape(item, ",") for item in text.split(",")) if text else ()


def escape_ext(items):
    return " ".join(key if text is None else "%s=%s" % (key, escape(text, " ")) for key, text in items)


def unescape_ext(column):
    items = []
    for item in column.split(" ") if column else []:
        key, equals, text = item.partition("=")
        if not re.fullmatch("[a-z][a-z0-9_]*|[A-Z][A-Z0-9_]*", key):
            raise Fault("bad key in ext: %r" % item)
        items.append((key, unescape(text, " ") if equals else None))
    return tuple(items)


def number(text):
    if not re.fullmatch("0|[1-9][0-9]{0,19}", text) or int(text) >= 2**64:
        raise Fault("not a number: %r" % text)
    return int(text)


def seconds(text):
    if number(text) >= 2**63 - 1:
        raise Fault("no time: %r" % text)
    return int(text)


def seconds_or_none(text):
    return None if text == "-" else seconds(text)


def uid_or_none(text):
    return None if text == "-" else number(text)


def dash(value):
    return "-" if value is None else str(value)


def hexes(digits, text):
    if not re.fullmatch("[0-9a-f]{%d}" % digits, text):
        raise Fault("not %d hexadecimal digits: %r" % (digits, text))
    return text


# Records and lines


class Record(typing.NamedTuple):
    """What one line says, without its place in the log."""

    id: str = NO_ID
    op: str = "C"
    hash: str = "0" * 64
    serial: int = 0
    created: int = 0
    expires: int = None
    revoked: int = None
    time: int = 0
    by: tuple = ("root", 0, None)
    scopes: tuple = ()
    nets: tuple = ()
    user: str = ""
    label: str = ""
    reason: str = ""
    prev: str = ""
    ext: tuple = ()

    def columns(self):
        user, uid, loginuid = self.by
        return [
            self.id, self.op, self.hash, str(self.serial), str(self.created), dash(self.expires),
            dash(self.revoked), str(self.time), "%s/%d/%s" % (escape(user, "/"), uid, dash(loginuid)),
            escape_list(self.scopes), escape_list(self.nets), escape(self.user), escape(self.label),
            escape(self.reason), self.prev, escape_ext(self.ext),
        ]

    def dead_at(self):
        """When the token died or will die, or None: the lesser of revoked and expires."""
        return min((t for t in (self.revoked, self.expires) if t is not None), default=None)

    def state(self, now):
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"


def parse_by(text):
    parts = text.split("/")
    if len(parts) != 3:
        raise Fault("bad by %r" % text)
    return unescape(parts[0], "/"), number(parts[1]), uid_or_none(parts[2])


def parse_columns(columns):
    """The Record of a line's columns 2 to 17, id to ext, each in its grammar."""
    (id, op, hash, serial, created, expires, revoked, time, by, scopes, nets, user, label, reason, prev,
        ext) = columns
    if op not in ("C", "R", "U", "P"):
        raise Fault("unknown op %r" % op)
    if not re.fullmatch(NO_ID if op == "P" else "[0-9A-Za-z]{12}", id):
        raise Fault("bad id %r" % id)
    if prev and not re.fullmatch("[0-9A-Za-z]{12}", prev):
        raise Fault("bad prev %r" % prev)
    record = Record(
        id, op, hexes(64, hash), number(serial), seconds(created), seconds_or_none(expires),
        seconds_or_none(revoked),
        seconds(time), parse_by(by), unescape_list(scopes), unescape_list(nets), unescape(user), unescape(label),
        unescape(reason), prev, unescape_ext(ext),
    )
    for scope in record.scopes:
        if not re.fullmatch(r"[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+", scope):
            raise Fault("bad scope %r" % scope)
    for net in record.nets:
        try:
            ipaddress.ip_network(net)
        except ValueError as error:
            raise Fault("bad network: %s" % error) from error
    if op == "P":
        plain = Record(NO_ID, "P", record.hash, 0, record.time, record.expires, None, record.time, record.by,
            ext=record.ext)
        if record != plain:
            raise Fault("a P line with more than a point of compaction")
    elif op == "R" and record.revoked is None:
        raise Fault("an R line that revokes nothing")
    return record


def chain_start(storeid, epoch):
    return hashlib.blake2b(b"toktab-log-1|%s|%020d|" % (storeid.encode(), epoch), digest_size=16).hexdigest()


def chain_of(start, body):
    """start: chain(0) of the line's epoch; body: the line up to and with the "|" before its chain."""
    return hashlib.blake2b(body, digest_size=16, salt=bytes.fromhex(start), person=b"toktab/line/v1").hexdigest()


def seal_of(basechain, body):
    """What a snapshot has in the place of a line's chain."""
    return hashlib.blake2b(body, digest_size=16, salt=bytes.fromhex(basechain), person=b"toktab/seal/v1").hexdigest()


def sealed(basechain, text):
    """A line as the snapshot up to basechain has it."""
    body = body_of(text)
    return body + seal_of(basechain, body).encode() + b"\n"


def digest_of(snapshot):
    """Of the lines of a snapshot: over their seals."""
    seals = b"".join(bytes.fromhex(text[-33:-1].decode()) for text in snapshot)
    return hashlib.blake2b(seals, digest_size=32).hexdigest()


def body_of(text):
    """A line up to and with the "|" before its last column."""
    return text[: text.rindex(b"|") + 1]


class Line(typing.NamedTuple):
    """A line's columns. chain: what its last column holds, which is a seal in a snapshot."""

    n: int
    record: Record
    prior: int
    before: str
    chain: str
    text: bytes


@functools.lru_cache(100000)
def parse_line(text):
    """The Line of a whole line with its LF."""
    if len(text) > LINE_LIMIT:
        raise Fault("longer than %d bytes" % LINE_LIMIT)
    try:
        columns = text[:-1].decode().split("|")
    except UnicodeDecodeError as error:
        raise Fault("not UTF-8") from error
    if len(columns) != COLUMNS or text[-1:] != b"\n":
        raise Fault("%d columns" % len(columns))
    n, *middle, prior, before, chain = columns
    line = Line(number(n), parse_columns(middle), number(prior), hexes(32, before), hexes(32, chain), text)
    if line.n == 0:
        raise Fault("lines are counted from 1")
    return line


def prove(text, hash, salt):
    """The Line of a whole line; its last column must be hash (chain_of or seal_of) with this salt."""
    line = parse_line(text)
    if hash(salt, body_of(text)) != line.chain:
        raise Fault("its last column does not prove it")
    return line


def proved(text, hash, salt):
    """As prove(), or None."""
    try:
        return prove(text, hash, salt)
    except Fault:
        return None


class Header(typing.NamedTuple):
    domain: str
    storeid: str
    epoch: int = 1
    base: int = 0
    basechain: str = ""
    cutoff: int = None
    lines: int = 0
    bytes: int = 0
    digest: str = DIGEST_OF_NOTHING

    @property
    def start(self):
        """chain(0) of this epoch, which every line of its log is salted with."""
        return chain_start(self.storeid, self.epoch)

    def text(self):
        body = "toktab1|%s|%s|%020d|%020d|%s|%s|%020d|%020d|%s|" % (
            self.domain, self.storeid, self.epoch, self.base, self.basechain, dash(self.cutoff), self.lines,
            self.bytes, self.digest,
        )
        return (body + hashlib.blake2b(body.encode(), digest_size=16).hexdigest() + "\n").encode()


def parse_header(line):
    try:
        magic, domain, storeid, epoch, base, basechain, cutoff, lines, size, digest, _ = line.decode().split("|")
    except ValueError as error:
        raise Fault("header: not 11 columns of UTF-8") from error
    if magic != "toktab1" or not DOMAIN_SHAPE.fullmatch(domain):
        raise Fault("header: not a store")
    if not all(re.fullmatch("[0-9]{20}", padded) for padded in (epoch, base, lines, size)):
        raise Fault("header: a number that is not of 20 digits")
    header = Header(
        domain, hexes(32, storeid), int(epoch), int(base), hexes(32, basechain), seconds_or_none(cutoff),
        int(lines),
        int(size), hexes(64, digest),
    )
    if header.text() != line:
        raise Fault("header: its check is wrong")
    fresh = Header(domain, storeid, header.epoch, 0, chain_start(storeid, header.epoch), header.cutoff)
    if header.base == 0 and header != fresh:
        raise Fault("header: a snapshot of nothing")
    return header
