"""« Mes places »: the wallet's section, a card's own page, the till (S2.3)."""

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from kernel.calendar import PARIS, end_of_programme_day, programme_day
from ledger.services.debit import debit
from ledger.services.hold import hold
from ledger.services.reverse import reverse as put_back
from tests.wallet.factories import make_card, make_place_card, make_printed, make_product, make_user
from tests.wallet.test_places_issuer import bought, take
from tests.wallet.test_register import enter
from wallet.models import Booking, BookingMeans, Card, Cinema, Film, Screening
from wallet.selectors import place_uses, usable_cards, wallet_overview
from wallet.services.block import block_card
from wallet.services.number import in_groups, open_number
from wallet.states import BookingState, CardKind

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client):
    user = make_user()
    client.force_login(user)
    return user


def in_days(days: int):
    return programme_day(timezone.now()) + timedelta(days=days)


def wallet(client, **query) -> str:
    return client.get(reverse("wallet:index"), query).content.decode()


def page(client, card: Card, name: str = "card"):
    return client.get(reverse(f"wallet:{name}", args=[card.pk]))


def number_of(card: Card) -> str:
    return in_groups(open_number(card.number_sealed, card_id=card.pk))


def booked(card: Card, *, state: BookingState = BookingState.CONFIRMED, places: int = 1) -> BookingMeans:
    """A booking with places of the card, as the booking flow leaves it."""
    now = timezone.now()
    cinema, _ = Cinema.objects.get_or_create(
        code="belvedere", defaults={"name": "Le Belvédère", "city": "Exempleville"}
    )
    film, _ = Film.objects.get_or_create(code="vergers", defaults={"title": "Les Vergers", "minutes": 100})
    starts_at = now + timedelta(days=1)
    screening = Screening.objects.create(
        code=uuid.uuid4().hex[:20],
        cinema=cinema,
        film=film,
        room=uuid.uuid4().hex[:8],
        starts_at=starts_at,
        programme_on=programme_day(starts_at),
        price_minor=1200,
        capacity=50,
        taken=places,
    )
    booking = Booking.objects.create(
        code=uuid.uuid4().hex[:12],
        customer_id=card.holder_id,
        screening=screening,
        seats=places,
        price_minor=1200,
        currency="EUR",
        state=state,
        created_at=now,
        confirmed_at=now if state == BookingState.CONFIRMED else None,
        held_until=now + timedelta(minutes=15),
    )
    key = uuid.uuid4()
    part = BookingMeans(booking=booking, card=card, places=places)
    if state == BookingState.HELD:
        hold(key=key, account_id=card.account_id, amount=places, at=now)
        part.hold = key
    else:
        debit(key=key, account_id=card.account_id, sink="cinema", amount=places, kind="booking", at=now)
        part.transfer = key
    part.save()
    return part


# The wallet


def test_the_wallet_shows_places_left_and_the_day_of_the_screening_apart_from_money(client, ada):  # S2.3
    make_card(ada, 2140)
    card = make_place_card(ada, make_product(5))
    take(card)
    text = wallet(client)
    assert "Mes places" in text
    assert "4 places restantes sur 5" in text
    assert f"Séance avant le {card.expires_on:%d/%m/%Y}" in text
    assert "21,40\u00a0€" in text
    assert "<b>4 places</b>" in text
    assert text.count('class="gone"') == 1
    assert "0,04" not in text


def test_what_ends_within_thirty_days_comes_first_and_is_marked(client, ada):
    product = make_product(1)
    late = make_place_card(ada, product, expires_on=in_days(200))
    soon = make_place_card(ada, product, expires_on=in_days(30))
    later = make_place_card(ada, product, expires_on=in_days(31))
    text = wallet(client)
    assert text.index(str(soon.pk)) < text.index(str(later.pk)) < text.index(str(late.pk))
    assert "Séance sous 30 jours" in text
    assert "Séance sous 31 jours" not in text


def test_empty_and_expired_cards_stay_folded_away(client, ada):
    empty = make_place_card(ada, make_product(1))
    take(empty)
    old = make_place_card(ada, make_product(1), expires_on=in_days(3))
    Card.objects.filter(pk=old.pk).update(expires_on=in_days(-1))
    text = wallet(client)
    folded = text[text.index("<details") : text.index("</details>", text.index('id="anciennes"'))]
    assert str(empty.pk) in folded
    assert str(old.pk) in folded
    assert "Épuisée" in folded
    assert "Expirée le" in folded


