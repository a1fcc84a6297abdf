"""What the manual shows is what there is."""

import ast
import glob
import os
import re
import subprocess
import unittest

from harness import TOKTAB, SiteTest, config_text
from oracle_format import foreign_id, key_hash
from used_file import make_used, now as clock

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


class Vectors(unittest.TestCase):
    """toktab-store(5) shows three stores. A line that begins with four spaces goes on the one above, without them."""

    def shown(self, name):
        page = read("conf/toktab-store.5")
        block = re.search(r'^\.\\" begin %s\n\.Bd -literal\n(.*?)^\.Ed\n\.\\" end' % re.escape(name), page, re.S | re.M)
        return block.group(1).replace("\\-", "-").replace("\n    ", "").encode()

    def test_are_those_of_the_unit_tests(self):
        for name in ("vector.tokens", "vector-compacted.tokens", "vector-mended.tokens"):
            with self.subTest(name=name), open(os.path.join(TOP, "tests/unit", name), "rb") as file:
                self.assertEqual(self.shown(name), file.read())

    def test_tokens_and_heads(self):
        page = read("conf/toktab-store.5")
        for text in re.findall(r"\bacme_\w{61}\b|\b\d+:\d+:[0-9a-f]{32}\b", read("tests/unit/vectors.txt")):
            self.assertIn("\n%s\n" % text, page)

    def test_foreign_key(self):
        """Its id and its hash, which the page shows, are what the page says."""
        page = read("conf/toktab-store.5").replace("\\-", "-")
        key = re.search(r"^sk-.*$", page, re.M)[0]
        shown = re.search(r"^id of K +(\w{12})\nhash of K +(\w{32})\n +(\w{32})$", page, re.M)
        storeid = self.shown("vector.tokens").split(b"|")[2].decode()
        id = foreign_id(key, storeid)
        self.assertEqual((shown[1], shown[2] + shown[3]), (id, key_hash(key, id)))


class Configurations(SiteTest):
    """Each configuration that is shown is one, and names its domains; only where the stores are is another place here."""

    def assert_good(self, text, *domains):
        self.site.configure(re.sub(r'^(# )?store_dir = .*', 'store_dir = "%s";' % self.site.store_dir, text, flags=re.M))
        self.assertEqual([domain["name"] for domain in self.json("domains")], sorted(domains))

    def test_default(self):
        self.assert_good(read("conf/toktab.conf"), "default")

    def test_default_with_all_that_it_comments_out(self):
        self.assert_good(re.sub(r"^( *)# ( *(\w+ = .*|[,{}].*))$", r"\1\2", read("conf/toktab.conf"), flags=re.M),
            "default", "example.com")

    def test_example(self):
        self.assert_good(read("conf/examples/domains.conf"), "api.example.com", "mail", "intern")

    def test_manual(self):
        shown = re.search(r"^\.Sh EXAMPLES\n\.Bd -literal\n(.*?)^\.Ed", read("conf/toktab.conf.5"), re.S | re.M)[1]
        self.assert_good(shown, "example.com", "intern")


class Readme(SiteTest):
    """README and HACKING show what there is."""

    def test_session(self):
        """What the tool says is what README shows, but for the id."""
        self.site.configure(config_text(self.site.store_dir, [{"name": "default"}]))
        shown = re.sub(r"\(id \w{12}\)", "(id ID)", read("README").replace("\n    ", "\n"))
        created = self.ok("create", "-l", "CI deploy", may_show_token=True)
        self.site.domain = "default"
        make_used(self.site, {1: clock()})
        heading = self.ok("list").out.splitlines()[0]
        revoked = self.ok("revoke", "-y", "1")
        for result in (created, revoked):
            self.assertIn("\n" + re.sub(r"\(id \w{12}\)", "(id ID)", result.err), shown)
        self.assertIn(heading.split(), [line.split() for line in shown.splitlines()])

    def test_names(self):
        """Files, targets of make, suites and tests."""
        text = read("README") + read("HACKING")
        for path in re.findall(r"`((?:module|tool|conf|tests|debian)/[a-z0-9_./-]*)`", text):
            self.assertTrue(os.path.exists(os.path.join(TOP, path)), path)
        targets = re.findall(r"^([a-z][a-z0-9_.-]+):", read("Makefile"), re.M)
        for target in re.findall(r"(?:`|^    )(?:sudo )?make ([a-z][a-z0-9_.-]+)", text, re.M):
            self.assertIn(target, targets)
        suites = read("tests/unit/suites.h")
        for names in re.findall(r"\bsuites? ((?:`\w+`(?:, )?)+)|\bSUITE=([a-z_]+) ", text):
            for name in re.findall(r"\w+", "".join(names)):
                self.assertIn(" *%s_suite(" % name, suites)
        for name in re.findall(r"(?:`|TEST=)(test_[\w.]+)", text):
            module, *inner = name.split(".")
            source = read("tests/e2e/%s.py" % module)
            for word in inner:
                self.assertRegex(source, r"(class|def) %s\(" % word)


