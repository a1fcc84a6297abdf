"""What hosts do to a library, by the real one: hook_host.c has the cases."""

import os
import subprocess
import unittest

from harness import IS_ROOT, TIME_LIMIT, TOKTAB, Result, SiteTest
from hook_host import Installation, sanitizers

HERE = os.path.dirname(os.path.abspath(__file__))


class Host(SiteTest):
    domains = [{"name": "default", "stale_limit": "1s"}]

    @classmethod
    def setUpClass(cls):
        cls.installed = Installation()
        cls.addClassCleanup(cls.installed.close)
        cls.program = cls.installed.compile("hook_host", [os.path.join(HERE, "hook_host.c")], ["-ldl"])

    def run_case(self, name):
        tokens = [self.create("good"), self.create("to be revoked")]
        command = [self.program, name, os.path.join(self.installed.libdir, "libtoktab.so.0"), self.site.conf, TOKTAB]
        ended = subprocess.run(command, input="\n".join(tokens).encode(), capture_output=True,
            env=self.installed.environment(), timeout=TIME_LIMIT)
        result = Result(command, ended.returncode, ended.stdout, ended.stderr)
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("Sanitizer", result.err, result)

    @unittest.skipIf(sanitizers(), "a sanitizer keeps what was freed, and its runtime stays loaded")
    def test_closed_and_opened_again_a_thousand_times(self):
        self.run_case("reopen")

    def test_two_copies_in_one_process(self):
        self.run_case("two-copies")

    def test_the_process_is_left_as_it_was(self):
        self.run_case("quiet")

    def test_a_store_that_is_shortened(self):
        self.run_case("shortened")

    def test_without_a_log_of_its_own(self):
        self.run_case("without-log")

    def test_all_descriptors_closed_behind_its_back(self):
        self.run_case("daemonized")

    def test_no_descriptor_left(self):
        self.run_case("no-descriptor")

    @unittest.skipUnless(IS_ROOT, "chroot() is root's")
    def test_chroot(self):
        self.run_case("chrooted")


if __name__ == "__main__":
    unittest.main()
