"""The HTML in the sources of toktab-panel: what the two macros cannot see for themselves."""

import glob
import os
import re
import unittest

from harness import TOP

FOLDER = os.path.join(TOP, "tool", "panel")
CALL = re.compile(r"\b(with|markup)\(\s*(?:&answer->page|page),\s*")
LITERAL = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*')
IN_ADDRESSES = {
    "visit->panel->prefix", "prefix", "visit->route.domain", "domain", 'text_of(domain, "name")', "id",
    'text_of(token, "id")', "used->result", "style_name", "script_name", "listing->show", "shows[i][0]", "query", "field->name",
}  # fmt: skip


def split(text):
    """The arguments up to the bracket that closes the call."""
    parts, depth = [""], 0
    for character in text:
        if character == ")" and depth == 0:
            return [" ".join(part.split()) for part in parts if part.strip()]
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    raise AssertionError("no end: " + text[:80])


def calls():
    """(file, literal, values) of each call, in order."""
    for path in sorted(glob.glob(FOLDER + "/*.c")):
        with open(path) as file:
            text = file.read()
        found = list(CALL.finditer(text))
        assert len(found) == len(re.findall(r"\b(?:with|markup)\(", text)), path
        for call in found:
            literal, at = "", call.end()
            while part := LITERAL.match(text, at):
                literal, at = literal + part[1], part.end()
            literal = literal.replace('\\"', '"').replace("\\n", "\n")
            yield os.path.basename(path), literal, split(text[at:]) if call[1] == "with" else None


class Markup(unittest.TestCase):
    def setUp(self):
        self.calls = list(calls())
        self.assertGreater(len(self.calls), 100)

    def test_numbers(self):
        for file, literal, values in self.calls:
            if values is not None:
                self.assertEqual(literal.count("$"), len(values), (file, literal, values))
            else:
                self.assertNotIn("$", literal, file)

    def test_attributes_are_quoted(self):
        """In each file, because an attribute may go on in the next literal."""
        for file in {file for file, _, _ in self.calls}:
            whole = "".join(literal for one, literal, _ in self.calls if one == file)
            bare = re.sub(r'(?<=[a-z])="[^"]*"', "", whole)
            self.assertNotRegex(bare, "[a-z]=", file)
            for tag in re.findall("<[^<>]*>", bare):
                self.assertNotRegex(tag, "['\"=`]", file)

    def test_nothing_that_runs(self):
        for file, literal, _ in self.calls:
            self.assertNotRegex(literal, r"(?i)\bon[a-z]+=|\bstyle=|<style|javascript:|\bsrcdoc=|<(iframe|object|embed|base)", file)
            for body in re.findall(r"<script[^>]*>(.*)", literal):
                self.assertTrue(body.startswith("</script>"), (file, literal))

    def test_addresses(self):
        """A value in an address is one whose characters are known, and never its scheme or host."""
        for file, literal, values in self.calls:
            self.assertNotRegex(literal, r"\b(formaction=|action=(?!\"\?\"))", file)
            for address in re.finditer(r'\b(?:href|src)="([^"]*)', literal):
                self.assertRegex(address[1], r"\A(\$(/(\$|[a-z]+))*/?|\?[a-z]+=[a-z$]*(&amp;[a-z]+=[a-z$]*)*|#(\$|[a-z]+))\Z", file)
                first = literal[: address.start(1)].count("$")
                for value in (values or [])[first : first + address[1].count("$")]:
                    self.assertIn(value, IN_ADDRESSES, (file, literal))

    def test_searches_are_encoded(self):
        with open(FOLDER + "/list.c") as file:
            named = re.findall(r"\*query = ([^;]*)", file.read())
        self.assertEqual(set(named), {"form_encoded(listing->query)"})

    def test_no_other_way(self):
        """page_put() and page_fill() are for the macros, for headers and for whole files."""
        for path in glob.glob(FOLDER + "/*.c"):
            if os.path.basename(path) not in ("html.c", "answer.c", "files.c"):
                with open(path) as file:
                    self.assertNotRegex(file.read(), r"\bpage_(put|fill)\(", path)


if __name__ == "__main__":
    unittest.main()
