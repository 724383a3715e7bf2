"""Pictures of every page: `pytest tests/journeys/shoot.py` writes them to var/shots (or SHOTS=folder)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page

from tests.journeys.looks import DESKTOP, PHONE, Looks
from tests.journeys.pages import by_person, cookies_of, furnish

FOLDER = Path(os.environ.get("SHOTS", settings.BASE_DIR / "var" / "shots"))
LOOKS = {"phone-light": Looks(PHONE), "wide-light": Looks(DESKTOP), "phone-dark": Looks(PHONE, "dark")}


@pytest.mark.parametrize("look", LOOKS)
def test_shoot(demo_site: str, visit: Callable[..., Page], database: Any, look: str) -> None:
    with database():
        furnish()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for who, opened in by_person().items():
        with database():
            cookies, addresses = cookies_of(who), {str(one): one.address for one in opened}
        page = visit(demo_site, LOOKS[look], cookies)
        for name, address in addresses.items():
            page.goto(address)
            page.screenshot(path=FOLDER / f"{name}-{look}.png", full_page=True, animations="disabled")
