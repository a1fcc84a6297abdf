"""auth_toktab_answer: what nginx's own auth_request and other proxies are told about a request."""

import json
import re
import unittest

from nginx_host import NginxCase, basic
from oracle_format import token_id

BEARER = 'Bearer realm="default"'
NOBODY = {"id": None, "serial": None, "label": None, "user": None, "scopes": [], "expires": None}


class Answer(NginxCase):
    """A proxy asks with the client's request, or with what it makes of it."""

    domains = [*NginxCase.domains, {"name": "empty"}]
    http = r"""
    limit_req_zone $toktab_id zone=id:1m rate=1r/m;
    server {
        listen 127.0.0.1:{port};
        auth_toktab default;
        location /auth { auth_toktab_answer; }
        location /json { auth_toktab_answer json; location /json/page { } }
        location /empty { auth_toktab empty; auth_toktab_answer; }
        location /empty/json { auth_toktab empty; auth_toktab_answer json; }
        location /scope { auth_toktab_answer json; auth_toktab_scope write; }
        location /key { auth_toktab_answer json; auth_toktab_token $http_x_api_key; }
        location /methods { auth_toktab_answer json; limit_except GET { auth_toktab_scope write; } }
        location /if { auth_toktab_answer json; if ($arg_x) { add_header X-If yes; } }
        location /any { auth_toktab_answer json; satisfy any; allow 127.0.0.1; deny all; }
        location /all { auth_toktab_answer json; deny all; }
        location /page {
            error_page 401 403 503 =200 /page.html;
            location /page/own { auth_toktab_answer; error_page 401 503 =200 /page.html; }
            location /page/inherited { auth_toktab_answer; if ($arg_x) { add_header X-If yes; } }
            location /page/denied { auth_toktab_answer json; deny all; }
            location /page/trouble { auth_toktab empty; auth_toktab_answer; }
        }
        location /lost { auth_toktab off; error_page 404 =200 /json; }
        location = /page.html { auth_toktab off; }
        location /named { try_files /nothing @named; }
        location @named { auth_toktab_answer json; }
        location /traefik {
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Forwarded-For;
            auth_toktab_answer;
            add_header X-Token-Id $toktab_id always;
            add_header X-Token-User $toktab_user always;
        }
    }
    """

    @classmethod
    def prepare(cls):
        cls.nginx.write("html/page.html", "a page of our own")
        cls.nginx.write("html/json/page", "a page in another location")
        cls.token = cls.create("the label")

    def json(self, status, *arguments, **named):
        answer = self.expect(status, *arguments, **named)
        self.assertEqual(answer.header("Content-Type"), "application/json")
        return json.loads(answer.body)

    def test_nothing_but_the_status(self):
        answer = self.expect(204, "/auth", self.token)
        self.assertEqual((answer.body, answer.challenges), (b"", []))
        self.assertEqual(self.expect(401, "/auth").challenges, [BEARER])
        self.assertIn('error="invalid_token"', self.expect(401, "/auth", "x").challenges[0])
        self.expect(503, "/empty", self.token)

    def test_who_it_is(self):
        label = 'Überwachung "a|b" 100% \\ 雪'
        token = self.create(label, "-s", "read,write", "-u", "bob", "-e", "2031-02-03T04:05:06Z")
        said = self.json(200, "/json", token)
        shown = json.loads(self.site.run("show", "--json", token_id(token)).out)
        self.assertEqual(list(said), ["active", "domain", "id", "serial", "label", "user", "scopes", "expires"])
        self.assertIs(said.pop("active"), True)
        self.assertEqual(said, {key: shown[key] for key in said})
        self.assertEqual((said["label"], said["expires"]), (label, "2031-02-03T04:05:06Z"))

    def test_what_it_does_not_have_is_null(self):
        said = self.json(200, "/json", self.token)
        self.assertEqual((said["user"], said["scopes"], said["expires"]), (None, [], None))

    def test_a_long_label_of_quotes(self):
        label = '"' * 128
        token = self.create(label, "-s", ",".join("scope-%d" % n for n in range(40)), domain="other")
        self.assertEqual(self.json(401, "/json", token)["reason"], "unknown")
        token = self.create(label)
        self.assertEqual(self.json(200, "/json", token)["label"], label)

    def test_a_refusal_as_json(self):
        revoked, reader = self.create(), self.create("reader", "-s", "read")
        self.revoke(revoked)
        for path, token, status, reason, domain in (
            ("/json", None, 401, "missing", "default"), ("/json", "x", 401, "malformed", "default"),
            ("/json", revoked, 401, "revoked", "default"), ("/scope", reader, 403, "scope", "default"),
            ("/empty/json", self.token, 503, "store", "empty"),
        ):  # fmt: skip
            with self.subTest(path=path, reason=reason):
                for method in ("GET", "POST"):
                    said = self.json(status, path, token, method=method)
                    self.assertEqual(said, {"active": False, "domain": domain, "reason": reason})
        self.assertEqual(self.expect(401, "/json").challenges, [BEARER])
        self.assertIn("insufficient_scope", self.expect(403, "/scope", reader).challenges[0])
        self.assert_logged(r"denied: revoked.*%s" % token_id(revoked), "error.log")

    def test_a_request_with_two_tokens(self):
        """auth_request would make 500 of 400."""
        keys = ["X-API-Key: " + self.token, "X-API-Key: x"]
        self.assertEqual(self.json(401, "/key", headers=keys)["reason"], "repeated")
        self.assertIn('error="invalid_request"', self.expect(401, "/key", headers=keys).challenges[0])
        self.json(200, "/key", headers=keys[:1])

    def test_any_method_and_path(self):
        with self.nginx.connect() as connection:
            for method in ("HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "QUERY"):
                for path in ("/auth", "/auth/", "/auth/a/b.php?c=d", "/auth//%2e"):
                    answer = connection.ask(path, self.token, method=method)
                    self.assertEqual((answer.status, answer.body), (204, b""), (method, path))
                self.assertEqual(connection.ask("/json", self.token, method=method).status, 200)
                self.assertEqual(connection.ask("/auth", "x", method=method).status, 401)

    def test_a_body_is_discarded(self):
        """What follows it on the connection is the next request."""
        body = b"GET /auth HTTP/1.1\r\n\r\n" * 20000
        bodies = (
            (b"Content-Length: %d" % len(body), body),
            (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
        )
        request = b"%s %s HTTP/1.1\r\nHost: l\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n%s"
        for token, path, status in ((self.token, "/auth", 204), (self.token, "/json", 200), ("x", "/json", 401)):
            for length, data in bodies:
                with self.subTest(path=path, length=length), self.nginx.connect() as connection:
                    client = connection.socket
                    client.sendall(request % (b"POST", path.encode(), token.encode(), length, data))
                    client.sendall(request % (b"GET", b"/page.html", b"x", b"Connection: close", b""))
                    said = b"".join(iter(lambda client=client: client.recv(65536), b""))
                    self.assertEqual(re.findall(rb"^HTTP/1.1 (\d+)", said, re.M), [b"%d" % status, b"200"])

    def test_limit_except_and_if(self):
        writer, reader = self.create("w", "-s", "write"), self.create("r", "-s", "read")
        self.json(200, "/methods", reader)
        self.assertEqual(self.json(403, "/methods", reader, method="POST")["reason"], "scope")
        self.json(200, "/methods", writer, method="POST")
        self.assertEqual(self.expect(200, "/if?x=1", reader).header("X-If"), "yes")
        self.json(401, "/if?x=1", "x")

    def test_satisfy(self):
        """Who is admitted by address is nobody, whatever token came along."""
        revoked = self.create()
        self.revoke(revoked)
        for token in (None, "x", revoked):
            said = self.json(200, "/any", token)
            self.assertEqual(said, {"active": True, "domain": "default", **NOBODY})
        self.assertEqual(self.json(200, "/any", self.token)["id"], token_id(self.token))
        self.expect(401, "/any", source="127.0.0.2")
        self.assertEqual(self.json(200, "/any", self.token, source="127.0.0.2")["id"], token_id(self.token))
        self.expect(403, "/all", self.token)
        self.expect(401, "/all")

    def test_a_location_inside_has_its_own_content(self):
        self.assertEqual(self.expect(200, "/json/page", self.token).body, b"a page in another location")
        self.expect(401, "/json/page")

    def test_no_page_makes_an_admission_of_a_refusal(self):
        for path in ("/page/own", "/page/inherited", "/page/inherited?x=1", "/page/denied"):
            self.expect(401, path)
            self.expect(401, path, "x")
        self.expect(204, "/page/own", self.token)
        self.expect(403, "/page/denied", self.token)
        self.expect(503, "/page/trouble", self.token)

    def test_a_refusal_after_an_error_keeps_its_status(self):
        self.assertEqual(self.json(401, "/lost", "x")["reason"], "malformed")
        self.assertEqual(self.expect(401, "/lost").challenges, [BEARER])
        self.assertEqual(self.json(200, "/lost", self.token)["id"], token_id(self.token))

    def test_named_locations(self):
        self.assertEqual(self.json(200, "/named/x", self.token)["id"], token_id(self.token))
        self.expect(401, "/named/x", "x")

    def forwarded(self, *more):
        return ["X-Forwarded-Method: DELETE", "X-Forwarded-Proto: https", "X-Forwarded-Host: app.example.com",
                "X-Forwarded-Uri: /app?x=1", *more]  # fmt: skip

    def test_as_traefik_asks(self):
        """ForwardAuth: GET, with all headers of the client, its request in X-Forwarded-..."""
        token = self.create("bound", "--from", "192.0.2.0/24", "-u", "bob")
        answer = self.expect(204, "/traefik", token, self.forwarded("X-Forwarded-For: 192.0.2.7"))
        self.assertEqual(answer.header("X-Token-Id"), token_id(token))
        self.assertEqual(answer.header("X-Token-User"), "bob")
        for address in ("192.0.3.7", "nonsense", "192.0.2.7, 192.0.3.7"):
            answer = self.expect(401, "/traefik", token, self.forwarded("X-Forwarded-For: " + address))
            self.assertIn("not valid from this address", answer.challenges[0])
        self.expect(401, "/traefik", token, self.forwarded())
        self.expect(401, "/traefik", None, self.forwarded("X-Forwarded-For: 192.0.2.7"))
        self.expect(401, "/traefik", token, self.forwarded("X-Forwarded-For: 192.0.2.7"), source="127.0.0.2")

    def test_as_envoy_asks(self):
        """ext_authz by HTTP: the client's method, path_prefix and the client's path, no body."""
        token = self.create("bound", "--from", "192.0.2.0/24")
        head = ["content-length: 0", "x-envoy-internal: true", "x-forwarded-for: 192.0.2.7"]
        for method in ("GET", "POST", "DELETE"):
            for path in ("/traefik/app/items?x=1", "/traefik/", "/traefik/index.html"):
                self.expect(204, path, token, head, method=method)
                self.expect(401, path, "x", head, method=method)


class AuthRequest(NginxCase):
    """nginx's own auth_request asks by a subrequest, for which nginx runs no access phase."""

    domains = [*NginxCase.domains, {"name": "empty"}]
    http = r"""
    server {
        listen 127.0.0.1:{port};
        location / {
            auth_request /_auth;
            auth_request_set $token_id $toktab_id;
            auth_request_set $reason $toktab_reason;
            add_header X-Id $token_id always;
            add_header X-Reason $reason always;
            add_header X-Own "<$toktab_id>" always;
        }
        location /json/ { auth_request /_json; }
        location /scope/ { auth_request /_scope; }
        location /basic/ { auth_request /_basic; }
        location /empty/ { auth_request /_empty; }
        location /any/ { auth_request /_auth; satisfy any; allow 127.0.0.1; deny all; }
        location /both/ { auth_request /_auth; auth_toktab other; auth_toktab_token $http_x_other; }
        location /limited/ { auth_request /_limited; }
        location /pages/ { auth_request /_pages/auth; }
        location /_pages/ {
            error_page 401 =200 /index.html;
            location = /_pages/auth { internal; auth_toktab default; auth_toktab_answer; }
        }
        location = /_auth { internal; auth_toktab default; auth_toktab_answer; }
        location = /_json { internal; auth_toktab default; auth_toktab_answer json; }
        location = /_scope { internal; auth_toktab default; auth_toktab_scope write; auth_toktab_answer; }
        location = /_basic { internal; auth_toktab default; auth_toktab_basic on; auth_toktab_answer; }
        location = /_empty { internal; auth_toktab empty; auth_toktab_answer; }
        location = /_limited { internal; limit_req zone=id; auth_toktab default; auth_toktab_answer; }
    }
    limit_req_zone $toktab_id zone=id:1m rate=1r/m;
    """

    @classmethod
    def prepare(cls):
        for path in ("json", "scope", "basic", "any", "both", "limited", "pages"):
            cls.nginx.write("html/%s/index.html" % path, path)
        cls.token = cls.create()

    def test_admits_and_refuses(self):
        revoked = self.create()
        self.revoke(revoked)
        for path in ("/", "/json/"):
            self.expect(200, path, self.token)
            self.assertEqual(self.expect(401, path).challenges, [BEARER])
            for token in ("x", revoked):
                answer = self.expect(401, path, token)
                self.assertEqual(len(answer.challenges), 1, answer)
                self.assertIn('error="invalid_token"', answer.challenges[0])
            self.expect(405, path, self.token, method="POST")
            self.expect(401, path, None, ["Content-Length: 0"], method="POST")

    def test_a_revocation_counts_at_once(self):
        token = self.create()
        with self.nginx.connect() as connection:
            self.assertEqual(connection.ask("/", token).status, 200)
            self.revoke(token)
            self.assertEqual(connection.ask("/", token).status, 401)

    def test_scopes(self):
        self.expect(403, "/scope/", self.token)
        self.expect(401, "/scope/")
        self.expect(200, "/scope/", self.create("writer", "-s", "write"))

    def test_who_it_is(self):
        answer = self.expect(200, "/index.html", self.token)
        self.assertEqual((answer.header("X-Id"), answer.header("X-Reason")), (token_id(self.token), "none"))
        self.assertEqual(answer.header("X-Own"), "<>")
        self.assertEqual(self.expect(401, "/index.html").header("X-Reason"), "missing")

    def test_basic(self):
        self.expect(200, "/basic/", headers=[basic(b"u", self.token)])
        self.assertTrue(self.expect(401, "/basic/").challenges)

    def test_an_inherited_page_is_no_admission(self):
        for token in (None, "x"):
            self.expect(401, "/pages/", token)
        self.expect(200, "/pages/", self.token)

    def test_a_store_in_trouble_is_no_admission(self):
        """The manual says what auth_request makes of 503."""
        self.expect(500, "/empty/", self.token)

    def test_satisfy_any(self):
        self.assertEqual(self.expect(200, "/any/").challenges, [])
        self.assertEqual(self.expect(401, "/any/", source="127.0.0.2").challenges, [BEARER])
        self.expect(200, "/any/", self.token, source="127.0.0.2")

    def test_both(self):
        """The challenge is that of the one who refuses."""
        other = ["X-Other: " + self.create(domain="other")]
        self.expect(200, "/both/", self.token, other)
        self.assertEqual(self.expect(401, "/both/", None, other).challenges, [BEARER])
        self.assertEqual(self.expect(401, "/both/", self.token).challenges, ['Bearer realm="other"'])

    def test_a_limit_for_each_token(self):
        """auth_request makes 500 of limit_req's status."""
        for token in (self.create(), self.create()):
            self.expect(200, "/limited/", token)
            self.expect(500, "/limited/", token)
        self.expect(401, "/limited/")
        self.expect(401, "/limited/")


if __name__ == "__main__":
    unittest.main()
