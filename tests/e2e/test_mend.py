"""toktab check --mend: every kind of damage, what stays, what is revoked, and when it is refused."""

import os
import random
import signal
import threading
import time
import unittest

from harness import SiteTest, needs_terminal
from oracle import Writer
from oracle_format import chain_start, make_token, token_id

NOW = 1700000000
KILLS = 40


def lines_of(data):
    return data.splitlines(keepends=True)


def flip(data, place, mask=0x40):
    """A digit becomes a letter: it must not become the serial of somebody else. Nor a letter the end of the line."""
    changed = data[place] ^ mask
    return data[:place] + bytes([changed if changed != 10 else changed ^ 0x20]) + data[place + 1 :]


class MendTest(SiteTest):
    def tokens(self, count):
        return [self.site.guard(make_token()) for _ in range(count)]

    def store(self, compact=False):
        """Six tokens; number 2 is revoked, and was changed before; number 6 is revoked before a compaction."""
        writer = Writer("example.com")
        self.all = self.tokens(6)
        for number, token in enumerate(self.all):
            writer.create(token, "number %d" % (number + 1))
        writer.revoke(self.all[5])
        if compact:
            writer.compact()
        writer.update(self.all[1], label="changed")
        writer.revoke(self.all[1])
        writer.update(self.all[2], label="changed too")
        self.before = writer
        return writer.data()

    def place(self, data, n, column):
        """Where a column of line n begins."""
        start = 0
        for line in lines_of(data):
            columns = line.split(b"|")
            if start and int(columns[0]) == n:
                return start + sum(len(text) + 1 for text in columns[:column])
            start += len(line)
        raise AssertionError("no line %d" % n)

    def active(self):
        store, now = self.site.read(), time.time()
        return [number + 1 for number, token in enumerate(self.all)
            if token_id(token) in store.tokens and store.record(token_id(token)).state(now) == "active"]

    def assert_mended(self, data, active, damaged=True, *args):
        """Mended, proved by the oracle, and these tokens still work."""
        self.site.put(data)
        for name in os.listdir(self.site.store_dir):
            if ".damaged-" in name:
                os.unlink(os.path.join(self.site.store_dir, name))
        began = int(time.time())
        answer = self.json("check", "--mend", "-y", *args)
        store = self.site.read()
        self.assertEqual(self.active(), active)
        self.assertEqual((answer["head"], bool(answer["faults"])), (store.head(), damaged))
        header = store.header
        self.assertGreaterEqual(header.epoch, began)
        self.assertEqual(header.basechain, chain_start(header.storeid, header.epoch))
        point = store.log[0][1]
        self.assertEqual(point.ext[0][0], "mended")
        self.assertEqual([record.op for _, record, _ in store.log[1:]], ["R"] * len(answer["revoked"]))
        self.assertEqual([record.id for _, record, _ in store.log[1:]], answer["revoked"])
        self.assertEqual(answer["kept"] is not None, damaged)
        if damaged:
            with open(os.path.join(self.site.store_dir, answer["kept"]), "rb") as file:
                self.assertEqual(file.read(), data)
        again = self.json("check")
        self.assertEqual((again["head"], again["faults"]), (store.head(), []))
        self.assertEqual((again["lines"], again["tokens"]), (answer["lines"], answer["tokens"]))
        return answer, store

    def assert_refused(self, data, says=()):
        self.site.put(data)
        before = set(os.listdir(self.site.store_dir))
        self.refused(65, "check", "--mend", "-y", says=says)
        self.assertEqual(self.site.bytes(), data)
        self.assertLessEqual(set(os.listdir(self.site.store_dir)), before | {"example.com.lock"})


