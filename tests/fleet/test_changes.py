"""Many changes on a writer, while either end is killed at random points and real nginx is asked beside each follower.

What must hold whatever the machine's pace: a line that stands in a follower's store counts for its nginx at the next
request; an admitted token is never refused before it is revoked, a refused one never admitted again; in the end every
store is the writer's, byte for byte. How long changes took to arrive is printed, and has a generous limit.
"""

import os
import random
import signal
import threading
import time
import unittest

import oracle
from harness import wait_until
from host import needs
from network import Follower, Network, Writer
from oracle_format import token_id

FOLLOWERS = int(os.environ.get("FOLLOWERS") or 20)
CHANGES = int(os.environ.get("CHANGES") or 1000)
ASKED = 20  # followers that have an nginx, at most
PROMISE = 3  # seconds after which a host that was disturbed is right again
LIMIT = 30  # seconds, on a machine that does much besides
LOOK = 0.003  # seconds after which nginx must have looked at the store again


class Token:
    """What the writer has acknowledged of a token: its text, and where in the log it was made and ended."""

    def __init__(self, text, made):
        self.text, self.made, self.made_at = text, made, time.monotonic()
        self.ended = self.ended_at = None
        self.ending = False


class Asker(threading.Thread):
    """Asks the nginx beside one follower. wrong: what must not be; late: seconds that an answer lagged behind."""

    def __init__(self, follower, tokens, dice):
        super().__init__(daemon=True)
        self.follower, self.tokens, self.dice = follower, tokens, dice
        self.web = follower.nginx()
        self.asked, self.late, self.wrong = 0, [0.0], []
        self.admitted, self.refused = set(), set()
        self.done = threading.Event()

    def run(self):
        with self.web.connect() as connection:
            while not self.done.is_set():
                tokens = self.tokens[-100:] if self.dice.random() < 0.7 else self.tokens[:]
                if tokens:
                    self.ask(connection, self.dice.choice(tokens))
                time.sleep(0.01)

    def ask(self, connection, token):
        settled, ended, at = token.ending, token.ended, self.follower.tail()
        time.sleep(LOOK)
        began = time.monotonic()
        status = connection.ask(token=token.text).status
        self.asked += 1
        if status not in (200, 401):
            self.wrong.append("%s answered %d" % (token_id(token.text), status))
        elif ended:
            self.judge(status == 200, at >= ended, token in self.refused, began - token.ended_at, "revoked, and admitted")
        elif not settled and not token.ending:
            self.judge(status == 401, at >= token.made, token in self.admitted, began - token.made_at, "good, and refused")
        if at >= token.made:
            (self.admitted if status == 200 else self.refused).add(token)

    def judge(self, is_wrong, is_here, is_known, age, what):
        if is_wrong and (is_here or is_known):
            self.wrong.append("%s, at %s" % (what, self.follower.tail()))
        elif is_wrong:
            self.late.append(age)


@needs("ip", "nginx", "nsenter")
class RandomChanges(unittest.TestCase):
    def setUp(self):
        self.seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**9))
        self.dice = random.Random(self.seed)
        self.network = Network()
        self.addCleanup(self.network.close)
        self.writer = Writer(self.network)
        self.addCleanup(self.writer.close)
        self.tokens = []
        while not self.tokens:  # the first may be killed before there is a store
            self.create()
        self.followers = []
        for _ in range(FOLLOWERS):
            self.followers.append(Follower(self.network, self.writer.server))
            self.addCleanup(self.followers[-1].close)
        for follower in self.followers:
            follower.caught_up(self.writer)

    # ---- changes ----

    def change(self, *arguments):
        """One in ten is killed at some moment. What it printed, if it was not."""
        process = self.writer.site.start(*arguments)
        if self.dice.random() < 0.1:
            time.sleep(self.dice.random() * 0.02)
            process.send_signal(signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        self.assertIn(process.returncode, (0, -signal.SIGKILL), err)
        return out.decode() if process.returncode == 0 else None

    def create(self):
        out = self.change("create", "-l", "a token")
        if out:
            self.tokens.append(Token(self.writer.site.guard(out.strip()), self.writer.tail()))

    def revoke(self, token):
        token.ending = True
        if self.change("revoke", "-y", token_id(token.text)) is not None:
            token.ended_at, token.ended = time.monotonic(), self.writer.tail()

    def one_change(self):
        what = self.dice.random()
        alive = [token for token in self.tokens if not token.ending]
        if what < 0.02:
            self.change("compact")
        elif what < 0.04:
            self.change("compact", "--drop-dead", "0s")
        elif what < 0.045:
            self.change("mend", "-y")
        elif what < 0.15 and alive:
            self.change("update", token_id(self.dice.choice(alive).text), "-l", "another %d" % self.dice.randrange(10**6))
        elif what < 0.45 and len(alive) > 5:
            self.revoke(self.dice.choice(alive))
        else:
            self.create()

    # ---- disturbance ----

    def disturb(self, done):
        dice = random.Random(self.dice.random())
        while not done.wait(dice.random() * 20 / FOLLOWERS):
            if dice.random() < 0.5:
                dice.choice(self.followers).kill()
            else:
                self.writer.server.kill_one(dice)

    def test_killed_at_either_end(self):
        askers = [Asker(follower, self.tokens, random.Random(self.dice.random())) for follower in self.followers[:ASKED]]
        done = threading.Event()
        chaos = threading.Thread(target=self.disturb, args=(done,), daemon=True)
        for thread in (*askers, chaos):
            thread.start()
        for _ in range(CHANGES):
            self.one_change()
        done.set()
        chaos.join()
        for follower in self.followers:
            follower.caught_up(self.writer)
        for asker in askers:
            before = asker.asked
            wait_until(lambda: asker.asked > before + 20 or not asker.is_alive(), "answers")
            asker.done.set()
            asker.join()
        self.assert_right(askers)
        self.assert_same()

    def assert_right(self, askers):
        late = [seconds for asker in askers for seconds in asker.late]
        print("%d followers, %d changes (SEED=%s): %d answers, %d not yet right, the last after %.2f s; beyond %d s: %d" % (
            FOLLOWERS, CHANGES, self.seed, sum(asker.asked for asker in askers), len(late) - len(askers), max(late),
            PROMISE, len([seconds for seconds in late if seconds > PROMISE])), flush=True)
        self.assertEqual([wrong for asker in askers for wrong in asker.wrong], [])
        self.assertEqual([asker for asker in askers if asker.asked < 20], [])
        self.assertLess(max(late), LIMIT)
        self.assertEqual([line for follower in self.followers if follower.web for line in follower.alerts()], [])

    def assert_same(self):
        """By an independent reader, of each host's own bytes."""
        ours = oracle.Store(self.writer.bytes())
        for follower in self.followers:
            theirs = oracle.Store(follower.bytes())
            self.assertEqual(theirs.head(), ours.head())
            self.assertEqual(theirs.tokens, ours.tokens)
            self.assertEqual(follower.bytes(), self.writer.bytes())
            self.assertEqual(os.stat(follower.path).st_mode, os.stat(self.writer.path).st_mode)
            self.assertEqual([name for name in os.listdir(follower.site.store_dir) if name.startswith(".")], [])
        for token in self.tokens:
            if token.ended and token_id(token.text) in ours.tokens:
                self.assertIsNotNone(ours.record(token_id(token.text)).revoked)


if __name__ == "__main__":
    unittest.main()
