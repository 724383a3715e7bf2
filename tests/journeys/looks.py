"""How a page is looked at, and what may be wrong with it."""

from dataclasses import dataclass
from typing import ClassVar

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Response

PHONE = (390, 844)
DESKTOP = (1280, 900)
SMALLEST = (320, 640)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What reaches beyond the right edge of the window, scrollers and hidden helpers aside.
OVERFLOW = """() => {
  const { clientWidth: width, scrollWidth } = document.documentElement, found = [];
  if (scrollWidth > width) found.push(`page: ${scrollWidth} px`);
  for (const el of document.querySelectorAll("main *, header *, footer *, aside *")) {
    const box = el.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    if (el.closest(".segments, .hush, .sprite, .art, thead, .skip, details:not([open]), svg *")) continue;
    const out = box.right > width + 1 || box.left < -1;
    if (out) found.push(`${el.tagName}.${el.className} ${Math.round(box.right)} px`);
  }
  return found.slice(0, 5);
}"""
# Targets under 44 px, links inside a sentence aside.
TARGETS = """() => {
  const found = [], controls = "a[href], button, summary, input:not([type=hidden]), select, textarea";
  for (const el of document.querySelectorAll(controls)) {
    let box = el.getBoundingClientRect();
    const style = getComputedStyle(el);
    if (!box.width || !box.height || style.visibility === "hidden") continue;
    if (el.closest(".hush, .skip") || (el.tagName === "A" && style.display === "inline")) continue;
    if (el.matches("[type=checkbox], [type=radio]"))
      box = (el.closest("label, .choice") ?? el).getBoundingClientRect();
    const name = `${el.tagName}.${el.className} «${el.textContent.trim().slice(0, 20)}»`;
    const [width, height] = [Math.round(box.width), Math.round(box.height)];
    if (height < 44 || width < 44) found.push(`${name} ${width}×${height}`);
  }
  return found.slice(0, 8);
}"""


@dataclass(frozen=True)
class Looks:
    """One way of looking: window, theme, language, JavaScript."""

    size: tuple[int, int] = DESKTOP
    theme: str = "light"
    language: str = "fr"
    javascript: bool = True

    def __str__(self) -> str:
        script = "js" if self.javascript else "nojs"
        return f"{self.size[0]}-{self.theme}-{self.language}-{script}"


class Visit:
    """One browser window with its own cookies; keeps what went wrong in it."""

    examining: ClassVar[bool] = False  # axe tries inline styles on the page, which our CSP rightly refuses

    def __init__(self, browser: Browser, site: str, looks: Looks, cookies: dict[str, str]) -> None:
        self.troubles: list[str] = []
        self.context = browser.new_context(
            base_url=site,
            viewport={"width": looks.size[0], "height": looks.size[1]},
            color_scheme=looks.theme,  # type: ignore[arg-type]
            locale="fr-FR" if looks.language == "fr" else "en-GB",
            timezone_id="Europe/Paris",
            java_script_enabled=looks.javascript,
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(10_000)
        self.context.add_cookies([{"name": n, "value": v, "url": site} for n, v in cookies.items()])
        self.page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self._note(f"script: {error}"))
        self.page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        expected = "Failed to load resource" in message.text  # judged by _answered
        if message.type in ("error", "warning") and not expected and not Visit.examining:
            self._note(f"console: {message.text}")

    def _answered(self, response: Response) -> None:
        if response.status >= 500 or (response.status == 404 and "/static/" in response.url):
            self._note(f"{response.status}: {response.url}")

    def _note(self, trouble: str) -> None:
        self.troubles.append(f"{self.page.url}: {trouble}")

    def close(self) -> None:
        self.context.close()


def accessibility_faults(page: Page) -> list[str]:
    """What axe finds, one line per rule; empty when all is well."""
    options = {"runOnly": RULES, "resultTypes": ["violations"], "preload": False}
    Visit.examining = True
    try:
        results = Axe().run(page, options=options).response
    finally:
        Visit.examining = False
    return [
        f"{found['id']}: " + " | ".join(" ".join(map(str, node["target"])) for node in found["nodes"][:3])
        for found in results["violations"]
    ]


def structure_faults(page: Page, language: str = "fr") -> list[str]:
    """One h1, a title of its own, the right language."""
    faults = []
    if (count := page.locator("h1").count()) != 1:
        faults.append(f"{count} h1")
    if not page.title().removesuffix("· Mirabelle").strip():
        faults.append("no title")
    if (found := page.locator("html").get_attribute("lang")) != language:
        faults.append(f"lang={found}")
    return faults


def overflow_faults(page: Page, size: tuple[int, int] = SMALLEST) -> list[str]:
    """What does not fit into a window of this size."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    return [f"overflow at {size[0]} px: {found}" for found in page.evaluate(OVERFLOW)]


def target_faults(page: Page) -> list[str]:
    return [f"small target: {found}" for found in page.evaluate(TARGETS)]
