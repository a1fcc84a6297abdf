"""No part of a token's secret, of eight characters or more, is left in a host that has asked PAM: not after
pam_authenticate(), while the handle lives on, nor later. libpam holds the token (PAM_AUTHTOK) only during
pam_authenticate(): it wipes it before that returns, and the answers of the conversation as soon as it has them."""

import os
import signal
import subprocess
import tempfile
import unittest

from harness import BOUND, TIME_LIMIT, SiteTest, environment, killed_at_end, needs_root, wait_until
from memory import image_of, secret_of, unless_sanitized
from oracle_format import make_token, token_id
from pam_host import (
    ACCT_EXPIRED, AUTH_ERR, AUTHINFO_UNAVAIL, BUILD, HERE, MODULE, PERM_DENIED, SERVICE_ERR, SUCCESS, USER_UNKNOWN,
)  # fmt: skip

KEY = "Zk9vQ2xLw7Rt5Yp3Nd8Hs6Jf4Gb1Xc0M"


@needs_root
@unless_sanitized
class Host(SiteTest):
    domains = [{"name": "default", "foreign": True}, {"name": "other"}, {"name": "bad"}]

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="toktab-e2e-")
        cls.addClassCleanup(folder.cleanup)
        cls.program = os.path.join(folder.name, "secret_host")
        subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", cls.program,
                        os.path.join(HERE, "secret_host.c"), "-lpam"], check=True)  # fmt: skip

    def setUp(self):
        super().setUp()
        self.services = os.path.join(self.site.dir, "pam.d")
        os.mkdir(self.services)
        self.service("other", "auth required pam_deny.so")
        self.token = self.create()

    def service(self, name, *lines):
        with open(os.path.join(self.services, name), "w") as file:
            for line in lines:
                file.write(line.format(module="%s config=%s" % (MODULE, self.site.conf)) + "\n")

    def codes(self, service, token, secret, times=1):
        """Those of each function, after which no piece of the secret is there."""
        codes = []
        with tempfile.TemporaryFile() as typed:
            typed.write(token.encode())
            typed.flush()
            process = subprocess.Popen([self.program, self.services, service, "alice", str(times)], stdin=typed,
                stdout=subprocess.PIPE, env=environment({"LD_LIBRARY_PATH": BUILD, **BOUND}))  # fmt: skip
        with killed_at_end(process):
            for _ in range(times + 2):
                _, status = os.waitpid(process.pid, os.WUNTRACED)
                self.assertTrue(os.WIFSTOPPED(status), status)
                codes.append(int(process.stdout.readline()))
                image = image_of(process.pid)
                self.assertTrue(image.holds(b"pam_toktab") or len(codes) == times + 2, "that is not its memory")
                self.assertEqual(image.where(secret), [], (service, len(token), codes, image.pieces_of(secret)))
                os.kill(process.pid, signal.SIGCONT)
            self.assertEqual(process.wait(TIME_LIMIT), 0)
        return codes

    def test_each_answer(self):
        revoked, expired = self.create(), self.create("x", "-e", "1s")
        self.ok("revoke", "-y", token_id(revoked))
        wait_until(lambda: self.verdict(expired)[0] == "deny", "a token that has expired")
        self.service("web", "auth required {module} anyuser", "account required {module} anyuser")
        for token, code in (
            (self.token, SUCCESS), (revoked, AUTH_ERR), (expired, ACCT_EXPIRED), (make_token(), AUTH_ERR),
            (make_token("tok", token_id(self.token)), AUTH_ERR),
        ):  # fmt: skip
            account = SUCCESS if code == SUCCESS else PERM_DENIED  # libpam's, where no account line knows anything
            self.assertEqual(self.codes("web", self.site.guard(token), secret_of(token)), [code, account, SUCCESS])
        for text in (self.token[:-1], self.token + "x", " " + self.token, "x" * 500 + self.token, self.token + "x" * 500):
            self.assertEqual(self.codes("web", text, secret_of(self.token))[0], AUTH_ERR)
        self.assertEqual(self.codes("web", KEY, KEY)[0], AUTH_ERR)

    def test_many_logins_on_one_handle(self):
        """After three, the store is kept in memory."""
        self.service("web", "auth required {module} anyuser", "account required {module} anyuser")
        self.assertEqual(self.codes("web", self.token, secret_of(self.token), 5), [SUCCESS] * 7)

    def test_two_modules(self):
        """The second takes the first one's password, or asks again."""
        for line in ("use_first_pass", "try_first_pass", ""):
            self.service("web", "auth optional {module} anyuser domain=other", "auth required {module} anyuser debug " + line,
                         "account required {module} anyuser")
            self.assertEqual(self.codes("web", self.token, secret_of(self.token))[0], SUCCESS)

    def test_trouble(self):
        for arguments, code in (("domain=nosuch", SERVICE_ERR), ("scope=a,,b", SERVICE_ERR), ("domain=bad", AUTHINFO_UNAVAIL),
                                ("", USER_UNKNOWN)):  # fmt: skip
            self.service("web", "auth required {module} " + arguments, "account required {module} anyuser")
            with open(self.site.path("bad"), "w") as file:
                file.write("no store\n")
            self.assertEqual(self.codes("web", self.token, secret_of(self.token))[0], code, arguments)


if __name__ == "__main__":
    unittest.main()
