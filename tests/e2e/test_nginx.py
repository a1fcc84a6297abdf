"""The nginx module in a real nginx: what it answers to whom, word for word."""

import base64
import os
import re
import time
import unittest

from harness import TIME_LIMIT
from nginx_host import Connection, Nginx, NginxCase, basic
from oracle_format import token_id

INVALID = 'Bearer realm="default", error="invalid_token", error_description="%s"'
MALFORMED = INVALID % "The token is malformed"


class Answers(NginxCase):
    """RFC 6750, word for word."""

    http = r"""
    server {
        listen 127.0.0.1:{port};
        auth_toktab default;
        location / { }
        location /both { auth_toktab_scope write read; }
        location /realm { auth_toktab_realm 'a "quoted" \\ realm'; }
        location /key { auth_toktab_token $http_x_api_key; }
        location /argument { auth_toktab_token $arg_key; }
        location /basic { auth_toktab_basic on; auth_toktab_scope read; location /basic/deep { } }
        location /either { auth_toktab_token $http_x_api_key; auth_toktab_basic on; }
        location /names {
            set $early "<$toktab_id>";
            add_header X-Early $early;
            add_header X-Id $toktab_id always;
            add_header X-Serial $toktab_serial always;
            add_header X-Label $toktab_label always;
            add_header X-User $toktab_user always;
            add_header X-Scopes $toktab_scopes always;
            add_header X-Domain $toktab_domain always;
            add_header X-Reason $toktab_reason always;
            add_header X-Expires $toktab_expires always;
        }
        location /open { auth_toktab off; }
    }
    server {
        listen 127.0.0.1:{port};
        server_name no-tokens;
        location / { }
    }
    server {
        listen 127.0.0.1:{port};
        server_name behind-a-proxy;
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        location / { auth_toktab default; }
    }
    """

    @classmethod
    def prepare(cls):
        for name in ("both", "realm", "key", "argument", "basic", "basic/deep", "either", "names", "open"):
            cls.nginx.write("html/%s/index.html" % name, name)
        cls.token = cls.create()

    def denied(self, challenge, *arguments, **named):
        answer = self.expect(401, *arguments, **named)
        self.assertEqual(answer.challenges, [challenge])
        self.assertIn(b"401 Authorization Required", answer.body)

    def test_admits_a_token(self):
        answer = self.expect(200, "/", self.token)
        self.assertEqual(answer.body, b"the page\n")
        self.assertEqual(answer.challenges, [])

    def test_the_scheme_may_be_written_in_any_way(self):
        for scheme in ("bearer ", "BEARER ", "Bearer   "):
            self.expect(200, headers=["Authorization: %s%s" % (scheme, self.token)])

    def test_a_tab_around_a_value_is_white_space(self):
        for value in ("Bearer %s   ", "\tBearer %s", "Bearer %s\t", " \t Bearer %s \t\t "):
            self.expect(200, headers=["Authorization:" + value % self.token])
            self.expect(200, "/basic/", headers=["Authorization:" + value % self.create("git", "-s", "read")])
            self.expect(200, "/key/", headers=["X-API-Key:" + value.replace("Bearer ", "") % self.token])
        word = basic(b"u", self.create("git", "-s", "read")).partition(": ")[2]
        self.expect(200, "/basic/", headers=["Authorization:\t%s\t" % word])
        self.denied('Bearer realm="default"', headers=["Authorization: \t"])
        self.denied('Bearer realm="default"', "/key/", headers=["X-API-Key: \t \t"])
        self.denied(MALFORMED, headers=["Authorization: Bearer \t" + self.token])

    def test_without_a_token_the_challenge_is_bare(self):
        self.denied('Bearer realm="default"')
        token = self.token
        for value in ("", "Basic dTpw", 'Digest username="u"', token, "Bearerx " + token, "Bearer\t" + token):
            with self.subTest(value=value):
                self.denied('Bearer realm="default"', headers=["Authorization: " + value])

    def test_an_empty_token_is_malformed(self):
        for value in ("Bearer", "Bearer ", "bearer    "):
            self.denied(MALFORMED, headers=["Authorization: " + value])

    def test_a_malformed_token(self):
        for token in ("x", self.token[:-1], self.token + "x", self.token + " " + self.token, self.token + ",x", '"'):
            with self.subTest(token=token):
                self.denied(MALFORMED, token=token)

    def test_a_token_of_another_domain(self):
        self.denied(INVALID % "The token is unknown", token=self.create(domain="other"))

    def test_a_revoked_token(self):
        token = self.create()
        self.expect(200, "/", token)
        self.revoke(token)
        self.denied(INVALID % "The token was revoked", token=token)

    def test_an_expired_token(self):
        token = self.create("short", "-e", "1s")
        with self.nginx.connect() as connection:
            answer, deadline = connection.ask("/", token), time.monotonic() + TIME_LIMIT
            while answer.status == 200 and time.monotonic() < deadline:
                answer = connection.ask("/", token)
        self.assertEqual(answer.challenges, [INVALID % "The token has expired"])

    def test_a_missing_scope(self):
        for scopes in ("", "read", "write"):
            token = self.create("scopes", *(["-s", scopes] if scopes else []))
            answer = self.expect(403, "/both/", token)
            self.assertEqual(
                answer.challenges, ['Bearer realm="default", error="insufficient_scope", scope="write read"']
            )
        self.expect(200, "/both/", self.create("scopes", "-s", "read,write"))

    def test_a_repeated_authorization(self):
        # No token that anybody uses: nginx itself tells its log what it was sent twice, at level info.
        answer = self.expect(400, headers=["Authorization: Bearer a", "authorization: Bearer b"])
        self.assertEqual(answer.challenges, ['Bearer error="invalid_request"'])

    def test_a_repeated_authorization_elsewhere_is_no_concern(self):
        with Connection(self.nginx.port) as connection:
            connection.socket.sendall(
                b"GET / HTTP/1.1\r\nHost: no-tokens\r\nAuthorization: Basic YTpi\r\nAuthorization: Basic YTpi\r\n\r\n"
            )
            said = connection.socket.recv(4096)
        self.assertIn(b" 400 ", said)
        self.assertNotIn(b"WWW-Authenticate", said)

    def test_the_realm_is_quoted(self):
        self.denied(r'Bearer realm="a \"quoted\" \\ realm"', "/realm/")

    def test_a_token_in_a_header_of_its_own(self):
        self.denied('Bearer realm="default"', "/key/")
        self.denied('Bearer realm="default"', "/key/", self.token)
        self.denied('Bearer realm="default"', "/key/", headers=["X-API-Key:"])
        self.denied(MALFORMED, "/key/", headers=["X-API-Key: x"])
        self.denied(MALFORMED, "/key/", headers=["X-API-Key: Bearer " + self.token])
        self.expect(200, "/key/", headers=["X-API-Key: " + self.token])
        self.expect(200, "/key/", "elsewhere, this", headers=["X-API-Key: " + self.token])
        answer = self.expect(400, "/key/", headers=["X-API-Key: " + self.token, "x-api-key: x"])
        self.assertEqual(
            answer.challenges,
            ['Bearer realm="default", error="invalid_request", error_description="More than one token"'],
        )

    def test_a_token_in_an_argument(self):
        # On a server of its own: this is what the manual warns of, the request line is in its logs.
        other = Nginx(os.path.join(self.site.dir, "argument"), self.site.conf, self.http)
        other.write("html/argument/index.html", "argument")
        self.addCleanup(other.stop)
        other.start()
        for path, status in (("/argument/?key=" + self.token, 200), ("/argument/?key=x", 401), ("/argument/", 401)):
            self.assertEqual(other.ask(path).status, status, path)

    def test_basic(self):
        token = self.create("git", "-s", "read")
        bare = ['Basic realm="default"', 'Bearer realm="default"']
        self.assertEqual(self.expect(401, "/basic/").challenges, bare)
        self.expect(200, "/basic/", headers=[basic(b"x-access-token", token)])
        self.expect(200, "/basic/", headers=[basic(b"", token)])
        self.expect(200, "/basic/deep/", headers=[basic(b"", token)])
        self.expect(200, "/basic/", headers=[basic(b"\xff\x00", token).replace("Basic", "bASIC  ")])
        self.expect(200, "/basic/", token)
        for header in (basic(b"u", "x"), basic(b"u", ""), basic(b"u", "x:" + token), basic(token.encode(), "")):
            answer = self.expect(401, "/basic/", headers=[header])
            self.assertEqual(answer.challenges, ['Basic realm="default"', MALFORMED], header)
        self.assertEqual(
            self.expect(403, "/basic/", headers=[basic(b"u", self.token)]).challenges,
            ['Bearer realm="default", error="insufficient_scope", scope="read"'],
        )

    def test_basic_that_is_no_base64(self):
        for text in ("", "!", "YQ", "Y", "====", "dTpw" * 5000, base64.b64encode(self.token.encode()).decode()):
            self.expect(401, "/basic/", headers=["Authorization: Basic " + text])

    def test_basic_is_not_heard_where_it_is_off(self):
        self.denied('Bearer realm="default"', headers=[basic(b"u", self.token)])

    def test_a_token_in_two_places(self):
        key, word = "X-Api-Key: " + self.token, basic(b"u", self.token)
        self.expect(200, "/either/", headers=[key])
        self.expect(200, "/either/", headers=[word])
        self.expect(400, "/either/", headers=[key, word])

    def test_names(self):
        label = 'Überwachung "a|b" 100% \\ 雪'
        token = self.create(label, "-s", "read,write", "-u", "bob")
        answer = self.expect(200, "/names/index.html", token)
        said = [answer.header("X-" + name) for name in ("Id", "Label", "User", "Scopes", "Domain", "Reason", "Early")]
        said[1] = said[1].encode("latin-1").decode()
        self.assertEqual(said, [token_id(token), label, "bob", "read,write", "default", "none", "<%s>" % token_id(token)])
        self.assertRegex(answer.header("X-Serial"), "^[1-9][0-9]*$")
        self.assertIsNone(answer.header("X-Expires"))

    def test_when_it_expires(self):
        for expires in ("2031-02-03T04:05:06Z", "9999-12-31T23:59:59Z"):
            answer = self.expect(200, "/names/index.html", self.create("short", "-e", expires))
            self.assertEqual(answer.header("X-Expires"), expires)

    def test_names_of_a_denied_token(self):
        token = self.create("ended", "-s", "read")
        self.revoke(token)
        answer = self.expect(401, "/names/?ended", token)
        said = [answer.header("X-" + name) for name in ("Id", "Label", "User", "Scopes", "Reason")]
        self.assertEqual(said, [None, None, None, None, "revoked"])
        self.assert_logged(r"ended HTTP/1.1.* id=%s .*label=ended .*scopes=read .*reason=revoked" % token_id(token))

    def test_names_of_nobody(self):
        for token, reason in ((None, "missing"), ("x", "malformed")):
            answer = self.expect(401, "/names/", token)
            said = {name: value for name, value in answer.headers if re.match("X-(?!Worker)", name)}
            self.assertEqual(said, {"X-Reason": reason, "X-Domain": "default"})
        key = ["X-API-Key: a", "X-API-Key: b"]
        self.expect(400, "/key/?twice", headers=key)
        self.assert_logged(r'twice HTTP/1.1" id=- serial=- label=- user=- scopes=- domain=default reason=repeated')
        self.expect(200, "/open/?nobody", self.token)
        self.assert_logged(r'nobody HTTP/1.1" id=- serial=- label=- user=- scopes=- domain=- reason=-')

    def test_networks(self):
        token = self.create("here", "--from", "127.0.0.1/32,::1/128")
        self.expect(200, "/", token)
        self.denied(INVALID % "The token is not valid from this address", token=token, source="127.0.0.2")
        self.assert_logged("id=%s .* reason=network" % token_id(token))

    def test_networks_behind_a_proxy(self):
        token = self.create("there", "--from", "192.0.2.0/24")
        self.expect(401, "/", token, headers=["X-Real-IP: 192.0.2.7", "X-Forwarded-For: 192.0.2.7"])
        for address, status in (("192.0.2.7", b"200"), ("192.0.3.7", b"401"), ("nonsense", b"401")):
            with self.nginx.connect() as connection:
                connection.socket.sendall(
                    b"GET / HTTP/1.1\r\nHost: behind-a-proxy\r\nX-Real-IP: %s\r\nAuthorization: Bearer %s\r\n\r\n"
                    % (address.encode(), token.encode())
                )
                self.assertEqual(connection.socket.recv(4096).split()[1], status, address)

    def test_a_denial_is_logged_without_the_token(self):
        token = self.create()
        self.revoke(token)
        self.expect(401, "/", token)
        self.assert_logged(
            r'\[error\].* toktab: token denied: revoked, domain: "default", id: "%s", client: ' % token_id(token),
            "error.log",
        )


if __name__ == "__main__":
    unittest.main()