class Tool(unittest.TestCase):
    """The options of each command are the same in its table, in its --help and in toktab(1)."""

    @classmethod
    def setUpClass(cls):
        cls.page = read("tool/toktab.1").replace("\\-", "-")
        cls.commands = re.findall(r"&command_(\w+)", read("tool/command/help.c"))

    @staticmethod
    def made(source):
        """name: (letter, has a value)"""
        rows = re.findall(r'\{"([a-z-]+)", (no|required)_argument, NULL, (?:\'(\w)\'|OPTION_\w+)\}', source)
        return {name: (letter, value == "required") for name, value, letter in rows if name not in ("help", "version")}

    def explained(self, *command):
        output = subprocess.run([TOKTAB, *command, "--help"], stdout=subprocess.PIPE, timeout=60, check=True).stdout.decode()
        rows = re.findall(r"^  (?:-(.), |    )--([a-z-]+)(?: ([A-Z]\S*))?(?:  +.*)?$", output, re.M)
        return {name: (letter, value != "") for letter, name, value in rows if name != "version"}

    def documented(self, text):
        options = {}
        for line in re.findall(r"^\.It (Fl .*)$", text, re.M):
            names, _, value = line.partition(" Ar ")
            letter = ""
            for name in re.findall(r"Fl (\S+)", names):
                if len(name) == 1:
                    letter = name
                else:
                    options[name[1:]] = (letter, value != "")
                    letter = ""
        return options

    def test_commands(self):
        listed = subprocess.run([TOKTAB, "--help"], stdout=subprocess.PIPE, timeout=60, check=True).stdout.decode()
        self.assertIn("create", self.commands)
        self.assertEqual(re.findall(r"^  ([a-z]+)  ", listed, re.M), self.commands)
        self.assertEqual(sorted(re.findall(r"^\.Ss toktab (\w+)", self.page, re.M)), sorted(self.commands))
        synopsis = self.page[self.page.index(".Sh SYNOPSIS"):self.page.index(".Sh DESCRIPTION")]
        self.assertEqual(set(re.findall(r"^\.Ic (\w+)", synopsis, re.M)), set(self.commands))

    def test_options(self):
        for command in self.commands:
            with self.subTest(command=command):
                section = re.search(r"^\.Ss toktab %s\n(.*?)^\.S[sh] " % command, self.page, re.S | re.M)
                self.assertIsNotNone(section, "toktab(1) has no .Ss for it")
                section = section.group(1)
                made = self.made(read("tool/command/%s.c" % command))
                self.assertEqual("json" in made, command not in ("help", "log", "follow"), "every other command takes --json")
                self.assertEqual(self.explained(command), made)
                self.assertEqual(self.documented(section), made)

    def test_options_before_the_command(self):
        made = self.made(read("tool/main.c"))
        before = self.page[self.page.index(".Sh DESCRIPTION"):self.page.index(".Ss ")]
        self.assertEqual(made, {"config": ("c", True), "domain": ("d", True), "as": ("", True)})
        self.assertEqual(self.explained(), made)
        self.assertEqual(self.documented(before), made)


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


class Hook(unittest.TestCase):
    """toktab(3) names what toktab.h declares, and nothing else."""

    @classmethod
    def setUpClass(cls):
        cls.page = read("module/toktab.3")
        cls.header = re.sub(r"/\*.*?\*/", "", read("module/toktab.h"), flags=re.S)

    def test_functions(self):
        declared = set(re.findall(r"\b(toktab_\w+)\(", self.header))
        for pattern in (r"^\.Nm (toktab_\w+)", r"^\.Fo (\w+)", r"^\.Fn (toktab_\w+)"):
            self.assertEqual(set(re.findall(pattern, self.page, re.M)), declared, pattern)

    def test_arguments(self):
        for name, arguments in re.findall(r"\b(toktab_\w+)\(([^)]*)\);", self.header):
            shown = re.search(r"^\.Fo %s\n(.*?)^\.Fc" % name, self.page, re.S | re.M)[1]
            self.assertEqual(re.findall(r'^\.Fa "(.*)"', shown, re.M), re.split(r",\s*", arguments), name)

    def test_constants(self):
        declared = set(re.findall(r"\b(TOKTAB_[A-Z_]+)\b", self.header)) - {"TOKTAB_H"}
        self.assertEqual(set(re.findall(r"\bTOKTAB_[A-Z_]+\b", self.page)), declared)
        reasons = re.findall(r"\bTOKTAB_REASON_([A-Z]+)\b", self.header)
        self.assertEqual(re.findall(r"^\.It Dv TOKTAB_REASON_([A-Z]+) ", self.page, re.M), reasons)
        self.assertEqual(re.findall(r"^\.It ([A-Z]{4,})$", self.page, re.M), reasons[1:])

    @staticmethod
    def structs(text):
        """{struct: [(name of a field, its whole declaration without spaces)]}"""
        found = {}
        for struct, body in re.findall(r"^struct (toktab_\w+) \{\n(.*?)^\};", text, re.S | re.M):
            found[struct] = [
                (re.search(r"\(\*(\w+)\)|(\w+)(\[\w+\])?$", field).group(1, 2), re.sub(r"\s+", "", field))
                for field in body.strip().split(";") if field
            ]
        return found

    def test_structs(self):
        declared = self.structs(self.header)
        self.assertEqual(self.structs(self.page), declared)
        self.assertEqual(len(declared), 4)
        described = {name for line in re.findall(r"^\.It Va (.*)", self.page, re.M) for name in line.split(" , ")}
        fields = {name[0] or name[1] for struct in declared.values() for name, _ in struct}
        self.assertEqual(described, fields)


