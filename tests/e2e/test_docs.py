"""What the manual shows is what there is."""

import os
import re
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Vectors(unittest.TestCase):
    """toktab-store(5) shows two stores. A line that begins with four spaces goes on the one above, without them."""

    def shown(self, name):
        with open(os.path.join(TOP, "conf/toktab-store.5"), encoding="utf-8") as file:
            page = file.read()
        block = re.search(r'^\.\\" begin %s\n\.Bd -literal\n(.*?)^\.Ed\n\.\\" end' % re.escape(name), page, re.S | re.M)
        return block.group(1).replace("\\-", "-").replace("\n    ", "").encode()

    def test_are_those_of_the_unit_tests(self):
        for name in ("vector.tokens", "vector-compacted.tokens"):
            with self.subTest(name=name), open(os.path.join(TOP, "tests/unit", name), "rb") as file:
                self.assertEqual(self.shown(name), file.read())


if __name__ == "__main__":
    unittest.main()
