"""Caddy, whose forward_auth asks nginx about each request, as toktab-nginx(8) shows it."""

import unittest

from nginx_host import manual
from proxy import Proxied, Proxy, ProxyCase
from host import program

CONF = """
{
	admin off
	auto_https off
}
http://127.0.0.1:%(port)d {
	bind 127.0.0.1
	%(example)s
	respond "the token is {http.request.header.X-Token-Id}"
}
"""


class Caddy(Proxy):
    name, port = "caddy", 8088

    def configure(self):
        parts = {"port": self.port, "example": manual("caddy").replace("\n", "\n\t").rstrip("\t")}
        self.write("Caddyfile", CONF % parts)

    def command(self):
        return ["env", "HOME=" + self.folder, program("caddy"), "run", "--adapter", "caddyfile", "--config",
                self.path("Caddyfile")]  # fmt: skip


class CaddyTest(Proxied, ProxyCase):
    proxy_class = Caddy
    http = manual("answer") + "server { listen 127.0.0.1:{port}; }"


if __name__ == "__main__":
    unittest.main()
