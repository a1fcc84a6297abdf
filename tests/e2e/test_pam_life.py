"""The PAM module over time: revocation, handles that live long, many of them, and what it is as a file."""

import os
import subprocess
import unittest

import pam_host as pam
from harness import wait_until
from oracle_format import make_token, token_id
from pam_host import PamTest

SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")  # much slower, and keeps what was freed for a while
TIMES = 200 if SANITIZED else 1000


class Life(PamTest):
    def test_revocation_counts_at_once(self):
        token = self.create()
        handle = self.host.start("any", "alice")
        self.assertEqual(handle.authenticate(token), pam.SUCCESS)
        self.revoke(token)
        self.assertEqual(handle.authenticate(token), pam.AUTH_ERR)
        self.expect_code(pam.AUTH_ERR, "any", "alice", token)
        self.assertEqual(handle.authenticate(self.create("made meanwhile")), pam.SUCCESS)
        self.assertEqual(handle.end(), pam.SUCCESS)

    def test_many_questions(self):
        """The first ones read the file each time, the others a table that is kept."""
        handle, opened = self.host.start("any", "alice"), []
        for _ in range(8):
            token = self.create()
            self.assertEqual(handle.authenticate(token), pam.SUCCESS)
            self.revoke(token)
            self.assertEqual(handle.authenticate(token), pam.AUTH_ERR)
            opened.append(self.host.ask("holds")[0])
        self.assertEqual(opened, sorted(opened))
        self.assertEqual(opened[-1] - opened[0], 1)

    def test_one_handle_for_many(self):
        """squid's helper keeps a handle, and changes its user."""
        hers, his = self.create("hers", "-u", "alice"), self.create("his", "-u", "bob")
        handle = self.host.start("user", "alice")
        for user, token, code in (
            (b"alice", hers, pam.SUCCESS), (b"bob", his, pam.SUCCESS), (b"alice", his, pam.USER_UNKNOWN),
            (b"bob", hers, pam.USER_UNKNOWN), (b"bob", his, pam.SUCCESS),
        ):  # fmt: skip
            handle.set("user", user)
            self.assertEqual(handle.authenticate(token), code)
        handle.set("rhost", b"192.0.2.1")
        bound = self.create("bound", "-u", "bob", "--from", "192.0.2.1")
        self.assertEqual(handle.authenticate(bound), pam.SUCCESS)
        handle.set("rhost", None)
        self.assertEqual(handle.authenticate(bound), pam.PERM_DENIED)

    def test_another_configuration_counts_from_the_next_handle(self):
        token = self.create("half", "-s", "read")
        self.module("scope", "config={conf} domain=example.com anyuser scope=extra")
        self.expect_code(pam.SERVICE_ERR, "scope", "alice", token)
        handle = self.host.start("any", "alice")
        self.assertEqual(handle.authenticate(token), pam.SUCCESS)
        self.site.configure('store_dir = "%s"; domains = ( { name = "example.com"; } );' % self.site.store_dir)
        self.expect_code(pam.PERM_DENIED, "scope", "alice", token)
        self.site.configure("nonsense")
        self.assertEqual(handle.authenticate(token), pam.SUCCESS)
        self.expect_code(pam.SERVICE_ERR, "any", "alice", token)

    def test_store_that_comes_later(self):
        handle = self.host.start("any", "alice")
        self.assertEqual(handle.authenticate(make_token()), pam.AUTHINFO_UNAVAIL)
        self.assertEqual(handle.authenticate(self.create()), pam.SUCCESS)

    def test_last_use(self):
        self.site.configure('store_dir = "%s"; domains = ( { name = "example.com"; track_usage = true; } );'
            % self.site.store_dir)  # fmt: skip
        token = self.create()
        self.assertIsNone(self.json("show", "1")["last_used"])
        self.expect_code(pam.SUCCESS, "any", "alice", token)
        self.assertIsNotNone(self.json("show", "1")["last_used"])

    def test_two_domains_in_one_stack(self):
        self.host.service("both", *("auth sufficient {module} config={conf} anyuser try_first_pass domain=" + domain
            for domain in ("example.com", "other")), "auth requisite pam_deny.so")  # fmt: skip
        here, there = self.create(), self.create(domain="other")
        handle = self.host.start("both", "alice")
        for token, code in ((here, 0), (there, 0), (make_token(), 7), (there, 0), (here, 0)):
            self.assertEqual(handle.authenticate(token), code)

    def test_what_is_not_offered_is_refused(self):
        self.host.service("all", "auth required {module} config={conf} domain=example.com anyuser",
            "password required {module}", "session required {module}")  # fmt: skip
        handle = self.host.start("all", "alice")
        self.assertEqual(handle.authenticate(self.create()), pam.SUCCESS)
        for function in ("pam_open_session", "pam_close_session", "pam_chauthtok"):
            self.assertEqual(handle.call(function), pam.MODULE_UNKNOWN)

    def test_a_child_ends_its_copy(self):
        token, handle = self.create(), self.host.start("any", "alice")
        self.assertEqual(handle.authenticate(token), pam.SUCCESS)
        self.assertEqual(self.host.ask("fork_and_end", handle.number), pam.SUCCESS)
        self.assertEqual(handle.authenticate(token), pam.SUCCESS)


