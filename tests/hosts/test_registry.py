"""Clients of a docker registry behind nginx: skopeo, and docker login."""

import http.client
import json
import os
import re
import shutil
import tempfile
import unittest

from host import program, run
from nginx_host import NginxCase, basic

# Its answers are files: that it is a registry, and one image.
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 2, "digest": "sha256:" + 64 * "0"},
    "layers": [],
}


class Registry(NginxCase):
    http = r"""
    access_log {folder}/combined.log combined;
    server {
        listen 127.0.0.1:{port};
        auth_toktab default;
        auth_toktab_basic only;
        location /v2/ { default_type application/json; }
        location ~ ^/v2/.*/manifests/ { default_type application/vnd.docker.distribution.manifest.v2+json; }
    }
    server {
        listen 127.0.0.2:{port};
        auth_toktab default;
        auth_toktab_basic on;
        location /v2/ { default_type application/json; }
    }
    """

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(program("skopeo")):
            raise unittest.SkipTest("not installed: skopeo")
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.nginx.write("html/v2/index.html", "{}")
        cls.nginx.write("html/v2/app/manifests/latest", json.dumps(MANIFEST))

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.token = self.create()

    def skopeo(self, *arguments, stdin=""):
        home = {"HOME": self.folder, "REGISTRY_AUTH_FILE": os.path.join(self.folder, "auth.json")}
        return run(["skopeo", *arguments], stdin, home)

    def skopeo_login(self, token, address="127.0.0.1", user="me"):
        where = "%s:%d" % (address, self.nginx.port)
        return self.skopeo("login", "--tls-verify=false", "-u", user, "--password-stdin", where, stdin=token)

    def docker_login(self, token, address="127.0.0.1"):
        """Without its daemon, docker logs in by itself."""
        command = ["docker", "--config", self.folder, "--host", "unix:///nonexistent", "login", "-u", "me", "--password-stdin"]
        return run([*command, "%s:%d" % (address, self.nginx.port)], token).returncode == 0

    def login_as_docker_does(self, token, address="127.0.0.1"):
        """It serves a Bearer challenge first, by asking its realm for another token, and then a Basic one."""

        def ask(**headers):
            connection = http.client.HTTPConnection(address, self.nginx.port, timeout=20)
            connection.request("GET", "/v2/", headers=headers)
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer

        challenges = ask().headers.get_all("WWW-Authenticate")
        for challenge in challenges:
            if challenge.startswith("Bearer ") and not re.search('realm="https?://', challenge):
                return False
        self.assertIn('Basic realm="default"', challenges)
        return ask(**dict([basic(b"me", token).split(": ")])).status == 200

    def test_skopeo(self):
        image = "docker://127.0.0.1:%d/app:latest" % self.nginx.port
        inspect = ("inspect", "--tls-verify=false", "--raw", image)
        self.assertNotEqual(self.skopeo(*inspect).returncode, 0)
        done = self.skopeo_login(self.token)
        self.assertEqual((done.returncode, done.stdout), (0, "Login Succeeded!\n"), done)
        done = self.skopeo(*inspect)
        self.assertEqual(json.loads(done.stdout or "{}"), MANIFEST, done)
        self.revoke(self.token)
        self.assertNotEqual(self.skopeo(*inspect).returncode, 0)
        self.assertIn("invalid username/password", self.skopeo_login(self.token).stderr)

    def test_skopeo_takes_the_first_challenge(self):
        self.assertEqual(self.skopeo_login(self.token, "127.0.0.2").returncode, 0)

    def test_a_token_as_the_user_name(self):
        self.assertEqual(self.skopeo_login(self.token, user=self.token).returncode, 0)
        self.assertNotEqual(self.skopeo_login("x", user=self.token).returncode, 0)

    def test_docker(self):
        logins = [self.login_as_docker_does, *([self.docker_login] if shutil.which("docker") else [])]
        for login in logins:
            with self.subTest(login=login.__name__):
                token = self.create()
                self.assertTrue(login(token))
                self.assertFalse(login(token, "127.0.0.2"), "a Bearer challenge was no trouble")
                self.revoke(token)
                self.assertFalse(login(token))


if __name__ == "__main__":
    unittest.main()
