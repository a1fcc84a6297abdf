"""The recipes of toktab-recipes(7) that want no more than nginx, each run as the page shows it."""

import json
import os
import unittest

from harness import wait_until
from nginx_host import basic
from oracle_format import token_id
from recipes import RecipeCase


class Recipes(RecipeCase):
    recipes = {
        "llm": "llm server", "key": "key server", "identity": "identity server", "methods": "methods server",
        "cors": "cors server", "json": "json server", "log": "log server", "dav": "dav server",
    }  # fmt: skip

    @classmethod
    def in_http(cls):
        return cls.shown("log http")

    @classmethod
    def prepare(cls):
        cls.reader = cls.create("reads", "-s", "read")
        cls.writer = cls.create("Überwachung \"x\"", "-s", "read,write,dav", "-u", "alice")

    def assert_guarded(self, path, **named):
        self.expect(401, path, **named)
        ended = self.create("ended", "-s", "read,write,dav")
        self.revoke(ended)
        self.expect(401, path, ended, **named)

    def test_daemon_without_keys(self):
        self.assert_guarded("/api/chat", host="llm")
        got = self.passed_on("/api/chat", self.reader, headers=["Mcp-Session-Id: 7"], host="llm")
        self.assertEqual(got["headers"]["host"], "localhost:11434")
        self.assertEqual(got["headers"]["mcp-session-id"], "7")
        self.assertNotIn("authorization", got["headers"])

    def test_its_words_arrive_as_they_are_written(self):
        with self.nginx.connect() as connection:
            connection.socket.sendall(
                b"POST /stream HTTP/1.1\r\nHost: llm\r\nContent-Length: 2\r\nAuthorization: Bearer %s\r\n\r\n{}"
                % self.reader.encode()
            )
            got = b""
            while b"first" not in got:
                part = connection.socket.recv(4096)
                self.assertTrue(part, got)
                got += part
            self.assertNotIn(b"second", got)
            self.app.next_word.set()
            while b"second" not in got:
                got += connection.socket.recv(4096)

    def test_key_in_a_header(self):
        self.assert_guarded("/api/x", host="key")
        self.expect(401, "/api/x", self.reader, host="key")
        got = self.passed_on("/api/x", headers=["X-API-Key: " + self.reader], host="key")
        self.assertNotIn("x-api-key", got["headers"])

    def test_identity(self):
        self.assert_guarded("/api/x", host="identity")
        forged = ["X-Token-Id: forged", "X-Token-User: root", "X-Token-Scopes: admin", "X-Token-Label: forged"]
        got = self.passed_on("/api/x", self.writer, headers=forged, host="identity")["headers"]
        self.assertEqual(got["x-token-id"], token_id(self.writer))
        self.assertEqual(got["x-token-label"].encode("latin-1").decode(), "Überwachung \"x\"")
        self.assertEqual((got["x-token-user"], got["x-token-scopes"]), ("alice", "read,write,dav"))
        self.assertNotIn("authorization", got)
        self.assertNotIn("x-token-user", self.passed_on("/api/x", self.reader, headers=forged, host="identity")["headers"])

    def test_methods(self):
        self.assert_guarded("/api/x", host="methods")
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            reads = method in ("GET", "HEAD")
            self.expect(200 if reads else 403, "/api/x", self.reader, method=method, host="methods")
            self.expect(200, "/api/x", self.writer, method=method, host="methods")
            self.expect(401, "/api/x", method=method, host="methods")
        self.assertNotIn("authorization", self.passed_on("/api/x", self.writer, method="PUT", host="methods")["headers"])

    def test_cors(self):
        self.assert_guarded("/api/x", host="cors")
        for method, token, status in (("OPTIONS", None, 204), ("GET", None, 401), ("DELETE", self.writer, 200)):
            answer = self.expect(status, "/api/x", token, method=method, host="cors")
            self.assertEqual(answer.header("Access-Control-Allow-Origin"), "https://app.example.com", method)
        self.assertIn("Authorization", answer.header("Access-Control-Allow-Headers"))
        self.assertNotIn("authorization", json.loads(answer.body)["headers"])
        self.expect(401, "/api/x", method="DELETE", host="cors")

    def test_refusals_as_json(self):
        answer = self.expect(401, "/api/x", host="json")
        self.assertEqual(answer.challenges, ['Bearer realm="default"'])
        self.assertEqual(json.loads(answer.body)["status"], 401)
        answer = self.expect(401, "/api/x", "x", host="json")
        self.assertEqual(answer.header("Content-Type"), "application/json")
        self.assertEqual(json.loads(answer.body), {"status": 401, "reason": "malformed"})
        self.assertIn("invalid_token", answer.challenges[0])
        self.assertEqual(self.passed_on("/api/x", self.reader, host="json")["path"], "/api/x")

    def test_trouble_as_json(self):
        token = self.create("in trouble", "-s", "read")
        answers = []

        def is_answered(status):
            answers.append(self.nginx.ask("/api/x", token, host="json"))
            return answers[-1].status == status

        os.rename(self.site.path(), self.site.path() + ".away")
        try:
            wait_until(lambda: is_answered(503), "503")
            self.assertEqual(json.loads(answers[-1].body), {"status": 503, "reason": "store"})
        finally:
            os.rename(self.site.path() + ".away", self.site.path())
        wait_until(lambda: is_answered(200) and is_answered(200) and is_answered(200), "200")

    def test_log(self):
        self.assert_guarded("/api/none", host="log")
        self.expect(200, "/api/seen?key=secret", self.writer, host="log")
        self.assert_logged("/api/seen", "tokens.json")
        lines = [json.loads(line) for line in self.nginx.read("tokens.json").splitlines()]
        (seen,) = (line for line in lines if line["path"] == "/api/seen")
        self.assertEqual((seen["status"], seen["id"], seen["label"], seen["user"], seen["reason"], seen["domain"]),
            (200, token_id(self.writer), "Überwachung \"x\"", "alice", "none", "default"))  # fmt: skip
        self.assertIn((401, "revoked"), [(line["status"], line["reason"]) for line in lines])

    def test_dav(self):
        self.assert_guarded("/dav/alice/", host="dav")
        for name in (b"alice", b"bob"):
            headers = [basic(name, self.writer), "X-Remote-User: root"]
            got = self.passed_on("/dav/alice/", headers=headers, host="dav")
            self.assertEqual((got["path"], got["headers"]["x-remote-user"]), ("/alice/", "alice"))
            self.assertNotIn("authorization", got["headers"])
        nobodys = self.create("nobody's", "-s", "dav")
        got = self.passed_on("/dav/x", headers=[basic(b"alice", nobodys), "X-Remote-User: alice"], host="dav")
        self.assertNotIn("x-remote-user", got["headers"])


