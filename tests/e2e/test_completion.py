"""Completion in bash, which is everywhere; tests/completion has the other shells."""

import unittest

from completion import CompletionTest
from shells import Bash


class InBash(CompletionTest):
    shell = Bash()


del CompletionTest

if __name__ == "__main__":
    unittest.main()
