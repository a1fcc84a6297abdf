"""What every runner asks first, so that it never reports "0 passed, 0 failed" where there was nothing to run."""

import os
import sys


def require_built(*paths, by="make"):
    """Ends the runner if one of them is missing."""
    for path in paths:
        if not os.path.exists(path):
            sys.exit("%s: not built: %s is missing: run `%s` first" % (name(), os.path.relpath(path), by))


def require_tests(found, patterns, folder):
    """Ends the runner if no test was found."""
    if not found:
        sys.exit("%s: no test in %s has a name with %s: module.Class.test is compared" % (
            name(), os.path.relpath(folder), " or ".join(patterns) or "test_"))


def name():
    return os.path.relpath(sys.argv[0])