class Limit(RecipeCase):
    recipes = {"limit": "limit server"}

    @classmethod
    def in_http(cls):
        return cls.shown("limit http")

    def ask_until_429(self, status, *arguments):
        """How often the answer was this status before."""
        with self.nginx.connect() as connection:
            for count in range(2000):
                answer = connection.ask("/api/x", *arguments, host="limit")
                if answer.status == 429:
                    return count
                self.assertEqual(answer.status, status)
        raise AssertionError("there is no limit")

    def test_each_token_has_its_own(self):
        first, second = self.create("first"), self.create("second")
        self.assertGreater(self.ask_until_429(200, first), 20)
        self.assertGreater(self.ask_until_429(200, second), 20)

    def test_strangers_have_theirs(self):
        self.assertGreater(self.ask_until_429(401), 5)
        self.expect(200, "/api/x", self.create("no stranger"), host="limit")


class ForwardAuth(RecipeCase):
    """By nginx's own auth_request."""

    recipes = {"asks": "answer server"}

    def test_auth_request(self):
        token = self.create("asked for", "-u", "alice")
        self.assertEqual(self.expect(401, "/api/x", host="asks").challenges, ['Bearer realm="default"'])
        got = self.passed_on("/api/x", token, headers=["X-Token-User: root"], method="POST", host="asks")
        self.assertEqual(got["headers"]["x-token-user"], "alice")
        self.assertNotIn("authorization", got["headers"])
        self.expect(404, "/auth", token, host="asks")
        self.revoke(token)
        self.expect(401, "/api/x", token, host="asks")


if __name__ == "__main__":
    unittest.main()
