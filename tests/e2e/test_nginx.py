"""The nginx module in a real nginx: what it answers to whom, and where."""

import base64
import os
import re
import unittest

from nginx_host import Connection, Nginx, NginxCase
from oracle_format import token_id

INVALID = 'Bearer realm="default", error="invalid_token", error_description="%s"'
MALFORMED = INVALID % "The token is malformed"


def basic(user, password):
    return "Authorization: Basic " + base64.b64encode(b"%s:%s" % (user, password.encode())).decode()


def memory_of(pid):
    """All that a process has in memory that it can write to."""
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as memory:
        for line in maps:
            place, mode, *_ = line.split()
            if mode.startswith("rw"):
                start, end = (int(part, 16) for part in place.split("-"))
                memory.seek(start)
                yield memory.read(end - start)


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
        self.expect(200, headers=["Authorization:Bearer %s   " % self.token])

    def test_without_a_token_the_challenge_is_bare(self):
        self.denied('Bearer realm="default"')
        for value in ("", "Basic dTpw", 'Digest username="u"', "Bearerx " + self.token, self.token, "Bearer\t" + self.token):
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
            for _ in range(10000):
                answer = connection.ask("/", token)
                if answer.status != 200:
                    break
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
        bare = ['Bearer realm="default"', 'Basic realm="default"']
        self.assertEqual(self.expect(401, "/basic/").challenges, bare)
        self.expect(200, "/basic/", headers=[basic(b"x-access-token", token)])
        self.expect(200, "/basic/", headers=[basic(b"", token)])
        self.expect(200, "/basic/deep/", headers=[basic(b"", token)])
        self.expect(200, "/basic/", headers=[basic(b"\xff\x00", token).replace("Basic", "bASIC  ")])
        self.expect(200, "/basic/", token)
        for header in (basic(b"u", "x"), basic(b"u", ""), basic(b"u", "x:" + token), basic(token.encode(), "")):
            answer = self.expect(401, "/basic/", headers=[header])
            self.assertEqual(answer.challenges, [MALFORMED, 'Basic realm="default"'], header)
        self.assertEqual(
            self.expect(403, "/basic/", headers=[basic(b"u", self.token)]).challenges,
            ['Bearer realm="default", error="insufficient_scope", scope="read"'],
        )

    def test_basic_leaves_no_token_in_memory(self):
        """nginx keeps what it was sent, which is base64; what the module made of that is wiped."""
        token = self.create("git", "-s", "read")
        answer = self.expect(200, "/basic/", headers=[basic(b"u", token)])
        try:
            memory = list(memory_of(answer.worker))
        except PermissionError as error:
            self.skipTest("the memory of a worker cannot be read here: %s" % error)
        self.assertTrue(any(b'Basic realm="default"' in part for part in memory), "that is not its memory")
        self.assertFalse(any(token.encode() in part for part in memory), "the token is still there")

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
        self.assertEqual(said, [token_id(token), label, "bob", "read,write", "default", "none", "<>"])
        self.assertRegex(answer.header("X-Serial"), "^[1-9][0-9]*$")

    def test_names_of_a_denied_token(self):
        token = self.create("ended", "-s", "read")
        self.revoke(token)
        answer = self.expect(401, "/names/", token)
        said = [answer.header("X-" + name) for name in ("Id", "Label", "User", "Scopes", "Reason")]
        self.assertEqual(said, [token_id(token), "ended", None, "read", "revoked"])

    def test_names_of_nobody(self):
        for token, reason in ((None, None), ("x", "malformed")):
            answer = self.expect(401, "/names/", token)
            said = {name: value for name, value in answer.headers if re.match("X-(?!Worker)", name)}
            self.assertEqual(said, {"X-Reason": reason, "X-Domain": "default"} if reason else {})
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