class Pam(unittest.TestCase):
    """pam_toktab(8) has a paragraph for each argument that the module takes, and a row for each reason."""

    def test_arguments(self):
        made = re.findall(r', "(\w+)=?", argument', read("module/pam/arguments.c"))
        shown = re.findall(r"^\.It Cm (\w+)", read("module/pam/pam_toktab.8"), re.M)
        self.assertEqual(sorted(made), sorted(shown))
        self.assertIn("domain", made)

    def test_reasons(self):
        made = re.findall(r"^    TOKTAB_REASON_(\w+)", read("module/toktab.h"), re.M)
        rows = re.findall(r"^\.It (?:deny|error) Ta ([a-z, ]+) Ta Dv PAM_", read("module/pam/pam_toktab.8"), re.M)
        shown = [reason for row in rows for reason in row.split(", ") if reason != "any other"]
        self.assertEqual(sorted(shown), sorted(reason.lower() for reason in made if reason != "NONE"))


class Promises(unittest.TestCase):
    """The tests that are named for what is promised: there are such."""

    @classmethod
    def setUpClass(cls):
        cls.classes = {}  # (module, class): its bases, its own functions
        cls.suites = {}
        for path in glob.glob("tests/*/*.py", root_dir=TOP):
            cls.read_classes(os.path.basename(path)[:-3], ast.parse(read(path)).body)
        for path in glob.glob("tests/unit/test_*.c", root_dir=TOP):
            text = read(path)
            cls.suites[re.search(r'suite_create\("(\w+)"\)', text)[1]] = set(re.findall(r"_test\(\w+, (\w+)", text))

    @classmethod
    def read_classes(cls, module, body):
        homes = {}  # of what is imported
        for node in body:
            if isinstance(node, ast.ImportFrom):
                homes.update((alias.name, node.module) for alias in node.names)
            if isinstance(node, ast.ClassDef):
                bases = [(homes.get(base.id, module), base.id) for base in node.bases if isinstance(base, ast.Name)]
                functions = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
                cls.classes[module, node.name] = bases, functions

    def functions_of(self, *key):
        """Those of a class, or inherited by it."""
        bases, functions = self.classes.get(key, ((), set()))
        return functions.union(*(self.functions_of(*base) for base in bases))

    def outside(self, name):
        """MODULE, MODULE.CLASS, MODULE.TEST or MODULE.CLASS.TEST"""
        module, *inside = name.split(".")
        classes = [of for where, of in self.classes if where == module]
        tests = set().union(*(self.functions_of(module, of) for of in classes))
        if len(inside) == 2:
            return inside[0] in classes and inside[1] in self.functions_of(module, inside[0])
        return bool(classes) and (not inside or inside[0] in classes or inside[0] in tests)

    def unit(self, name):
        suite, _, test = name.partition(".")
        return suite in self.suites and (not test or test in self.suites[suite])

    def rooms(self, title):
        return re.search("^ *silent (['\"])%s\\1 " % re.escape(title), read("tests/rooms"), re.M)

    def fuzz(self, target):
        return os.path.exists(os.path.join(TOP, "tests", "fuzz", target + ".c"))

    def run_by(self, command):
        path, *part = command.split()
        return os.access(os.path.join(TOP, path), os.X_OK) and all('"%s"' % each in read(path) for each in part)

    def test_each_rule_has_a_test(self):
        ways = {"outside": self.outside, "unit": self.unit, "rooms": self.rooms, "fuzz": self.fuzz, "run": self.run_by}
        for rule in re.sub("(?m)^#.*\n", "", read("tests/promises")).strip().split("\n\n"):
            title, *tests = rule.strip().split("\n")
            self.assertRegex(title, r"\A\w", rule)
            self.assertTrue(tests, title)
            for line in tests:
                kind, _, name = line.strip().partition(" ")
                with self.subTest(rule=title, test=line):
                    self.assertRegex(line, r"\A    \w+ \S")
                    self.assertTrue(kind == "none" or ways[kind](name))

    def test_each_test_is_there(self):
        for page in (read("SECURITY.md"), read("HACKING").partition("## Promises")[2]):
            for name in re.findall(r"`(test_[\w.]+)`", page):
                self.assertTrue(self.outside(name), name)
            for names in re.findall(r"suites? ((?:`\w+`(?:, | and )?)+)", page):
                for name in re.findall(r"`((?!test_)\w+)`", names):
                    self.assertTrue(self.unit(name), name)
            for path in re.findall(r"`(tests/[\w/.]+)`", page):
                self.assertTrue(os.path.exists(os.path.join(TOP, path)), path)


if __name__ == "__main__":
    unittest.main()
