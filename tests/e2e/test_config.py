"""toktab.conf: what is refused, with exit status 78, the file, the line, and the nearest known name."""

import json
import os
import shutil
import tempfile
import unittest

from harness import IS_ROOT, NOBODY, Site, SiteTest, needs_root

LIMIT = 65536


class Config(SiteTest):
    def config(self, domain="", top="", after=""):
        """A configuration with these settings, each set on a line of its own: top on 2, domain on 4, after on 7."""
        return 'store_dir = "%s";\n%s\ndomains = ( { name = "example.com";\n%s\n} );\n\n%s\n' % (
            self.site.store_dir, top, domain, after,
        )

    def assert_good(self, text):
        self.site.configure(text)
        self.create()

    def assert_bad(self, text, line=None, says=()):
        self.site.configure(text)
        says = [says] if isinstance(says, str) else list(says)
        result = self.refused(78, "create", "-l", "x", says=says)
        self.assertIn("%s:%d" % (self.site.conf, line) if line else self.site.conf, result.err, result)
        self.assertEqual(self.site.files(), [])

    def test_good(self):
        self.assert_good(self.config(
            'prefix = "acme"; admins = [ "alice", "@webops" ]; scopes = [ "read", "write" ]; '
            'default_lifetime = "90d"; max_lifetime = "365d"; track_usage = true; stale_limit = "60s";',
            after="// comments of\n# each kind, /* closed */",
        ))

    def test_unknown_settings(self):
        self.assert_bad(self.config('max_lifetme = "90d";'), 4, ["max_lifetme", "max_lifetime"])
        self.assert_bad(self.config('prefx = "acme";'), 4, ["prefx", "prefix"])
        self.assert_bad(self.config(top='storedir = "/x";'), 2, ["storedir", "store_dir"])
        self.assert_bad(self.config('scope = [ "read" ];'), 4, ["scopes"])
        self.assert_bad(self.config('xyzzy = "x";'), 4, ["xyzzy"])

    def test_wrong_types(self):
        for setting in (
            "prefix = 5;", "prefix = true;", "prefix = [ ];", "prefix = { };", "scopes = \"read\";",
            "scopes = [ 1, 2 ];",
            "scopes = ( \"read\", 1 );", "admins = \"alice\";", "admins = { };", "track_usage = \"yes\";",
            "track_usage = 1;",
            "default_lifetime = 90;", "default_lifetime = 90L;", "default_lifetime = 1.5;",
            "max_lifetime = [ \"90d\" ];",
            "stale_limit = 60;", "stale_limit = true;",
        ):
            with self.subTest(setting=setting):
                self.assert_bad(self.config(setting), 4, setting.split()[0])

    def test_wrong_types_at_the_top(self):
        store = 'store_dir = "%s";\n' % self.site.store_dir
        for text, line in (
            ("store_dir = 5;\n" + 'domains = ( { name = "x"; } );', 1),
            (store + "domains = 5;", 2),
            (store + 'domains = "x";', 2),
            (store + 'domains = { name = "x"; };', 2),
            (store + 'domains = [ "x" ];', 2),
            (store + 'domains = ( "x" );', 2),
            (store + "domains = ( { name = 5; } );", 2),
        ):
            with self.subTest(text=text):
                self.assert_bad(text, line)

    def test_a_domain_without_a_name(self):
        self.assert_bad('store_dir = "%s";\ndomains = ( { prefix = "acme"; } );' % self.site.store_dir, 2, "name")

    def test_bad_names(self):
        for name in ("", "Bad", ".x", "-x", "a/b", "../x", "a b", "a_b", "é", "x" * 64):
            with self.subTest(name=name):
                text = 'store_dir = "%s";\ndomains = (\n{ name = "%s"; } );'
                self.assert_bad(text % (self.site.store_dir, name), 3)

    def test_good_names(self):
        for name in ("x", "0", "a.b-c.d", "a..b", "x" * 63):
            site = Site([{"name": name}])
            self.addCleanup(site.close)
            self.assertEqual(site.run("create", "-l", "x").code, 0)
            self.assertEqual(site.read().header.domain, name)

    def test_duplicate_domains(self):
        domains = ",\n".join('{ name = "%s"; }' % name for name in ("a.example", "b.example", "a.example"))
        self.assert_bad('store_dir = "%s";\ndomains = (\n%s\n);\n' % (self.site.store_dir, domains), 5, "a.example")

    def test_a_setting_twice(self):
        self.assert_bad(self.config('prefix = "acme";\nprefix = "acme";'), 5)

    def test_bad_prefixes(self):
        for prefix in ("", "a", "Acme", "1ab", "a_b", "a-b", "ab ", "é" * 3, "a" * 17):
            with self.subTest(prefix=prefix):
                self.assert_bad(self.config('prefix = "%s";' % prefix), 4, "prefix")

    def test_good_prefixes(self):
        for prefix in ("ab", "a1", "a" * 16):
            self.assert_good(self.config('prefix = "%s";' % prefix))

    def test_durations(self):
        for text in ("", "90", "-1d", "+1d", "1.5d", "90x", "d", " 90d", "90d ", "99999999999999999999d",
                "9223372036854775807w", "0x10d"):
            for name in ("default_lifetime", "max_lifetime", "stale_limit"):
                with self.subTest(setting=name, duration=text):
                    self.assert_bad(self.config('%s = "%s";' % (name, text)), 4, name)

    def test_default_over_maximum(self):
        self.assert_bad(self.config('default_lifetime = "31d"; max_lifetime = "30d";'), says="default_lifetime")
        self.assert_good(self.config('default_lifetime = "30d"; max_lifetime = "720h";'))

    def test_bad_scopes(self):
        for scope in ("", "a b", "a,b", "é", "a\tb"):
            with self.subTest(scope=scope):
                self.assert_bad(self.config('scopes = [ "read", "%s" ];' % scope), 4)

    def test_syntax_error(self):
        self.assert_bad(self.config('prefix = "acme'), says="toktab.conf")
        self.assert_bad(self.config(after="}"), 7)
        self.assert_bad(self.config(top="= 5;"), 2)

    def test_include(self):
        for target in (os.path.join(self.site.dir, "other.conf"), self.site.dir, "/etc/passwd", "/nonexistent"):
            with self.subTest(target=target):
                self.assert_bad('@include "%s"\n' % target + self.config(), 1, "include")
                self.assert_bad(self.config(after='  @include "%s"' % target), 7, "include")

    def test_the_word_include_in_a_comment_or_string_breaks_nothing_worse(self):
        self.site.configure(self.config(after="// see @include in the manual"))
        self.assertIn(self.run_tool("create", "-l", "x", may_show_token=True).code, (0, 78))

    def test_nul(self):
        self.assert_bad(self.config().encode() + b"\0")
        self.assert_bad(self.config().encode() + b'\0\nxyzzy = "hidden from C";\n')
        self.assert_bad(b"\0")

    def test_size(self):
        text = self.config()
        self.assert_good(text + "#" * (LIMIT - len(text)))
        os.unlink(self.site.path())
        os.unlink(self.site.lock_path())
        for name in self.site.files():
            os.unlink(os.path.join(self.site.store_dir, name))
        self.assert_bad(text + "#" * (LIMIT + 1 - len(text)))
        self.assert_bad(text + "#" * 2**21)

    def test_unterminated_comment(self):
        self.assert_bad(self.config(after="/* never closed"))
        self.assert_bad(self.config(domain='/* never closed\nmax_lifetime = "1d";'))
        self.assert_bad(self.config(after="/* closed */ /*"))

    def test_backslash_in_a_string(self):
        for text in (r"a\x00b", r"\x61cme", r"ac\\me", r"acme\n"):
            self.assert_bad(self.config('prefix = "%s";' % text), 4)
        self.assert_bad(self.config(r'admins = [ "al\x69ce" ];'), 4)
        self.assert_bad(self.config(top='// nothing\n').replace("example.com", r"example\x2ecom"))

    def test_strings_that_are_joined(self):
        """libconfig joins "a" "b": taken or refused, never guessed as only one of the two."""
        self.site.configure(self.config('prefix = "ac" "me";'))
        result = self.run_tool("create", "-l", "x", may_show_token=True)
        if result.code:
            self.assertEqual(result.code, 78, result)
        else:
            self.assertTrue(result.out.startswith("acme_"), result)

    def test_invalid_utf8(self):
        self.site.configure(self.config('admins = [ "@@" ];').encode().replace(b"@@", b"al\xffce"))
        result = self.run_tool("create", "-l", "x", may_show_token=True)
        self.assertIn(result.code, (0, 78), result)

    def test_a_relative_path(self):
        self.create(conf="toktab.conf")


