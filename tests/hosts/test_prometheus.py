"""auth_toktab_metrics as Prometheus sees it: by promtool, and scraped with a token."""

import json
import os
import subprocess
import tempfile
import unittest
import urllib.parse
import urllib.request

from harness import environment, wait_until
from host import program
from nginx_host import NginxCase, free_port
from oracle_format import make_token

CONF = """
scrape_configs:
  - job_name: nginx
    scrape_interval: 1s
    scrape_timeout: 1s
    static_configs: [ { targets: [ "127.0.0.1:%d" ] } ]
    authorization: { credentials_file: %s }
"""


class Prometheus(NginxCase):
    http = r"""
    server {
        listen 127.0.0.1:{port};
        location / { auth_toktab default; }
        location /other { auth_toktab other; }
        location = /metrics { auth_toktab_metrics; auth_toktab default; }
    }
    """

    @classmethod
    def setUpClass(cls):
        missing = [name for name in ("promtool", "prometheus") if not os.path.exists(program(name))]
        if missing:
            raise unittest.SkipTest("not installed: %s" % " ".join(missing))
        super().setUpClass()

    def test_promtool(self):
        token = self.create()
        for sent in (None, "x", make_token()):
            self.expect(401, "/", sent)
        page = self.expect(200, "/metrics", token).body
        self.assertIn(b'{domain="other"} +Inf\n', page)  # a store that was never there
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_prometheus(self):
        """The folder is not the site's: the token is in a file there."""
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "token"), "w") as file:
                file.write(self.create())
            with open(os.path.join(folder, "prometheus.yml"), "w") as file:
                file.write(CONF % (self.nginx.port, file.name.replace("prometheus.yml", "token")))
            command = ["prometheus", "--config.file=" + file.name, "--storage.tsdb.path=" + os.path.join(folder, "data")]
            with subprocess.Popen(
                [*command, "--web.listen-address=127.0.0.1:%d" % port], env=environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) as server:  # fmt: skip
                try:
                    wait_until(lambda: self.scraped(port) > 0, "what Prometheus has scraped")
                finally:
                    server.terminate()

    def scraped(self, port):
        """How many admitted requests Prometheus knows of: its own."""
        query = urllib.parse.urlencode({"query": 'toktab_requests_total{domain="default",reason="none"}'})
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/api/v1/query?%s" % (port, query), timeout=20) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return 0
        return int(found[0]["value"][1]) if found else 0


if __name__ == "__main__":
    unittest.main()
