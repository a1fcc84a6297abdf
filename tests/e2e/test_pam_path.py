"""PAM admits by no store that somebody could have put on the path of the system's."""

import os
import subprocess
import unittest

import pam_host as pam
from harness import config_text, needs_root
from oracle import Writer
from oracle_format import make_token
from pam_host import PamTest


@needs_root
class Attack(PamTest):
    """Somebody puts a store of their own where PAM expects the system's, with a token for root in it."""

    OWNER, STRANGER = 23456, 34567

    def prepare(self, number):
        """A directory on the way, and the system's store, which works."""
        parent = os.path.join(self.site.dir, "parent-%d" % number)
        os.mkdir(parent)
        os.chmod(parent, 0o755)
        self.site.store_dir = os.path.join(parent, "stores")
        os.mkdir(self.site.store_dir)
        os.chown(self.site.store_dir, self.OWNER, self.OWNER)
        os.chmod(self.site.store_dir, 0o750)
        self.site.configure(config_text(self.site.store_dir, self.site.domains))
        token = self.create("good", "-u", "root")
        self.expect_code(pam.SUCCESS, "user", "root", token)
        return parent, token

    def as_stranger(self, parent, command):
        subprocess.run(["sh", "-ec", command], cwd=parent, user=self.STRANGER, group=self.STRANGER, extra_groups=[],
                       check=True)

    def attack(self, parent, command):
        """What the stranger gets in: a token of a store of the stranger's own."""
        self.as_stranger(parent, command)
        done = self.site.run("-d", self.site.domain, "create", "-l", "evil", "-u", "root", user=self.STRANGER)
        if done.code != 0:  # the stranger's own tool does not trust the place either
            writer = Writer(self.site.domain)
            token = self.site.guard(make_token())
            writer.create(token, user="root")
            self.site.put(writer)
            return token
        return self.site.guard(done.out.strip())

    def refuse(self, token, parent):
        log = self.expect_code(pam.AUTHINFO_UNAVAIL, "user", "root", token)
        self.assertTrue(any(parent.encode() in text for _, text in log), log)

    def test_who_could_rename_the_directory(self):
        replace = "mv stores aside && mkdir -m 0750 stores"
        for number, (owner, group, mode) in enumerate((
            (self.STRANGER, 0, 0o755), (0, self.STRANGER, 0o775), (0, 0, 0o777), (self.OWNER, self.STRANGER, 0o2770),
        )):
            with self.subTest(owner=owner, group=group, mode="%o" % mode):
                parent, good = self.prepare(number)
                os.chown(parent, owner, group)
                os.chmod(parent, mode)
                self.refuse(good, parent)
                evil = self.attack(parent, replace)
                self.refuse(evil, parent)
                # what stands there is good but for the way to it
                os.chown(parent, 0, 0)
                os.chmod(parent, 0o755)
                self.expect_code(pam.SUCCESS, "user", "root", evil)

    def test_who_could_make_the_directory(self):
        parent, good = self.prepare(0)
        os.chmod(parent, 0o1777)
        self.refuse(good, parent)
        os.chown(self.site.store_dir, 0, 0)
        os.chown(self.site.path(), 0, 0)
        self.expect_code(pam.SUCCESS, "user", "root", good)
        os.rename(self.site.store_dir, self.site.store_dir + ".away")
        self.refuse(self.attack(parent, "mkdir -m 0750 stores"), parent)

    def test_who_could_make_a_link(self):
        """In a sticky directory, to a place that is well protected: an old backup would do."""
        parent, good = self.prepare(0)
        folder = os.path.join(self.site.dir, "tmp")
        os.mkdir(folder)
        os.chmod(folder, 0o1777)
        self.site.configure(config_text(os.path.join(folder, "link"), self.site.domains))
        os.symlink(self.site.store_dir, os.path.join(folder, "link"))
        self.expect_code(pam.SUCCESS, "user", "root", good)
        os.unlink(os.path.join(folder, "link"))
        self.as_stranger(folder, "ln -s %s link" % self.site.store_dir)
        self.refuse(good, folder)


if __name__ == "__main__":
    unittest.main()
