"""HAProxy, which lets an nginx check the requests and pass them on, as toktab-nginx(8) shows it."""

import unittest

from host import program
from nginx_host import manual
from proxy import Proxied, Proxy, ProxyCase

CONF = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s

frontend clients
    bind 127.0.0.1:%(port)d
    default_backend checked

%(example)s

frontend application
    bind 127.0.0.1:8080
    http-request return status 200 content-type text/plain lf-string "the token is %%[req.hdr(x-token-id)]"
"""


class HAProxy(Proxy):
    name, port = "haproxy", 8089

    def configure(self):
        self.write("haproxy.cfg", CONF % {"port": self.port, "example": manual("haproxy")})

    def command(self):
        return [program("haproxy"), "-db", "-f", self.path("haproxy.cfg")]


class HAProxyTest(Proxied, ProxyCase):
    proxy_class = HAProxy
    http = manual("behind-haproxy") + "server { listen 127.0.0.1:{port}; }"


if __name__ == "__main__":
    unittest.main()
