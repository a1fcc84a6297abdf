"""What `nginx -t` says to configurations with the module's directives in them."""

import os
import re
import unittest

from harness import TOP, SiteTest
from nginx_host import Nginx

SERVER = "server {\nlisten 127.0.0.1:{port};\n%s\n}\n"


class Conf(SiteTest):
    domains = [
        {"name": "default", "scopes": ["read", "write"]},
        {"name": "other", "scopes": ["admin"]},
        {"name": "free"},
    ]

    def conf(self, http):
        nginx = Nginx(os.path.join(self.site.dir, "nginx-%d" % len(os.listdir(self.site.dir))), self.site.conf, http)
        return nginx, *nginx.test()

    def assert_good(self, *lines):
        _, status, said = self.conf(SERVER % "\n".join(lines))
        self.assertEqual(status, 0, said)

    def assert_bad(self, *lines, says, http=SERVER):
        """One line is marked as the bad one."""
        nginx, status, said = self.conf(http % "\n".join(lines))
        self.assertEqual(status, 1, said)
        number = 1 + nginx.read("conf/nginx.conf").partition("# bad")[0].count("\n")
        emerg = [line for line in said.splitlines() if "[emerg]" in line]
        self.assertEqual(len(emerg), 1, said)
        self.assertIn(says, emerg[0])
        self.assertTrue(emerg[0].endswith(" in %s:%d" % (nginx.conf, number)), emerg)

    def test_good(self):
        self.assert_good("auth_toktab default;", "auth_toktab_scope read write;")
        self.assert_good("auth_toktab free;", "auth_toktab_scope any thing;")
        self.assert_good("auth_toktab_scope read;", "location / { auth_toktab default; }")
        self.assert_good("auth_toktab off;", "auth_toktab_scope nothing;", "location / { auth_toktab free; }")
        self.assert_good("auth_toktab default;", "location /a { auth_toktab_answer; }",
            "location /b { auth_toktab_answer json; limit_except GET { auth_toktab_scope read; } }")  # fmt: skip
        self.assert_good(
            "auth_toktab_token $http_x; auth_toktab_basic on;",
            "location / { limit_except GET { auth_toktab other; auth_toktab_scope admin; auth_toktab_realm r;",
            "auth_toktab_token $cookie_t; auth_toktab_basic off; } }",
        )
        self.assert_good("auth_toktab default;", "location / { auth_toktab_basic only; }")

    def test_the_example(self):
        with open(os.path.join(TOP, "conf", "nginx-example.conf")) as file:
            text = file.read()
        _, status, said = self.conf(text.replace("listen 80;", "listen 127.0.0.1:{port};"))
        self.assertEqual(status, 0, said)

    details = ("auth_toktab_scope read;", "auth_toktab_realm r;", "auth_toktab_token $http_x;", "auth_toktab_basic on;")

    def test_a_detail_without_a_token_is_an_error(self):
        for line in (*self.details, "auth_toktab_basic off;", "auth_toktab_answer;", "auth_toktab_answer json;"):
            says = '"%s" requires no token' % line.split(";")[0].split()[0]
            self.assert_bad("location / {", line + " # bad", "}", says=says)
            self.assert_bad("auth_toktab default; location / {", line + " # bad", "auth_toktab off; }", says=says)
            self.assert_bad("location / {", line + " # bad", "location /a { auth_toktab default; } }", says=says)
            if "answer" not in line:
                self.assert_bad("location / { limit_except GET {", line + " # bad", "} }", says=says)

    def test_a_detail_that_nobody_inherits_is_a_warning(self):
        def warnings(*lines, http=SERVER):
            nginx, status, said = self.conf(http % "\n".join(lines))
            self.assertEqual(status, 0, said)
            found = re.findall(r'\[warn\].* toktab: "(\w+)" has no effect: .*, in (.*):(\d+)', said)
            self.assertEqual(said.count("[warn]"), len(found), said)
            conf = nginx.read("conf/nginx.conf").splitlines()
            return [name for name, path, line in found if path == nginx.conf and name in conf[int(line) - 1]]

        for line in self.details:
            name = line.split()[0]
            protected = "location /a { auth_toktab default; }"
            self.assertEqual(warnings(line), [name])
            self.assertEqual(warnings(line, "auth_toktab off;", "location / { }"), [name])
            self.assertEqual(warnings(line, "location / { }", protected), [])
            self.assertEqual(warnings(line, "auth_toktab default;"), [])
            self.assertEqual(warnings(line, "location / { limit_except GET { auth_toktab default; } }"), [])
            self.assertEqual(warnings(line, "location / { auth_toktab default; %s }" % line), [name])
            self.assertEqual(warnings(line, SERVER % protected, http="%s"), [])
            self.assertEqual(warnings(line, SERVER % "auth_toktab off;", http="%s"), [name])
            self.assertEqual(warnings(line, SERVER % "", "auth_toktab default;", http="%s"), [])
            another = SERVER % ("server_name b; " + protected)
            self.assertEqual(warnings(line, SERVER % "location / { }", another, http="%s"), [])

    def test_an_answer_is_the_only_content(self):
        for other in ("proxy_pass http://127.0.0.1:1;", "empty_gif;", "stub_status;"):
            self.assert_bad(
                "auth_toktab default; location / {", other, "auth_toktab_answer; # bad", "}", says="only content"
            )
            _, status, said = self.conf(SERVER % ("auth_toktab default; location /a { auth_toktab_answer json; %s }" % other))
            self.assertEqual(status, 1)
            self.assertIn('"auth_toktab_answer" is not the only content of location "/a"', said)

    def test_an_unknown_domain(self):
        self.assert_bad("", "auth_toktab defualt; # bad", says="defualt")
        self.assert_bad("location / {", "auth_toktab $host; # bad", "}", says="$host")
        self.assert_bad("location / { limit_except GET {", "auth_toktab Default; # bad", "} }", says="Default")
        self.assert_bad("auth_toktab nobody; # bad", SERVER % "", http="\n%s", says="nobody")

    def test_a_foreign_scope(self):
        self.assert_bad("auth_toktab default;", "", "auth_toktab_scope read admin; # bad", says="admin")
        self.assert_bad("auth_toktab_scope admin; # bad", "location / {", "auth_toktab default; }", says="admin")

    def test_an_inherited_scope_that_does_not_fit(self):
        self.assert_bad(
            "auth_toktab default;", "auth_toktab_scope read; # bad", "location / {", "auth_toktab other; }", says="read"
        )

    def test_an_included_file(self):
        path = os.path.join(self.site.dir, "tokens.conf")
        with open(path, "w") as file:
            file.write("\n\nauth_toktab nobody;\n")
        _, status, said = self.conf(SERVER % ("include %s;" % path))
        self.assertEqual(status, 1)
        self.assertIn(" in %s:3" % path, said)

    def test_twice(self):
        for end in (" free", "_scope a", "_realm a", "_token $a", "_basic on"):
            line = "auth_toktab%s;" % end
            self.assert_bad("set $a b;", line, line + " # bad", says="directive is duplicate")
        self.assert_bad("auth_toktab_config /nowhere; # bad", http="%s", says="directive is duplicate")
        self.assert_bad("location / {", "auth_toktab_metrics;", "auth_toktab_metrics; # bad", "}", says="is duplicate")

    def test_bad_values(self):
        self.assert_bad('auth_toktab ""; # bad', says="needs a domain name")
        self.assert_bad("auth_toktab a b; # bad", says="invalid number of arguments")
        self.assert_bad("auth_toktab; # bad", says="invalid number of arguments")
        self.assert_bad("auth_toktab_scope read,write; # bad", says="needs scopes")
        self.assert_bad('auth_toktab_scope ""; # bad', says="needs scopes")
        self.assert_bad(r'auth_toktab_realm "a\nSet-Cookie: b"; # bad', says="control character")
        self.assert_bad("auth_toktab_token http_x; # bad", says="needs a variable")
        self.assert_bad("auth_toktab_token $; # bad", says="needs a variable")
        self.assert_bad("auth_toktab_basic maybe; # bad", says="maybe")
        self.assert_bad("auth_toktab_config /nowhere; # bad", says="not allowed here")
        self.assert_bad("auth_toktab_metrics; # bad", says="not allowed here")
        self.assert_bad("location / {", "auth_toktab_metrics 1m; # bad", "}", says="invalid number of arguments")
        self.assert_bad("auth_toktab_answer; # bad", says="not allowed here")
        for value, says in (("xml", 'takes "json"'), ("json x", "invalid number"), ("json; auth_toktab_answer", "is dupl")):
            self.assert_bad("auth_toktab free; location / {", "auth_toktab_answer %s; # bad" % value, "}", says=says)

    def test_a_variable_that_nobody_sets(self):
        _, status, said = self.conf(SERVER % "auth_toktab_token $nobody;")
        self.assertEqual(status, 1)
        self.assertIn('unknown "nobody" variable', said)

    def test_a_configuration_that_is_bad(self):
        self.site.configure("stroe_dir = 1;\n")
        nginx, status, said = self.conf(SERVER % "auth_toktab default;")
        self.assertEqual(status, 1)
        place = " in %s:%d" % (nginx.conf, 1 + nginx.read("conf/nginx.conf").split("auth_toktab_config")[0].count("\n"))
        emerg = [line for line in said.splitlines() if "[emerg]" in line]
        self.assertEqual(len(emerg), 1, said)
        self.assertIn(self.site.conf + ":1", emerg[0])
        self.assertTrue(emerg[0].endswith(place), said)

    def test_a_configuration_that_is_missing(self):
        os.unlink(self.site.conf)
        _, status, said = self.conf(SERVER % "auth_toktab default;")
        self.assertEqual(status, 1)
        self.assertIn(self.site.conf + ": ", said)

    def test_a_configuration_that_nobody_asks_for(self):
        os.unlink(self.site.conf)
        self.assert_good("auth_toktab off;")

    def test_a_store_that_is_missing_is_no_error(self):
        """But it is said, once; that of a domain that no location demands is no concern."""
        self.site.run("-d", "other", "create", "-l", "a token")
        for lines, missing in (
            ("auth_toktab free; location / { limit_except GET { auth_toktab free; } }", ["free"]),
            ("auth_toktab default; location / { auth_toktab free; }", ["default", "free"]),
            ("auth_toktab other;", []),
            ("auth_toktab other; location / { auth_toktab off; }", []),
            ("auth_toktab off;", []),
        ):
            with self.subTest(lines=lines):
                _, status, said = self.conf(SERVER % lines)
                self.assertEqual(status, 0, said)
                alerts = re.findall(r"\[alert\].* toktab: store (\S+): no such file", said)
                self.assertEqual(sorted(alerts), [self.site.path(name) for name in missing], said)
                self.assertEqual(said.count("[alert]"), len(missing), said)

    def test_a_relative_path(self):
        """It counts from the folder of nginx.conf, as that of auth_basic_user_file does."""
        self.site.conf = "../../" + os.path.basename(self.site.conf)
        self.assert_good("auth_toktab default;")


if __name__ == "__main__":
    unittest.main()