def test_a_place_lives_until_the_end_of_the_cinema_s_day_and_not_of_the_calendar_s(ada):  # S2.4
    card = make_place_card(ada, make_product(1), expires_on=in_days(3))
    ends_at = end_of_programme_day(card.expires_on)
    after_midnight = ends_at - timedelta(hours=3)
    assert after_midnight.astimezone(PARIS).date() > card.expires_on
    assert [found.id for found in usable_cards(ada.pk, at=after_midnight)] == [card.pk]
    assert wallet_overview(ada.pk, at=after_midnight).places.left == 1
    assert usable_cards(ada.pk, at=ends_at) == []
    assert wallet_overview(ada.pk, at=ends_at).done[0].is_expired


def test_named_cards_have_a_section_of_their_own_with_the_name_on_them(client, ada):
    make_printed("200466318274", make_product(12, kind=CardKind.NAMED, artwork="named"), surname="Dubreuil")
    enter(ada, "200466318274", kind=CardKind.NAMED, surname="DUBREUIL")
    text = wallet(client)
    assert 'id="nominatives"' in text
    assert "DUBREUIL" in text
    assert "pièce d'identité" in text


def test_the_segments_show_one_sort_of_cards_or_all(client, ada):
    make_card(ada, 1000)
    make_place_card(ada)
    for wanted, there, gone in (
        ("", ("ecartes", "places"), ()),
        ("places", ("places",), ("ecartes",)),
        ("ecartes", ("ecartes",), ("places",)),
        ("nominatives", ("ecartes", "places"), ()),
        ("\x00", ("ecartes", "places"), ()),
    ):
        text = wallet(client, **({"type": wanted} if wanted else {}))
        assert all(f'id="{name}"' in text for name in there)
        assert not any(f'id="{name}"' in text for name in gone)
        assert text.count('aria-current="true"') == 1


def test_every_card_of_many_is_reached_page_by_page(client, ada):
    product = make_product(1)
    cards = {make_place_card(ada, product).pk for _ in range(21)}
    seen, cursor, pages = set(), "", 0
    while True:
        section = client.get(reverse("wallet:index"), {"places": cursor}).context["wallet"].places
        seen |= {card.id for card in section.cards}
        cursor, pages = section.next_cursor, pages + 1
        if not cursor:
            break
    assert (seen, pages) == (cards, 3)


def test_the_wallet_costs_at_most_twelve_queries_whatever_it_holds(
    client, ada, django_assert_max_num_queries
):
    cinema = Cinema.objects.create(code="belvedere", name="Le Belvédère", city="Exempleville")
    for number in range(12):
        product = make_product(5, cinemas=[cinema], kind=CardKind.NAMED if number % 4 == 0 else "places")
        for _ in range(4):
            make_place_card(ada, product)
    make_card(ada, 1000)
    with django_assert_max_num_queries(12):
        client.get(reverse("wallet:index"))
    with django_assert_max_num_queries(12):
        client.get(reverse("home"))


def test_the_first_page_keeps_money_and_places_apart(client, ada):
    make_card(ada, 1000)
    make_place_card(ada, make_product(3), expires_on=in_days(10))
    text = client.get(reverse("home")).content.decode()
    assert "10,00\u00a0€" in text
    assert "Il reste 3 places" in text
    assert "0,03" not in text


# A card's page


def test_a_click_shows_number_conditions_and_what_the_card_opens(client, ada):  # S2.3
    cinema = Cinema.objects.create(code="belvedere", name="Le Belvédère", city="Exempleville")
    product = make_product(
        3,
        technologies=["2d", "3d"],
        weekdays=0b0011111,
        cinemas=[cinema],
        conditions_fr="Hors soirées spéciales.",
    )
    card = make_place_card(ada, product)
    answer = page(client, card)
    text = answer.content.decode()
    for shown in (
        number_of(card),
        "Hors soirées spéciales.",
        "2D, 3D",
        "Du lundi au vendredi",
        "Le Belvédère",
        f"{card.expires_on:%d/%m/%Y}",
        "3 places restantes",
        "Invitation",
        'class="barcode"',
    ):
        assert shown in text
    assert "€" not in text.split("<main")[1].split("</main>")[0]
    assert "no-store" in answer["Cache-Control"]


