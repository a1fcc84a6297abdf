"""The clients of test_nginx_soak, each a process of its own, and what they share with the test.

A client knows of each token whether it must be admitted, must be refused, or is just being changed, before it asks and
when it has the answer. Only if both are the same, the answer can be wrong.
"""

import http.client
import mmap
import multiprocessing
import os
import random
import signal
import socket
import struct
import traceback

FREE, GOOD, CHANGING, DEAD = range(4)
PATHS = ("/", "/", "/", "/limited/", "/log/")


class Board:
    """Memory that all processes share: the tokens, the trouble of the store, and the clients' counts."""

    SLOTS, SIZE, COUNTS = 48, 128, 64
    HEAD = 8 * COUNTS

    def __init__(self):
        self.memory = mmap.mmap(-1, self.HEAD + self.SLOTS * self.SIZE)

    # ---- counts: 0 is how often trouble of the store began or ended, 1 is the end; then each client has two ----

    def count(self, number):
        return struct.unpack_from("=Q", self.memory, 8 * number)[0]

    def add(self, number, more=1):
        struct.pack_into("=Q", self.memory, 8 * number, self.count(number) + more)

    # ---- tokens ----

    def read(self, slot):
        """(uses of the slot, state, token)"""
        use, state, length = struct.unpack_from("=III", self.memory, self.HEAD + slot * self.SIZE)
        start = self.HEAD + slot * self.SIZE + 12
        return use, state, self.memory[start : start + length]

    def mark(self, slot, state):
        struct.pack_into("=I", self.memory, self.HEAD + slot * self.SIZE + 4, state)

    def put(self, slot, token):
        """Another token, which must be admitted."""
        start = self.HEAD + slot * self.SIZE
        self.mark(slot, FREE)
        struct.pack_into("=I", self.memory, start, self.read(slot)[0] + 1)
        struct.pack_into("=I%ds" % len(token), self.memory, start + 8, len(token), token.encode())
        self.mark(slot, GOOD)


def wrong(status, path, before, after, trouble):
    """May the answer not be so? trouble: the store was damaged at some time in between."""
    if before[0] != after[0]:
        return False
    if path == "/limited/" and status == 429:
        return False
    if before[1] == after[1] == GOOD:
        return status != 200
    if before[1] == DEAD:
        return status != 401 and not (trouble and status == 503)
    return status not in (200, 401) and not (trouble and status == 503)


class Closed(Exception):
    """The connection was closed before a byte of the answer: a request may be sent again on another one, if this
    connection had served one before (RFC 9112, section 9.3.1)."""


