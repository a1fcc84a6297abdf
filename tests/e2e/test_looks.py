"""A look at the store holds for one millisecond, and a writer waits two: look_host.c tries to catch one of them."""

import os
import subprocess
import tempfile
import unittest
from unittest import mock

from harness import TOKTAB, Result, SiteTest
from hook_host import Installation, sanitizers

HERE = os.path.dirname(os.path.abspath(__file__))
VERIFIES = int(os.environ.get("LOOKS", "500000"))
CALLS = 100000
TIME = max(280, VERIFIES // 10000)  # seconds, which sanitizers may want, or millions of verifies, on a busy machine
# A disk that takes longer than the looks hold would hide what a writer forgets.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Looks(SiteTest):
    domains = [{"name": "default"}]
    slow = True

    @classmethod
    def setUpClass(cls):
        cls.installed = Installation()
        cls.addClassCleanup(cls.installed.close)
        cls.program = cls.installed.compile("look_host", [os.path.join(HERE, "look_host.c")],
            cls.installed.pkg_config("--libs"))

    def setUp(self):
        with mock.patch.object(tempfile, "tempdir", MEMORY):
            super().setUp()

    def run_host(self, *arguments, **options):
        command = [self.program, *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, env=self.installed.environment(), timeout=TIME, **options)
        return Result(command, ended.returncode, ended.stdout, ended.stderr)

    @unittest.skipIf("address,undefined" in sanitizers(),
        "the locks of this sanitizer's allocator stay taken in a child, if another thread held one at the fork")
    def test_nobody_is_admitted_once_the_tool_has_said_revoked(self):
        result = self.run_host("stress", self.site.conf, TOKTAB, VERIFIES, stdin=subprocess.DEVNULL)
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("Sanitizer", result.err, result)
        if "LOOKS" in os.environ:
            print(result.out, end="", flush=True)

    def test_a_loop_makes_few_system_calls(self):
        result = self.run_host("calls", self.site.conf, CALLS, input=self.create("asked for").encode())
        self.assertEqual(result.code, 0, result)


if __name__ == "__main__":
    unittest.main()
