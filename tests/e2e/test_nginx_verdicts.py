"""nginx admits a request if the library says TOKTAB_ALLOW, and for nothing else that this or a later library may say."""

import os
import unittest

import pam_host
from nginx_host import NginxCase, basic

DENY, ALLOW, ERROR = range(3)
SCOPE = 5
VERDICTS = (DENY, ALLOW, ERROR, 3, 99, -1)
REASONS = (*range(12), 99, -1)


class AnyAnswer(NginxCase):
    """The library's answer is what the token says: VERDICT REASON."""

    options = {"workers": 1}
    http = r"""
    server {
        listen 127.0.0.1:{port};
        auth_toktab default;
        location / { }
        location /basic { auth_toktab_basic on; root {folder}/html/page; try_files /index.html =404; }
        location /answer { auth_toktab_answer; }
        location /json { auth_toktab_answer json; }
        location /asked { auth_toktab off; auth_request /answer; root {folder}/html/page; try_files /index.html =404; }
    }
    """

    @classmethod
    def prepare(cls):
        libraries = os.path.join(cls.site.dir, "libraries")
        os.mkdir(libraries)
        pam_host.any_answer_library(libraries)
        cls.nginx.env = {"LD_LIBRARY_PATH": libraries}
        cls.nginx.write("html/page/index.html", "the page\n")

    def test_every_answer_of_any_library(self):
        for verdict in VERDICTS:
            for reason in REASONS:
                refusal = 503 if verdict != DENY else 403 if reason == SCOPE else 401
                with self.subTest(verdict=verdict, reason=reason):
                    self.assert_answers("%d %d" % (verdict, reason), verdict == ALLOW, refusal)

    def assert_answers(self, token, admitted, refusal):
        for path, good, bad in (("/", 200, refusal), ("/answer", 204, refusal), ("/json", 200, refusal),
                ("/asked", 200, refusal if refusal < 500 else 500)):
            answer = self.nginx.ask(path, token)
            self.assertEqual(answer.status, good if admitted else bad, (path, answer))
            if path == "/json":
                self.assertEqual(b'"active":true' in answer.body, admitted, answer)
        answer = self.nginx.ask("/basic", headers=[basic(b"x", token)])
        self.assertEqual(answer.status, 200 if admitted else refusal, answer)


if __name__ == "__main__":
    unittest.main()