def test_the_history_names_film_screening_and_booking_of_each_place(client, ada):  # S2.5
    card = make_place_card(ada, make_product(5))
    part = booked(card, places=2)
    text = page(client, card).content.decode()
    assert "Les Vergers" in text
    assert "Le Belvédère" in text
    assert part.booking.number in text
    assert [use.places for use in place_uses(card)] == [-2, 5]


def test_a_place_that_came_back_is_told_with_its_booking(client, ada):  # S2.5
    card = make_place_card(ada, make_product(5))
    part = booked(card)
    put_back(key=uuid.uuid4(), transfer_id=part.transfer, kind="booking_cancelled", at=timezone.now())
    uses = place_uses(card)
    assert [(use.places, use.film) for use in uses] == [(1, "Les Vergers"), (-1, "Les Vergers"), (5, "")]
    assert "réservation annulée" in page(client, card).content.decode()


def test_who_is_given_a_card_does_not_read_what_the_giver_saw(client, ada):  # S2.3
    giver = make_user()
    card = make_place_card(giver, make_product(5))
    part = booked(card)
    booked(card, state=BookingState.HELD)
    Card.objects.filter(pk=card.pk).update(holder=ada)
    text = page(client, card).content.decode()
    for told in ("Les Vergers", "Le Belvédère", part.booking.number):
        assert told not in text
    assert text.count("Place utilisée") == 2
    assert "3 places restantes" in text


def test_places_held_while_their_booking_is_paid_are_said_to_be(client, ada):
    card = make_place_card(ada, make_product(5))
    booked(card, state=BookingState.HELD)
    text = page(client, card).content.decode()
    assert "en attente de paiement" in text
    assert "4 places restantes" in text
    assert [use.waiting for use in place_uses(card)] == [True, False]


def test_a_card_s_page_costs_at_most_twelve_queries_with_a_long_history(
    client, ada, django_assert_max_num_queries
):
    card = make_place_card(ada, make_product(60))
    for _ in range(30):
        booked(card)
    for name in ("card", "till"):
        with django_assert_max_num_queries(12):
            assert page(client, card, name).status_code == 200


def test_a_blocked_card_shows_neither_number_nor_barcode(client, ada):
    card = make_place_card(ada)
    asked = client.get(reverse("wallet:block", args=[card.pk])).content.decode()
    assert "Oui, bloquer la carte" in asked
    client.post(reverse("wallet:block", args=[card.pk]))
    text = page(client, card).content.decode()
    assert "Bloquée" in text
    assert number_of(card) not in text
    assert 'class="barcode"' not in text
    assert page(client, card, "till").status_code == 302


def test_a_blocked_card_is_shown_at_no_entrance(ada):
    card = make_place_card(ada)
    assert [found.id for found in usable_cards(ada.pk, at=timezone.now())] == [card.pk]
    block_card(card_id=card.pk, actor_id=ada.pk, at=timezone.now())
    assert usable_cards(ada.pk, at=timezone.now()) == []


@pytest.mark.parametrize("name", ["card", "till", "pdf", "send", "block"])
def test_a_card_with_places_is_found_by_its_holder_only(client, ada, name):
    card = make_place_card(make_user())
    assert page(client, card, name).status_code == 404


def test_a_named_card_is_not_offered_to_be_given_away_and_says_why(client, ada):
    card = make_place_card(ada, make_product(3, kind=CardKind.NAMED, artwork="named"))
    text = page(client, card).content.decode()
    assert 'id="envoyer"' not in text
    assert "ne se donne pas" in text
    answer = client.post(reverse("wallet:send", args=[card.pk]), {"recipient": "x@exemple.test"})
    assert answer.status_code == 422
    assert Card.objects.get(pk=card.pk).holder_id == ada.pk


def test_a_card_bought_leads_to_its_order(client, ada):
    card = bought(ada, make_product(), label="CMD-324")
    assert reverse("orders:detail", args=["CMD-324"]) in page(client, card).content.decode()


def test_the_till_counts_places_and_walks_among_cards_with_places(client, ada):
    make_card(ada, 1000)
    one, two = make_place_card(ada, make_product(3)), make_place_card(ada)
    text = page(client, one, "till").content.decode()
    assert "3 places" in text
    assert "Places restantes" in text
    assert "sur 2" in text
    assert number_of(one) in text
    assert {card.id for card in usable_cards(ada.pk, at=timezone.now()) if card.holds_places} == {
        one.pk,
        two.pk,
    }
