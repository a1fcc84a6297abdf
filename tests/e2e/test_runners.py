"""A runner that finds nothing to run says so and fails: it never reports that nothing failed."""

import os
import subprocess
import unittest

from harness import TOP

PLACES = ("e2e", "browser", "etcd")


class Nothing(unittest.TestCase):
    def assert_says(self, text, *command, **env):
        result = subprocess.run([os.path.join(TOP, "tests", command[0], "run"), *command[1:]], check=False, timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", env={**os.environ, **env})
        self.assertNotIn(result.returncode, (0, 77), result)
        self.assertIn(text, result.stdout)
        self.assertNotIn("passed", result.stdout)

    def test_nothing_is_built(self):
        for place in PLACES:
            self.assert_says("not built: ", place, TOKTAB="/nonexistent/toktab")
        self.assert_says("not built: ", "fault", "crash", TOKTAB="/nonexistent/toktab")

    def test_nothing_has_such_a_name(self):
        for place in PLACES:
            self.assert_says("has a name with no-such or test-of-that", place, "no-such", "test-of-that")
        self.assert_says("no target nosuch", "fuzz", "1", "nosuch")

    def test_no_such_part(self):
        for args in ((), ("nosuch",), ("crash", "--nonsense")):
            self.assert_says("PART", "fault", *args)
        self.assert_says("-v", "model", "nosuch")


if __name__ == "__main__":
    unittest.main()
