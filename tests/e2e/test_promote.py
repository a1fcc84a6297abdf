"""toktab promote: a follower becomes the writer, and the old writer is fenced."""

import contextlib
import json
import os
import random
import subprocess
import unittest

from fleet import FleetTest, log_command
from harness import killed_at_end, wait_until
from oracle import Writer
from oracle_format import make_token


class Promote(FleetTest):
    def setUp(self):
        super().setUp()
        self.token = self.create()
        self.create()
        self.host = self.follower()
        self.once(self.host)

    def promote(self, host=None):
        result = (host or self.host).run("promote")
        self.assertEqual(result.code, 0, result)
        return result

    def epoch(self, host):
        return int(host.run("check").out.split(":")[0])

    def test_promote(self):
        before = self.host.run("check").out.strip()
        result = self.promote()
        self.assertEqual(result.out, self.host.run("check").out)
        self.assertIn("toktab log", result.err.replace("-d example.com ", ""))
        self.assertIn(before, result.err)
        with open(os.path.join(self.host.store_dir, "example.com.writer")) as file:
            self.assertEqual(int(file.read()), self.epoch(self.host))
        point = self.host.read().log[0][1]
        self.assertEqual(dict(point.ext), {"mended": before})
        self.assertEqual(self.host.run("revoke", "-y", "1").code, 0)
        self.assertEqual(self.host.run("verify", stdin=self.token).code, 1)
        self.assertIn("is the writer", self.host.run("check", "--fleet").err)

    def test_domains(self):
        """Which says what one may do there."""

        def may(host):
            return json.loads(host.run("domains", "--json").out)[0]["may"]

        self.assertEqual(may(self.site), "change")
        self.assertEqual(may(self.host), "read")
        self.promote()
        self.assertEqual(may(self.host), "change")

    def test_again(self):
        head = self.promote().out
        result = self.promote()
        self.assertEqual(result.out, head)
        self.assertIn("already", result.err)

    def test_json(self):
        before = self.host.run("check").out.strip()
        result = self.host.run("promote", "--json")
        self.assertRegex(result.out, r'"before": "%s"' % before)
        self.assertIn(self.host.run("check").out.strip(), result.out)

    def test_who_has_no_source(self):
        self.refused(1, "promote", says="has no source")

    def test_no_store(self):
        self.assertEqual(self.follower().run("promote").code, 66)

    def test_the_old_writer_is_fenced(self):
        """All hosts refuse what it sends from then on, and it follows when it is told to."""
        third = self.follower(self.host)
        self.promote()
        self.once(third)
        self.assert_same(third, self.host)
        self.create()  # the old writer comes back, and knows nothing
        before = third.bytes()
        self.point_at(third, log_command(self.site))
        self.once(third, 1, says="fenced")
        self.assertEqual(third.bytes(), before)
        self.assertEqual(third.run("check", "--fleet").code, 1)
        unsent = self.ok("log", "--from", dict(self.host.read().log[0][1].ext)["mended"])
        self.assertEqual(unsent.stdout, self.site.bytes().splitlines(keepends=True)[-1])
        self.point_at(self.site, log_command(self.host))
        self.ok("follow", "--once")
        self.assert_same(self.site, self.host)
        self.refused(77, "create", "-l", "x", says="follows")

    def notes_the_writer(self):
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.host.store_dir, "example.com.contact")) as file:
            return "writer" in file.read()
        return False

    def test_revocations_that_are_lost_are_said(self):
        """Who promotes a host that is behind loses what others had: they say which."""
        self.create()
        behind = self.follower()
        self.once(behind)
        self.ok("revoke", "-y", "1")
        self.once(self.host)
        self.assertEqual(behind.run("promote").code, 0)
        self.once(self.host, 0, "--", *log_command(behind).split(), says=("1 token is revoked here", "revoke again"))
        self.assert_same(self.host, behind)

    def test_follow_refuses_on_the_writer(self):
        """Nothing of its old source counts there; the file DOMAIN.writer goes when a higher epoch comes."""
        self.promote()
        self.create()
        before = self.host.bytes()
        self.once(self.host, 77, says="is the writer")
        self.assertEqual(self.host.bytes(), before)
        with self.following(self.host):
            wait_until(self.notes_the_writer, "it listens")
            self.assertEqual(self.host.run("create", "-l", "x").code, 0)
            self.ok("mend", "-y")
            self.wait_same(self.host)
            wait_until(lambda: "example.com.writer" not in self.host.files(), "it follows again")
        self.assertEqual(self.host.run("create", "-l", "x").code, 77)

    def test_while_it_follows(self):
        with self.following(self.host):
            self.create()
            self.wait_same(self.host)
            self.promote()
            self.create()
            self.assertEqual(self.host.run("create", "-l", "x").code, 0)
            after = self.host.bytes()
            self.create()
            wait_until(self.notes_the_writer, "it listens")
            self.assertEqual(self.host.bytes(), after)

    def test_mend_and_compact_on_the_writer(self):
        self.promote()
        for args in (["mend", "-y"], ["compact"], ["mend", "-y"]):
            self.assertEqual(self.host.run(*args).code, 0, args)
            self.assertEqual(self.host.run("create", "-l", "x").code, 0, args)

    def test_a_damaged_store(self):
        data = self.host.bytes()
        place = data.rindex(b"\n", 0, -1) - 60
        self.host.put(data[:place] + bytes([data[place] ^ 1]) + data[place + 1:])
        result = self.host.run("promote")
        self.assertEqual(result.code, 65, result)
        self.assertIn("-y", result.err)
        self.assertEqual(self.host.run("promote", "-y").code, 0)
        self.assertEqual(self.host.run("check").code, 0)
        self.assertEqual(self.host.run("create", "-l", "x").code, 0)

    def test_a_damaged_header(self):
        """It hides which epoch this is. Whoever is the writer of any can mend it all the same, and only with that."""
        writer = os.path.join(self.host.store_dir, "example.com.writer")
        backup = os.path.join(self.host.dir, "backup")

        def damage():
            data = self.host.bytes()
            with open(backup, "wb") as file:
                file.write(data)
            self.host.put(bytes([data[0] ^ 1]) + data[1:])

        damage()
        for text in (None, "", "x\n", "1"):
            if text is not None:
                with open(writer, "w") as file:
                    file.write(text)
            for command in (["mend", "-y", backup], ["create", "-l", "x"]):
                result = self.host.run(*command)
                self.assertEqual(result.code, 77, result)
                self.assertIn("this host follows", result.err)
        with open(backup, "rb") as file:
            self.host.put(file.read())
        self.promote()
        damage()
        self.assertEqual(self.host.run("create", "-l", "x").code, 65)
        self.assertEqual(self.host.run("mend", "-y").code, 65)
        result = self.host.run("mend", "-y", backup)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(self.host.run("create", "-l", "x").code, 0)
        with open(writer) as file:
            self.assertEqual(int(file.read()), self.epoch(self.host))

    def test_a_writer_file_of_another_epoch(self):
        path = os.path.join(self.host.store_dir, "example.com.writer")
        for text in ("0\n", "2\n", "1", "1x\n", "01\n", "\n", "x" * 100, "2\n1", "2\n3\n1\n", "2\n3\n"):
            with open(path, "w") as file:
                file.write(text)
            self.assertEqual(self.host.run("create", "-l", "x").code, 77, text)
        for text in ("1\n", "1\n2\n", "2\n1\n"):
            with open(path, "w") as file:
                file.write(text)
            self.assertEqual(self.host.run("create", "-l", "x").code, 0, text)

    def test_killed_while_it_mends(self):
        """A writer that is killed at any moment goes on as the writer."""
        self.promote()
        for _ in range(15):
            with killed_at_end(self.host.start("mend", "-y")) as process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(random.random() * 0.02)
                process.kill()
                process.communicate()
            self.assertEqual(self.host.run("create", "-l", "x").code, 0)

    def test_no_epoch_is_left(self):
        """Of a store that no host has made: nothing wraps round to an epoch that would fence nobody."""
        for epoch in (2**64 - 1, 2**64 - 2, 2**64 - 1000001):
            writer = Writer("example.com", epoch=epoch)
            writer.create(make_token())
            host = self.follower()
            host.put(writer)
            self.assertEqual(host.run("check").code, 0)
            result = host.run("promote")
            self.assertEqual(result.code, 65, result)
            self.assertIn("there is no epoch after %d" % epoch, result.err)
            self.assertEqual(host.bytes(), writer.data())
            self.point_at(host)
            result = host.run("mend", "-y")
            self.assertEqual(result.code, 65, result)
            self.assertEqual(host.bytes(), writer.data())
            self.assertEqual([name for name in host.files() if name.endswith(".writer") or ".new-" in name], [])

    def test_no_number_is_left(self):
        """Nor to line 0, which no program reads."""
        writer = Writer("example.com")
        writer.create(make_token())
        writer.n = 2**64 - 3
        writer.compact()
        self.site.put(writer)
        self.create()
        before = self.site.bytes()
        self.assertEqual(self.json("check")["head"].split(":")[1], str(2**64 - 1))
        for args in (["create", "-l", "x"], ["revoke", "-y", "1"], ["compact"], ["mend", "-y"]):
            result = self.site.run(*args)
            self.assertIn(result.code, (65, 74), result)
            self.assertEqual(self.site.bytes(), before)
        host = self.follower()
        self.once(host)
        self.assert_same(host)
        self.once(host, 1, "--", self.script(host, b"0" + self.site.bytes().splitlines(keepends=True)[-1][20:]),
            says="no line of this store")

    def test_killed_at_any_moment(self):
        """Then it is the writer with a new epoch, or still follows."""
        for _ in range(15):
            with killed_at_end(self.host.start("promote")) as process:
                try:
                    process.wait(random.random() * 0.02)
                except Exception:
                    process.kill()
                process.communicate()
            self.assertEqual(self.host.run("check").code, 0)
        self.promote()
        self.assertEqual(self.host.run("create", "-l", "x").code, 0)


if __name__ == "__main__":
    unittest.main()
