"""Using points: the one-time code for a till (S4.12) and rewards, which become cards of the wallet (S2.2)."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import User
from documents.services.barcode import data_uri, qr_svg
from ledger.models import Account
from loyalty.errors import OneTimeCodeRefused
from loyalty.models import Member, OneTimeCode, Programme, RewardClaim
from tests.loyalty.pages import address, joined, reader_of, text_of
from tests.loyalty.points import DAY, NOW, available, buy, everything, fresh, member, programme, shipped
from tests.merchants.factories import make_till, pay_in_points
from wallet.models import Card, CardProduct

pytestmark = pytest.mark.django_db
PAY = "/fidelite/mirabelle/payer/"
AT_ONCE = {"activation_days": {"online": 0, "shop": 0}}


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as moving:
        yield moving


@pytest.fixture
def ada(client: Client) -> User:
    return reader_of(client)


@pytest.fixture
def who(ada: User) -> Member:
    """A member with 300 points."""
    found = joined(ada, shipped("mirabelle"), at=NOW - 60 * DAY)
    buy(found, 15_000_00, at=NOW - 30 * DAY)
    return fresh(found)


def digits_on(response: Any) -> str:
    found = re.search(r"<figcaption[^>]*>([^<]+)<", response.content.decode())
    assert found
    return "".join(found[1].split())


def test_the_code_is_large_black_on_white_and_pays_once(client: Client, who: Member) -> None:
    # S4.12
    assert "Afficher mon code" in text_of(client.get(PAY))
    assert OneTimeCode.objects.count() == 0
    response = client.post(PAY)
    page = response.content.decode()
    assert 'class="till"' in page
    assert 'data-countdown="60"' in page
    assert "jusqu'à 11:01:00, une seule fois." in text_of(response)
    assert "no-store" in response.headers["Cache-Control"]
    shown = digits_on(response)
    assert len(shown) == 12
    assert shown not in OneTimeCode.objects.get().code_index
    till = make_till(programme=who.programme)
    pay_in_points(till, who, 40_00, code=shown)
    assert available(who, NOW) == 260_00
    with pytest.raises(OneTimeCodeRefused):
        pay_in_points(till, who, 1_00, code=shown)


def test_the_qr_code_says_the_digits(client: Client, who: Member) -> None:
    # S4.12
    response = client.post(PAY)
    assert response.context["qr"] == data_uri(qr_svg(digits_on(response)))


def test_a_new_code_stops_the_one_before(client: Client, who: Member) -> None:
    # S4.12
    first, second = digits_on(client.post(PAY)), digits_on(client.post(PAY))
    till = make_till(programme=who.programme)
    with pytest.raises(OneTimeCodeRefused):
        pay_in_points(till, who, 1_00, code=first)
    pay_in_points(till, who, 1_00, code=second)


def test_codes_are_throttled(client: Client, who: Member, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "loyalty_pay": "2/m/user"}
    for _ in range(2):
        assert client.post(PAY).status_code == 200
    response = client.post(PAY, follow=True)
    assert "Beaucoup de codes en peu de temps." in text_of(response)
    assert OneTimeCode.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"state": "suspected"}, "Votre inscription est en cours de vérification : vos points attendent."),
        ({"state": "voided"}, "Cette inscription est annulée. Écrivez à l'assistance."),
        ("frozen", "Vos points sont bloqués le temps d'une vérification."),
        ("closed", "Ce programme est fermé."),
    ],
)
def test_who_may_not_spend_gets_no_code_and_no_reward(
    client: Client, who: Member, change: Any, sentence: str
) -> None:
    # S4.5
    if change == "frozen":
        Account.objects.filter(pk=who.account_id).update(frozen=True)
    elif change == "closed":
        Programme.objects.update(is_active=False)
    else:
        Member.objects.update(**change)
    before = everything()
    for response in (client.post(PAY, follow=True), claim(client, "5-7", follow=True)):
        assert sentence in text_of(response)
    assert everything() == before
    assert (OneTimeCode.objects.count(), Card.objects.count()) == (0, 0)


def test_points_that_pay_nothing_have_no_code(client: Client, ada: User) -> None:
    joined(ada, shipped("cinema"))
    response = client.post(address("code", "cinema"), follow=True)
    assert "ils ne paient pas d'achat." in text_of(response)
    assert OneTimeCode.objects.count() == 0


def test_no_member_no_code(client: Client, ada: User) -> None:
    member(shipped("mirabelle"))
    for answer in (client.get(PAY), client.post(PAY)):
        assert answer.headers["Location"] == address("programme", "mirabelle")
    assert OneTimeCode.objects.count() == 0


# Rewards


def claim(client: Client, code: str, *, key: object = None, follow: bool = False) -> Any:
    data = {"key": str(key or uuid4())}
    return client.post(address("claim", "mirabelle", code), data, follow=follow)


def test_a_reward_is_asked_for_then_confirmed_in_place(client: Client, who: Member) -> None:
    first = client.get(address("programme", "mirabelle"))
    assert "Échanger 240 points contre Place 5/7" in text_of(first)
    asked = client.get(address("programme", "mirabelle"), {"echanger": "5-7"})
    assert "Échanger 240 points contre « Place 5/7 fidélité » ? L'échange ne se défait pas." in text_of(asked)
    key = re.search(r'name="key" value="([^"]+)"', asked.content.decode())
    assert key
    response = claim(client, "5-7", key=key[1], follow=True)
    card = Card.objects.get()
    assert response.redirect_chain[-1][0] == reverse("wallet:card", args=[card.pk])
    assert "votre récompense est dans votre portefeuille." in text_of(response)
    assert (card.holder_id, available(who, NOW)) == (who.user_id, 60_00)
    assert "Place 5/7" in text_of(client.get(reverse("wallet:index")))
    later = text_of(client.get(address("programme", "mirabelle")))
    assert "Encore 180 points" in later
    assert "Échangés contre une récompense" in text_of(
        client.get(address("history", "mirabelle"), {"vue": "mouvements"})
    )


def test_a_double_click_gives_one_card(client: Client, who: Member) -> None:
    key = uuid4()
    first, second = claim(client, "5-7", key=key), claim(client, "5-7", key=key)
    assert first.headers["Location"] == second.headers["Location"]
    assert (Card.objects.count(), RewardClaim.objects.count(), available(who, NOW)) == (1, 1, 60_00)


@pytest.mark.parametrize(
    ("code", "key", "sentence"),
    [
        ("9-9", None, "Cette récompense n'est plus proposée."),
        ("5-7", "no key", "Rien n'a été échangé."),
        ("7-7", "used", "Rien n'a été échangé."),
        ("7-7", None, "Il n'y a pas assez de points : 60 points."),
        ("x" * 200, None, "Cette récompense n'est plus proposée."),
    ],
)
def test_refused_exchanges_change_nothing(
    client: Client, who: Member, code: str, key: str | None, sentence: str
) -> None:
    used = uuid4()
    claim(client, "5-7", key=used)
    before = everything()
    response = claim(client, code, key=used if key == "used" else key, follow=True)
    assert sentence in text_of(response)
    assert everything() == before
    assert Card.objects.count() == 1


def test_the_key_of_somebody_else_is_refused(client: Client, who: Member) -> None:
    key = uuid4()
    claim(client, "5-7", key=key)
    other = Client()
    mate = reader_of(other)
    buy(joined(mate, shipped("mirabelle"), at=NOW - 60 * DAY), 15_000_00, at=NOW - 30 * DAY)
    before = everything()
    assert "Rien n'a été échangé." in text_of(claim(other, "5-7", key=key, follow=True))
    assert everything() == before


def test_no_member_no_reward(client: Client, ada: User) -> None:
    shipped("mirabelle")
    assert claim(client, "5-7").headers["Location"] == address("programme", "mirabelle")
    assert client.get(address("claim", "mirabelle", "5-7")).status_code == 405
    assert RewardClaim.objects.count() == 0


def test_a_reward_without_a_product_is_shown_and_not_offered(client: Client, who: Member) -> None:
    CardProduct.objects.filter(slug="fidelite-5-7").delete()
    text = text_of(client.get(address("programme", "mirabelle"), {"echanger": "5-7"}))
    assert "Cette récompense n'est pas disponible en ce moment." in text
    assert "Oui, échanger" not in text


def test_points_bound_to_outlets_or_to_one_purchase_do_not_make_a_reward_look_near(
    client: Client, ada: User
) -> None:
    # S4.3, S4.10
    welcome = {
        "trigger": "first_purchase",
        "points": 250,
        "delay_days": 0,
        "life_days": 14,
        "single_purchase": True,
    }
    owner = programme("mirabelle", **AT_ONCE, welcome=welcome)
    buy(joined(ada, owner), 500_00)  # 10 points, and 250 that go whole or not at all
    text = text_of(client.get(address("programme", owner.slug)))
    assert "Points disponibles 260" in text
    assert "Encore 230 points" in text  # 10 of 240: the 250 do not fit
    assert "Encore 40 points" in text  # 260 of 300
