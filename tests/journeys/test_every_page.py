"""Every page, for each kind of person: accessible, within the window, silent, in both themes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import get_resolver
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
from tests.journeys.pages import PAGES, by_person, cookies_of, furnish


def status_faults(answer: Response, address: str, expected: int) -> list[str]:
    right = answer.url.endswith(address) and answer.status == expected
    return [] if right else [f"{answer.status} at {answer.url}"]


def faults_of(page: Page) -> list[str]:
    """Everything wrong with the page now open: wide and light, then narrow and dark, then narrowest."""
    faults = structure_faults(page) + accessibility_faults(page)
    page.emulate_media(color_scheme="dark")
    faults += overflow_faults(page, PHONE) + target_faults(page)
    faults += [f"dark phone: {fault}" for fault in accessibility_faults(page)]
    page.emulate_media(color_scheme="light")
    return faults + overflow_faults(page, SMALLEST)


@pytest.mark.parametrize("who", by_person(), ids=lambda who: who.partition("@")[0] or "nobody")
def test_pages_have_no_fault(demo_site: str, visit: Callable[..., Page], database: Any, who: str) -> None:
    with database():
        furnish()
        cookies, addresses = cookies_of(who), [(one, one.address) for one in by_person()[who]]
    page, found = visit(demo_site, cookies=cookies), {}
    for opened, address in addresses:
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        answer = page.goto(address)
        assert answer is not None
        if faults := status_faults(answer, address, opened.status) + faults_of(page):
            found[str(opened)] = faults
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
        "dark phone: ",
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


# Addresses that show no page of ours to look at, or one that only a state of its own reaches.
ELSEWHERE = {
    "POST only": {
        "accounts:check_key",
        "accounts:withdraw",
        "billing:mandate_end",
        "booking:keep",
        "cse:decide",
        "cse:revoke",
        "cse:switch",
        "loyalty:claim",
        "loyalty:resend",
        "orders:cancel",
        "orders:checkout",
        "orders:line",
        "orders:points",
        "orders:settle",
        "orders:webhook",
        "sandbox:bank_abandon",
        "sandbox:bank_resend",
        "set_language",
        "set_theme",
        "terminal:abandon",
        "terminal:device",
        "terminal:language",
        "terminal:mail",
        "terminal:operator",
        "terminal:password",
        "terminal:sign_out",
        "terminal:team",
        "wallet:adopt",
        "wallet:block",
        "wallet:renew",
        "wallet:revoke",
        "wallet:send",
        "sandbox:bank_code",
        "merchant:device",
        "merchant:operator",
        "merchant:switch",
        "merchant:withdraw",
        "orders:bulk_place",
        "orders:bulk_resend",
    },
    "a file, a fragment or a letter": {
        "billing:csv",
        "billing:pdf",
        "booking:calendar",
        "booking:status",
        "booking:ticket",
        "cse:export_keys",
        "mfa_download_recovery_codes",
        "orders:credit_note",
        "orders:invoice",
        "orders:price",
        "orders:timeline",
        "sandbox:letter_html",
        "terminal:manifest",
        "terminal:worker",
        "wallet:deadlines",
        "wallet:pdf",
        "wallet:received_pdf",
        "merchant:export",
        "merchant:invoice",
        "merchant:statement_file",
        "merchant:statement_lines",
        "orders:bulk_csv",
        "orders:bulk_example",
        "orders:bulk_file",
        "orders:bulk_state",
    },
    "in the middle of a journey": {
        "account_set_password",  # for people without a password: there are none
        "accounts:request",
        "orders:return",  # leads on to the order
        "mfa_authenticate",
        "mfa_edit_webauthn",
        "mfa_login_webauthn",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
        "mfa_remove_webauthn",
        "mfa_view_recovery_codes",
        "wallet:received",
    },
}


def names_of(resolver: Any, prefix: str = "") -> set[str]:
    """The names of every address below `resolver`, Django admin's aside."""
    names = set()
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            names |= set() if pattern.namespace == "admin" else names_of(pattern, inner)
        elif pattern.name:
            names.add(prefix + pattern.name)
    return names


def test_no_page_is_forgotten() -> None:
    known = {opened.name for opened in PAGES} | set().union(*ELSEWHERE.values())
    assert names_of(get_resolver()) - known == set()
    assert known - names_of(get_resolver()) == set()
