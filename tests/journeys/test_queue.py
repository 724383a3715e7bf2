"""Staff at work in a real browser: filter, tick all, refuse with a reason (S3.2)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import Membership
from tests.factories import membership, organisation, person, sign_in, staff
from tests.journeys.looks import PHONE, Looks


@pytest.mark.parametrize("looks", [Looks(), Looks(size=PHONE)], ids=str)
def test_staff_filter_tick_and_refuse_with_a_reason(
    site: str, visit: Callable[..., Page], database: Any, looks: Looks
) -> None:
    with database():
        cse = organisation()
        for last_name in ("Caron", "Caron", "Delmas"):
            membership(person(last_name=last_name), cse)
        desk = sign_in(Client(), staff(cse), second_factor=True)
    page = visit(site, looks, {"sessionid": desk.cookies["sessionid"].value})
    page.goto(f"{site}/cse/")
    page.get_by_label("Tout sélectionner sur cette page").check()  # on a phone too
    expect(page.locator("tbody :checked")).to_have_count(3)
    page.get_by_label("Rechercher").fill("caron")
    expect(page.get_by_role("link", name="Examiner")).to_have_count(2)
    boxes = page.locator("tbody input[type=checkbox]")
    for number in range(2):
        boxes.nth(number).check()
    page.wait_for_timeout(600)  # leaving the search field fetches nothing that would untick them
    expect(page.locator("tbody :checked")).to_have_count(2)
    page.get_by_label("Motif d'un refus").fill("Inconnu de nos services")
    page.get_by_role("button", name="Refuser").click()
    expect(page.get_by_text("2 demandes refusées")).to_be_visible()
    with database():
        assert Membership.objects.filter(state="refused", reason="Inconnu de nos services").count() == 2
