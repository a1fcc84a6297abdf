"""Basic authentication with a token as the password, in a real nginx: the challenges, and what becomes of user names."""

import re
import unittest

from harness import wait_until
from nginx_host import Connection, NginxCase, basic
from oracle_format import make_token

BASIC = 'Basic realm="default"'
BEARER = 'Bearer realm="default"'
MALFORMED = ', error="invalid_token", error_description="The token is malformed"'


class Challenges(NginxCase):
    """Clients such as docker take the first challenge, or fail for a Bearer challenge that is not a registry's."""

    http = r"""
    server {
        listen 127.0.0.1:{port};
        auth_toktab default;
        location /on { auth_toktab_basic on; location /on/off { auth_toktab_basic off; } }
        location /only {
            auth_toktab_basic only;
            location /only/deep { }
            location /only/scope { auth_toktab_scope read; }
            location /only/key { auth_toktab_token $http_x_key; }
        }
    }
    """

    @classmethod
    def prepare(cls):
        for path in ("on", "on/off", "only", "only/deep", "only/scope", "only/key"):
            cls.nginx.write("html/%s/index.html" % path, path)
        cls.token = cls.create()

    def challenges(self, status, *arguments, **named):
        return self.expect(status, *arguments, **named).challenges

    def test_on(self):
        self.assertEqual(self.challenges(401, "/on/"), [BASIC, BEARER])
        self.assertEqual(self.challenges(401, "/on/", headers=[basic(b"u", "x")]), [BASIC, BEARER + MALFORMED])
        self.assertEqual(self.challenges(401, "/on/", "x"), [BASIC, BEARER + MALFORMED])

    def test_off(self):
        self.assertEqual(self.challenges(401, "/on/off/", headers=[basic(b"u", self.token)]), [BEARER])

    def test_only(self):
        for path in ("/only/", "/only/deep/", "/only/scope/"):
            for headers in ([], [basic(b"u", "x")], ["Authorization: Bearer x"], ["Authorization: Digest x"]):
                with self.subTest(path=path, headers=headers):
                    self.assertEqual(self.challenges(401, path, headers=headers), [BASIC])

    def test_only_is_about_the_challenge(self):
        """Other clients may send the token as they always do."""
        for path in ("/only/", "/only/deep/"):
            self.expect(200, path, headers=[basic(b"u", self.token)])
            self.expect(200, path, self.token)
        self.expect(200, "/only/key/", headers=["X-Key: " + self.token])

    def test_only_has_no_challenge_where_no_login_helps(self):
        self.assertEqual(self.challenges(403, "/only/scope/", self.token), [])
        self.assertEqual(self.challenges(403, "/only/scope/", headers=[basic(b"u", self.token)]), [])
        headers = ["X-Key: " + self.token, basic(b"u", self.token)]
        self.assertEqual(self.challenges(400, "/only/key/", headers=headers), [])


class Users(NginxCase):
    """A token that is sent as the user name gets into no log; other user names do."""

    http = r"""
    access_log {folder}/combined.log combined;
    server {
        listen 127.0.0.1:{port};
        auth_toktab default;
        auth_toktab_basic on;
        location /off { auth_toktab off; }
        location /bearer { auth_toktab_basic off; }
        location /people { auth_toktab off; auth_basic people; auth_basic_user_file {folder}/people; }
        location /early {
            auth_toktab off;
            set $early $remote_user;
            add_header X-Early "<$early>";
            add_header X-Late "<$remote_user>";
        }
    }
    server {
        listen 127.0.0.1:{port};
        server_name nobody-asks;
    }
    """

    @classmethod
    def prepare(cls):
        for path in ("off", "bearer", "people", "early"):
            cls.nginx.write("html/%s/index.html" % path, path)
        cls.nginx.write("people", "alice:{PLAIN}wonder\n")
        cls.token = cls.create()

    def user_logged(self, status, path, *arguments, **named):
        """What the usual access log says of a request's user."""
        self.expect(status, path, *arguments, **named)
        return self.last_logged("GET %s HTTP" % path)

    def last_logged(self, request):
        pattern = r'(?m)^\S+ - (.*) \[[^]]*\] "%s' % re.escape(request)
        wait_until(lambda: re.search(pattern, self.nginx.read("combined.log")), request)
        return re.findall(pattern, self.nginx.read("combined.log"))[-1]

    def test_other_names_are_shown(self):
        body = make_token().partition("_")[2]
        for number, name in enumerate(("alice", "tok_" + body[:-1], "t_" + body, "_" + body, body, "a-b_c", "_" * 99)):
            path = "/?shown=%d" % number
            self.assertEqual(self.user_logged(200, path, headers=[basic(name.encode(), self.token)]), name)

    def test_tokens_are_not(self):
        other = self.site.guard(make_token())
        wrong = other[:-1] + ("a" if other[-1] != "a" else "b")
        long = self.site.guard(make_token("a123456789012345"))
        names = (self.token, other, wrong, long, " " + self.token, self.token + "\n", "Bearer " + self.token, self.token * 2)
        number = 0
        for name in names:
            for password in ("", "x", self.token):
                number += 1
                path, header = "/?hidden=%d" % number, basic(name.encode(), password)
                self.assertEqual(self.user_logged(200 if password == self.token else 401, path, headers=[header]), "-")

    def test_wherever_it_is_sent(self):
        for path, status in (("/off/", 200), ("/bearer/", 401), ("/people/", 401), ("/nothing", 401)):
            for password in ("", "x"):
                header = basic(self.token.encode(), password)
                self.assertEqual(self.user_logged(status, path, headers=[header]), "-", path)

    def test_a_server_that_requires_no_token(self):
        with self.nginx.connect() as connection:
            connection.socket.sendall(
                b"GET /elsewhere HTTP/1.1\r\nHost: nobody-asks\r\n%s\r\n\r\n" % basic(self.token.encode(), "").encode()
            )
            self.assertIn(b" 404 ", connection.socket.recv(4096))
        self.assertEqual(self.last_logged("GET /elsewhere"), "-")

    def test_a_request_that_reaches_no_location(self):
        for raw in (b"GET /broken/host HTTP/1.1\r\n%s\r\n\r\n", b"GET /broken/length HTTP/1.1\r\nHost: a\r\n%s\r\nContent-Length: x\r\n\r\n"):
            with Connection(self.nginx.port) as connection:
                connection.socket.sendall(raw % basic(self.token.encode(), "").encode())
                self.assertIn(b" 400 ", connection.socket.recv(4096))
            self.assertEqual(self.last_logged(raw.split(b" HTTP")[0].decode()), "-")

    def test_before_and_after_the_check(self):
        for name, shown in ((self.token, "<>"), ("alice", "<alice>")):
            answer = self.expect(200, "/early/", headers=[basic(name.encode(), "")])
            self.assertEqual((answer.header("X-Early"), answer.header("X-Late")), (shown, shown))

    def test_nginxs_own_passwords_work(self):
        self.assertEqual(self.user_logged(200, "/people/?a", headers=[basic(b"alice", "wonder")]), "alice")
        self.assertEqual(self.user_logged(401, "/people/?b", headers=[basic(b"alice", "guessed")]), "alice")
        self.assert_logged('user "alice": password mismatch', "error.log")
        self.assertEqual(self.user_logged(401, "/people/?c", headers=[basic(b"bob", "x")]), "bob")


