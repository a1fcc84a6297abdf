"""toktab-panel in a real Chromium: copying, the keyboard, what Back shows, narrow and dark screens."""

import html
import json
import os
import re
import unittest

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from harness import TOP, wait_until
from panel_host import HTTP, HTTPS, PanelCase, certificate

SHOTS = os.path.join(TOP, "build", "browser")
PARAMETERS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--ignore-certificate-errors",
    "--host-resolver-rules=MAP panel.test 127.0.0.1, MAP evil.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip

CROSS = "data:text/html,<form method=post action='%s'><input name=label value=x></form>"


class BrowserCase(PanelCase):
    script = True
    scheme = "http"
    domains = [{"name": "shop", "admins": ["web:alice@example.com"], "scopes": ["read", "write"]}]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for parameter in PARAMETERS:
            options.add_argument(parameter)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not cls.script:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        cls.browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.browser.get_log("browser")  # of the test before

    def url(self, path, host="panel.test", login="alice%40example.com:wonder@"):
        return "%s://%s%s:%d%s" % (self.scheme, login, host, self.nginx.port, path)

    def open(self, path, **named):
        self.browser.get(self.url(path, **named))

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def heading(self):
        return self.find("h1").text

    def wait(self, condition):
        """For the page that comes. While pages change, chromedriver finds several words for that."""
        return WebDriverWait(self.browser, 30, ignored_exceptions=(WebDriverException,)).until(lambda _: condition())

    def wait_for(self, heading):
        self.wait(lambda: heading in self.heading())

    def arrived(self, words):
        """At an address with these words, whose page is there."""
        there = "return document.readyState === 'complete' && location.href"
        self.wait(lambda: words in (self.browser.execute_script(there) or ""))

    def done(self):
        """What the next page says was done: the page before may have a like heading."""
        return self.wait(lambda: self.find(".done").text)

    def wait_for_focus(self, name, value):
        self.wait(lambda: self.browser.switch_to.active_element.get_attribute(name) == value)

    def create(self, label):
        self.open("/shop/new")
        self.find("#label").send_keys(label)
        self.find("form button").click()
        self.wait_for("Token created")
        return self.site.guard(self.find("#token").get_attribute("value"))

    def shot(self, name):
        self.browser.save_screenshot(os.path.join(SHOTS, name + ".png"))

    def screen(self, width, height):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def pasted(self):
        """What is on the clipboard, by the keyboard, as a person would see it."""
        self.open("/shop/")
        field = self.find("#q")
        field.send_keys(Keys.CONTROL, "v")
        return field.get_attribute("value")

    def no_complaints(self):
        """Nothing of the content security policy, and no other error.

        There is no icon; and on http a header that counts on https alone is ignored.
        """
        expected = ("favicon", "Cross-Origin-Opener-Policy header has been ignored")
        said = [entry["message"] for entry in self.browser.get_log("browser")]
        self.assertEqual([line for line in said if not any(words in line for words in expected)], [])