class Damage(MendTest):
    def test_a_sound_store_gets_a_new_epoch(self):
        for compact in (False, True):
            data = self.store(compact)
            old = self.before.head()
            answer, store = self.assert_mended(data, [1, 3, 4, 5], False)
            point = store.log[0][1]
            self.assertEqual(point.ext, (("mended", old),))
            self.before.mend(point.time, point.by)
            self.assertEqual(self.site.bytes(), self.before.data().replace(
                *(("%020d" % header.epoch).encode() for header in (self.before.header, store.header))))
            self.assertEqual(answer["revoked"], [])
            self.assertEqual(store.n, self.before.n)
            self.refused(69, "check", "--expect", old)
            self.ok("check", "--expect", answer["head"])

    def test_twice(self):
        data = self.store()
        _, first = self.assert_mended(data, [1, 3, 4, 5], False)
        _, second = self.assert_mended(self.site.bytes(), [1, 3, 4, 5], False)
        self.assertGreater(second.header.epoch, first.header.epoch)

    def test_numbers_go_on(self):
        self.assert_mended(self.store(), [1, 3, 4, 5], False)
        token = self.create("next")
        self.assertEqual(self.record(token).serial, 12)

    def test_each_column_of_a_line(self):
        """Whatever shows whose it was, id or serial, ends that token and no other."""
        for column in range(18):
            data = self.store()
            place = self.place(data, 4, column)
            if data[place : place + 1] == b"|":
                continue
            with self.subTest(column=column):
                self.assert_mended(flip(data, place), [1, 3, 5])

    def test_each_column_of_a_line_that_revoked(self):
        """The older line of the token, which is sound, would admit it."""
        for column in range(18):
            data = self.store()
            place = self.place(data, 9, column)
            if data[place : place + 1] == b"|":
                continue
            with self.subTest(column=column):
                self.assert_mended(flip(data, place), [1, 3, 4, 5])

    def test_each_column_in_a_snapshot(self):
        for column in range(18):
            data = self.store(True)
            place = self.place(data, 4, column)
            if data[place : place + 1] == b"|":
                continue
            with self.subTest(column=column):
                self.assert_mended(flip(data, place), [1, 3, 5])

    def test_the_point_of_a_compaction(self):
        data = self.store(True)
        for column in (0, 1, 2, 3, 4, 8, 9, 17):
            with self.subTest(column=column):
                self.assert_mended(flip(data, self.place(data, 8, column)), [1, 3, 4, 5])

    def test_reason_and_who(self):
        data = self.store()
        _, store = self.assert_mended(flip(data, self.place(data, 4, 13)), [1, 3, 5])
        record = store.record(token_id(self.all[3]))
        self.assertIn("damaged", record.reason)
        self.assertEqual(record.by[1], os.geteuid())
        self.assertEqual(self.verdict(self.all[3]), ("deny", "revoked"))
        self.assertEqual(self.verdict(self.all[0])[0], "allow")

    def test_a_creation_of_which_nothing_is_left(self):
        data = self.store()
        _, store = self.assert_mended(flip(data, self.place(data, 4, 1), 0x80), [1, 3, 5])
        self.assertNotIn(token_id(self.all[3]), store.tokens)
        self.assertEqual(self.verdict(self.all[3]), ("deny", "unknown"))

    def test_lost_lines(self):
        for compact in (False, True):
            lines = lines_of(self.store(compact))
            for gone in range(1, len(lines) - 1):
                data = b"".join(lines[:gone] + lines[gone + 1 :])
                with self.subTest(compact=compact, gone=gone):
                    self.assert_refused(data, says="--revoke-all")
                    self.assert_mended(data, [], True, "--revoke-all")

    def test_a_snapshot_of_another_length(self):
        """Older lines of the log may stand there: only what a later line says is still sure."""
        data = self.store(True)
        self.assert_mended(flip(data, self.place(data, 4, 13)), [1, 3, 5])
        place = self.place(data, 4, 13)
        self.assert_mended(data[:place] + b"x" + data[place:], [3])

    def test_a_lost_line_feed(self):
        """Two lines look like one, the second of which is hidden."""
        lines = lines_of(self.store())
        data = b"".join(lines[:8]) + lines[8][:-1] + b"x" + b"".join(lines[9:])
        self.assert_refused(data, says="--revoke-all")
        self.assert_refused(b"".join(lines[:9]) + lines[9][:-1] + b"x" + lines[10], says="--revoke-all")

    def test_destroyed_lines(self):
        lines = lines_of(self.store())
        for text in (b"\0" * 200 + b"\n", b"\n", b"x" * 5000 + b"\n", b"|" * 100 + b"\n"):
            data = b"".join(lines[:4] + [text] + lines[5:])
            self.assert_refused(data, says="--revoke-all")
            self.assert_mended(data, [], True, "--revoke-all")

    def test_a_line_overwritten_by_a_copy_of_another(self):
        """What the copy shows is no trace of what has been there."""
        lines = lines_of(self.store())
        for place in range(1, len(lines)):
            for other in set(range(1, len(lines))) - {place}:
                with self.subTest(place=place, other=other):
                    data = b"".join(lines[:place] + [lines[other]] + lines[place + 1 :])
                    self.assert_refused(data, says="--revoke-all")

    def test_a_line_overwritten_by_one_of_before(self):
        """One that a compaction has left out, say: it fits nothing that is there."""
        writer = Writer("example.com")
        tokens = self.tokens(3)
        for token in tokens:
            writer.create(token)
        old = lines_of(writer.data())[2]
        writer.update(tokens[1], label="changed")
        writer.compact()
        writer.revoke(tokens[0])
        writer.update(tokens[2], label="changed too")
        lines = lines_of(writer.data())
        self.assertNotIn(old, lines)
        self.assert_refused(b"".join(lines[:-2] + [old] + lines[-1:]), says="--revoke-all")

    def test_another_number(self):
        """A damaged number leaves a line that is known by its chain."""
        data = self.store()
        for n in range(1, 8):
            self.assert_mended(flip(data, self.place(data, n, 0), 8), [number for number in (1, 3, 4, 5) if number != n])

    def test_foreign_lines(self):
        lines = lines_of(self.store())
        for text in (b"hello\n", b"\n", b"\0" * 5000 + b"\n"):
            self.assert_mended(b"".join(lines[:4] + [text] + lines[4:]), [1, 3, 4, 5])

    def test_a_torn_tail_is_no_damage(self):
        self.assert_mended(self.store() + b"99|torn", [1, 3, 4, 5], False)

    def test_headers(self):
        """Each column but those that nothing else knows."""
        for compact, lost in ((False, {2, 3}), (True, {2, 3, 5})):
            data = self.store(compact)
            header = lines_of(data)[0].split(b"|")
            for column in range(len(header)):
                place = sum(len(text) + 1 for text in header[:column])
                damaged = flip(data, place)
                with self.subTest(compact=compact, column=column):
                    if column in lost:
                        self.assert_refused(damaged, says="header")
                    else:
                        _, store = self.assert_mended(damaged, [1, 3, 4, 5])
                        self.assertEqual(store.header.storeid, self.before.header.storeid)

    def test_no_header_at_all(self):
        lines = lines_of(self.store())
        for data in (b"", b"\n", b"".join(lines[1:]), b"\0" * 300 + b"".join(lines[1:]), b"x" * 100000):
            self.assert_refused(data, says="header")

    def test_another_domains_store(self):
        writer = Writer("other.com")
        writer.create(make_token())
        self.assert_refused(writer.data(), says="another domain")

    def test_the_cutoff_holds(self):
        writer = Writer("example.com")
        self.all = self.tokens(3)
        for token in self.all:
            writer.create(token)
        writer.revoke(self.all[0], time=NOW)
        writer.compact(cutoff=NOW + 1)
        writer.revoke(self.all[1], time=NOW)
        _, store = self.assert_mended(writer.data(), [3], False)
        self.assertEqual((set(store.tokens), store.header.cutoff), ({token_id(self.all[2])}, NOW + 1))

    def test_a_cutoff_that_is_still_to_come(self):
        """A clock was wrong during a compaction, which compact says; this puts it right, and drops nobody who works."""
        now = int(time.time())
        writer = Writer("example.com")
        self.all = self.tokens(2)
        for token in self.all:
            writer.create(token, expires=now + 3600)
        writer.compact(cutoff=now + 1000)
        writer.update(self.all[0], expires=now + 500)
        self.site.put(writer.data())
        self.refused(65, "compact", says="check --mend")
        _, store = self.assert_mended(writer.data(), [1, 2], False)
        self.assertLessEqual(abs(store.header.cutoff - now), 60)
        self.ok("compact")
        self.assertEqual(self.active(), [1, 2])

    def test_random_damage(self):
        """Never a token that was not one, never one that was revoked; and always a sound store, or the old one."""
        rng = random.Random(os.urandom(8))
        outcomes = {0: 0, 65: 0}
        for round in range(80):
            *lines, last = lines_of(self.store(round % 2 == 1))
            data = bytearray(b"".join(lines))
            for _ in range(rng.randrange(1, 4)):
                place = rng.randrange(len(data))
                removed = rng.choice((0, 1, 5, 300))
                data[place : place + removed] = rng.randbytes(rng.choice((0, 1, 5))) if removed < 9 else b""
            data += (b"" if data.endswith(b"\n") else b"\n") + last  # nothing can know what a file has lost at its end
            self.site.put(bytes(data))
            result = self.run_tool("check", "--mend", "-y")
            self.assertIn(result.code, outcomes, result)
            outcomes[result.code] += 1
            if result.code == 65:
                self.assertEqual(self.site.bytes(), bytes(data))
                continue
            store = self.site.read()
            known = {token_id(token): token for token in self.all}
            alive = {id for id, (_, record, _) in store.tokens.items() if record.revoked is None}
            self.assertLessEqual(alive, set(known))
            self.assertFalse(alive & {token_id(self.all[1]), token_id(self.all[5])})
        self.assertTrue(all(outcomes.values()), outcomes)