class Account(PamTest):
    """Each stack has a module beside ours that lets everybody pass, as a service's own account line does."""

    services = {}

    def setUp(self):
        super().setUp()
        self.service("account")

    def service(self, name, arguments="domain=example.com", auth="domain=example.com anyuser"):
        self.host.service(name, "auth sufficient {module} config={conf} " + auth, "auth required pam_permit.so",
            "account required {module} config={conf} " + arguments, "account required pam_permit.so")  # fmt: skip

    def admitted(self, token, service="account", user="alice", rhost=None):
        handle = self.host.start(service, user, rhost)
        self.assertEqual(handle.authenticate(token), pam.SUCCESS)
        self.host.log()
        return handle

    def expect_account(self, code, handle, says=None):
        came, log = handle.account(), self.host.log()
        self.assertEqual(came, code, log)
        self.assertEqual(bool(log), bool(says), log)
        self.assertIn((says or "").encode(), log[-1][1] if log else b"")

    def test_let_in_by_a_token(self):
        handle = self.admitted(self.create())
        self.expect_account(pam.SUCCESS, handle)
        self.assertEqual(handle.call("pam_setcred", flags=pam.ESTABLISH_CRED), pam.SUCCESS)

    def test_let_in_by_something_else(self):
        """The module says nothing: its neighbour decides, and without one libpam refuses."""
        self.host.service("alone", "auth required pam_permit.so",
            "account required {module} config={conf} domain=example.com debug")  # fmt: skip
        self.expect_account(pam.SUCCESS, self.host.start("account", "alice"))  # sshd does not ask for auth with a key
        self.expect_account(pam.SUCCESS, self.admitted("wrong"))
        handle = self.host.start("alone", "alice")
        self.expect_account(pam.PERM_DENIED, handle, "account): no token admitted this user")

    def test_let_in_by_a_token_before(self):
        handle = self.admitted(self.create())
        self.assertEqual(handle.authenticate("wrong"), pam.SUCCESS)  # by the neighbour
        self.host.log()
        self.expect_account(pam.SUCCESS, handle)

    def test_token_that_ended_meanwhile(self):
        token = self.create()
        handle = self.admitted(token)
        self.revoke(token)
        self.expect_account(pam.AUTH_ERR, handle, "(account:account): token denied: revoked")
        token = self.create()
        handle = self.admitted(token)
        self.ok("-d", "example.com", "update", token_id(token), "-e", "1s")
        wait_until(lambda: handle.account() == pam.ACCT_EXPIRED, "it expires")

    def test_store_in_trouble(self):
        handle = self.admitted(self.create())
        os.chmod(self.site.path(), 0o666)
        wait_until(lambda: handle.account() == pam.AUTHINFO_UNAVAIL, "the trouble is seen")

    def test_another_user(self):
        handle = self.admitted(self.create())
        handle.set("user", b"root")
        self.expect_account(pam.PERM_DENIED, handle, 'user "root" is not the user whom')
        handle.set("user", None)
        self.expect_account(pam.USER_UNKNOWN, handle, "no user name")
        handle.set("user", b"alice")
        self.expect_account(pam.SUCCESS, handle)

    def test_by_its_own_domain_and_scopes(self):
        for name, arguments in (
            ("scope", "domain=example.com scope=write"), ("same", "domain=example.com scope=read"),
            ("domain", "domain=other"), ("none", "domain=nowhere"), ("default", ""),
            ("bad", "domain=example.com scope=nonsense"),
        ):  # fmt: skip
            self.service(name, arguments)
        token = self.create("half", "-s", "read")
        for name, code, says in (
            ("same", pam.SUCCESS, None), ("scope", pam.PERM_DENIED, "denied: scope"),
            ("domain", pam.AUTHINFO_UNAVAIL, None), ("none", pam.SERVICE_ERR, 'no domain "nowhere"'),
            ("default", pam.SERVICE_ERR, 'no domain "default"'), ("bad", pam.SERVICE_ERR, 'no scope "nonsense"'),
        ):  # fmt: skip
            with self.subTest(name=name):
                handle = self.admitted(token, name)
                if name == "domain":  # which has no store yet
                    self.assertEqual(handle.account(), code)
                    self.create(domain="other")
                    code, says = pam.AUTH_ERR, "denied: unknown"
                    self.host.log()
                self.expect_account(code, handle, says)

    def test_address(self):
        handle = self.admitted(self.create("bound", "--from", "192.0.2.1"), rhost="192.0.2.1")
        self.expect_account(pam.SUCCESS, handle)
        handle.set("rhost", b"192.0.2.2")
        self.expect_account(pam.PERM_DENIED, handle, "denied: network")

    def test_users(self):
        """anyuser of the auth line counts here too; without it, a token that was given to another user is refused."""
        self.service("user", auth="domain=example.com")
        token = self.create("hers", "-u", "alice")
        self.expect_account(pam.SUCCESS, self.admitted(token, user="bob"))
        handle = self.admitted(token, "user")
        self.expect_account(pam.SUCCESS, handle)
        self.ok("-d", "example.com", "update", token_id(token), "-u", "bob")
        self.expect_account(pam.USER_UNKNOWN, handle, "denied: user")


