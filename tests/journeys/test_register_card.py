"""Registering a printed card on a telephone: typed, photographed, scanned; JavaScript on and off (S2.1)."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from tests.journeys.looks import (
    PHONE,
    SMALLEST,
    Looks,
    accessibility_faults,
    overflow_faults,
    target_faults,
)
from tests.wallet.factories import make_printed, make_product, make_user
from tests.wallet.test_register import photo_of
from wallet.models import Card
from wallet.states import CardKind

NUMBER = "200466318274"
# A browser that reads barcodes: Chromium on Linux has no detector of its own, and this machine no camera.
CAMERA = f"""
window.BarcodeDetector = class {{ async detect() {{ return [{{ rawValue: "{NUMBER}" }}]; }} }};
const picture = Object.assign(document.createElement("canvas"), {{ width: 64, height: 48 }});
picture.getContext("2d").fillRect(0, 0, 64, 48);
Object.defineProperty(navigator, "mediaDevices", {{
  value: {{ getUserMedia: async () => window.stream = picture.captureStream(5) }}
}});
"""


@pytest.fixture
def ready(site: str, database: Any) -> dict[str, str]:
    """The session of somebody who holds a card of three places and a named one, on paper."""
    with database():
        client, ada = Client(), make_user()
        client.force_login(ada)
        make_printed(NUMBER, make_product(3))
        make_printed(
            "310020040082", make_product(9, kind=CardKind.NAMED, artwork="named"), surname="DUBREUIL"
        )
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


def opened(page: Page) -> Page:
    page.goto("/portefeuille/enregistrer/")
    return page


def register(page: Page) -> None:
    page.get_by_role("button", name="Enregistrer", exact=True).click()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_a_card_is_typed_and_is_in_the_wallet(
    site: str, visit: Callable[..., Page], ready: dict[str, str], javascript: bool
) -> None:
    page = opened(visit(site, Looks(PHONE, javascript=javascript), ready))
    expect(page.get_by_label("Nom de famille")).to_be_hidden()
    page.get_by_label("Numéro de la carte").fill("2004 6631 8275")
    register(page)
    expect(page.get_by_text("n'est pas reconnue").first).to_be_visible()
    expect(page.get_by_label("Numéro de la carte")).to_have_value("2004 6631 8275")
    page.get_by_label("Numéro de la carte").fill("2004-6631-8274")
    register(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("CinéCarte 3 places")
    expect(page.get_by_text("3 places restantes")).to_be_visible()
    expect(page.get_by_text("2004 6631 8274").first).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_a_named_card_asks_for_the_surname(
    site: str, visit: Callable[..., Page], ready: dict[str, str], javascript: bool
) -> None:
    page = opened(visit(site, Looks(PHONE, javascript=javascript), ready))
    page.get_by_role("radio", name="Carte nominative", exact=True).check()
    page.get_by_label("Nom de famille").fill("dubreuil")
    page.get_by_label("Numéro de la carte").fill("3100 2004 0082")
    register(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("•••• 082")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_a_photograph_fills_the_number_in(
    site: str, visit: Callable[..., Page], ready: dict[str, str], javascript: bool
) -> None:
    page = opened(visit(site, Looks(PHONE, javascript=javascript), ready))
    page.get_by_text("Lire le numéro sur une photo").click()
    photo = {"name": "photo.png", "mimeType": "image/png", "buffer": photo_of(NUMBER)}
    page.get_by_label("Photo du code-barres").set_input_files(photo)  # type: ignore[arg-type]
    if not javascript:
        page.get_by_role("button", name="Lire la photo").click()
    expect(page.get_by_text("Le numéro est lu")).to_be_visible()
    expect(page.get_by_label("Numéro de la carte")).to_have_value(NUMBER)
    register(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("CinéCarte 3 places")


def test_a_browser_that_reads_barcodes_scans_and_lets_go_of_the_camera(
    site: str, visit: Callable[..., Page], ready: dict[str, str], database: Any
) -> None:
    page = visit(site, Looks(PHONE), ready)
    page.add_init_script(CAMERA)
    opened(page).get_by_role("button", name="Scanner le code-barres").click()
    expect(page.get_by_label("Numéro de la carte")).to_have_value(NUMBER)
    expect(page.get_by_label("Numéro de la carte")).to_be_focused()
    assert page.evaluate("window.stream.getTracks().every((track) => track.readyState === 'ended')")
    with database():
        assert not Card.objects.exists()


def test_without_a_detector_nothing_promises_a_scan(
    site: str, visit: Callable[..., Page], ready: dict[str, str]
) -> None:
    page = opened(visit(site, Looks(PHONE), ready))
    expect(page.get_by_role("button", name=re.compile("Scanner"))).to_be_hidden()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_refusal_is_accessible_in_the_narrowest_window(
    site: str, visit: Callable[..., Page], ready: dict[str, str], theme: str
) -> None:
    page = opened(visit(site, Looks(SMALLEST, theme), ready))
    page.get_by_role("radio", name="Carte nominative", exact=True).check()
    page.get_by_text("Lire le numéro sur une photo").click()
    register(page)
    assert accessibility_faults(page) + overflow_faults(page) + target_faults(page) == []