class Page(BrowserCase):
    def test_story(self):
        token = self.create("CI deploy")
        self.shot("once")
        self.find("#copy").click()
        self.wait(lambda: self.find("#copied").text == "Copied.")
        self.assertEqual(self.pasted(), token)
        self.shot("list")
        self.browser.find_element(By.PARTIAL_LINK_TEXT, "Revoke").click()
        self.wait_for("Revoke")
        self.shot("revoke")
        self.find("form button").click()
        self.wait_for("CI deploy")
        self.assertEqual(self.done(), "Token revoked.")
        self.shot("token")
        self.no_complaints()

    def tab_to(self, says):
        """Go on with the Tab key, up to what has this id or these words."""
        for _ in range(60):
            field = self.browser.switch_to.active_element
            if says in (field.get_attribute("id"), " ".join(field.text.split())) and field.tag_name != "body":
                return field
            field.send_keys(Keys.TAB)
        raise AssertionError("not reached by keyboard: " + says)

    def test_by_keyboard(self):
        """The whole story."""
        self.open("/shop/")
        self.tab_to("Create Token").send_keys(Keys.ENTER)
        self.wait_for("Create a token")
        self.tab_to("label").send_keys("typed", Keys.ENTER)
        self.wait_for("Token created")
        token = self.site.guard(self.find("#token").get_attribute("value"))
        self.tab_to("copy").send_keys(Keys.SPACE)
        self.wait(lambda: self.find("#copied").text == "Copied.")
        self.tab_to("Done").send_keys(Keys.ENTER)
        self.wait_for("Tokens of shop")
        self.tab_to("Rotate typed").send_keys(Keys.ENTER)
        self.wait_for("Rotate")
        self.tab_to("Rotate Token").send_keys(Keys.ENTER)
        self.wait_for("Token created")
        self.site.guard(self.find("#token").get_attribute("value"))
        self.open("/shop/%s" % token.split("_")[1][:12])
        self.tab_to("Revoke typed").send_keys(Keys.ENTER)
        self.wait_for("Revoke")
        self.tab_to("reason").send_keys("by keyboard", Keys.ENTER)
        self.wait_for("typed")
        self.assertEqual(self.done(), "Token revoked.")
        self.assertEqual(self.pasted(), token)

    def test_to_what_is_wrong(self):
        """The link of an error leads to its field, which says it, too."""
        self.open("/shop/new")
        self.find("#label").send_keys("kept")
        self.find("#from").send_keys("nowhere", Keys.ENTER)
        self.wait(lambda: self.browser.find_elements(By.CSS_SELECTOR, ".trouble"))
        self.wait_for_focus("role", "alert")
        self.browser.switch_to.active_element.send_keys(Keys.TAB)
        self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        self.wait_for_focus("id", "from")
        self.assertEqual(self.find("#from").get_attribute("value"), "nowhere")
        self.assertIn("nowhere", self.find("#from-trouble").text)
        self.assertEqual(self.find("#label").get_attribute("value"), "kept")
        self.shot("wrong")

    def test_search(self):
        """What is pasted gets into the address only if it is no token."""
        token = self.create("wanted")
        self.create("other")
        self.open("/shop/")
        self.find("#q").send_keys("WANTED", Keys.ENTER)
        self.arrived("q=WANTED")
        self.assertIn("wanted", self.find("table").text)
        self.assertNotIn("other", self.find("table").text)
        self.open("/shop/")
        self.find("#q").send_keys(token, Keys.ENTER)
        self.wait(lambda: self.browser.find_elements(By.CSS_SELECTOR, ".trouble"))
        self.assertNotIn(token[8:], self.browser.current_url)
        self.assertNotIn(token, self.browser.page_source)

    def test_two_tabs(self):
        first = self.browser.current_window_handle
        self.open("/shop/new")
        self.find("#label").send_keys("first tab")
        self.browser.switch_to.new_window("tab")
        other = self.create("second tab")
        self.browser.close()
        self.browser.switch_to.window(first)
        self.find("form button").click()
        self.wait_for("Token created")
        self.assertNotEqual(self.site.guard(self.find("#token").get_attribute("value")), other)

    def test_back_shows_no_token(self):
        token = self.create("gone with the page")
        self.browser.find_element(By.LINK_TEXT, "Done").click()
        self.wait_for("Tokens of shop")
        self.browser.back()
        self.assertNotIn(token, self.browser.page_source)

    def test_hostile_labels(self):
        for label in ("<script>document.title='x'</script>\"'><b>", "\"' onfocus='alert(1)' autofocus x=\"", "\u05d0\u05d1 (1) \u05d2"):
            self.create(label)
            self.open("/shop/")
            self.assertIn(label, self.find("table").text)
            self.assertNotEqual(self.browser.title, "x")
            self.browser.find_element(By.LINK_TEXT, label).click()
            self.wait_for(label)
        self.no_complaints()

    def test_label_that_turns_the_text(self):
        self.open("/shop/new")
        self.find("#label").send_keys("\u202egnp.exe", Keys.ENTER)
        self.wait(lambda: self.browser.find_elements(By.CSS_SELECTOR, ".trouble"))
        self.assertIn("Nothing was done.", self.find(".trouble").text)
        self.assertNotIn("\u202e", self.browser.page_source)

    def test_narrow_and_dark(self):
        self.create("W" * 128)
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            for path in ("/shop/", "/shop/new"):
                self.open(path)
                self.screen(360, 740)
                self.shot("narrow-%s-%s" % (scheme, path.strip("/").replace("/", "-")))
                self.assertLessEqual(self.browser.execute_script("return document.documentElement.scrollWidth"), 360)
        self.screen(1280, 800)

    def test_from_another_site(self):
        """The browser sends the password along; the page refuses all the same."""
        self.open("/shop/")
        before = self.tool("list", "--json").out
        self.browser.get(CROSS % self.url("/shop/new", login=""))
        self.browser.execute_script("document.forms[0].submit()")
        self.wait_for("Refused")
        self.assertIn("This did not come from this site.", self.find("main").text)
        self.assertEqual(self.tool("list", "--json").out, before)


