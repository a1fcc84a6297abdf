"""Without a source of random numbers nothing is made and nobody is admitted."""

import os
import subprocess
import unittest

from hook_host import Httpd
from test_hook import Installed

SHIM = """
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

int sodium_init(void);
#ifdef LATER
ssize_t getrandom(void *bytes, size_t length, unsigned flags)
{
    static int calls;

    if (calls++ > 0) {
        errno = EIO;
        return -1;
    }
    memset(bytes, (int)flags + 42, length);
    return (ssize_t)length;
}
#else
int sodium_init(void)
{
    return -1;
}
#endif
"""


class Missing(Installed):
    def setUp(self):
        super().setUp()
        if os.environ.get("LD_PRELOAD") or any(name.endswith("SAN_OPTIONS") for name in os.environ):
            self.skipTest("under a sanitizer nothing else can be preloaded")
        self.shim, self.later = (os.path.join(self.site.dir, name) for name in ("shim.so", "later.so"))
        for path, *define in ((self.shim,), (self.later, "-DLATER")):
            subprocess.run(["cc", "-shared", "-fPIC", "-o", path, *define, "-x", "c", "-"], input=SHIM.encode(), check=True)

    def test_tool(self):
        for before in (self.site.files(), ["default.lock", "default.tokens"]):
            for args in (["create", "-l", "x"], ["rotate", "1"], ["compact"], ["verify"], ["list"]):
                self.refused(69, "-d", "default", *args, env={"LD_PRELOAD": self.shim}, says="randomness")
                self.refused(69, "-d", "default", *args, env={"LD_PRELOAD": self.later}, says="randomness")
            for shim in (self.shim, self.later):
                shown = self.json("-d", "default", "create", "-l", "x", code=69, env={"LD_PRELOAD": shim})
                self.assertIn("randomness", shown["error"]["text"])
            self.assertEqual(self.site.files(), before)
            self.create()

    def test_library(self):
        result = Httpd(self.program, {**self.installed.environment(), "LD_PRELOAD": self.shim}, self.site.conf, "default").end(0)
        self.assertEqual((result.code, result.out), (1, ""), result)
        self.assertIn("random", result.err)


if __name__ == "__main__":
    unittest.main()
