"""The PAM module in a real libpam: which code and which line of the log comes of what."""

import os
import re
import time
import unittest

import pam_host as pam
from oracle_format import make_token, token_id
from pam_host import PamTest

NOW = int(time.time())
ERR, NOTICE, DEBUG = 3, 5, 7  # of syslog(3)


class Verdicts(PamTest):
    def assert_denied(self, reason, log, token=None):
        self.assertEqual([priority for priority, _ in log], [NOTICE], log)
        self.assertIn(b":auth): token denied: %s, id: " % reason.encode(), log[0][1])
        self.assertIn(b'id: "%s"' % (token_id(token) if token else "").encode(), log[0][1])

    def test_allow(self):
        token = self.create()
        self.assertEqual(self.expect_code(pam.SUCCESS, "any", "alice", token), [])

    def test_malformed(self):
        self.create()
        good = make_token()
        for text in ("", "hello", good[:-1], good + "0", good + " ", " " + good, good[4:], "\x01\xff", "x" * 511):
            with self.subTest(text=text):
                log = self.expect_code(pam.AUTH_ERR, "any", "alice", text.encode("latin-1"))
                self.assert_denied("malformed", log)

    def test_overlong(self):
        """Some versions of libpam refuse what is longer than PAM_MAX_RESP_SIZE themselves."""
        token = self.create()
        for text in ("x" * 512, token + "0" * 10000, "x" * 1000000):
            self.assertNotEqual(self.host.code("any", "alice", text), pam.SUCCESS)

    def test_unknown(self):
        known = self.create()
        self.assert_denied("unknown", self.expect_code(pam.AUTH_ERR, "any", "alice", make_token()))
        forged = make_token(id=token_id(known))
        self.assert_denied("unknown", self.expect_code(pam.AUTH_ERR, "any", "alice", forged))
        elsewhere = self.create(domain="other")
        self.assert_denied("unknown", self.expect_code(pam.AUTH_ERR, "any", "alice", elsewhere))

    def test_revoked(self):
        token = self.create()
        self.revoke(token)
        self.assert_denied("revoked", self.expect_code(pam.AUTH_ERR, "any", "alice", token), token)

    def test_expired(self):
        token = self.put(make_token(), expires=NOW - 1)
        self.assert_denied("expired", self.expect_code(pam.ACCT_EXPIRED, "any", "alice", token), token)

    def test_scope(self):
        token = self.create("half", "-s", "read")
        self.assert_denied("scope", self.expect_code(pam.PERM_DENIED, "scope", "alice", token), token)
        self.expect_code(pam.SUCCESS, "any", "alice", token)
        self.expect_code(pam.SUCCESS, "scope", "alice", self.create("whole", "-s", "write,read"))

    def test_unsupported(self):
        token = self.put(make_token(), ext=(("MUST", None),))
        self.assert_denied("unsupported", self.expect_code(pam.AUTH_ERR, "any", "alice", token), token)

    def test_networks(self):
        token = self.create("bound", "--from", "192.0.2.0/24,2001:db8::/32,fe80::/64")
        for rhost in (
            "192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207", "2001:db8::1", "2001:DB8:0::9", "fe80::1%eth0",
        ):  # fmt: skip
            with self.subTest(rhost=rhost):
                self.expect_code(pam.SUCCESS, "any", "alice", token, rhost=rhost)
        for rhost in ("192.0.3.7", "::ffff:192.0.3.7", "2001:db9::1", "127.0.0.1", "::1"):
            with self.subTest(rhost=rhost):
                log = self.expect_code(pam.PERM_DENIED, "any", "alice", token, rhost=rhost)
                self.assert_denied("network", log, token)
        for rhost in (
            "client.example.com", "localhost", "192.0.2", "192.0.2.7 ", "192.0.2.007", "192.0.2.7%eth0", "192.0.2.7:22",
            "fe80::1%", "%eth0", "[2001:db8::1]", "3221225991", "2001:db8::1/32", "[local]", "x" * 300,
            "192.0.2.7\n", b"\xff",
        ):
            with self.subTest(rhost=rhost):
                log = self.expect_code(pam.PERM_DENIED, "any", "alice", token, rhost=rhost)
                self.assert_denied("network (the service gives a host name, not an address)", log, token)
        for rhost in (None, ""):
            log = self.expect_code(pam.PERM_DENIED, "any", "alice", token, rhost=rhost)
            self.assert_denied("network (the service gives no client address)", log, token)
        self.expect_code(pam.SUCCESS, "any", "alice", self.create("unbound"))
        self.expect_code(pam.SUCCESS, "any", "alice", self.create("unbound"), rhost="client.example.com")

    def test_users(self):
        alices, nobodys = self.create("hers", "-u", "alice"), self.create("nobody's")
        self.expect_code(pam.SUCCESS, "user", "alice", alices)
        for user in ("bob", "alic", "alicee", "Alice", "alice ", "root"):
            with self.subTest(user=user):
                self.assert_denied("user", self.expect_code(pam.USER_UNKNOWN, "user", user, alices), alices)
        log = self.expect_code(pam.USER_UNKNOWN, "user", "alice", nobodys)
        self.assert_denied("user (the token names no user)", log, nobodys)
        for token in (alices, nobodys):
            self.expect_code(pam.SUCCESS, "any", "bob", token)

    def test_odd_users(self):
        odd = "jörg müller@example.com"
        self.expect_code(pam.SUCCESS, "user", odd, self.create("odd", "-u", odd))
        token = self.create("hers", "-u", "alice")
        for user in (b"\xff\xfe", b"a\nb", b"alice\n", b"\x1b[31m", b"%s%n", b"a" * 100000, b'"', b"\\"):
            with self.subTest(user=user):
                self.assert_denied("user", self.expect_code(pam.USER_UNKNOWN, "user", user, token), token)

    def test_no_user(self):
        token = self.create()
        for user in (b"", None):  # the client is asked for it, and says nothing
            with self.subTest(user=user):
                self.assertIn(b"no user", self.expect_code(pam.USER_UNKNOWN, "any", user, "")[0][1])
        handle = self.host.start("any", None)
        self.assertEqual(handle.authenticate("alice", token), pam.SUCCESS)
        self.assertEqual([style for style, _ in handle.prompts], [pam.ECHO_ON, pam.ECHO_OFF])

    def test_store_in_trouble(self):
        token = self.create()
        for spoil in (
            lambda path: os.chmod(path, 0o666), lambda path: os.truncate(path, 100), os.unlink,
        ):  # fmt: skip
            spoil(self.site.path())
            log = self.expect_code(pam.AUTHINFO_UNAVAIL, "any", "alice", token)
            self.assertTrue(any(priority <= ERR and self.site.path().encode() in text for priority, text in log), log)
            self.assertEqual(log[-1][0], ERR)
            self.assertIn(b"cannot check tokens: store", log[-1][1])
            self.assertTrue(all(text.startswith(b"pam_toktab(any:auth): ") for _, text in log), log)

    def test_every_answer_of_any_library(self):
        """PAM_SUCCESS comes of TOKTAB_ALLOW alone, and never PAM_IGNORE, to auth and to account alike."""
        libraries = os.path.join(self.site.dir, "libraries")
        os.mkdir(libraries)
        pam.any_answer_library(libraries)
        host = pam.PamHost(self.site.dir, self.site.conf, self.log_library, libraries)
        self.addCleanup(host.close)
        host.service("user", "auth required {module}", "account required {module}", "account required pam_permit.so")
        codes = {"1 0": pam.SUCCESS, "0 4": pam.ACCT_EXPIRED, "0 5": pam.PERM_DENIED, "0 6": pam.PERM_DENIED,
            "0 7": pam.USER_UNKNOWN, "2 9": pam.AUTHINFO_UNAVAIL, "2 10": pam.SERVICE_ERR, "2 0": pam.AUTHINFO_UNAVAIL,
            "2 99": pam.AUTHINFO_UNAVAIL}
        for verdict in (0, 1, 2, 3, 99, -1):
            for reason in (*range(12), 99, -1):
                answer = "%d %d" % (verdict, reason)
                host.ask("setenv", "ANSWER", answer)
                code = host.code("user", "alice", "a token")
                handle = host.start("user", "alice")
                host.ask("setenv", "ANSWER", "1 0")
                handle.authenticate("a token")
                host.ask("setenv", "ANSWER", answer)
                self.assertEqual(handle.account(), code, answer)
                with self.subTest(answer=answer):
                    self.assertEqual(code == pam.SUCCESS, verdict == 1)
                    self.assertEqual(code, codes.get(answer, {1: pam.SUCCESS, 2: code}.get(verdict, pam.AUTH_ERR)))
                    self.assertIn(code, codes.values() if verdict == 2 else [code])


