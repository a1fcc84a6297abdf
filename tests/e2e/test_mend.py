"""toktab mend: what it makes of damaged stores, held against the oracle, and its manners.

MEND_CASES says how many random cases of each kind of damage are tried, MEND_SEED which.
"""

import json
import os
import random
import re
import threading
import time
import unittest

import damage
from harness import SiteTest, needs_terminal
from oracle import Store, Writer, write_file
from oracle_format import Fault, make_token, token_id
from oracle_mend import header_of, mend
from test_oracle_mend import Rules, alive_in

CASES = int(os.environ.get("MEND_CASES", 30))
SEED = os.environ.get("MEND_SEED", str(random.SystemRandom().randrange(10**9)))


class MendTest(SiteTest):
    def beside(self):
        """What lies in the store's directory besides the store and its lock."""
        return [os.path.join(self.site.store_dir, name) for name in sorted(os.listdir(self.site.store_dir))
            if name not in ("example.com.tokens", "example.com.lock")]

    def put_files(self, files):
        """The damaged store in its place; the paths of its copies."""
        for path in self.beside():
            os.unlink(path)
        self.site.put(files[0])
        paths = [os.path.join(self.site.dir, "copy-%d" % number) for number in range(len(files) - 1)]
        for path, data in zip(paths, files[1:]):
            write_file(path, [data])
        return paths

    def mended(self, files):
        """The Store that was made, the ids that were ended, the number of tokens lost; or a Fault."""
        paths, before = self.put_files(files), time.time_ns() // 1000
        result = self.run_tool("mend", "-y", "--json", *paths)
        if result.code == 65:
            self.assertEqual((self.site.bytes(), self.beside()), (files[0], []))
            raise Fault(result.out)
        self.assertEqual(result.code, 0, result)
        answer, store, old = json.loads(result.out), self.site.read(), header_of(files[0])
        self.assertEqual(sorted(answer), ["ended", "head", "kept", "lost"])
        self.assertEqual(answer["head"], store.head())
        self.assertGreater(store.header.epoch, max(before, old.epoch if old else 0))
        self.assert_kept_beside(files[0])
        self.assertEqual(self.json("check")["faults"], [])
        self.assertEqual({each["state"] for each in answer["ended"]} | {"revoked"}, {"revoked"})
        self.assertEqual(answer["kept"], len(store.tokens) - len(answer["ended"]))
        return store, [each["id"] for each in answer["ended"]], answer["lost"]

    def assert_kept_beside(self, data):
        """The damaged file lies beside the store."""
        try:
            Store(data)
        except Fault:
            kept = []
            for name in self.beside():
                with open(os.path.join(self.site.store_dir, name), "rb") as file:
                    kept.append(file.read())
            self.assertIn(data, kept)

    def assert_verified(self, tokens, alive):
        """Of these tokens, which a host is asked about, the living are admitted. scan asks it of all in one process."""
        found = self.json("scan", stdin="\n".join(tokens.values()), code=int(bool(alive)))
        self.assertEqual({each["id"] for each in found if each["state"] == "active"}, alive)


class ToolsRules(Rules, MendTest):
    """The cases made by hand."""


class RandomDamage(MendTest):
    kind = None

    def try_random_cases(self):
        for number, case in enumerate(damage.cases(self.kind, CASES, SEED)):
            with self.subTest(seed=SEED, number=number, shape=case.history.shape, copy=case.copy):
                self.try_case(case)

    def try_case(self, case):
        """The tool does what the oracle does, and nobody comes back."""
        self.site.secrets.update(token[-49:-6] for token in case.history.tokens.values())
        try:
            mend(case.files, "example.com", 0)
        except Fault:
            self.assertRaises(Fault, self.mended, case.files)
            return
        store, ended, lost = self.mended(case.files)
        _, point, _ = store.log[0]
        expected = mend(case.files, "example.com", store.header.epoch, point.time, point.by)
        self.assertEqual((sorted(ended), lost), (sorted(expected.ended), expected.lost))
        self.assertEqual((store.header, store.snapshot), (expected.writer.header, expected.writer.snapshot))
        self.assertEqual(store.log[0][2], expected.writer.log[0])
        self.assertEqual(sorted(map(without_reason, store.log[1:])),
            sorted(map(without_reason, Store(expected.writer.data()).log[1:])))
        self.assertLessEqual(alive_in(store), case.may_live())
        self.assert_verified(case.history.tokens, alive_in(store))


def without_reason(entry):
    """What a line of the log says that revokes, but for the reason and the second."""
    _, record, _ = entry
    return record._replace(reason="", time=0, revoked=0)


for kind in damage.KINDS:
    name = "".join(map(str.capitalize, kind.split()))
    globals()[name] = type(name, (RandomDamage,), {
        "__module__": __name__, "kind": kind, "test": RandomDamage.try_random_cases,
    })