class Http1:
    """One connection, and requests one after the other."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, questions):
        """The status of each (path, token)."""
        for path, token in questions:
            request = b"GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n" % (path.encode(), token)
            try:
                self.socket.sendall(request)
                data = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                data = b""
            if not data:
                raise Closed
            while b"\r\n\r\n" not in data:
                data += self.more()
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"\r\ncontent-length: ")[2].split(b"\r\n")[0])
            while len(body) < length:
                body += self.more()
            yield int(head[9:12])

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise http.client.HTTPException("the answer ends too early")
        return data

    def close(self):
        self.socket.close()


class Http2:
    """One connection, and requests at once. As little of RFC 9113 as nginx needs."""

    DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.2", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input, self.next, self.last = self.socket.makefile("rb"), 1, None
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(self.SETTINGS))

    @staticmethod
    def frame(kind, payload=b"", flags=0, stream=0):
        return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            raise Closed from None

    @staticmethod
    def head(path, token):
        def literal(index, value):  # without indexing
            return bytes([index] if index < 15 else [15, index - 15]) + bytes([len(value)]) + value

        return b"\x82\x86" + literal(1, b"localhost") + literal(4, path.encode()) + literal(23, b"Bearer " + token)

    def ask(self, questions):
        first, answers, ended = self.next, {}, 0
        for path, token in questions:
            self.send(self.frame(self.HEADERS, self.head(path, token), 5, self.next))
            self.next += 2
        while ended < len(questions):
            kind, flags, stream, payload = self.receive()
            if kind == self.GOAWAY:
                self.last = struct.unpack(">I", payload[:4])[0]
                if self.last < first + 2 * len(questions) - 2:
                    raise Closed  # those behind it were not begun, and those before are asked again too
            elif kind == self.HEADERS:
                payload = payload.lstrip(b"\x20")  # the size of the table
                answers[stream] = 200 if payload[0] == 0x88 else int(payload[2:5])
            elif kind == self.RESET:
                raise http.client.HTTPException("stream %d was reset: %r" % (stream, payload))
            if kind in (self.HEADERS, self.DATA):
                ended += flags & 1
        for stream in range(first, self.next, 2):
            yield answers[stream]

    def receive(self):
        try:
            head = self.input.read(9)
        except ConnectionResetError:
            head = b""
        if len(head) < 9:
            raise Closed
        length, kind, flags, stream = struct.unpack(">I", b"\0" + head[:3])[0], head[3], head[4], head[5:]
        payload = self.input.read(length)
        if kind == self.SETTINGS and not flags & 1:
            self.send(self.frame(self.SETTINGS, flags=1))
        if kind == self.PING and not flags & 1:
            self.send(self.frame(self.PING, payload, 1))
        if kind == self.DATA and length:
            self.send(self.frame(self.WINDOW, struct.pack(">I", length)))
        return kind, flags, struct.unpack(">I", stream)[0], payload

    def close(self):
        self.input.close()
        self.socket.close()


class Client:
    """A process that asks until the end.

    kind   Http1 or Http2
    kept   how many connections it keeps open; 0: each request has one of its own
    batch  how many requests at once
    """

    def __init__(self, board, number, port, kind, kept, batch=1):
        self.board, self.number, self.port = board, number, port
        self.kind, self.kept, self.batch = kind, kept, batch
        self.errors, self.sender = multiprocessing.Pipe(False)
        self.process = multiprocessing.get_context("fork").Process(target=self.run, daemon=True)

    @property
    def served(self):
        return self.board.count(2 + 2 * self.number)

    @property
    def repeated(self):
        """Requests that were sent again."""
        return self.board.count(3 + 2 * self.number)

    def run(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        random.seed(os.urandom(8))
        connections = [None] * max(1, self.kept)
        try:
            while not self.board.count(1):
                place = random.randrange(len(connections))
                connections[place] = self.ask(connections[place])
                if not self.kept:
                    connections[place].close()
                    connections[place] = None
        except BaseException:
            self.sender.send(traceback.format_exc())
            raise

    def ask(self, connection):
        """Ask about some tokens. Returns the connection, or one in its place."""
        slots = [slot for slot in random.sample(range(Board.SLOTS), self.batch) if self.board.read(slot)[1] != FREE]
        before = [self.board.read(slot) for slot in slots]
        trouble = self.board.count(0)
        questions = [(random.choice(PATHS), token) for _, _, token in before]
        fresh = connection is None
        while True:
            connection = connection or self.kind(self.port)
            try:
                answers = list(connection.ask(questions))
                break
            except Closed:
                if connection:
                    connection.close()
                if fresh and connection and getattr(connection, "last", None) is None:
                    raise http.client.HTTPException("a new connection was closed without an answer") from None
                self.board.add(3 + 2 * self.number, len(questions))
                connection, fresh = None, True
        trouble = trouble % 2 == 1 or trouble != self.board.count(0)
        for slot, status, (path, _), known in zip(slots, answers, questions, before):
            if wrong(status, path, known, self.board.read(slot), trouble):
                raise AssertionError("%d for %s, a token that is %s" % (
                    status, path, ("free", "good", "changing", "dead")[known[1]]))
        self.board.add(2 + 2 * self.number, len(questions))
        return connection