class Arguments(PamTest):
    def test_bad_ones_are_refused(self):
        token = self.create()
        good = "config={conf} domain=example.com anyuser "
        for bad, says in (
            ("nonsense", "unknown"), ("Debug", "unknown"), ("anyuser=yes", "unknown"), ("scopes=read", "unknown"),
            ("domain", "unknown"), ("nullok", "unknown"), ("debug=1", "unknown"), ("scope=", "empty"),
            ("scope=read scope=write", "twice"),
            ("domain=other", "twice"), ("config={conf}", "twice"), ("anyuser", "twice"), ("debug debug", "twice"),
            ("use_first_pass try_first_pass", "contradicts"), ("use_first_pass use_first_pass", "twice"),
            ("scope=nonsense", 'no scope "nonsense"'), ("scope=read,", "scope"), ("scope=,", "scope"),
            ("scope=read,,write", "scope"), ("[scope=read write]", "scope"),
        ):  # fmt: skip
            with self.subTest(bad=bad):
                self.module("bad", good + bad)
                log = self.expect_code(pam.SERVICE_ERR, "bad", "alice", token)
                self.assertEqual([priority for priority, _ in log], [ERR], log)
                self.assertIn(says.encode(), log[0][1])

    def test_bad_domain_and_config(self):
        self.create()
        with open(self.site.dir + "/open.conf", "w") as file:
            os.fchmod(file.fileno(), 0o666)
        for bad, says in (
            ("config={conf} domain=nowhere", 'no domain "nowhere"'), ("config={conf} domain=", "empty"),
            ("config={conf}", 'no domain "default"'), ("config=/nonexistent/toktab.conf", "/nonexistent/toktab.conf"),
            ("config=toktab.conf", "absolute"), ("config=%s/open.conf" % self.site.dir, "writable by everybody"),
            ("config=%s" % self.site.dir, "regular"),
        ):  # fmt: skip
            with self.subTest(bad=bad):
                self.module("bad", bad)
                priority, text = self.expect_code(pam.SERVICE_ERR, "bad", "alice", make_token())[-1]
                self.assertEqual(priority, ERR)
                self.assertIn(says.encode(), text)

    def test_only_the_domain_is_opened(self):
        token = self.create()
        self.create(domain="other")
        os.chmod(self.site.path("other"), 0o666)
        self.assertEqual(self.expect_code(pam.SUCCESS, "any", "alice", token), [])

    def test_without_domain_the_only_one(self):
        self.site.configure('store_dir = "%s"; domains = ( { name = "example.com"; } );' % self.site.store_dir)
        self.module("bare", "config={conf} anyuser")
        self.expect_code(pam.SUCCESS, "bare", "alice", self.create())

    def test_bad_arguments_of_account(self):
        self.module("bad", "config={conf} domain=example.com anyuser", "account required {module} nonsense")
        handle = self.host.start("bad", "alice")
        self.assertEqual(handle.authenticate(self.create()), pam.SUCCESS)
        self.assertEqual(handle.account(), pam.SERVICE_ERR)

    def test_examples(self):
        """Each one admits a token that fits, by the lines of it that are the module's."""
        folder = os.path.join(pam.HERE, "../../conf/examples/pam")
        self.assertIn("sshd", os.listdir(folder))
        for name in os.listdir(folder):
            with self.subTest(name=name), open(os.path.join(folder, name)) as file:
                lines = [line.rstrip() for line in file if re.match(r"\w+ +required +pam_toktab\.so", line)]
                scope = re.search(r"scope=(\w+)", lines[0]).group(1)
                text = 'store_dir = "%s"; domains = ( { name = "default"; } );'
                self.site.configure(text % self.site.store_dir)
                bare = [line.replace("pam_toktab.so", "{module} config={conf}") for line in lines]
                self.host.service(name, *bare, *(["account required pam_permit.so"] if len(lines) == 1 else []))
                token = self.create("it", "-u", "alice", "-s", scope, domain="default")
                handle = self.host.start(name, "alice")
                self.assertEqual([handle.authenticate(token), handle.account()], [pam.SUCCESS] * 2, self.host.log())
                other = self.create("it", "-u", "alice", "-s", "other", domain="default")
                self.assertEqual(handle.authenticate(other), pam.PERM_DENIED)

    def test_examples_of_account(self):
        """The module's line has the arguments of its auth line, and the service's own line beside it."""
        folder = os.path.join(pam.HERE, "../../conf/examples/pam")
        for name in os.listdir(folder):
            with self.subTest(name=name), open(os.path.join(folder, name)) as file:
                lines = [line.split() for line in file if line.strip() and line[0] != "#"]
                ours = {line[0]: line[1:] for line in lines if "pam_toktab.so" in line}
                self.assertEqual(ours["account"], ours["auth"])
                beside = (["account", "required", "pam_permit.so"], ["@include", "common-account"])
                self.assertTrue(any(line in lines for line in beside), lines)

    def test_debug(self):
        self.module("debug", "config={conf} domain=example.com debug")
        token = self.create("the label", "-u", "alice")
        log = self.expect_code(pam.SUCCESS, "debug", "alice", token, rhost="192.0.2.1")
        self.assertEqual([priority for priority, _ in log], [DEBUG], log)
        for word in ("admitted", token_id(token), "the label", "alice", "192.0.2.1"):
            self.assertIn(word.encode(), log[0][1])


