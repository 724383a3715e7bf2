"""The till's screen, photographed: a decoder that knows nothing of us reads the card's number (S3.9)."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser

from tests.barcodes import decode
from tests.wallet.factories import make_card, make_user
from wallet.services.number import open_number

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shown(live_server) -> Iterator[tuple[str, str, str]]:
    """The address of a till page, the cookie of its card's holder, the number it must show."""
    holder = make_user()
    card = make_card(holder)
    client = Client()
    client.force_login(holder)
    number = open_number(card.number_sealed, card_id=card.pk)
    url = live_server.url + reverse("wallet:till", args=[card.pk])
    return url, client.cookies[settings.SESSION_COOKIE_NAME].value, number


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "scale"), [(320, 2), (390, 3), (1280, 1)])
def test_the_barcode_on_the_screen_reads_as_the_number(  # S3.9
    browser: Browser, shown, javascript, scheme, width, scale
):
    url, session, number = shown
    context = browser.new_context(
        viewport={"width": width, "height": 844},
        device_scale_factor=scale,
        color_scheme=scheme,
        java_script_enabled=javascript,
    )
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}])
    page = context.new_page()
    page.goto(url)
    picture = page.screenshot()
    wide = page.evaluate("document.documentElement.scrollWidth") if javascript else width
    text = page.locator("figcaption").inner_text()
    context.set_offline(True)
    still = page.locator(".barcode").screenshot()
    context.close()
    assert decode(picture) == [number]
    assert decode(still) == [number]
    assert text.replace(" ", "") == number
    assert wide <= width