class Parted(MendTest):
    """The store went on on its own from a backup, and a copy of what it was before that has a greater base."""

    def setUp(self):
        super().setUp()
        self.tokens = [self.site.guard(make_token()) for _ in range(5)]
        writer = Writer("example.com")
        for token in self.tokens[:2]:
            writer.create(token)
        self.backup = Writer.on(Store(writer.data()))
        for token in self.tokens[2:]:
            writer.create(token)
        writer.compact()
        self.newer = writer.data()

    def test_a_revocation_in_the_store_holds(self):
        self.backup.revoke(self.tokens[0])
        store, ended, _ = self.mended([self.backup.data(), self.newer])
        self.assertIn(token_id(self.tokens[0]), ended)
        self.assert_verified(dict(enumerate(self.tokens)), alive_in(store))
        self.assertEqual(alive_in(store), {token_id(token) for token in self.tokens[1:]})

    def test_a_damaged_older_copy_ends_nobody(self):
        data = self.backup.data()
        damaged = data[:-60] + bytes([data[-60] ^ 1]) + data[-59:]
        store, ended, _ = self.mended([self.newer, damaged])
        self.assertEqual((ended, alive_in(store)), ([], {token_id(token) for token in self.tokens}))


class Manners(MendTest):
    def setUp(self):
        """A store of five tokens, a line of which is damaged: it ends number 4, and the label of number 3 is lost."""
        super().setUp()
        self.tokens = [self.site.guard(make_token()) for _ in range(5)]
        writer = Writer("example.com")
        for number, token in enumerate(self.tokens):
            writer.create(token, "number %d" % (number + 1))
        writer.revoke(self.tokens[1])
        writer.update(self.tokens[3], label="changed")
        writer.update(self.tokens[0], label="changed too")
        self.head, self.sound = writer.head(), writer.data()
        self.damaged = self.sound.replace(b"|changed|", b"|chanGed|")
        self.assertNotEqual(self.damaged, self.sound)

    def active(self):
        alive = alive_in(self.site.read())
        return [number for number, token in enumerate(self.tokens, 1) if token_id(token) in alive]

    def test_ends_who_is_in_doubt(self):
        self.site.put(self.damaged)
        answer = self.json("mend", "-y")
        self.assertEqual([each["id"] for each in answer["ended"]], [token_id(self.tokens[3])])
        self.assertEqual((answer["kept"], answer["lost"]), (4, 0))
        self.assertEqual(self.active(), [1, 3, 5])
        self.assertEqual(self.verdict(self.tokens[3]), ("deny", "revoked"))
        self.assertEqual(self.verdict(self.tokens[0])[0], "allow")
        record = self.record(self.tokens[3])
        self.assertEqual(record.by[1], os.geteuid())
        self.assertTrue(record.reason)

    def test_a_token_whose_line_is_damaged_is_not_called_unknown(self):
        self.site.put(self.sound.replace(b"|number 5|", b"|numbEr 5|"))
        for command in (["revoke", "-y"], ["update", "-l", "x"], ["rotate"], ["show"], ["history"]):
            for reference in ("5", token_id(self.tokens[4])):
                with self.subTest(command=command, reference=reference):
                    self.refused(65, *command, reference, says="check")
        self.ok("revoke", "-y", "3")

    def test_it_says_who_is_lost(self):
        """Also of the tokens that were created since the last compaction."""
        lost, untold = "lost 1 token, which hosts now refuse", "nothing tells what 1 missing line changed"
        for numbers, said in (("5", [lost]), ("4", []), ("45", [lost, untold])):
            with self.subTest(numbers=numbers):
                self.site.put(re.sub(rb"\|number ([%s])\|" % numbers.encode(), rb"|Number \1|", self.sound))
                result = self.ok("mend", "-y")
                self.assertEqual([text for text in (lost, untold) if text in result.err], said)

    def test_a_copy_heals(self):
        copy = os.path.join(self.site.dir, "backup")
        write_file(copy, [self.sound])
        self.site.put(self.damaged)
        self.assertEqual(self.json("mend", "-y", copy)["ended"], [])
        self.assertEqual((self.active(), self.record(self.tokens[3]).label), ([1, 3, 4, 5], "changed"))
        with open(copy, "rb") as file:
            self.assertEqual(file.read(), self.sound)

    def test_two_hosts_that_have_both_made_a_token(self):
        """Of the same serial: everybody is ended, and a sound store comes of it."""
        writer, other = (Writer.on(Store(self.sound)) for _ in range(2))
        writer.create(self.site.guard(make_token()))
        theirs = self.site.guard(make_token())
        other.create(theirs)
        other.update(theirs, label="changed")
        copy = os.path.join(self.site.dir, "copy")
        write_file(copy, [other.data()])
        self.site.put(writer)
        self.assertEqual(len(self.json("mend", "-y", copy)["ended"]), 5)
        self.assertEqual(alive_in(self.site.read()), set())
        self.ok("check")

    def test_a_copy_that_is_none(self):
        self.site.put(self.damaged)
        for copy in (os.path.join(self.site.dir, "nosuch"), self.site.dir, self.site.conf):
            self.refused((65, 66), "mend", "-y", copy, says=copy)
            self.assertEqual(self.site.bytes(), self.damaged)

    def test_numbers_go_on(self):
        self.site.put(self.sound)
        self.ok("mend", "-y")
        token = self.create("next")
        self.assertEqual(self.record(token).serial, 10)

    def test_twice(self):
        """A sound store begins an epoch too."""
        self.site.put(self.sound)
        heads = [self.head] + [self.json("mend", "-y")["head"] for _ in range(2)]
        epochs = [int(head.split(":")[0]) for head in heads]
        self.assertEqual(epochs, sorted(set(epochs)))
        self.assertEqual(self.active(), [1, 3, 4, 5])
        for head, code in zip(heads, (69, 69, 0)):
            self.expect(code, "check", "--expect", head)

    def test_it_wants_to_be_told(self):
        self.site.put(self.damaged)
        self.refused(2, "mend", says="-y")
        self.assertEqual(self.site.bytes(), self.damaged)

    @needs_terminal
    def test_it_asks(self):
        """And says before whom it would end."""
        for answer, code in (("n\n", 1), ("\n", 1), ("y\n", 0)):
            self.site.put(self.damaged)
            result = self.site.terminal("mend", answers=((r"\[y/N\]", answer),))
            self.assertEqual(result.code, code, result)
            question = result.out[: result.out.index("[y/N]")]
            self.assertIn(token_id(self.tokens[3]), question)
            self.assertNotIn(token_id(self.tokens[2]), question)
            self.assertEqual(self.site.bytes() == self.damaged, code == 1)

    @needs_terminal
    def test_it_asks_to_mend_what_is_damaged(self):
        """Also if nothing is to be revoked, and a sound store only gets a new epoch."""
        copy = os.path.join(self.site.dir, "copy")
        write_file(copy, [self.sound])
        for store, question in ((self.damaged, "Mend the store and give"), (self.sound, "Give")):
            self.site.put(store)
            result = self.site.terminal("mend", copy, answers=((r"\[y/N\]", "n\n"),))
            self.assertEqual(result.code, 1, result)
            self.assertIn(question + " ", result.out)

    @needs_terminal
    def test_a_revocation_while_it_asks(self):
        """It is not undone: it is mended too, or nothing is."""
        self.site.put(self.damaged)

        def answer():
            self.ok("revoke", "-y", "5")
            return "y\n"

        result = self.site.terminal("mend", answers=((r"\[y/N\]", answer),))
        if result.code == 0:
            self.assertEqual(self.active(), [1, 3])
        else:
            self.assertEqual(self.site.bytes()[: len(self.damaged)], self.damaged)

    def test_check_only_reads(self):
        self.site.put(self.damaged)
        self.refused(2, "check", "--mend", "-y")
        self.assertIn("toktab mend", self.expect(1, "check").err)
        self.assertEqual(self.site.bytes(), self.damaged)
        self.site.put(self.sound)
        self.assertNotIn("mend", self.ok("check").err)

    def test_no_store(self):
        self.refused(66, "mend", "-y")

    def test_not_trusted(self):
        self.site.put(self.damaged)
        os.chmod(self.site.path(), 0o660)
        self.refused(77, "mend", "-y")

    def test_says_what_to_do_without_a_header(self):
        data = b"x" + self.sound
        self.site.put(data)
        self.refused(65, "mend", "-y", says=("header", "backup"))
        self.assertEqual((self.site.bytes(), self.beside()), (data, []))

    def test_kept_files_do_not_collide(self):
        for _ in range(3):
            self.site.put(self.damaged)
            self.ok("mend", "-y")
        self.assertEqual(len(self.beside()), 3)

    def test_creates_meanwhile(self):
        self.site.put(self.sound)
        tokens, failures = [], []

        def create():
            for _ in range(20):
                result = self.site.run("create", "-l", "meanwhile")
                if result.code:
                    failures.append(str(result))
                else:
                    tokens.append(self.site.guard(result.out.strip()))

        thread = threading.Thread(target=create)
        thread.start()
        while thread.is_alive():
            self.ok("mend", "-y")
        thread.join()
        self.assertEqual(failures, [])
        self.assertLessEqual({token_id(token) for token in tokens}, alive_in(self.site.read()))


if __name__ == "__main__":
    unittest.main()