class Passwords(PamTest):
    """The prompt, the first password, and conversations that fail. The earlier module is this one too."""

    services = {**PamTest.services, "use": "anyuser use_first_pass", "try": "anyuser try_first_pass debug"}

    def stack(self, second):
        """Two modules: the first one asks for a password, and what it says does not count."""
        self.host.service("stack", "auth optional {module} config={conf} domain=other anyuser",
            "auth required {module} config={conf} " + second)  # fmt: skip
        return self.host.start("stack", "alice")

    def asked(self, handle):
        return [text for style, text in handle.prompts if style == pam.ECHO_OFF]

    def test_prompt(self):
        handle = self.host.start("any", "alice")
        self.assertEqual(handle.authenticate(self.create(), flags=pam.SILENT | pam.DISALLOW_NULL_AUTHTOK), pam.SUCCESS)
        self.assertEqual(handle.prompts, [[pam.ECHO_OFF, "API token: "]])

    def test_conversations_that_fail(self):
        self.create()
        for answer in (None, pam.CONV_ERR, pam.BUF_ERR, pam.CONV_AGAIN, 9999):
            for service in ("any", "try"):
                with self.subTest(answer=answer, service=service):
                    log = self.expect_code(pam.AUTHTOK_ERR, service, "alice", answer)
                    self.assertIn(b"gave none", log[-1][1])

    def test_first_pass(self):
        """What an earlier module has asked for is not asked again with use_first_pass."""
        token = self.create()
        common = "domain=example.com anyuser "
        for arguments, answers, code, prompts in (
            ("use_first_pass", [token, "never"], pam.SUCCESS, 1),
            ("use_first_pass", ["wrong", token], pam.AUTH_ERR, 1),
            ("try_first_pass", [token, "never"], pam.SUCCESS, 1),
            ("try_first_pass", ["wrong", token], pam.SUCCESS, 2),
            ("try_first_pass", ["wrong", "wrong too"], pam.AUTH_ERR, 2),
            ("", [token, "wrong"], pam.AUTH_ERR, 2),
            ("", ["wrong", token], pam.SUCCESS, 2),
        ):
            with self.subTest(arguments=arguments, answers=[answer == token for answer in answers]):
                handle = self.stack(common + arguments)
                self.assertEqual(handle.authenticate(*answers), code)
                self.assertEqual(self.asked(handle), ["API token: "] * prompts)

    def test_no_first_pass(self):
        token = self.create()
        handle = self.host.start("use", "alice")
        self.assertEqual(handle.authenticate(token), pam.AUTH_ERR)
        self.assertEqual(handle.prompts, [])
        self.assertIn(b"no earlier module", self.host.log()[-1][1])
        self.expect_code(pam.SUCCESS, "try", "alice", token)

    def test_trouble_is_not_asked_again(self):
        token = self.create()
        os.chmod(self.site.path(), 0o666)
        handle = self.stack("domain=example.com anyuser try_first_pass")
        self.assertEqual(handle.authenticate(token), pam.AUTHINFO_UNAVAIL)
        self.assertEqual(len(self.asked(handle)), 1)


