"""Every page, for each kind of person: accessible, within the window, silent, in both themes."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.journeys.looks import (
    PHONE,
    SMALLEST,
    Looks,
    accessibility_faults,
    overflow_faults,
    structure_faults,
    target_faults,
)

ANYBODY = ["/aide/", "/confidentialite/", "/accessibilite/", "/rien/"]
PAGES = [("nobody", address) for address in ANYBODY]


def faults_of(page: Page) -> list[str]:
    """Everything wrong with the page now open, in both themes and in three widths."""
    faults = structure_faults(page) + accessibility_faults(page)
    page.emulate_media(color_scheme="dark")
    faults += [f"dark: {fault}" for fault in accessibility_faults(page)]
    page.emulate_media(color_scheme="light")
    faults += overflow_faults(page, PHONE) + target_faults(page)
    faults += [f"phone: {fault}" for fault in accessibility_faults(page)]
    return faults + overflow_faults(page, SMALLEST)


@pytest.mark.parametrize(("role", "address"), PAGES)
def test_page_has_no_fault(site: str, visit: Callable[..., Page], role: str, address: str) -> None:
    page = visit(site)
    page.goto(address)
    assert faults_of(page) == []


BROKEN = """<!doctype html><html lang="en"><head><title> · Mirabelle</title></head><body><main>
<h1>One</h1><h1>Two</h1><img src="/static/favicon.svg" width="500">
<p class="muted" data-x>text</p><button>ok</button><input></main></body></html>"""


def test_a_fault_is_found(site: str, visit: Callable[..., Page]) -> None:
    page = visit(site)
    page.goto("/aide/")
    page.set_content(BROKEN)
    found = "\n".join(faults_of(page))
    for expected in (
        "2 h1",
        "no title",
        "lang=en",
        "image-alt",
        "overflow at 320 px",
        "small target",
        "dark: ",
    ):
        assert expected in found


def test_an_inline_script_is_reported(site: str, browser: Any) -> None:
    from tests.journeys.looks import Visit

    visit = Visit(browser, site, Looks(), {})
    visit.page.goto("/aide/")
    visit.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: '1'}))"
    )
    visit.page.wait_for_timeout(100)
    visit.close()
    assert any("Content Security Policy" in trouble for trouble in visit.troubles)