class Manners(MendTest):
    def test_it_wants_to_be_told(self):
        data = self.store()
        self.site.put(data)
        self.refused(2, "check", "--mend", says="-y")
        self.assertEqual(self.site.bytes(), data)

    @needs_terminal
    def test_it_asks(self):
        data = self.store()
        damaged = flip(data, self.place(data, 4, 13))
        for answer, code in (("n\n", 1), ("\n", 1), ("y\n", 0)):
            self.site.put(damaged)
            result = self.site.terminal("check", "--mend", answers=((r"\[y/N\]", answer),))
            self.assertEqual(result.code, code, result)
            self.assertIn(token_id(self.all[3]), result.out)
            self.assertNotIn(token_id(self.all[2]), result.out)
            self.assertEqual(self.site.bytes() == damaged, code == 1)

    def test_options_that_do_not_go_together(self):
        data = self.store()
        self.site.put(data)
        for args in (("--revoke-all",), ("-y",), ("--mend", "-y", "--expect", self.before.head()),
                ("--mend", "-y", "more")):
            self.refused(2, "check", *args)
        self.assertEqual(self.site.bytes(), data)

    def test_check_suggests_it(self):
        data = self.store()
        self.site.put(flip(data, len(data) // 2))
        self.assertIn("--mend", self.expect(1, "check").err)
        self.site.put(data)
        self.assertNotIn("--mend", self.ok("check").err)

    def test_revoke_all_means_all(self):
        answer, _ = self.assert_mended(self.store(), [], False, "--revoke-all")
        self.assertEqual(len(answer["revoked"]), 4)

    def test_one_is_not_several(self):
        self.create()
        self.assertIn("mended: 2 lines, 1 token, 0 revoked now;", self.ok("check", "--mend", "-y").err)

    def test_no_store(self):
        self.refused(66, "check", "--mend", "-y")

    def test_not_trusted(self):
        self.site.put(self.store())
        os.chmod(self.site.path(), 0o660)
        self.refused(77, "check", "--mend", "-y")

    def test_kept_files_do_not_collide(self):
        data = self.store()
        for _ in range(3):
            self.site.put(flip(data, self.place(data, 4, 13)))
            self.ok("check", "--mend", "-y")
        kept = [name for name in os.listdir(self.site.store_dir) if ".damaged-" in name]
        self.assertEqual(len(kept), 3)

    def test_killed_at_any_moment(self):
        data = self.store()
        damaged = flip(data, self.place(data, 4, 13))
        self.site.put(damaged)
        began = time.monotonic()
        self.ok("check", "--mend", "-y")
        typical, killed, mended = time.monotonic() - began, 0, 0
        for _ in range(KILLS):
            self.site.put(damaged)
            process = self.site.start("check", "--mend", "-y")
            time.sleep(random.uniform(0, 1.2 * typical))
            process.kill()
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
            if self.site.bytes() == damaged:
                self.ok("check", "--mend", "-y")
            else:
                mended += 1
            self.assertEqual(self.active(), [1, 3, 5])
        self.assertGreater(killed, 0, "nothing was killed: the test proves nothing")
        self.ok("compact")
        for name in self.site.files():
            self.assertTrue(name in ("example.com.lock", "example.com.tokens") or ".damaged-" in name, name)

    def test_creates_meanwhile(self):
        self.site.put(self.store())
        tokens, failures = [], []

        def create():
            for _ in range(20):
                result = self.site.run("create", "-l", "meanwhile")
                if result.code:
                    failures.append(str(result))
                tokens.append(self.site.guard(result.out.strip()))

        thread = threading.Thread(target=create)
        thread.start()
        while thread.is_alive():
            self.ok("check", "--mend", "-y")
        thread.join()
        self.assertEqual(failures, [])
        self.assertLessEqual({token_id(token) for token in tokens}, set(self.site.read().tokens))


if __name__ == "__main__":
    unittest.main()