class Again(BrowserCase):
    """Reload, Back and Forward after a token was created: there is one, and it is not shown again."""

    def labels(self):
        return [token["label"] for token in json.loads(self.tool("list", "--json").out)]

    def test_reload(self):
        token = self.create("reloaded")
        self.browser.refresh()
        self.wait_for("This form was sent already")
        self.assertNotIn(token, self.browser.page_source)
        self.assertEqual(self.labels().count("reloaded"), 1)

    def test_back_and_again(self):
        token = self.create("back")
        self.browser.back()
        self.wait_for("Create a token")
        self.assertNotIn(token, self.browser.page_source)
        self.find("form button").click()
        self.wait(lambda: self.browser.find_elements(By.CSS_SELECTOR, "[role=alert], strong"))
        self.assertIn("Nothing", self.find("main").text)
        self.assertEqual(self.labels().count("back"), 1)

    def test_forward(self):
        token = self.create("forward")
        self.browser.back()
        self.wait_for("Create a token")
        self.browser.forward()
        self.assertNotIn(token, self.browser.page_source)
        self.assertEqual(self.labels().count("forward"), 1)

    def test_after_revoke(self):
        self.create("ended")
        self.open("/shop/?q=ended")
        self.browser.find_element(By.PARTIAL_LINK_TEXT, "Revoke").click()
        self.wait_for("Revoke")
        self.find("form button").click()
        self.wait_for("ended")
        self.browser.refresh()
        self.wait_for("ended")
        self.assertEqual(self.done(), "Token revoked.")
        self.browser.back()
        self.wait_for("Revoke")
        self.find("form button").click()
        self.wait(lambda: "Nothing" in self.find("main").text)


class FromElsewhere(BrowserCase):
    """Forms of others, with the password that the browser remembers."""

    http = HTTP + "server { listen 127.0.0.1:{port}; server_name evil.test; default_type text/html; }"
    form = "<form method=post action='%s'%s><input name=label value=x><button>x</button></form>"

    def setUp(self):
        super().setUp()
        self.open("/shop/")
        before = self.tool("list", "--json").out
        self.addCleanup(lambda: self.assertEqual(self.tool("list", "--json").out, before))

    def foreign(self, more=""):
        return self.form % (self.url("/shop/new", login=""), more)

    def refused(self):
        self.wait_for("Refused")
        self.assertIn("This did not come from this site.", self.find("main").text)

    def posts(self):
        """The statuses of all that were answered."""
        with open(os.path.join(self.nginx.folder, "access.log")) as file:
            return re.findall(r'^\d+ (\d+) "POST /shop/new ', file.read(), re.M)

    def test_another_origin(self):
        """That only has another name."""
        self.nginx.write("html/form.html", self.foreign())
        self.open("/form.html", host="evil.test", login="")
        self.find("button").click()
        self.refused()

    def test_file(self):
        path = os.path.join(self.site.dir, "form.html")
        with open(path, "w") as file:
            file.write(self.foreign())
        self.browser.get("file://" + path)
        self.find("button").click()
        self.refused()

    def frame(self, sandbox, form):
        page = "<iframe sandbox='%s' srcdoc='%s'></iframe>" % (sandbox, html.escape(form))
        self.nginx.write("html/frame.html", page)
        self.open("/frame.html", host="evil.test", login="")
        self.browser.switch_to.frame(0)
        self.find("button").click()
        self.browser.switch_to.default_content()

    def test_sandboxed_frame(self):
        before = len(self.posts())
        self.frame("allow-forms", self.foreign())
        wait_until(lambda: len(self.posts()) > before, "the form")
        self.assertIn(self.posts()[-1], ("401", "403"))  # without the password, or with it

    def test_out_of_a_sandboxed_frame(self):
        self.frame("allow-forms allow-top-navigation", self.foreign(" target=_top"))
        self.refused()


class Https(BrowserCase):
    http = HTTPS
    scheme = "https"

    @classmethod
    def prepare(cls):
        certificate(os.path.join(cls.nginx.folder, "server"), "/CN=panel.test")

    def test_copy(self):
        token = self.create("over https")
        self.assertTrue(self.browser.execute_script("return isSecureContext && !!navigator.clipboard"))
        self.find("#copy").click()
        self.wait(lambda: self.find("#copied").text == "Copied.")
        self.assertEqual(self.pasted(), token)
        self.no_complaints()


