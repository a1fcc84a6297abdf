"""toktab-panel in a real Chromium: copying, the keyboard, what Back shows, narrow and dark screens."""

import os
import re
import unittest

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from harness import TOP
from panel_host import PanelCase

SHOTS = os.path.join(TOP, "build", "browser")
PARAMETERS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run",
    "--disable-background-networking",
    "--host-resolver-rules=MAP panel.test 127.0.0.1, MAP evil.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip

CROSS = "data:text/html,<form method=post action='%s'><input name=label value=x></form>"


class BrowserCase(PanelCase):
    script = True
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
        return "http://%s%s:%d%s" % (login, host, self.nginx.port, path)

    def open(self, path, **named):
        self.browser.get(self.url(path, **named))

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def heading(self):
        return self.find("h1").text

    def wait_for(self, heading):
        changing = (NoSuchElementException, StaleElementReferenceException)
        WebDriverWait(self.browser, 30, ignored_exceptions=changing).until(lambda _: heading in self.heading())

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
        WebDriverWait(self.browser, 10).until(lambda _: self.find("#copied").text == "Copied.")
        self.assertEqual(self.pasted(), token)
        self.shot("list")
        self.browser.find_element(By.PARTIAL_LINK_TEXT, "Revoke").click()
        self.wait_for("Revoke")
        self.shot("revoke")
        self.find("form button").click()
        self.wait_for("CI deploy")
        self.assertEqual(self.find(".done").text, "Token revoked.")
        self.shot("token")
        self.no_complaints()

    def test_by_keyboard(self):
        self.open("/shop/new")
        for _ in range(60):
            field = self.browser.switch_to.active_element
            if field.get_attribute("id") == "label":
                break
            field.send_keys(Keys.TAB)
        field.send_keys("typed", Keys.ENTER)
        self.wait_for("Token created")
        self.site.guard(self.find("#token").get_attribute("value"))

    def test_back_shows_no_token(self):
        token = self.create("gone with the page")
        self.browser.find_element(By.LINK_TEXT, "Done").click()
        self.wait_for("Tokens of shop")
        self.browser.back()
        self.assertNotIn(token, self.browser.page_source)

    def test_hostile_label(self):
        label = "<script>document.title='x'</script>\"'><b>"
        self.create(label)
        self.open("/shop/")
        self.assertIn(label, self.find("table").text)
        self.assertNotEqual(self.browser.title, "x")
        self.no_complaints()

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


class WithoutScript(BrowserCase):
    script = False

    def test_token_can_be_seen(self):
        token = self.create("no script")
        self.assertFalse(self.find("#copy").is_displayed())
        self.assertTrue(self.find("#token").is_displayed())
        self.assertTrue(re.fullmatch(r"tok_\w{61}", token))


if __name__ == "__main__":
    unittest.main()