class Places(NginxCase):
    """Where a token is demanded."""

    http = r"""
    auth_toktab default;
    auth_toktab_realm everywhere;
    server {
        listen 127.0.0.1:{port};
        location /off { auth_toktab off; location /off/on { auth_toktab default; } }
        location /other { auth_toktab other; auth_toktab_realm "the other"; location /other/deep { } }
        location /scope { auth_toktab_scope read; location /scope/more { auth_toktab_scope write; } }
        location /writers { limit_except GET { auth_toktab_scope write; } }
        location /readers { auth_toktab off; limit_except GET { auth_toktab default; } }

        location /redirect { index page.html; location /redirect/page.html { auth_toktab_realm "another"; } }
        location /stricter { index page.html; location /stricter/page.html { auth_toktab_scope write; } }
        location /elsewhere { error_page 404 /other/index.html; }
        location /named { try_files /nothing @named; }
        location @named { root {folder}/html/off; try_files /index.html =404; }
        location /twice { error_page 401 /twice/401.html; }
        location /moved {
            index page.html;
            location /moved/page.html { set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP; }
        }
        location /key { auth_toktab_token $http_x_key; location /key/deep { } }
        location /keyed { index page.html; location /keyed/page.html { auth_toktab_token $http_x_key; } }
        location /include { ssi on; ssi_types text/plain; }
    }
    """

    @classmethod
    def prepare(cls):
        for path in ("off", "off/on", "other", "other/deep", "scope", "scope/more", "writers", "readers", "key/deep"):
            cls.nginx.write("html/%s/index.html" % path, path)
        for path in ("redirect", "stricter", "moved", "keyed"):
            cls.nginx.write("html/%s/page.html" % path, path)
        cls.nginx.write("html/include/index.html", '[<!--#include virtual="/other/index.html" -->]')
        cls.reader = cls.create("reader", "-s", "read")
        cls.writer = cls.create("writer", "-s", "write")
        cls.other = cls.create("other", domain="other")

    def walk(self, *rows, method="GET"):
        """Rows of path, token, status."""
        for path, token, status in rows:
            with self.subTest(path=path, token=token and token_id(token), method=method):
                self.expect(status, path, token, method=method)

    def test_is_inherited_and_lifted(self):
        self.walk(
            ("/", None, 401), ("/", self.reader, 200), ("/off/", None, 200), ("/off/on/", None, 401),
            ("/off/on/", self.reader, 200), ("/off/on/", self.other, 401),
        )  # fmt: skip

    def test_another_domain(self):
        self.walk(
            ("/other/", self.reader, 401), ("/other/", self.other, 200), ("/other/deep/", self.reader, 401),
            ("/other/deep/", self.other, 200), ("/", self.other, 401),
        )  # fmt: skip
        self.assertEqual(self.expect(401, "/other/deep/").challenges, ['Bearer realm="the other"'])
        self.assertEqual(self.expect(401, "/off/on/").challenges, ['Bearer realm="everywhere"'])

    def test_scopes_are_inherited_and_replaced(self):
        self.walk(
            ("/scope/", self.reader, 200), ("/scope/", self.writer, 403), ("/scope/more/", self.reader, 403),
            ("/scope/more/", self.writer, 200), ("/scope/more/", None, 401),
        )  # fmt: skip

    def test_limit_except(self):
        for method in ("GET", "HEAD"):
            self.walk(("/writers/", self.reader, 200), ("/readers/", None, 200), method=method)
        self.walk(
            ("/writers/", self.reader, 403), ("/writers/", self.writer, 405), ("/readers/", None, 401),
            ("/readers/", self.reader, 405), method="DELETE",
        )  # fmt: skip

    def test_an_internal_redirect_is_admitted_again(self):
        self.walk(("/redirect/", None, 401), ("/redirect/", self.reader, 200), ("/redirect/page.html", None, 401))
        self.walk(("/named/x", None, 401), ("/named/x", self.reader, 200))

    def test_an_internal_redirect_to_more_is_asked_again(self):
        self.walk(
            ("/stricter/", self.reader, 403), ("/stricter/", self.writer, 200), ("/elsewhere/x", self.reader, 401),
            ("/elsewhere/x", self.other, 401),
        )  # fmt: skip
        answer = self.expect(401, "/elsewhere/x", self.reader)
        self.assertEqual(len(answer.challenges), 1, answer)
        self.assertIn('Bearer realm="the other", error="invalid_token"', answer.challenges[0])
        self.assert_logged('/elsewhere/x HTTP/1.1" id=- serial=- label=- user=- scopes=- domain=other reason=unknown')

    def test_an_internal_redirect_to_another_address_is_asked_again(self):
        token = self.create("here", "--from", "127.0.0.1")
        self.expect(200, "/moved/", token)
        self.expect(401, "/moved/", token, headers=["X-Real-IP: 192.0.2.7"])

    def test_an_internal_redirect_to_another_token_is_asked_again(self):
        self.expect(401, "/keyed/?none", self.reader)
        self.assert_logged('none HTTP/1.1" id=- serial=- label=- user=- scopes=- domain=- reason=-')
        self.expect(401, "/keyed/", self.reader, headers=["X-Key: x"])
        self.expect(200, "/keyed/", self.reader, headers=["X-Key: " + self.writer])

    def test_the_token_has_one_place_in_deeper_locations_too(self):
        self.expect(200, "/key/deep/", headers=["X-Key: " + self.reader])
        self.expect(400, "/key/deep/", headers=["X-Key: " + self.reader] * 2)

    def test_a_repeated_authorization(self):
        answer = self.expect(400, headers=["Authorization: Bearer a", "Authorization: Bearer b"])
        self.assertEqual(answer.challenges, ['Bearer error="invalid_request"'])

    def test_the_same_question_is_asked_once(self):
        """Each time that the library is asked and denies, there is a line in the log."""
        token = self.create("twice")
        self.revoke(token)
        answer = self.expect(401, "/twice/", token)
        self.assertEqual(len(answer.challenges), 1, answer)
        self.assert_logged('denied.*"%s"' % token_id(token), "error.log")
        self.assertEqual(len(re.findall("denied.*" + token_id(token), self.nginx.read("error.log"))), 1)

    def test_subrequests_are_not_asked(self):
        """The manual says so: nginx runs no access checks for what a page includes."""
        self.assertEqual(self.expect(200, "/include/", self.reader).body, b"[other]")


