"""The wallet's pages, as their holder and as anybody else sees them."""

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from kernel.calendar import end_of_day, local_date
from ledger.selectors import balance
from tests.wallet.factories import make_card, make_cards, make_user
from wallet.errors import CardNotUsable
from wallet.models import Card
from wallet.services.block import block_card, unblock_card
from wallet.services.number import in_groups, open_number
from wallet.services.spend import spend_card
from wallet.services.void import void_batch

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client):
    user = make_user()
    client.force_login(user)
    return user


def number_of(card: Card) -> str:
    return open_number(card.number_sealed, card_id=card.pk)


def page(client, name: str, card: Card):
    return client.get(reverse(f"wallet:{name}", args=[card.pk]))


def test_the_card_page_shows_what_a_holder_needs(client, ada):  # S3.9
    card = make_card(ada, 3300)
    spend_card(
        card_id=card.pk, key=uuid.uuid4(), amount_minor=740, shop="Marché du Verger", at=timezone.now()
    )
    text = page(client, "card", card).content.decode()
    for shown in (
        card.masked,
        "25,60\u00a0€",
        "33,00\u00a0€",
        "Marché du Verger",
        "hors carburant",
        f"{card.expires_on:%d/%m/%Y}",
        "CMD-324",
        "Consulter le solde",
        "Télécharger",
        "Envoyer",
    ):
        assert shown in text
    assert number_of(card) not in text
    assert in_groups(number_of(card)) not in text


def test_the_till_shows_the_number_in_groups_and_is_never_cached(client, ada):  # S3.9
    card = make_card(ada)
    response = page(client, "till", card)
    assert in_groups(number_of(card)) in response.content.decode()
    assert "no-store" in response["Cache-Control"]


def test_the_till_walks_from_card_to_card_soonest_first(client, ada):
    late = make_card(ada, 1000)
    soon = make_card(ada, 2000, expires_on=local_date(timezone.now()) + timedelta(days=3))
    text = page(client, "till", soon).content.decode()
    assert "Carte 1 sur 2" in text
    assert reverse("wallet:till", args=[late.pk]) in text


def test_the_wallet_lists_the_soonest_to_expire_first_with_the_total(client, ada):
    make_card(ada, 1000)
    soon = make_card(ada, 2050, expires_on=local_date(timezone.now()) + timedelta(days=3))
    text = client.get(reverse("wallet:index")).content.decode()
    assert "30,50\u00a0€" in text
    assert text.index(str(soon.pk)) < text.index("Jamais utilisée")
    assert "Expire dans 3 jours" in text


def test_every_card_of_a_long_wallet_is_reached_page_by_page(client, ada):
    cards = make_cards(ada, *[1000] * 40)
    seen, cursor, pages = set(), "", 0
    while True:
        found = client.get(reverse("wallet:index"), {"apres": cursor} if cursor else {})
        overview = found.context["wallet"]
        seen |= {card.id for card in overview.cards}
        cursor, pages = overview.next_cursor, pages + 1
        if not cursor:
            break
    assert seen == {card.pk for card in cards}
    assert pages == 5


def test_the_wallet_costs_at_most_twelve_queries_with_two_hundred_cards(
    client, ada, django_assert_max_num_queries
):
    for _ in range(4):
        make_cards(ada, *[1000] * 50)
    with django_assert_max_num_queries(12):
        client.get(reverse("wallet:index"))


@pytest.mark.parametrize("name", ["card", "till"])
def test_a_card_page_costs_at_most_twelve_queries(client, ada, name, django_assert_max_num_queries):
    card = make_cards(ada, *[1000] * 60)[0]
    with django_assert_max_num_queries(12):
        page(client, name, card)


