"""The examples of toktab-nginx(8), as they stand there."""

import unittest

from nginx_host import NginxCase, manual
from oracle_format import token_id
from test_nginx_kinds import Http


class Manual(NginxCase):
    http = (
        "server {\nlisten 127.0.0.1:{port};\n"
        + "".join(manual(name) for name in ("auth_request", "methods", "preflight"))
        + "}\n"
        + manual("answer").replace("listen 127.0.0.1:8081;", "listen 127.0.0.1:{port}; server_name answer;")
        + manual("behind-haproxy").replace("listen 127.0.0.1:8082;", "listen 127.0.0.1:{port}; server_name haproxy;")
    )

    @classmethod
    def prepare(cls):
        upstream = Http()
        cls.addClassCleanup(upstream.close)
        cls.nginx.http = cls.nginx.http.replace("127.0.0.1:8080", "127.0.0.1:%d" % upstream.port)
        cls.token = cls.create()

    def at(self, host, path, token, *headers):
        """One request to one of the servers: (status, headers and body)"""
        lines = ["GET %s HTTP/1.0" % path, "Host: " + host, *headers]
        lines += ["Authorization: Bearer " + token] if token else []
        with self.nginx.connect() as connection:
            connection.socket.sendall("\r\n".join([*lines, "", ""]).encode())
            said = b"".join(iter(lambda: connection.socket.recv(65536), b"")).decode()
        return int(said.split()[1]), said

    def test_auth_request(self):
        self.assertIn(b"X-Token-Id: %s\r\n" % token_id(self.token).encode(), self.expect(200, "/app/", self.token).body)
        self.assertEqual(self.expect(401, "/app/").challenges, ['Bearer realm="default"'])
        self.expect(404, "/_token", self.token)

    def test_methods(self):
        reader, writer = self.create("r", "-s", "read"), self.create("w", "-s", "write")
        for method, good, bad in (
            ("GET", reader, writer), ("HEAD", reader, writer), ("POST", writer, reader), ("DELETE", writer, reader),
        ):  # fmt: skip
            self.expect(200, "/items/", good, method=method)
            self.expect(403, "/items/", bad, method=method)
            self.expect(401, "/items/", method=method)

    def test_preflight(self):
        answer = self.expect(204, "/api/", method="OPTIONS")
        self.assertEqual(answer.header("Access-Control-Allow-Headers"), "Authorization")
        self.expect(200, "/api/", self.token)
        for method in ("GET", "POST"):
            self.expect(401, "/api/", method=method)
        self.assert_logged(r'\[warn\].* location "/api/" requires a token, but answered 204', "error.log")

    def test_answer(self):
        token = self.create("bound", "--from", "192.0.2.0/24")
        status, said = self.at("answer", "/auth", token, "X-Forwarded-For: 192.0.2.7")
        self.assertEqual(status, 204)
        self.assertIn("X-Token-Id: %s\r\n" % token_id(token), said)
        self.assertEqual(self.at("answer", "/auth", token, "X-Forwarded-For: 192.0.2.7, 192.0.3.7")[0], 401)
        self.assertEqual(self.at("answer", "/auth", token)[0], 401)

    def test_behind_haproxy(self):
        status, said = self.at("haproxy", "/", self.token, "X-Token-Id: forged")
        self.assertEqual(status, 200)
        self.assertIn("X-Token-Id: %s\r\n" % token_id(self.token), said)
        self.assertNotIn("forged", said)
        self.assertNotIn("Bearer", said)
        self.assertEqual(self.at("haproxy", "/", None)[0], 401)


if __name__ == "__main__":
    unittest.main()
