"""The pages toktab-recipes(7) and toktab-fleet(7) themselves: what they show is what the tests run."""

import glob
import os
import re
import subprocess
import unittest

from harness import TOP, environment
from recipes import PAGES, blocks


class Page(unittest.TestCase):
    def test_each_block_is_run(self):
        """Here, or by the tests that want other programs."""
        tests = ""
        for path in glob.glob(os.path.join(TOP, "tests", "*", "test_*.py")):
            with open(path) as file:
                tests += file.read()
        for name in blocks():
            self.assertIsNotNone(name, "a block has no comment above it that names it")
            self.assertTrue('"%s"' % name in tests, "no test runs %s" % name)

    def test_a_reader_copies_what_is_run(self):
        """What man prints is what the tests take from the pages."""
        plain = ""
        for page in PAGES:
            command = ["man", "--warnings", "--local-file", page]
            output = subprocess.run(command, env=environment({"MANWIDTH": "80"}), capture_output=True, text=True, check=True)
            self.assertEqual(output.stderr, "")
            text = re.sub(".\b", "", output.stdout).expandtabs()
            plain += "\n".join(line.strip() for line in text.splitlines())
        for name, text in blocks().items():
            shown = "\n".join(line.strip() for line in text.splitlines())
            self.assertTrue("\n%s\n" % shown in plain, "man prints something else:\n%s\n%s" % (name, shown))
            self.assertLess(max(map(len, text.splitlines())), 76, name)


if __name__ == "__main__":
    unittest.main()
