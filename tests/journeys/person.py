"""Somebody at a browser, in their own language, with or without JavaScript."""

import re
import time
from typing import Any

from django.utils import translation
from playwright.sync_api import Page, expect

from tests.journeys.looks import Looks

PASSWORD = "mirabelle-demo"
GOOD_CARD = "4999 9900 0000 0015"


class Person:
    """Somebody at a browser, who knows the product's words in their language."""

    def __init__(self, page: Page, looks: Looks) -> None:
        self.page, self.looks = page, looks

    def word(self, french: str) -> str:
        with translation.override(self.looks.language):
            return translation.gettext(french)

    def press(self, french: str, *, within: Any = None) -> None:
        """Press the button that says so; what follows a `%(…)s` in its text may be anything."""
        words = re.escape(self.word(french).partition("%(")[0].strip())
        # The name of a button is told with plain spaces, whatever stands on it.
        name = re.compile(re.sub("[\u00a0\u202f]", r"\\s", words), re.IGNORECASE)
        (within or self.page.locator("main")).get_by_role("button", name=name).first.click()
        self.page.wait_for_load_state()

    def fill(self, french: str, text: str) -> None:
        self.page.get_by_label(self.word(french), exact=False).first.fill(text)

    def sees(self, french: str, seconds: float = 60) -> None:
        """The words appear: by themselves with JavaScript, on a fresh look without."""
        words, deadline = self.word(french), time.monotonic() + seconds
        while words not in self.page.locator("main").inner_text():
            assert time.monotonic() < deadline, f"{words!r} did not appear on {self.page.url}"
            if self.looks.javascript:
                self.page.wait_for_timeout(200)
            else:
                time.sleep(0.5)
                self.page.reload()

    def sign_in(self, email: str) -> None:
        self.page.goto("/compte/connexion/")
        self.page.locator("input[type=email]").fill(email)
        self.page.locator("input[type=password]").fill(PASSWORD)
        self.press("Se connecter")

    def mail_about(self, *words: str, seconds: float = 60) -> str:
        """The text of the newest sandbox mail that has all these words."""
        deadline, reader = time.monotonic() + seconds, self.page.context.new_page()
        try:
            while time.monotonic() < deadline:
                reader.goto("/sandbox/mail/")
                letters = reader.locator("main a[href*='/sandbox/mail/']").evaluate_all(
                    "a => a.map(x => x.href)"
                )
                for letter in [a for a in letters if re.search(r"/mail/\d+/$", a)][:6]:
                    reader.goto(letter)
                    text = reader.locator("main").inner_text()
                    if all(word in text for word in words):
                        return text
                time.sleep(0.5)
        finally:
            reader.close()
        raise AssertionError(f"no mail has {words}")

    def pay_at_the_bank(self) -> None:
        """On the sandbox bank's page: a card that asks for the code of an SMS (S3.6)."""
        page = self.page
        page.locator("input[autocomplete=cc-number]").fill(GOOD_CARD)
        page.locator("input[autocomplete=cc-exp]").fill("12/29")
        page.locator("input[autocomplete=cc-csc]").fill("123")
        page.locator("input[autocomplete=cc-name]").fill("N Essai")
        page.locator("main button").first.click()
        expect(page.locator("input[autocomplete=one-time-code]")).to_be_visible(timeout=60_000)
        page.locator("input[autocomplete=one-time-code]").fill(self.sms_code())
        page.locator("main button").first.click()

    def sms_code(self) -> str:
        reader = self.page.context.new_page()
        reader.goto("/sandbox/sms/")
        found = re.search(r"\b(\d{6})\b", reader.locator("main").inner_text())
        reader.close()
        assert found
        return found[1]