class TheFile(SiteTest):
    def assert_bad(self, conf=None, code=78, **more):
        result = self.refused(code, "create", "-l", "x", conf=conf, **more)
        self.assertIn(conf or self.site.conf, result.err)
        self.assertEqual(os.listdir(self.site.store_dir), [])
        return result.err

    def test_missing(self):
        self.assert_bad(os.path.join(self.site.dir, "missing.conf"))
        self.assert_bad(os.path.join(self.site.conf, "not-a-directory"))

    def test_empty_name(self):
        self.refused((2, 78), "-c", "", "list", conf="")

    def mount(self, text):
        """A new version of a file as Kubernetes mounts one: link -> ..data/file, ..data -> version, which is renamed."""
        version = tempfile.mkdtemp(prefix="..", dir=self.site.dir)
        os.chmod(version, 0o755)
        with open(os.path.join(version, "file.conf"), "w", encoding="utf-8") as file:
            file.write(text)
        link, data = os.path.join(self.site.dir, "mounted.conf"), os.path.join(self.site.dir, "..data")
        old = os.path.realpath(data)
        os.symlink(os.path.basename(version), data + ".new")
        os.rename(data + ".new", data)
        if not os.path.islink(link):
            os.symlink("..data/file.conf", link)
        if old != data:
            shutil.rmtree(old)
        return link

    def test_symlink(self):
        for name in ("first.example", "second.example"):
            link = self.mount('store_dir = "%s"; domains = ( { name = "%s"; } );' % (self.site.store_dir, name))
            self.assertEqual([domain["name"] for domain in self.json("domains", conf=link)], [name])
        self.assertEqual([domain["name"] for domain in self.json("domains", conf="..data/file.conf")], [name])

    def test_symlink_to_nowhere(self):
        for target in ("missing", "mounted.conf", "/nowhere/toktab.conf"):
            link = os.path.join(self.site.dir, "mounted.conf")
            os.symlink(target, link)
            self.assert_bad(link)
            os.unlink(link)

    def test_directory_that_others_can_write(self):
        link = self.mount(self.site_text())
        version = os.path.dirname(os.path.realpath(link))
        for directory, name in ((version, version), (self.site.dir, self.site.dir)):
            os.chmod(directory, 0o777)
            self.assertIn(name + " is writable by everybody", self.assert_bad(link))
            os.chmod(directory, 0o1777)
            self.ok("domains", conf=link)
            os.chmod(directory, 0o755)

    @needs_root
    def test_directory_of_somebody_else(self):
        folder = os.path.join(self.site.dir, "theirs")
        os.mkdir(folder)
        link = os.path.join(folder, "toktab.conf")
        os.symlink(self.site.conf, link)
        os.chown(folder, NOBODY, NOBODY)
        self.assertIn("belongs to uid %d" % NOBODY, self.assert_bad(link))
        self.ok("domains", conf=link, user=NOBODY)

    def site_text(self):
        with open(self.site.conf, encoding="utf-8") as file:
            return file.read()

    def test_byte_order_mark(self):
        self.site.configure(b"\xef\xbb\xbf" + self.site_text().encode())
        self.ok("domains")
        self.site.configure("domain = 1;".encode("utf-16"))
        self.assert_bad()

    def test_directory(self):
        self.assert_bad(self.site.store_dir)

    def test_fifo(self):
        fifo = os.path.join(self.site.dir, "fifo.conf")
        os.mkfifo(fifo)
        self.assert_bad(fifo)

    def test_device(self):
        self.assert_bad("/dev/null")
        self.assert_bad("/dev/zero")

    def test_writable_by_others(self):
        for mode in (0o666, 0o646, 0o602):
            os.chmod(self.site.conf, mode)
            self.assert_bad()

    @needs_root
    def test_unreadable(self):
        os.chmod(self.site.conf, 0o600)
        self.assert_bad(code=(77, 78), user=NOBODY)

    def test_missing_store_dir_without_root(self):
        """A directory that was not mounted is not one without tokens."""
        os.rmdir(self.site.store_dir)
        more = {"user": NOBODY} if IS_ROOT else {}
        for args in (["domains"], ["domains", "--json"], ["verify"], ["list"], ["history"], ["show", "1"], ["check"],
                ["create", "-l", "x"]):
            result = self.refused(66, *args, says=[self.site.store_dir, "create it"], **more)
            self.assertEqual(list(json.loads(result.out)) if "--json" in args else result.out,
                ["error"] if "--json" in args else "")

    def test_missing_store_dir(self):
        os.rmdir(self.site.store_dir)
        result = self.refused((66, 69, 73), "create", "-l", "x")
        self.assertIn(self.site.store_dir, result.err)
        os.mkdir(self.site.store_dir)

    def test_store_dir_is_a_file(self):
        self.site.configure('store_dir = "%s"; domains = ( { name = "x"; } );' % self.site.conf)
        self.assertNotIn(self.run_tool("create", "-l", "x").code, (0, 1))


if __name__ == "__main__":
    unittest.main()