class Log(PamTest):
    """What stands in the log, and what never does."""

    def test_nothing_from_outside_is_raw(self):
        token = self.create("hers", "-u", "alice")
        log = self.expect_code(pam.USER_UNKNOWN, "user", b'a\nb"\\\x1b\xff\x7f', token, rhost=b"r\r\n\x07")
        self.assertIn(rb'user: "a\x0ab\"\\\x1b\xff\x7f", rhost: "r\x0d\x0a\x07"', log[0][1])
        for _, text in log:
            self.assertNotRegex(text, rb"[\x00-\x1f\x7f-\xff]")

    def test_labels(self):
        for label, shown in (
            ('say "hi"', rb'say \"hi\"'), ("Büro", "Büro".encode()), ("€" * 128, "€".encode() * 128),
        ):  # fmt: skip
            token = self.create(label)
            self.revoke(token)
            log = self.expect_code(pam.AUTH_ERR, "any", "alice", token)
            self.assertIn(b'label: "%s", user' % shown, log[0][1])
        token = self.put(make_token(), label="a\nb\x1b", revoked=NOW)
        self.assertIn(b"a%0Ab%1B", self.expect_code(pam.AUTH_ERR, "any", "alice", token)[0][1])

    def test_a_token_in_the_wrong_place(self):
        token = self.create("hers", "-u", "alice")
        log = self.expect_code(pam.AUTH_ERR, "user", token, "")
        self.assertIn(b'user: "(%d bytes)"' % len(token), log[0][1])
        self.module("bad", "config={conf} " + token)
        log += self.expect_code(pam.SERVICE_ERR, "bad", "alice", token)
        os.unlink(os.path.join(self.host.services, "bad"))
        self.assertFalse(any(self.site.leaks(text) for _, text in log))

    def test_most_of_a_token_in_the_wrong_place(self):
        """PostgreSQL cuts a name off at 63 bytes; people copy too little."""
        token = self.create("hers", "-u", "alice")
        for part in (token[:63], token[2:], token[len("tok_") :], token[-63:], token[:48], token[-32:]):
            with self.subTest(length=len(part)):
                log = self.expect_code(pam.AUTH_ERR, "user", part, "", rhost=part)
                self.assertIn(b'user: "(%d bytes)", rhost: "(%d bytes)"' % (len(part), len(part)), log[0][1])
        for name in ("x" * 31, "x" * 31 + "." + "y" * 31, "2001:db8:1111:2222:3333:4444:5555:6666%enp0s31f6"):
            log = self.expect_code(pam.AUTH_ERR, "user", name, "", rhost=name)
            self.assertIn(b'user: "%s", rhost: "%s"' % (name.encode(), name.encode()), log[0][1])

    def test_no_token_in_any_line(self):
        token = self.create("hers", "-u", "alice", "-s", "read", "--from", "192.0.2.1")
        self.module("debug", "config={conf} domain=example.com scope=write debug")
        for service in (*self.services, "debug"):
            for user, rhost in (("alice", None), ("bob", "192.0.2.1"), ("alice", "192.0.2.1")):
                self.host.code(service, user, token, rhost=rhost)
        self.revoke(token)
        self.host.code("debug", "alice", token)
        log = self.host.log()
        self.assertGreater(len(log), 8)
        self.assertFalse(any(self.site.leaks(text) for _, text in log))
        self.assertTrue(all(re.match(rb"pam_toktab\(\w+:auth\): \S", text) for _, text in log), log)


if __name__ == "__main__":
    unittest.main()
