"""A host that asks PAM, with services of its own: no root, and nothing of the machine's.

    log_library = compile_shared(path, "pam_log.c")
    host = PamHost(folder, toktab_conf, log_library)
    host.service("web", "auth required {module} config={conf} anyuser")
    handle = host.start("web", "alice")
    handle.authenticate("what the client types")  # a code: SUCCESS, AUTH_ERR...
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from harness import TOKTAB, SiteTest, environment
from oracle import Writer
from oracle_format import token_id

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.dirname(os.path.abspath(TOKTAB))
MODULE = os.path.join(BUILD, "pam", "pam_toktab.so")

SUCCESS, SERVICE_ERR, BUF_ERR, PERM_DENIED, AUTH_ERR, AUTHINFO_UNAVAIL = 0, 3, 5, 6, 7, 9
USER_UNKNOWN, ACCT_EXPIRED, CONV_ERR, AUTHTOK_ERR, MODULE_UNKNOWN, CONV_AGAIN = 10, 13, 19, 20, 28, 30
SILENT, DISALLOW_NULL_AUTHTOK, ESTABLISH_CRED = 0x8000, 0x0001, 0x0002  # flags
ECHO_OFF, ECHO_ON = 1, 2  # styles of a prompt


def compile_shared(path, source, *arguments):
    compiler = os.environ.get("CC", "cc").split()
    source = os.path.join(HERE, source)
    subprocess.run([*compiler, "-shared", "-fPIC", "-O1", *arguments, "-o", path, source], check=True)
    return path


def any_answer_library(folder):
    """A library in this folder that answers what the token says: any_answer.c."""
    script = os.path.join(HERE, "../../module/libtoktab.map")
    compile_shared(os.path.join(folder, "libtoktab.so.0"), "any_answer.c",
        "-Wl,-soname,libtoktab.so.0", "-Wl,--version-script=" + script)


class Handle:
    """What pam_start() has made."""

    def __init__(self, host, number):
        self.host, self.number = host, number

    def call(self, function, *answers, flags=0):
        """The code of pam_authenticate() and its like. Each answer is what the client types to one prompt: text or
        bytes, None for a missing answer, a number for a conversation that fails with it, {"text": TEXT, "set": {ITEM:
        TEXT or None}} for one that sets items of PAM meanwhile; the last one lasts."""
        answers = [answer.encode() if isinstance(answer, str) else answer for answer in answers]
        answers = [answer.decode("latin-1") if isinstance(answer, bytes) else answer for answer in answers]
        code, self.prompts = self.host.ask("call", self.number, function, flags, answers)
        return code

    def authenticate(self, *answers, flags=0):
        return self.call("pam_authenticate", *answers, flags=flags)

    def account(self):
        return self.call("pam_acct_mgmt")

    def set(self, item, text):
        return self.host.ask("set", self.number, item, None if text is None else text.decode("latin-1"))

    def end(self):
        return self.host.ask("end", self.number)


class PamHost:
    """folder gets its services and its log; libraries is where it finds libtoktab."""

    def __init__(self, folder, toktab_conf, log_library, libraries=BUILD):
        self.folder, self.conf = folder, toktab_conf
        self.services, self.log_path = os.path.join(folder, "pam.d"), os.path.join(folder, "pam.log")
        os.makedirs(self.services, exist_ok=True)
        preload = [*os.environ.get("LD_PRELOAD", "").split(), log_library]
        env = environment({
            "LD_LIBRARY_PATH": libraries, "LD_PRELOAD": " ".join(preload), "PAM_HOST_LOG": self.log_path,
        })  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "pam_server.py"), self.services], env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

        self.service("other", "auth required pam_deny.so", "account required pam_deny.so")  # else libpam complains

    def ask(self, *command):
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise AssertionError("the host died: %s %s" % (self.process.wait(10), command))
        return json.loads(line)

    def service(self, name, *lines):
        with open(os.path.join(self.services, name), "w") as file:
            for line in lines:
                file.write(line.format(module=MODULE, conf=self.conf) + "\n")

    def start(self, service, user, rhost=None):
        if isinstance(user, str):
            user = user.encode()
        handle = Handle(self, self.ask("start", service, None if user is None else user.decode("latin-1")))
        if rhost is not None:
            handle.set("rhost", rhost.encode() if isinstance(rhost, str) else rhost)
        return handle

    def code(self, service, user, *answers, rhost=None):
        """The code of one pam_authenticate() from start to end."""
        handle = self.start(service, user, rhost)
        code = handle.authenticate(*answers)
        handle.end()
        return code

    def log(self):
        """What was logged since the last call: pairs of the priority, without its facility, and the text."""
        with contextlib.suppress(FileNotFoundError), open(self.log_path, "rb") as file:
            entries = [entry.partition(b" ") for entry in file.read().split(b"\0")[:-1]]
            os.truncate(self.log_path, 0)
            assert all(int(priority) >> 3 == 10 for priority, _, _ in entries), entries  # LOG_AUTHPRIV
            return [(int(priority) & 7, text) for priority, _, text in entries]
        return []

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(30)
        self.process.stdout.close()
        if code:
            raise AssertionError("the host ended with %d" % code)


class PamTest(SiteTest):
    """Services with the module alone: NAME stands for "auth required pam_toktab.so config=CONF" and these arguments."""

    domains = [{"name": "example.com", "scopes": ["read", "write"], "stale_limit": "0s"}, {"name": "other"}]
    services = {"any": "anyuser", "user": "", "scope": "anyuser scope=read,write"}

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="toktab-e2e-")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.log_library = compile_shared(os.path.join(folder, "pam_log.so"), "pam_log.c")

    def setUp(self):
        super().setUp()
        self.host = PamHost(self.site.dir, self.site.conf, self.log_library)
        self.addCleanup(self.host.close)
        for name, arguments in self.services.items():
            self.module(name, "config={conf} domain=example.com " + arguments)

    def module(self, name, arguments, *more):
        self.host.service(name, "auth required {module} " + arguments, *more)

    def expect_code(self, code, *arguments, **more):
        """authenticate gives this code; returns what was logged."""
        self.host.log()
        came, log = self.host.code(*arguments, **more), self.host.log()
        self.assertEqual(came, code, log)
        return log

    def put(self, token, **record):
        writer = Writer(self.site.domain)
        writer.create(self.site.guard(token), **record)
        self.site.put(writer)
        return token

    def create(self, label="a token", *arguments, domain="example.com"):
        result = self.ok("-d", domain, "create", "-l", label, *arguments, may_show_token=True)
        return self.site.guard(result.out.strip())

    def revoke(self, token, domain="example.com"):
        self.ok("-d", domain, "revoke", "-y", token_id(token))
