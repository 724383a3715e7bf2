"""Every page, for each kind of person: accessible, within the window, silent, in both themes."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Response

from tests.journeys.looks import (
    DESKTOP,
    PHONE,
    SMALLEST,
    Looks,
    accessibility_faults,
    overflow_faults,
    structure_faults,
    target_faults,
)
from tests.journeys.pages import by_person, cookies_of


def status_faults(answer: Response, address: str) -> list[str]:
    arrived = answer.url.endswith(address)
    return [] if answer.ok and arrived else [f"{answer.status} at {answer.url}"]


def faults_of(page: Page) -> list[str]:
    """Everything wrong with the page now open, in both themes and in three widths."""
    faults = structure_faults(page) + accessibility_faults(page)
    page.emulate_media(color_scheme="dark")
    faults += [f"dark: {fault}" for fault in accessibility_faults(page)]
    page.emulate_media(color_scheme="light")
    faults += overflow_faults(page, PHONE) + target_faults(page)
    faults += [f"phone: {fault}" for fault in accessibility_faults(page)]
    return faults + overflow_faults(page, SMALLEST)


@pytest.mark.parametrize("who", by_person(), ids=lambda who: who.partition("@")[0] or "nobody")
def test_pages_have_no_fault(demo_site: str, visit: Callable[..., Page], database: Any, who: str) -> None:
    with database():
        cookies, addresses = cookies_of(who), {str(one): one.address for one in by_person()[who]}
    page, found = visit(demo_site, cookies=cookies), {}
    for name, address in addresses.items():
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        answer = page.goto(address)
        assert answer is not None
        if faults := status_faults(answer, address) + faults_of(page):
            found[name] = faults
    assert found == {}


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
