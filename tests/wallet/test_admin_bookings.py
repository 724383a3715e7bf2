"""Operators find a booking and read it; nothing is changed there, and no ticket code is shown."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.orders.booking_rows import make_booking
from tests.wallet.cinema_factories import make_screening
from tests.wallet.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    person = make_user(is_staff=True, is_superuser=True)
    client.force_login(person)
    return client


@pytest.mark.parametrize("how", ["number", "email", "screening"])
def test_an_operator_finds_a_booking_and_reads_it_without_its_code(operator: Client, how: str) -> None:
    ada = make_user()
    booking, other = (make_booking(ada, make_screening()), make_booking(make_user(), make_screening()))
    words = {"number": booking.number, "email": ada.email, "screening": booking.screening.code}
    found = operator.get(reverse("admin:wallet_booking_changelist"), {"q": words[how]}).content.decode()
    assert booking.number in found
    assert f">{other.number}<" not in found
    page = operator.get(reverse("admin:wallet_booking_change", args=[booking.pk])).content.decode()
    assert booking.number in page
    assert booking.code not in page


def test_nobody_edits_a_booking_there(operator: Client) -> None:
    booking = make_booking(make_user(), make_screening())
    address = reverse("admin:wallet_booking_change", args=[booking.pk])
    assert operator.post(address, {"seats": 9}).status_code == 403
    seats = booking.seats
    booking.refresh_from_db()
    assert booking.seats == seats