class Keys(NginxCase):
    """Where a domain admits keys of other systems, no user name of a refused request is shown."""

    domains = [{"name": "default", "foreign": True}, {"name": "tokens"}]
    http = r"""
    log_format user '<$remote_user> "$request"';
    access_log {folder}/users.log user;
    server {
        listen 127.0.0.1:{port};
        auth_toktab default;
        auth_toktab_basic on;
        location /bearer/ { auth_toktab_basic off; }
        location /tokens/ { auth_toktab tokens; }
        location /off/ { auth_toktab off; }
        location /any/ { satisfy any; auth_basic people; auth_basic_user_file {folder}/people; }
        location /page/ { error_page 401 /off/; }
        location /moved/ { rewrite ^ /tokens/ last; }
        location /early/ {
            set $early $remote_user;
            add_header X-Early "<$early>" always;
        }
        location /return/ { return 403; }
    }
    """

    @classmethod
    def prepare(cls):
        for path in ("", "bearer", "tokens", "off", "any", "early"):
            cls.nginx.write(("html/%s/index.html" % path).replace("//", "/"), path)
        cls.nginx.write("people", "alice:{PLAIN}wonder\n")
        cls.key = "sk-live-0123456789abcdefghij"
        assert cls.site.run("import", "-y", "-", stdin="a key\t" + cls.key).code == 0
        cls.token = cls.create()
        cls.number = 0

    def user_logged(self, status, path, user, password):
        type(self).number += 1
        path = "%s?%d" % (path, self.number)
        answer = self.expect(status, path, headers=[basic(user.encode(), password)])
        pattern = r'(?m)^<(.*)> "GET %s HTTP' % re.escape(path)
        wait_until(lambda: re.search(pattern, self.nginx.read("users.log")), path)
        return re.search(pattern, self.nginx.read("users.log"))[1], answer

    def test_admitted(self):
        for path in ("/", "/any/", "/early/", "/nothing"):
            for password in (self.key, self.token):
                with self.subTest(path=path):
                    self.assertEqual(self.user_logged(404 if path == "/nothing" else 200, path, "alice", password)[0], "alice")
        self.assertEqual(self.user_logged(200, "/any/", "alice", "wonder")[0], "alice")
        self.assertEqual(self.user_logged(200, "/off/", "alice", "x")[0], "alice")
        self.assertEqual(self.user_logged(200, "/early/", "alice", self.key)[1].header("X-Early"), "<alice>")

    def test_refused(self):
        for path, status in (("/", 401), ("/bearer/", 401), ("/any/", 401), ("/page/", 401), ("/nothing", 401), ("/return/", 403)):
            for user in (self.key, "alice", "sk-other-key-of-somebody"):
                for password in ("", "x" * 30):
                    with self.subTest(path=path, user=user):
                        self.assertEqual(self.user_logged(status, path, user, password)[0], "-")
        user, answer = self.user_logged(401, "/early/", self.key, "")
        self.assertEqual((user, answer.header("X-Early")), ("-", "<>"))

    def test_a_domain_without_such_keys(self):
        self.assertEqual(self.user_logged(401, "/tokens/", "alice", "x")[0], "alice")
        self.assertEqual(self.user_logged(401, "/moved/", "alice", "x")[0], "alice")


if __name__ == "__main__":
    unittest.main()
