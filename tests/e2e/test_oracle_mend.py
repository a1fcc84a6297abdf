"""Mending as the oracle does it: each rule, then random damage of every kind."""

import os
import random
import unittest

import damage
from oracle import Store, Writer
from oracle_format import Fault, make_token, token_id
from oracle_mend import mend

NOW = 1700000000
EPOCH = NOW * 1000000
CASES = max(100, int(os.environ.get("MEND_CASES", 0)))


def lines_of(data):
    return data.splitlines(keepends=True)


class Rules:
    """Cases made by hand, for whoever mends: mended(files) returns a Store, the ids that were ended and the number of
    lines that the snapshot lost, or raises Fault.

    Six tokens, 2 and 6 of which are revoked. The log: 1 to 6 create, 7 revokes 6, a P line here in a store that was
    compacted; then 2 is changed, 2 is revoked, 3 is changed, and 4 is changed.
    """

    def setUp(self):
        super().setUp()
        rng = random.Random(1)
        self.tokens = [make_token(rng=rng) for _ in range(6)]
        self.ids = [token_id(token) for token in self.tokens]

    def store(self, compact=False, changes=4):
        writer = Writer("example.com", "0" * 32)
        for token in self.tokens:
            writer.create(token)
        writer.revoke(self.tokens[5])
        if compact:
            writer.compact()
        for change in [
            lambda: writer.update(self.tokens[1], label="changed"),
            lambda: writer.revoke(self.tokens[1]),
            lambda: writer.update(self.tokens[2], label="changed too"),
            lambda: writer.update(self.tokens[3], label="and this one"),
        ][:changes]:
            change()
        return writer

    def without(self, writer, *texts):
        return b"".join(line for line in lines_of(writer.data()) if line not in texts)

    def assert_mended(self, files, ended, alive, lost=0):
        """By the numbers of the tokens."""
        store, ended_ids, lost_lines = self.mended(files)
        self.assertEqual(store.header.basechain, store.header.start)
        self.assertEqual(store.log[0][1].ext[0][0], "mended")
        self.assertEqual({(record.op, record.id) for _, record, _ in store.log[1:]}, {("R", id) for id in ended_ids})
        self.assertEqual(sorted(self.ids.index(id) + 1 for id in ended_ids), ended)
        works = [id in store.tokens and store.record(id).revoked is None for id in self.ids]
        self.assertEqual([number for number, yes in enumerate(works, 1) if yes], alive)
        self.assertEqual(lost_lines, lost)
        return store

    def assert_refused(self, *files):
        self.assertRaises(Fault, self.mended, files)

    def test_a_sound_store(self):
        for compact in (False, True):
            writer = self.store(compact)
            store = self.assert_mended([writer.data()], [], [1, 3, 4, 5])
            n, point, _ = store.log[0]
            self.assertEqual((n, point.ext), (writer.n + 1, (("mended", writer.head()),)))
            writer.begin_epoch(store.header.epoch, point.time, point.by)
            self.assertEqual(writer.data(), store.header.text() + b"".join([*store.snapshot, store.log[0][2]]))

    def test_a_lost_line(self):
        """The next line says whose it was. Where that one has no other line, it is unknown; where it has a later one,
        nothing is lost. The last line leaves no trace."""
        writer = self.store()
        for n, ended, alive in (
            (1, [], [3, 4, 5]), (2, [], [1, 3, 4, 5]), (5, [], [1, 3, 4]), (6, [], [1, 3, 4, 5]),
            (7, [6], [1, 3, 4, 5]), (8, [], [1, 3, 4, 5]), (9, [2], [1, 3, 4, 5]), (10, [3], [1, 4, 5]),
            (11, [], [1, 3, 4, 5]),
        ):
            with self.subTest(n=n):
                data = self.without(writer, writer.log[n - 1])
                self.assert_mended([data], ended, alive, n in (1, 5))
                self.assert_mended([data, writer.data()], [], [1, 3, 4, 5])

    def test_lost_lines(self):
        """Of all but the last of them nobody knows whose they were. Who has a later line is not in doubt."""
        writer = self.store()
        self.assert_mended([self.without(writer, *writer.log[7:10])], [1, 2, 3, 5], [4])
        self.assert_mended([self.without(writer, *writer.log[6:8])], [1, 5, 6], [3, 4])

    def test_a_copy_that_is_too_old(self):
        writer, older = self.store(), self.store(changes=1)
        data = self.without(writer, *writer.log[6:10])
        self.assert_mended([data, older.data()], [1, 2, 3, 5], [4])
        self.assert_mended([self.without(writer, writer.log[6]), older.data()], [], [1, 3, 4, 5])

    def test_the_point_of_a_compaction(self):
        writer = self.store(True)
        self.assert_mended([self.without(writer, writer.log[0])], [], [1, 3, 4, 5])

    def test_a_line_of_the_snapshot(self):
        writer = self.store(True)
        for number in (1, 5, 6):
            data = self.without(writer, *(line for line in writer.snapshot if self.ids[number - 1].encode() in line))
            alive = [each for each in (1, 3, 4, 5) if each != number]
            self.assert_mended([data], [], alive, 1)
            self.assert_mended([data, self.store(True, 0).data()], [], [1, 3, 4, 5])
            self.assert_mended([data, self.store(False, 0).data()], [], alive, 1)

    def test_what_stands_behind_the_last_line(self):
        writer = self.store()
        data, last = writer.data(), writer.log[-1]
        for torn in (b"", b"12", b"12|x", b"\0" * 100):
            self.assert_mended([data + torn], [], [1, 3, 4, 5])
        self.assert_mended([data[:-1]], [], [1, 3, 4, 5])
        for foreign in (b"x", b"x\n", b"\n", b"13|x", last, writer.log[0], last[:-1]):
            with self.subTest(foreign=foreign):
                self.assert_mended([data + foreign], [1, 3, 4, 5], [])
        damaged = data[:-40] + b"!" + data[-39:]
        self.assert_mended([damaged], [1, 3, 4, 5], [])

    def test_what_a_copy_knows_of_the_end(self):
        """It has lines as long as those that were there, or the one with the chain that is still there. Other text at the
        end may be that of later lines."""
        writer = self.store()
        data, last = writer.data(), writer.log[-1]
        copies = [data, data + b"12|x", self.store().data()]
        flipped = data[:-2] + bytes([data[-2] ^ 1]) + b"\n"
        before_the_chain = data[:-33] + b"x" + data[-33:]
        for damaged in (flipped, data[: -len(last)] + b"\1" * len(last), data[: -len(last)] + b"x" + last, before_the_chain):
            for copy in copies:
                self.assert_mended([damaged, copy], [], [1, 3, 4, 5])
            self.assert_mended([damaged, self.store(changes=3).data()], [1, 3, 4, 5], [])
        for text in (data[:-2] + b"!\n", data[: -len(last)] + b"!" * len(last)):
            self.assert_mended([text, data], [1, 3, 4, 5], [])
        longer = data[: -len(last)] + b"x" + last + b"13|x"
        self.assert_mended([longer, data], [1, 3, 4, 5], [])

    def test_a_piece_cut_out_into_the_last_line(self):
        """What remains is as long as a line that an older copy has, which does not know the last one. Or it was cut out
        into that line of a store that ends in a torn write."""
        writer, older = self.store(), self.store(changes=3)
        data, last, line = writer.data(), len(older.data()), len(writer.log[-2])
        for start in range(last - line + 2, last - 5, 7):
            damaged = data[:start] + data[start + len(writer.log[-1]) :]
            self.assertEqual(len(damaged), last)
            self.assert_mended([damaged, older.data()], [1, 3, 4, 5], [])
            if last - start >= 34:  # the chain is whole
                self.assert_mended([damaged, data], [], [1, 3, 4, 5])
            torn = data + b"12|torn" + b"x" * 40
            damaged = torn[:start] + torn[start + len(torn) - last :]
            if b"\n" in damaged[last - line :]:
                self.assert_mended([damaged, older.data()], [1, 3, 4, 5], [])

    def test_swapped_lines(self):
        writer = self.store()
        log = writer.log
        data = writer.header.text() + b"".join([*log[:3], log[10], *log[4:10], log[3]])
        self.assert_mended([data], [], [1, 3, 4, 5])

    def test_a_line_over_another(self):
        """The copy may stand on a revocation, at the end too."""
        writer = self.store(changes=2)
        for n, ended, alive, lost in ((9, [1, 2, 3, 4, 5], [], 0), (7, [6], [1, 3, 4, 5], 0), (4, [], [1, 3, 5], 1)):
            log = [writer.log[0] if number == n else text for number, text in enumerate(writer.log, 1)]
            self.assert_mended([writer.header.text() + b"".join(log)], ended, alive, lost)

    def test_revoked_absorbs(self):
        writer = self.store()
        writer.update(self.tokens[1], revoked=None, label="back")
        self.assert_mended([writer.data()], [], [1, 3, 4, 5])

    def test_forks(self):
        one, other = self.store(changes=2), self.store(changes=2)
        one.revoke(self.tokens[0])
        other.update(self.tokens[4], label="here")
        self.assert_mended([one.data(), other.data()], [3, 4, 5], [])
        other.update(self.tokens[4], label="there")
        self.assert_mended([one.data() + other.log[10]], [3, 4, 5], [])
        self.assert_mended([self.without(other, other.log[9]), one.data()], [3, 4, 5], [])

    def test_headers(self):
        for compact in (False, True):
            writer = self.store(compact)
            data, header = writer.data(), writer.header.text()
            for bad in (b"", b"\n", header[:-40] + b"!" + header[-39:], header[:-1] + b"x", bytes(len(header))):
                with self.subTest(compact=compact, bad=bad):
                    damaged, first_is_lost = bad + data[len(header) :], bad[-1:] in (b"x", b"\0")
                    self.assert_refused(damaged)
                    self.assert_refused(damaged, damaged)
                    self.assert_mended([damaged, header], [], [3, 4, 5] if first_is_lost else [1, 3, 4, 5],
                        first_is_lost)
                    self.assert_mended([damaged, data], [], [1, 3, 4, 5])
            for other in (Writer("example.com"), Writer("example.com", "0" * 32, 2)):
                self.assert_refused(b"x" + data, other.header.text())
                self.assert_refused(data, other.header.text())
        for data in (b"", b"\n", b"x" * 10000):
            self.assert_refused(data)
            self.assert_refused(data, self.store().data())
        self.assert_refused(Writer("other.com").data())

    def test_the_header_of_an_older_copy(self):
        """It makes the snapshot unreadable; what the copy does not know is in doubt."""
        writer = self.store(True)
        self.assert_mended([b"x" + writer.data(), self.store(False, 0).data()], [], [1, 3, 4, 5])

    def test_two_compactions_of_one_line(self):
        one, other = self.store(), self.store()
        one.compact()
        other.compact(cutoff=NOW)
        self.assert_refused(one.data(), other.data())

    def test_the_cutoff_holds(self):
        writer = self.store()
        writer.compact(cutoff=NOW + 1)
        writer.revoke(self.tokens[0])
        store = self.assert_mended([writer.data() + b"x"], [3, 4, 5], [])
        self.assertEqual((store.header.cutoff, len(store.tokens)), (NOW + 1, 3))

    def test_nothing_but_a_header(self):
        data = Writer("example.com", "0" * 32).data()
        self.assert_mended([data], [], [])
        self.assert_mended([data + b"damage\n"], [], [])
        self.assert_mended([data, self.store().data()], [], [1, 3, 4, 5])