class Conversations(PamTest):
    """A service may set PAM_USER and PAM_RHOST while it talks to the client: libpam then frees what it lent before."""

    services = {**PamTest.services, "try": "try_first_pass"}

    def ask(self, code, handle, *answers):
        self.host.log()
        self.assertEqual(handle.authenticate(*answers), code)
        return self.host.log()

    def test_user_is_followed(self):
        hers, his = self.create("hers", "-u", "alice"), self.create("his", "-u", "bob")
        for token, code in ((his, pam.SUCCESS), (hers, pam.USER_UNKNOWN)):
            handle = self.host.start("user", "alice")
            log = self.ask(code, handle, {"text": token, "set": {"user": "bob"}})
            self.assertTrue(code == pam.SUCCESS or b'user: "bob"' in log[0][1], log)

    def test_address_is_followed(self):
        token = self.create("bound", "--from", "192.0.2.0/24")
        for before, then, code in (
            ("192.0.2.1", "198.51.100.1", pam.PERM_DENIED), ("198.51.100.1", "192.0.2.1", pam.SUCCESS),
            ("192.0.2.1", None, pam.PERM_DENIED), (None, "192.0.2.1", pam.SUCCESS),
        ):  # fmt: skip
            with self.subTest(before=before, then=then):
                handle = self.host.start("any", "alice", before)
                self.ask(code, handle, {"text": token, "set": {"rhost": then, "user": "carol"}})

    def test_user_is_taken_away(self):
        for name in (None, ""):
            handle = self.host.start("any", "alice")
            log = self.ask(pam.USER_UNKNOWN, handle, {"text": self.create(), "set": {"user": name}})
            self.assertIn(b"no user name", log[-1][1])

    def test_asked_for_the_user(self):
        """The conversation about the name sets the address, and that about the token sets the name."""
        token = self.create("hers", "-u", "alice", "--from", "192.0.2.1")
        handle = self.host.start("user", None, "198.51.100.1")
        name = {"text": "bob", "set": {"rhost": "192.0.2.1"}}
        self.ask(pam.SUCCESS, handle, name, {"text": token, "set": {"user": "alice"}})
        self.assertEqual([style for style, _ in handle.prompts], [pam.ECHO_ON, pam.ECHO_OFF])

    def test_first_password(self):
        """It is refused, and the second conversation sets another user."""
        his = self.create("his", "-u", "bob")
        self.host.service("stack", "auth optional {module} config={conf} domain=other anyuser",
            "auth required {module} config={conf} domain=example.com try_first_pass")  # fmt: skip
        handle = self.host.start("stack", "alice")
        self.ask(pam.SUCCESS, handle, {"text": "wrong", "set": {"user": "carol"}}, {"text": his, "set": {"user": "bob"}})

    def test_password_is_set_meanwhile(self):
        """By the conversation about the name: what an earlier module had asked for is gone."""
        token = self.create("hers", "-u", "alice")
        self.host.service("stack", "auth optional {module} config={conf} domain=other anyuser",
            "auth required {module} config={conf} domain=example.com use_first_pass")  # fmt: skip
        handle = self.host.start("stack", "alice")
        first = {"text": "x" * 60, "set": {"user": None}}
        self.ask(pam.SUCCESS, handle, first, {"text": "alice", "set": {"authtok": token}})


