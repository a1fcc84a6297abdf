"""The recipes of toktab-recipes(7) for proxies that ask nginx: real Caddy and real HAProxy."""

import contextlib
import json
import os
import socket
import subprocess
import unittest

from harness import environment, wait_until
from host import needs, program
from nginx_host import Connection
from oracle_format import token_id
from recipes import RecipeCase, block, example, placed

# Other tests that run at the same time have these ports of 127.0.0.1.
APP, ANSWERS = {"127.0.0.1:8080": "127.0.0.6:8080"}, {"127.0.0.1:8081": "127.0.0.6:8081"}
CADDY, HAPROXY = ("127.0.0.1", 2080), ("127.0.0.1", 3080)
TIMES = "defaults\n    timeout client 20s\n    timeout server 20s\n    timeout connect 20s\n"


def is_listening(address):
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(address) == 0


@needs("caddy", "haproxy")
class ForwardAuth(RecipeCase):
    app_address = ("127.0.0.6", 8080)
    options = {"workers": 1, "level": "notice"}  # with info, nginx logs a doubled header

    @classmethod
    def in_http(cls):
        """It has its own server, on a port of its own."""
        return placed(block("answer http"), ANSWERS) + "server { listen 127.0.0.1:{port}; }"

    @classmethod
    def prepare(cls):
        caddy = placed(block("answer caddy"), {**APP, **ANSWERS, "http://api.example.com": "http://api.example.com:%d" % CADDY[1]})
        cls.nginx.write("Caddyfile", "{\n    admin off\n}\n" + caddy)
        cls.run_proxy(CADDY, "caddy", "run", "--config", cls.path("Caddyfile"), "--adapter", "caddyfile")
        cls.nginx.write("haproxy-toktab.lua", placed(example("haproxy-toktab.lua"), ANSWERS))
        places = {**APP, "bind :80": "bind %s:%d" % HAPROXY, "/etc/haproxy": cls.nginx.folder}
        haproxy = placed(block("answer haproxy"), places)
        cls.nginx.write("haproxy.cfg", TIMES + haproxy)
        cls.run_proxy(HAPROXY, "haproxy", "-db", "-f", cls.path("haproxy.cfg"))

    @classmethod
    def path(cls, name):
        return os.path.join(cls.nginx.folder, name)

    @classmethod
    def run_proxy(cls, address, name, *arguments):
        with open(cls.path(name + ".log"), "wb") as log:
            process = subprocess.Popen([program(name), *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=environment({"HOME": cls.nginx.folder}))  # fmt: skip
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.kill)
        wait_until(lambda: is_listening(address), name)

    def through(self, address, status, token=None, headers=(), **named):
        with Connection(address[1]) as connection:
            answer = connection.ask("/api/x?y=z", token, headers, host="api.example.com", **named)
        self.assertEqual(answer.status, status, answer)
        return answer

    def test_admitted(self):
        token = self.create("asked for", "-u", "alice")
        for proxy in (CADDY, HAPROXY):
            forged = ["X-Token-Id: forged", "X-Token-User: root", "x-token-user: root", "X-Token-Scopes: admin"]
            for method in ("GET", "POST"):
                got = json.loads(self.through(proxy, 200, token, [*forged, "Content-Length: 0"], method=method).body)
                self.assertEqual((got["method"], got["path"]), (method, "/api/x?y=z"))
                said = got["headers"]
                self.assertEqual((said["x-token-id"], said["x-token-user"]), (token_id(token), "alice"), proxy)
                self.assertFalse({"authorization", "x-token-scopes"} & set(said), proxy)
            nobodys = self.create("nobody's")
            said = json.loads(self.through(proxy, 200, nobodys, forged).body)["headers"]
            self.assertEqual(said["x-token-user"], "-", proxy)

    def test_refused(self):
        for proxy in (CADDY, HAPROXY):
            token = self.create("ended")
            self.through(proxy, 200, token)
            self.revoke(token)
            answer = self.through(proxy, 401, token)
            self.assertRegex(answer.challenges[0], "The token was revoked")
            self.assertEqual(self.through(proxy, 401).challenges, ['Bearer realm="default"'])
            self.through(proxy, 401, "x")
            self.through(proxy, 400, token, ["Authorization: Bearer " + token])

    def test_networks(self):
        """The address is the client's, not the proxy's, and not what the client says."""
        here, there = self.create("here", "--from", "127.0.0.1/32"), self.create("there", "--from", "192.0.2.0/24")
        for proxy in (CADDY, HAPROXY):
            self.through(proxy, 200, here)
            self.through(proxy, 401, there, ["X-Forwarded-For: 192.0.2.7"])


if __name__ == "__main__":
    unittest.main()