class Company(NginxCase):
    """What other modules have to say, and what becomes of a refusal."""

    http = r"""
    auth_toktab default;
    server {
        listen 127.0.0.1:{port};
        auth_basic_user_file {folder}/people;

        location /all/here { allow 127.0.0.1; deny all; }
        location /all/nowhere { deny all; }
        location /all/password { auth_toktab_token $http_x_key; auth_basic people; }

        location /any { satisfy any; }
        location /any/here { satisfy any; allow 127.0.0.1; deny all; }
        location /any/here/broken { satisfy any; allow 127.0.0.1; deny all; auth_toktab_token $http_x_key; }
        location /any/here/scope { satisfy any; allow 127.0.0.1; deny all; auth_toktab_scope write; }
        location /any/nowhere { satisfy any; deny all; }
        location /any/nowhere/scope { satisfy any; deny all; auth_toktab_scope write; }
        location /any/password { satisfy any; auth_basic people; }
        location /any/password/scope { satisfy any; auth_basic people; auth_toktab_scope write; }
        location /any/all { satisfy any; auth_basic people; allow 127.0.0.1; deny all; }
        location /any/app { satisfy any; allow 127.0.0.1; deny all; proxy_pass http://127.0.0.1:{port}/app; }
        location /app { auth_toktab off; location /app/401 { return 401; } location /app/403 { return 403; } }

        location /page { error_page 401 403 400 /free/page.html; }
        location /page/scope { auth_toktab_scope write; error_page 403 /free/page.html; }
        location /page/ok { error_page 401 =200 /free/page.html; }
        location /page/file { error_page 401 = @file; }
        location /page/json { error_page 401 = @json; }
        location /page/kept { error_page 401 @kept; }
        location /page/missing { error_page 401 /free/missing.html; }
        location /page/again { recursive_error_pages on; error_page 401 /free/page.html; }
        location /page/guarded { error_page 401 /guarded.html; }
        location = /guarded.html { auth_toktab other; auth_toktab_token $http_x_key; }
        location /page/away { error_page 401 https://example.com/login; }
        location /free { auth_toktab off; }
        location @file { auth_toktab off; root {folder}/html/free; try_files /page.html =404; }
        location @json { return 401 '{"error":"token"}'; }
        location @kept { auth_toktab off; root {folder}/html/free; try_files /page.html =404; }
    }
    """

    bearer = 'Bearer realm="default"'
    people = 'Basic realm="people"'

    @classmethod
    def prepare(cls):
        for path in re.findall("location (/(?:any|all)[a-z/]*) ", cls.http):
            cls.nginx.write("html%s/index.html" % path, path)
        cls.nginx.write("html/free/page.html", "a page of our own")
        cls.nginx.write("html/guarded.html", "for others")
        cls.nginx.write("people", "alice:{PLAIN}wonder\n")
        cls.token = cls.create()
        cls.alice = basic(b"alice", "wonder")

    def both(self, token, password):
        return ["X-Key: " + token, self.alice if password else basic(b"alice", "guessed")]

    def test_satisfy_all(self):
        self.expect(401, "/all/here/")
        self.expect(200, "/all/here/", self.token)
        self.expect(403, "/all/here/", self.token, source="127.0.0.2")
        self.expect(403, "/all/nowhere/", self.token)
        self.assertEqual(self.expect(401, "/all/password/", headers=[self.alice]).challenges, [self.bearer])
        self.assertEqual(self.expect(401, "/all/password/", headers=self.both(self.token, False)).challenges, [self.people])
        self.expect(401, "/all/password/", headers=self.both("x", True))
        self.expect(200, "/all/password/", headers=self.both(self.token, True))

    def test_satisfy_any_by_address(self):
        for token in (None, "x", self.token):
            answer = self.expect(200, "/any/here/", token)
            self.assertEqual(answer.challenges, [], "a challenge on a 200")
        self.expect(200, "/any/here/", self.token, source="127.0.0.2")
        self.assertEqual(self.expect(401, "/any/here/", source="127.0.0.2").challenges, [self.bearer])

    def test_satisfy_any_that_nobody_does(self):
        self.assertEqual(self.expect(401, "/any/").challenges, [self.bearer])
        self.assertEqual(self.expect(401, "/any/nowhere/", "x").challenges, [MALFORMED])
        self.expect(200, "/any/nowhere/", self.token)

    def test_satisfy_any_without_the_scope(self):
        answer = self.expect(200, "/any/here/scope/", self.token)
        self.assertEqual(answer.challenges, [])
        answer = self.expect(403, "/any/nowhere/scope/", self.token)
        self.assertEqual(answer.challenges, [self.bearer + ', error="insufficient_scope", scope="write"'])

    def test_satisfy_any_by_password(self):
        answer = self.expect(200, "/any/password/", headers=[self.alice])
        self.assertEqual(answer.challenges, [])
        self.expect(200, "/any/password/", self.token)
        answer = self.expect(401, "/any/password/")
        self.assertEqual(sorted(answer.challenges), sorted([self.bearer, self.people]))
        answer = self.expect(401, "/any/password/scope/", self.token)
        scope = self.bearer + ', error="insufficient_scope", scope="write"'
        self.assertEqual(sorted(answer.challenges), sorted([scope, self.people]))

    def test_satisfy_any_by_address_after_two_challenges(self):
        answer = self.expect(200, "/any/all/")
        self.assertNotIn(self.bearer, answer.challenges)

    def test_satisfy_any_does_not_save_a_broken_request(self):
        self.expect(400, "/any/here/broken/", headers=["X-Key: a", "X-Key: b"])

    def test_a_refusal_by_the_application_is_its_own(self):
        for code in (401, 403):
            answer = self.expect(code, "/any/app/%d" % code)
            self.assertEqual(answer.challenges, [])

    def test_a_page_of_ones_own_keeps_the_challenge(self):
        for path, body in (
            ("/page/", b"a page of our own"),
            ("/page/kept", b"a page of our own"),
            ("/page/again", b"a page of our own"),
            ("/page/json", b'{"error":"token"}'),
        ):
            with self.subTest(path=path):
                answer = self.expect(401, path)
                self.assertEqual((answer.challenges, answer.body), ([self.bearer], body))
        other = self.create(domain="other")
        answer = self.expect(401, "/page/guarded", headers=["X-Key: " + other])
        self.assertEqual((answer.challenges, answer.body), ([self.bearer], b"for others"))
        self.assertEqual(self.expect(401, "/page/guarded").challenges, ['Bearer realm="other"'])
        answer = self.expect(403, "/page/scope", self.token)
        self.assertEqual(answer.challenges, [self.bearer + ', error="insufficient_scope", scope="write"'])

    def test_what_is_no_refusal_any_more_has_no_challenge(self):
        for path, status in (("/page/ok", 200), ("/page/file", 200), ("/page/missing", 404), ("/page/away", 302)):
            with self.subTest(path=path):
                self.assertEqual(self.expect(status, path).challenges, [])


if __name__ == "__main__":
    unittest.main()