class Leaks(PamTest):
    def repeat(self, times, service, token, code):
        self.assertEqual(self.host.ask("repeat", times, service, "alice", token), {str(code): times})

    def test_nothing_is_left_of_a_thousand_handles(self):
        token = self.create()
        self.module("bad", "nonsense")
        for service, times, code in (
            ("any", TIMES, pam.SUCCESS), ("user", TIMES // 5, pam.USER_UNKNOWN), ("bad", TIMES // 5, pam.SERVICE_ERR),
        ):  # fmt: skip
            with self.subTest(service=service):
                self.repeat(TIMES // 10, service, token, code)
                files, maps, heap = self.host.ask("holds")
                self.repeat(times, service, token, code)
                now_files, now_maps, now_heap = self.host.ask("holds")
                self.assertEqual(now_files, files)
                if not SANITIZED:
                    self.assertLess(now_maps, maps + 10)
                    self.assertLess(now_heap - heap, 32 * times)

    def test_nothing_is_left_of_a_thousand_questions(self):
        token, handle = self.create(), self.host.start("any", "alice")
        for _ in range(10):  # after a few, the handle keeps a table of all tokens
            handle.authenticate(token)
        before = self.host.ask("holds")
        for _ in range(TIMES):
            self.assertEqual(handle.authenticate(token), pam.SUCCESS)
        self.assertEqual(self.host.ask("holds")[0], before[0])


class File(PamTest):
    def test_loads_with_all_that_it_asks_for(self):
        self.assertEqual(self.host.ask("load", pam.MODULE), "")

    def test_exports_what_pam_calls(self):
        symbols = subprocess.run(["nm", "-D", "--defined-only", pam.MODULE], capture_output=True, text=True, check=True)
        names = sorted(line.split()[-1] for line in symbols.stdout.splitlines())
        self.assertEqual(names, ["pam_sm_acct_mgmt", "pam_sm_authenticate", "pam_sm_setcred"])


if __name__ == "__main__":
    unittest.main()
