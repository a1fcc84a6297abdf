"""What looks protected and is not: nginx says so when it answers without a check."""

import re
import unittest

from nginx_host import NginxCase

WARNING = r'\[warn\].* toktab: (\w+ "[^"]*") requires a token, but answered (\d+) without a check: (.*?)(?: while [a-z ]+)?, client'


class Doors(NginxCase):
    options = {"workers": 1}
    http = r"""
    server {
        listen 127.0.0.1:{port};
        location / { auth_toktab default; }
        location /return { auth_toktab default; return 204; }
        location /if { auth_toktab default; if ($request_method = OPTIONS) { return 200 "fine"; } }
        location /denied { auth_toktab default; return 403; }
        location /elsewhere { auth_toktab default; return 302 /; }
        location /any { auth_toktab default; satisfy any; return 204; }
        location /limited { auth_toktab default; limit_except GET { deny all; } return 204; }
        location /writers { limit_except GET { auth_toktab default; } return 204; }
        location /off { auth_toktab off; return 204; }
        location /early { auth_toktab default; add_header X-Id $toktab_id; return 204; }
        location /redirected { auth_toktab default; error_page 404 =200 /page; }
        location = /page { auth_toktab default; return 200 "a page"; }
        location /moved { auth_toktab off; try_files /nothing @moved; }
        location @moved { auth_toktab default; return 204; }

        location /asks/return { auth_request /_return; }
        location /asks/file { auth_request /_file; }
        location /asks/answer { auth_request /_answer; }
        location /asks/both { auth_toktab default; auth_request /_both; }
        location = /_return { internal; auth_toktab default; return 204; }
        location = /_file { internal; auth_toktab default; try_files /index.html =404; }
        location = /_answer { internal; auth_toktab default; auth_toktab_answer; }
        location = /_both { internal; auth_toktab default; return 204; }
        log_subrequest on;
    }
    server { listen 127.0.0.1:{port}; server_name whole; auth_toktab default; return 204; }
    """

    @classmethod
    def prepare(cls):
        for path in ("if", "asks/return", "asks/file", "asks/answer", "asks/both"):
            cls.nginx.write("html/%s/index.html" % path, path)
        cls.token = cls.create()

    def warnings(self, status, *requests, **named):
        """What is said of requests, each made twice."""
        before = len(re.findall(WARNING, self.nginx.read("error.log")))
        for path in requests * 2:
            self.expect(status, path, **named)
        mark = len(self.nginx.read("error.log"))
        self.expect(401, "/last/%d" % mark)  # one worker writes what is before this into the log first
        self.assert_logged('no token presented.*"GET /last/%d ' % mark, "error.log")
        return re.findall(WARNING, self.nginx.read("error.log"))[before:]

    early = '"return" and the like answer before the check'
    subrequest = "nginx makes no access check for subrequests, so use auth_toktab_answer"

    def test_return(self):
        self.assertEqual(self.warnings(204, "/return"), [('location "/return"', "204", self.early)])
        self.assertEqual(self.warnings(204, "/early", token=self.token), [('location "/early"', "204", self.early)])
        self.assertEqual(self.warnings(200, "/if/", token=self.token), [])
        self.assertEqual(self.warnings(200, "/if/", method="OPTIONS"), [('location "/if"', "200", self.early)])
        self.assertEqual(self.warnings(204, "/moved"), [('location "@moved"', "204", self.early)])
        with self.nginx.connect() as connection:
            connection.socket.sendall(b"GET / HTTP/1.0\r\nHost: whole\r\n\r\n")
            self.assertEqual(connection.socket.recv(4096).split()[1], b"204")
        self.assert_logged('server "whole" requires a token, but answered 204', "error.log")

    def test_what_is_no_door(self):
        self.assertEqual(self.warnings(401, "/"), [])
        self.assertEqual(self.warnings(403, "/denied"), [])
        self.assertEqual(self.warnings(302, "/elsewhere"), [])
        self.assertEqual(self.warnings(204, "/any", "/limited", "/writers", "/off"), [])
        self.assertEqual(self.warnings(200, "/redirected", token=self.token), [])
        self.assertEqual(self.warnings(200, "/", token=self.token), [])

    def test_subrequests(self):
        self.assertEqual(self.warnings(200, "/asks/return/"), [('location "/_return"', "204", self.subrequest)])
        self.assertEqual(self.warnings(200, "/asks/file/"), [('location "/_file"', "200", self.subrequest)])
        self.assertEqual(self.warnings(401, "/asks/answer/"), [])
        self.assertEqual(self.warnings(200, "/asks/answer/", token=self.token), [])
        self.assertEqual(self.warnings(200, "/asks/both/", token=self.token), [])
        self.assertEqual(self.warnings(401, "/asks/both/"), [])


if __name__ == "__main__":
    unittest.main()
