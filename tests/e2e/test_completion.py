"""Completion in bash, which is everywhere; tests/completion has the other shells."""

import unittest

from completion import CompletionTest
from shells import Bash


class InBash(CompletionTest):
    shell = Bash()

    def test_words_as_readline_takes_them_apart(self):
        for words in (["--as", "web", ":", "nobody"], ["--as", "=", "web", ":", "nobody"]):
            self.assertEqual(self.offers("-c", "toktab.conf", *words, "-d", ""), {})
        self.assertEqual(set(self.offers("-c", "toktab.conf", "create", "--from", "2001", ":", "db8", "::", "1", "-d", "")),
            {"shop", "wiki.example"})


del CompletionTest

if __name__ == "__main__":
    unittest.main()
