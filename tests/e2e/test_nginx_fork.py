"""The nginx module where two hosts have written one store, and the file of the other one takes the place of its own."""

from harness import Site
from nginx_host import NginxCase
from oracle_format import token_id

NAMES = ("changed", "created", "honest")


class CompactedFork(NginxCase):
    """The file that arrives was compacted beyond what the workers have read: the line where the logs part is in no file."""

    domains = [{"name": name, "stale_limit": "1h"} for name in NAMES]
    http = """
    server {
        listen 127.0.0.1:{port};
        location /changed { auth_toktab changed; }
        location /created { auth_toktab created; }
        location /honest { auth_toktab honest; }
    }
    """

    @classmethod
    def prepare(cls):
        for name in NAMES:
            cls.nginx.write("html/%s/index.html" % name, name)
            cls.create(domain=name)  # so that each worker reads a store when it starts

    def setUp(self):
        self.other = Site(self.domains)
        self.addCleanup(self.other.close)

    def part(self, domain):
        """The other host has the same tokens, and goes on by itself."""
        self.one, self.two = self.create(domain=domain), self.create(domain=domain)
        self.other.put(self.site.bytes(domain), domain)
        self.connections = self.nginx.connect_to_all()
        for connection in self.connections:
            self.addCleanup(connection.close)
        self.domain = domain
        self.answers(200, self.one)

    def at_other(self, *arguments):
        done = self.other.run("-d", self.domain, *arguments)
        self.assertEqual(done.code, 0, done)

    def answers(self, status, token):
        for connection in self.connections:
            answer = connection.ask("/%s/" % self.domain, token)
            self.assertEqual(answer.status, status, answer)

    def arrives(self):
        self.at_other("compact")
        self.site.put(self.other.bytes(self.domain), self.domain)

    def mended(self):
        """An admin says that this file is meant: the workers take it, and what they know as revoked stays so."""
        done = self.site.run("-d", self.domain, "mend", "-y")
        self.assertEqual(done.code, 0, done)

    def test_each_revoked_another_token(self):
        self.part("changed")
        self.revoke(self.one, "changed")
        self.answers(401, self.one)
        self.at_other("revoke", "-y", token_id(self.two))
        self.at_other("create", "-l", "later")
        self.arrives()
        self.answers(200, self.two)  # until stale_limit, as in any trouble
        self.answers(401, self.one)
        self.assert_logged(r"\[alert\].*changed\.tokens: two hosts have written this store", "error.log")
        self.mended()
        self.answers(401, self.two)
        self.answers(401, self.one)

    def test_a_token_of_this_host_alone(self):
        self.part("created")
        mine = self.create(domain="created")
        self.answers(200, mine)
        for label in ("a", "b", "c"):
            self.at_other("update", token_id(self.two), "-l", label)
        self.arrives()
        self.answers(200, mine)
        self.assert_logged(r"\[alert\].*created\.tokens: two hosts have written this store", "error.log")

    def test_the_same_log_is_taken(self):
        self.part("honest")
        self.at_other("revoke", "-y", token_id(self.two))
        self.at_other("update", token_id(self.one), "-l", "new")
        self.at_other("create", "-l", "later")
        self.arrives()
        self.answers(401, self.two)
        self.answers(200, self.one)
        self.at_other("update", token_id(self.one), "-l", "newer")
        self.at_other("compact", "--drop-dead", "0s")
        self.site.put(self.other.bytes("honest"), "honest")
        self.answers(401, self.two)
        self.answers(200, self.one)
        self.assertNotRegex(self.nginx.read("error.log"), r"\[alert\].*honest")