def test_empty_and_expired_cards_stay_visible_and_labelled(client, ada):  # S3.9
    empty = make_card(ada, 640)
    spend_card(card_id=empty.pk, key=uuid.uuid4(), amount_minor=640, shop="x", at=timezone.now())
    old = make_card(ada, 500)
    Card.objects.filter(pk=old.pk).update(expires_on=local_date(timezone.now()) - timedelta(days=1))
    text = client.get(reverse("wallet:index")).content.decode()
    assert "Épuisée" in text
    assert "Expirée le" in text
    assert empty.masked in text
    assert old.masked in text


@pytest.mark.parametrize("name", ["card", "till", "pdf", "send", "block"])
def test_a_card_is_found_by_its_holder_only(client, ada, name):
    card = make_card(make_user())
    assert page(client, name, card).status_code == 404


@pytest.mark.parametrize("name", ["card", "till", "pdf", "send", "block"])
def test_a_visitor_is_asked_to_sign_in(client, name):
    card = make_card(make_user())
    response = page(client, name, card)
    assert response.status_code == 302
    assert reverse("account_login") in response["Location"]


def test_the_holder_blocks_a_lost_card_after_a_confirmation_in_place(client, ada):
    card = make_card(ada, 3300)
    asked = page(client, "block", card)
    assert "Oui, bloquer la carte" in asked.content.decode()
    assert Card.objects.get(pk=card.pk).state == "active"
    client.post(reverse("wallet:block", args=[card.pk]))
    assert Card.objects.get(pk=card.pk).state == "blocked"
    assert page(client, "till", card).status_code == 302
    assert "Bloquée" in page(client, "card", card).content.decode()


def test_a_blocked_card_pays_again_once_unblocked():
    ada = make_user()
    card = make_card(ada, 3300)
    pay = {"card_id": card.pk, "amount_minor": 100, "shop": "x"}
    block_card(card_id=card.pk, actor_id=ada.pk, at=timezone.now())
    with pytest.raises(CardNotUsable):
        spend_card(**pay, key=uuid.uuid4(), at=timezone.now())
    unblock_card(card_id=card.pk, actor_id=ada.pk, at=timezone.now())
    spend_card(**pay, key=uuid.uuid4(), at=timezone.now())


def test_a_void_card_can_no_longer_be_shown(client, ada):
    card = make_card(ada)
    void_batch(card.batch, timezone.now())
    assert page(client, "till", card).status_code == 302
    assert page(client, "pdf", card).status_code == 302
    assert "Annulée" in page(client, "card", card).content.decode()


def test_a_nonsense_cursor_shows_the_first_page(client, ada):
    make_card(ada)
    found = client.get(reverse("wallet:index"), {"apres": "zzz\x00"})
    assert len(found.context["wallet"].cards) == 1


def test_a_till_that_repeats_a_debit_gets_its_first_answer_even_after_the_card_was_blocked():
    ada = make_user()
    card = make_card(ada, 3300)
    debit = {"card_id": card.pk, "key": uuid.uuid4(), "amount_minor": 100, "shop": "x", "at": timezone.now()}
    spend_card(**debit)
    block_card(card_id=card.pk, actor_id=ada.pk, at=timezone.now())
    spend_card(**debit)
    assert balance(card.account_id, at=timezone.now()).available == 3200


def test_a_card_is_spent_in_several_times_until_its_last_day_and_not_after():  # S3.9, S3.11
    last_day = local_date(timezone.now()) + timedelta(days=30)
    card = make_card(make_user(), 3300, expires_on=last_day)
    pay = {"card_id": card.pk, "shop": "x"}
    spend_card(**pay, key=uuid.uuid4(), amount_minor=1000, at=timezone.now())
    evening = end_of_day(last_day) - timedelta(seconds=1)
    spend_card(**pay, key=uuid.uuid4(), amount_minor=1000, at=evening)
    with pytest.raises(CardNotUsable):
        spend_card(**pay, key=uuid.uuid4(), amount_minor=1000, at=end_of_day(last_day))
    assert balance(card.account_id, at=evening).available == 1300
