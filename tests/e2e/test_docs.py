"""What the manual shows is what there is."""

import os
import re
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


class Vectors(unittest.TestCase):
    """toktab-store(5) shows two stores. A line that begins with four spaces goes on the one above, without them."""

    def shown(self, name):
        page = read("conf/toktab-store.5")
        block = re.search(r'^\.\\" begin %s\n\.Bd -literal\n(.*?)^\.Ed\n\.\\" end' % re.escape(name), page, re.S | re.M)
        return block.group(1).replace("\\-", "-").replace("\n    ", "").encode()

    def test_are_those_of_the_unit_tests(self):
        for name in ("vector.tokens", "vector-compacted.tokens"):
            with self.subTest(name=name), open(os.path.join(TOP, "tests/unit", name), "rb") as file:
                self.assertEqual(self.shown(name), file.read())


class Nginx(unittest.TestCase):
    """toktab-nginx(8) has a paragraph for each directive and each variable that the module has, and for no other."""

    def test_directives(self):
        made = re.findall(r'ngx_string\("(auth_toktab\w*)"\)', read("module/nginx/ngx_http_auth_toktab_module.c"))
        shown = re.findall(r"^\.It Ic (\w+)", read("module/nginx/toktab-nginx.8"), re.M)
        self.assertEqual(sorted(made), sorted(shown))
        self.assertIn("auth_toktab", made)

    def test_variables(self):
        made = re.findall(r'VARIABLE\("(toktab_\w+)"', read("module/nginx/ngx_http_auth_toktab_variables.c"))
        shown = re.findall(r"^\.It Va \$(\w+)", read("module/nginx/toktab-nginx.8"), re.M)
        self.assertEqual(sorted(made), sorted(shown))
        self.assertIn("toktab_id", made)


if __name__ == "__main__":
    unittest.main()