class OraclesRules(Rules, unittest.TestCase):
    def mended(self, files):
        done = mend(files, "example.com", EPOCH, NOW + 5, reason="gone")
        store = Store(done.writer.data())
        self.assertEqual([record.reason for _, record, _ in store.log[1:]], ["gone"] * len(done.ended))
        return store, done.ended, done.lost


class Random(unittest.TestCase):
    def test_damage(self):
        for kind in damage.KINDS:
            for number, case in enumerate(damage.cases(kind, CASES, "oracle")):
                with self.subTest(kind=kind, number=number):
                    self.assert_well_mended(case)

    def assert_well_mended(self, case):
        """Nobody comes back, nobody else's token comes in, and a whole copy heals what it is known to heal."""
        try:
            done = mend(case.files, "example.com", case.history.writer.header.epoch + 1)
        except Fault:
            self.assertNotEqual(lines_of(case.files[0])[0], case.history.writer.header.text())
            return
        alive = alive_in(Store(done.writer.data()))
        self.assertLessEqual(alive, case.may_live())
        if case.copy == "whole" and case.kind in damage.HEALED:
            self.assertEqual((alive, done.ended, done.lost), (case.history.alive(), [], 0))


class Useful(unittest.TestCase):
    """Without a copy 95 of 100 tokens still work, wherever one small damage has come over a store of 60 lines."""

    def assert_useful(self, damaged):
        """damaged(data): all that it could have become."""
        for shape in damage.SHAPES:
            history = damage.history_of(1, shape)
            kept = []
            for data in damaged(history.data()):
                done = mend([data], "example.com", history.writer.header.epoch + 1)
                alive = alive_in(done.writer)
                kept.append(len(alive & history.alive()) / len(history.alive()))
            self.assertGreater(len(kept), 50)
            self.assertGreaterEqual(sum(kept) / len(kept), 0.95, shape)

    def test_a_deleted_line(self):
        def damaged(data):
            lines = lines_of(data)
            return [b"".join(lines[:at] + lines[at + 1 :]) for at in range(1, len(lines))]

        self.assert_useful(damaged)

    def test_an_edited_line(self):
        def damaged(data):
            lines = lines_of(data)
            return [b"".join([*lines[:at], lines[at].replace(b"|token ", b"|"), *lines[at + 1 :]])
                for at in range(1, len(lines)) if b"|token " in lines[at]]

        self.assert_useful(damaged)

    def test_a_flipped_bit(self):
        """But for those in the header, without which nothing can be done."""

        def damaged(data):
            for at in range(data.index(b"\n") + 1, len(data), 13):
                yield data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]

        self.assert_useful(damaged)


def alive_in(store):
    return {id for id, (_, record, _) in store.tokens.items() if record.revoked is None}


if __name__ == "__main__":
    unittest.main()