CONTRASTS = """
    const parse = text => text.match(/[\\d.]+/g).map(Number);
    const part = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    const behind = element => {
        for (; element; element = element.parentElement) {
            const color = parse(getComputedStyle(element).backgroundColor);
            if (color.length < 4 || color[3] === 1) return color;
        }
        return matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0] : [255, 255, 255];
    };
    const ratio = (one, other) => {
        const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const found = [];
    for (const element of document.body.querySelectorAll('*')) {
        const style = getComputedStyle(element), input = element.matches('input[type=text], input[type=search], input[type=number]');
        if (input) found.push([element.tagName, 'border', ratio(parse(style.borderTopColor), behind(element.parentElement))]);
        if (input || [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
            found.push([element.tagName, 'text', ratio(parse(style.color), behind(element))]);
    }
    return found;
"""


class ForEverybody(BrowserCase):
    def media(self, scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def contrasts(self, least=8):
        found = self.browser.execute_script(CONTRASTS)
        self.assertGreater(len(found), least)
        for tag, kind, ratio in found:
            self.assertGreaterEqual(ratio, 4.5 if kind == "text" else 3, (tag, kind, self.heading()))

    def test_contrast(self):
        """WCAG 2: 4.5 for text, 3 for the borders of fields."""
        for scheme in ("light", "dark"):
            self.media(scheme)
            self.create("seen by all " + scheme)
            self.contrasts()
            self.open("/shop/")
            self.contrasts()
            self.browser.find_element(By.PARTIAL_LINK_TEXT, "Revoke").click()
            self.wait_for("Revoke")
            self.contrasts()
            self.find("form button").click()
            self.wait_for("seen by all")
            self.contrasts()
            self.open("/shop/new")
            self.find("form button").click()
            self.wait(lambda: self.browser.find_elements(By.CSS_SELECTOR, ".trouble"))
            self.contrasts()

    def tree(self):
        """What a screen reader is told: role, name, description and properties of each node."""
        found = []
        for node in self.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]:
            if not node["ignored"]:
                said = {prop["name"]: prop["value"].get("value") for prop in node.get("properties", ())}
                said["description"] = node.get("description", {}).get("value", "")
                found.append((node["role"]["value"], node.get("name", {}).get("value", ""), said))
        return found

    def said(self, role, name):
        """The properties of the one node of this role whose name begins so."""
        found = [said for one, text, said in self.tree() if one == role and text.startswith(name)]
        self.assertEqual(len(found), 1, (role, name, self.tree()))
        return found[0]

    def test_accessibility_tree(self):
        self.create("CI deploy")
        self.assertTrue(self.said("textbox", 'Token of "CI deploy"')["readonly"])
        self.said("button", "Copy Token")
        self.assertEqual(self.said("heading", "Token created")["level"], 1)
        self.assertEqual(self.said("status", "")["live"], "polite")
        self.wait_for_focus("tagName", "H1")
        for width in (1280, 360):
            self.screen(width, 740)
            self.open("/shop/?q=CI")
            self.said("table", "Tokens, newest first")
            for name in ("Label", "State", "Created", "Expires", "Actions"):
                self.said("columnheader", name)
            self.said("rowheader", "CI deploy")
            self.said("link", "Revoke CI deploy")
            self.said("link", "Rotate CI deploy")
            self.said("navigation", "Which tokens")
            self.said("searchbox", "Label")
        self.screen(1280, 800)
        self.open("/shop/new")
        self.assertIn("What the token is for", self.said("textbox", "Token Label")["description"])
        self.find("form button").click()
        self.wait(lambda: self.browser.find_elements(By.CSS_SELECTOR, ".trouble"))
        self.said("alert", "")
        self.assertEqual(self.said("textbox", "Token Label")["invalid"], "true")
        self.wait_for_focus("role", "alert")


class WithoutScript(BrowserCase):
    script = False

    def test_token_can_be_seen(self):
        token = self.create("no script")
        self.assertFalse(self.find("#copy").is_displayed())
        self.assertTrue(self.find("#token").is_displayed())
        self.assertTrue(re.fullmatch(r"tok_\w{61}", token))

    def test_story(self):
        self.create("no script at all")
        self.browser.find_element(By.LINK_TEXT, "Done").click()
        self.wait_for("Tokens of shop")
        self.find("#q").send_keys("at all", Keys.ENTER)
        self.arrived("q=at")
        self.browser.find_element(By.PARTIAL_LINK_TEXT, "Rotate").click()
        self.wait_for("Rotate")
        self.find("form button").click()
        self.wait_for("Token created")
        self.site.guard(self.find("#token").get_attribute("value"))
        self.open("/shop/?q=at+all")
        self.browser.find_element(By.PARTIAL_LINK_TEXT, "Revoke").click()
        self.wait_for("Revoke")
        self.find("form button").click()
        self.wait_for("no script at all")
        self.assertEqual(self.done(), "Token revoked.")


if __name__ == "__main__":
    unittest.main()
