"""The nginx module in a real nginx: where a token is demanded, and what else decides there."""

import re
import unittest

from nginx_host import NginxCase, basic
from oracle_format import token_id


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
        self.assert_logged('none HTTP/1.1" id=- serial=- label=- user=- scopes=- domain=default reason=missing')
        self.expect(401, "/keyed/", self.reader, headers=["X-Key: x"])
        self.expect(200, "/keyed/", self.reader, headers=["X-Key: " + self.writer])

    def test_the_token_has_one_place_in_deeper_locations_too(self):
        self.expect(200, "/key/deep/", headers=["X-Key: " + self.reader])
        self.expect(400, "/key/deep/", headers=["X-Key: " + self.reader] * 2)

    def test_a_repeated_authorization(self):
        answer = self.expect(400, headers=["Authorization: Bearer a", "Authorization: Bearer b"])
        self.assertEqual(answer.challenges, ['Bearer error="invalid_request"'])

    def test_the_same_question_is_asked_once(self):
        """For each question that the library denies, there is a line in the log."""
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
        location /any/told { satisfy any; allow 127.0.0.1; deny all; try_files /nothing @told; }
        location /page/told { error_page 401 = @told; }
        location /page/told/kept { error_page 401 @told; }
        location @told {
            auth_toktab off;
            proxy_set_header X-Id $toktab_id;
            proxy_set_header X-Rest $toktab_serial$toktab_label$toktab_user$toktab_scopes$toktab_expires;
            proxy_set_header X-Why $toktab_reason;
            rewrite ^ /app/told break;
            proxy_pass http://127.0.0.1:{port};
        }
        location /app/told { auth_toktab off; return 200 "$http_x_id,$http_x_rest,$http_x_why"; }
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
        answer = self.expect(401, "/all/password/", headers=self.both(self.token, False))
        self.assertEqual(answer.challenges, [self.people])
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
        answer = self.expect(401, "/any/nowhere/", "x")
        self.assertEqual(len(answer.challenges), 1)
        self.assertIn(', error="invalid_token"', answer.challenges[0])
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

    def test_an_application_is_not_told_of_a_refused_token(self):
        token = self.create("label", "-u", "bob", "-s", "read", "-e", "2031-02-03T04:05:06Z")
        known = "^%s,[0-9]+labelbobread2031-02-03T04:05:06Z,none$" % token_id(token)
        self.assertRegex(self.expect(200, "/any/told", token).body.decode(), known)
        self.revoke(token)
        for path, status in (("/any/told", 200), ("/page/told", 200), ("/page/told/kept", 401)):
            with self.subTest(path=path):
                self.assertEqual(self.expect(status, path + "?told", token).body, b",,revoked")
                self.assert_logged(r'%d "GET %s\?told .* id=%s .*label=label user=bob' % (status, path, token_id(token)))

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
