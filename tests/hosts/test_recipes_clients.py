"""The recipes of toktab-recipes(7) for git and for a registry: real clients on the usual port, real daemons behind nginx."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import pwd
import socket
import subprocess
import tarfile
import unittest

from harness import environment, wait_until
from host import needs, program
from recipes import RecipeCase, Shell, block, placed


def name_host(name, address):
    with open("/etc/hosts", "a") as file:
        file.write("%s %s\n" % (address, name))


@needs("fcgiwrap", "git")
class Git(RecipeCase):
    recipes = {"git.example.com": "git server"}
    address = "127.0.0.3:80"

    @classmethod
    def setUpClass(cls):
        name_host("git.example.com", "127.0.0.3")
        super().setUpClass()

    @classmethod
    def shown(cls, name):
        return placed(super().shown(name), {"/srv/git": "{folder}/git"})

    @classmethod
    def prepare(cls):
        """A repository that belongs to www-data, as fcgiwrap does; it tells what git-http-backend was told."""
        cls.shell = Shell(cls.site)
        cls.bare = os.path.join(cls.nginx.folder, "git", "project.git")
        cls.git("init", "-q", "--bare", "-b", "main", cls.bare)
        with open(os.path.join(cls.bare, "hooks", "pre-receive"), "w") as hook:
            hook.write('#!/bin/sh\nenv > told\n')
        os.chmod(hook.name, 0o755)
        subprocess.run(["chown", "-R", "www-data:", os.path.dirname(cls.bare)], check=True)
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind("/run/fcgiwrap.socket")
            os.chmod("/run/fcgiwrap.socket", 0o666)
            listener.listen()
            www = pwd.getpwnam("www-data")
            cls.fcgiwrap = subprocess.Popen([program("fcgiwrap")], stdin=listener, user=www.pw_uid, group=www.pw_gid,
                extra_groups=[], env=environment(), stderr=subprocess.DEVNULL)  # fmt: skip
        cls.addClassCleanup(cls.fcgiwrap.wait)
        cls.addClassCleanup(cls.fcgiwrap.kill)
        cls.alice = cls.site.guard(cls.shell.ok(block("git create")).strip())

    @classmethod
    def git(cls, *arguments, token=None, cwd="/"):
        """git, which asks for name and password as it would on a terminal."""
        ask = cls.shell.install("ask", '#!/bin/sh\ncase $1 in User*) echo any ;; *) echo "$TOKEN" ;; esac\n')
        env = environment({"GIT_ASKPASS": ask, "TOKEN": token or "", "GIT_CONFIG_NOSYSTEM": "1", "HOME": cls.site.dir,
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"})
        done = subprocess.run(["git", *arguments], env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode == 0, done.stderr

    def clone(self, token, folder):
        """As the page has it, in a folder of its own."""
        path = os.path.join(self.site.dir, folder)
        os.mkdir(path)
        is_done, said = self.git(*block("git clone").split()[1:], token=token, cwd=path)
        return os.path.join(path, "project"), is_done, said

    def commit_and_push(self, work, token):
        self.assertTrue(self.git("commit", "-q", "--allow-empty", "-m", "a change", cwd=work)[0])
        return self.git("push", "-q", "origin", "HEAD:main", token=token, cwd=work)

    def test_push_and_clone(self):
        work, is_done, said = self.clone(self.alice, "alice")
        self.assertTrue(is_done, said)
        is_done, said = self.commit_and_push(work, self.alice)
        self.assertTrue(is_done, said)
        with open(os.path.join(self.bare, "told")) as file:
            told = file.read()
        self.assertIn("REMOTE_USER=alice\n", told)
        self.assertNotRegex(told, "HTTP_AUTHORIZATION=.")

    def test_scopes(self):
        reader = self.create("reads", "-s", "pull", "-u", "alice")
        work, is_done, said = self.clone(reader, "reader")
        self.assertTrue(is_done, said)
        is_done, said = self.commit_and_push(work, reader)
        self.assertFalse(is_done)
        self.assertIn("403", said)
        nobodys = self.create("nobody's", "-s", "pull,push")
        self.assertFalse(self.commit_and_push(work, nobodys)[0])

    def test_refused(self):
        self.assertFalse(self.clone("x", "stranger")[1])
        ended = self.create("ended", "-s", "pull,push", "-u", "alice")
        self.revoke(ended)
        self.assertFalse(self.clone(ended, "ended")[1])


REGISTRY = """
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: %s}}
http: {addr: "127.0.0.1:5000"}
"""


@needs("docker-registry", "skopeo")
class Registry(RecipeCase):
    recipes = {"registry.example.com": "registry server"}
    address = "127.0.0.4:80"

    @classmethod
    def setUpClass(cls):
        name_host("registry.example.com", "127.0.0.4")
        super().setUpClass()

    @classmethod
    def shown(cls, name):
        return block(name)

    @classmethod
    def prepare(cls):
        cls.make_image()
        cls.nginx.write("registry.yml", REGISTRY % os.path.join(cls.site.dir, "registry"))
        output = open(os.path.join(cls.site.dir, "registry.log"), "wb")  # noqa: SIM115
        cls.registry = subprocess.Popen([program("docker-registry"), "serve", os.path.join(cls.nginx.folder, "registry.yml")],
            stdout=output, stderr=output, env=environment())  # fmt: skip
        cls.addClassCleanup(cls.registry.wait)
        cls.addClassCleanup(cls.registry.kill)
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", 5000)) == 0, "the registry")

    @classmethod
    def make_image(cls):
        """In the form that skopeo calls dir: a manifest, and files that are named by their digests."""
        cls.image = os.path.join(cls.site.dir, "image")
        os.mkdir(cls.image)

        def put(data):
            digest = hashlib.sha256(data).hexdigest()
            with open(os.path.join(cls.image, digest), "wb") as file:
                file.write(data)
            return {"size": len(data), "digest": "sha256:" + digest}

        layer = io.BytesIO()
        tarfile.open(fileobj=layer, mode="w").close()
        diff = "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff]}, "config": {}}
        kind = "application/vnd.oci.image."
        manifest = {
            "schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
            "config": {"mediaType": kind + "config.v1+json", **put(json.dumps(config).encode())},
            "layers": [{"mediaType": kind + "layer.v1.tar+gzip", **put(gzip.compress(layer.getvalue()))}],
        }  # fmt: skip
        for name, data in (("manifest.json", json.dumps(manifest)), ("version", "Directory Transport Version: 1.1\n")):
            with open(os.path.join(cls.image, name), "w") as file:
                file.write(data)

    def skopeo(self, *arguments, stdin=""):
        env = environment({"REGISTRY_AUTH_FILE": os.path.join("/run/private/tmp", "auth.json"), "HOME": self.site.dir})
        done = subprocess.run(["skopeo", "--insecure-policy", *arguments], input=stdin, env=env, capture_output=True, text=True,
            timeout=60, check=False)  # fmt: skip
        return done.returncode == 0, done.stderr

    def login(self, token):
        return self.skopeo("login", "--tls-verify=false", "-u", "any", "--password-stdin", "registry.example.com", stdin=token)

    def push(self, name):
        return self.skopeo("copy", "--dest-tls-verify=false", "dir:" + self.image, "docker://registry.example.com/" + name)

    def pull(self, name):
        return self.skopeo("inspect", "--tls-verify=false", "docker://registry.example.com/" + name)

    def assert_done(self, result):
        self.assertTrue(result[0], result[1])

    def test_scopes(self):
        self.assert_done(self.login(self.create("both", "-s", "pull,push")))
        self.assert_done(self.push("app:1"))
        self.assert_done(self.pull("app:1"))
        reader = self.create("pulls", "-s", "pull")
        self.assert_done(self.login(reader))
        self.assert_done(self.pull("app:1"))
        is_done, said = self.push("app:2")
        self.assertFalse(is_done)
        self.assertIn("403", said)
        self.revoke(reader)
        self.assertFalse(self.pull("app:1")[0])

    def test_refused(self):
        for text in ("x", self.create("has no scope")):
            self.assertFalse(self.login(text)[0])


if __name__ == "__main__":
    unittest.main()
