"""`/fidelite/` as its reader sees it (S4.14), and what it says when points are stopped."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from ledger.models import Account
from ledger.services.credit import credit_many
from ledger.states import CreditRequest
from loyalty.models import Accrual, Member, Programme, Promotion
from loyalty.services.promote import grant_promotion
from loyalty.services.spend import capture_points, hold_points, release_points
from tests import factories
from tests.loyalty.pages import address, joined, reader_of, said, text_of
from tests.loyalty.points import DAY, NOW, bring_back, buy, everything, member, paris, programme, shipped

pytestmark = pytest.mark.django_db
AT_ONCE = {"activation_days": {"online": 0, "shop": 0}}


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def ada(client: Client) -> User:
    return reader_of(client)


def test_a_member_sees_what_is_available_what_waits_and_what_ends_first(client: Client, ada: User) -> None:
    # S4.14
    who = joined(ada, shipped("mirabelle"), at=NOW - 60 * DAY)
    buy(who, 6_000_00, at=NOW - 40 * DAY, ref="order:12")
    buy(who, 612_50, at=NOW - DAY)
    text = said(client, "home")
    assert "Points disponibles 120 soit 120,00 € à dépenser" in text
    assert "En attente 12,25 points, le 06/12/2026" in text
    assert "Expirent d'abord 120 points, le 13/10/2027" in text
    assert "12,25 points seront utilisables le 06/12/2026." in text
    assert "Les points paient au plus 50 % d'un achat." in text
    assert "Chaque achat rapporte 2 % de son montant en points." in text
    assert "Version 1, en vigueur depuis le 01/01/2020." in text
    assert "Commande CMD-12" in text
    page = client.get(address("programme", "mirabelle")).content.decode()
    assert reverse("orders:detail", args=["CMD-12"]) in page


def test_the_ladder_shows_the_tier_and_the_way_to_the_next(client: Client, ada: User) -> None:
    # S4.7, S4.14
    buy(joined(ada, shipped("croissant")), 31_240_00)
    text = said(client, "programme", "croissant")
    assert "Votre statut : Gold 31 240,00 € d'achats cumulés" in text
    assert "Encore 28 760,00 € d'achats avant le statut Platinum." in text
    assert "Sans nouvel achat d'ici au 21/02/2027" in text
    assert "repoussé par chaque achat" in text


def test_offers_name_their_outlets_and_conditions(client: Client, ada: User) -> None:
    # S4.10
    who = joined(ada, shipped("croissant"), at=NOW)
    promotion = Promotion.objects.create(
        programme=who.programme,
        name="Semaine du port",
        points_minor=200_00,
        outlets="PORT\nQUAI-3",
        conditions="Une boisson chaude achetée.",
        starts_on=NOW.date(),
        ends_on=NOW.date(),
    )
    grant_promotion(promotion_id=promotion.pk, member_ids=[who.pk], at=NOW)
    for _ in range(10):  # so that the offer is not among the newest lots
        buy(who, 1_00, at=NOW + DAY / 24)
    text = said(client, "programme", "croissant")
    assert "Seulement dans : PORT, QUAI-3, jusqu'au 29/11/2026. Une boisson chaude achetée." in text
    assert "200 points de l'offre « Semaine du port » ne valent que dans : PORT, QUAI-3." in text
    assert "dont 200,00 € sous conditions" in text
    with time_machine.travel(paris(2026, 11, 30, 8), tick=False):
        assert "Seulement dans" not in said(client, "programme", "croissant")


def test_points_that_go_whole_or_are_set_aside_or_owed_are_explained(client: Client, ada: User) -> None:
    # S4.3, S4.13
    who = joined(ada, programme("family", **AT_ONCE))
    bought = buy(who, 1_000_00, at=NOW - DAY)
    hold_points(key=uuid4(), member_id=who.pk, amount_minor=15_00, purchase_minor=100_00, at=NOW)
    text = said(client, "programme", who.programme.slug)
    assert "100 points s'utilisent en entier, dans un seul achat, jusqu'au 06/12/2026." in text
    assert "15 points sont réservés pour une commande en cours" in text
    bring_back(bought)
    text = said(client, "programme", who.programme.slug)
    assert "vos prochains points en compensent d'abord 15 points." in text
    assert "À compenser 15 points" in text


def test_twelve_months_are_drawn_with_a_table_beside(client: Client, ada: User) -> None:
    # S4.14
    who = joined(ada, programme("mirabelle", **AT_ONCE), at=NOW - 300 * DAY)
    assert "<polyline" not in client.get(address("programme", who.programme.slug)).content.decode()
    buy(who, 5_000_00, at=paris(2026, 3, 3, 12))
    key = uuid4()
    hold_points(key=key, member_id=who.pk, amount_minor=55_50, purchase_minor=400_00, at=paris(2026, 5, 3))
    capture_points(redemption_key=key, at=paris(2026, 5, 3))
    response = client.get(address("programme", who.programme.slug))
    page, text = response.content.decode(), text_of(response)
    assert "avril 2026 0 0 100 mars 2026 +100 0 100" in text
    assert "juin 2026 0 0 44,50 mai 2026 0 −55,50 44,50" in text
    assert (page.count('class="dot"'), page.count('<rect class="in"'), page.count('<rect class="out"')) == (
        12,
        2,
        2,
    )
    assert "style=" not in page.partition("<main")[2]
    assert 'height="158.0"' in page  # the highest fills the picture, with a point and not a comma


def test_the_history_pages_through_every_lot_and_htmx_gets_the_next_rows(client: Client, ada: User) -> None:
    # S4.14
    who = joined(ada, programme("mirabelle", **AT_ONCE))
    for n in range(30):
        buy(who, 100_00, at=NOW - 20 * DAY + n * DAY / 24, ref=f"order:{n}")
    slug = who.programme.slug
    first = client.get(address("programme", slug))
    more = address("history", slug) + "?cursor=" + first.context["next_cursor"]
    fragment = client.get(more, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment
    assert fragment.count("<tr") == 23  # the head, and the 22 that the first page left
    whole = client.get(more)
    assert "Revenir au début" in text_of(whole)
    seen = [row.title for answer in (first, whole) for row in answer.context["lots"]]
    assert seen == [f"Commande CMD-{n}" for n in range(29, -1, -1)]
    assert len(client.get(address("history", slug), {"cursor": "no\x00sense"}).context["lots"]) == 25


def test_lots_say_when_they_are_used_taken_back_or_over(client: Client, ada: User) -> None:
    who = joined(ada, programme("mirabelle", **AT_ONCE), at=NOW - 500 * DAY)
    buy(who, 100_00, at=NOW - 400 * DAY, channel="shop", outlet="Port")
    bring_back(buy(who, 100_00, at=NOW - 3 * DAY))
    buy(who, 100_00, at=NOW - 2 * DAY, channel="shop")
    hold_points(key=uuid4(), member_id=who.pk, amount_minor=1_50, purchase_minor=100_00, at=NOW)
    rows = client.get(address("history", who.programme.slug)).context["lots"]
    assert [(row.title, row.tag, row.is_partly_used) for row in rows] == [
        ("Achat en magasin", "Disponibles", True),
        ("Achat en ligne", "Repris", False),
        ("Achat en magasin, Port", "Terminés", False),
    ]
    with time_machine.travel(NOW + 352 * DAY, tick=False):
        client.force_login(ada)
        rows = client.get(address("history", who.programme.slug)).context["lots"]
        assert rows[0].tag == "Finissent bientôt"


def test_movements_tell_what_came_and_went(client: Client, ada: User) -> None:
    # S4.14
    who = joined(ada, programme("mirabelle", **AT_ONCE))
    buy(who, 5_000_00, at=NOW - 9 * DAY)
    kept, used, given = uuid4(), uuid4(), uuid4()
    for n, key in enumerate((kept, used, given)):
        at = NOW - (5 - n) * DAY
        hold_points(key=key, member_id=who.pk, amount_minor=10_00 + n, purchase_minor=100_00, at=at)
    capture_points(redemption_key=used, at=NOW - DAY)
    release_points(redemption_key=given, at=NOW - DAY)
    response = client.get(address("history", who.programme.slug), {"vue": "mouvements"})
    told = [(row.text, row.amount_minor, row.balance_minor) for row in response.context["movements"]]
    assert told == [
        ("Plus réservés", 10_02, 79_99),
        ("Utilisés pour un achat", -10_01, 69_97),
        ("Réservés pour une commande", -10_02, 69_97),
        ("Réservés pour une commande", -10_00, 90_00),
        ("Gagnés par un achat", 100_00, 100_00),
    ]
    assert "−10,01" in text_of(response)


def test_movements_are_paged(client: Client, ada: User) -> None:
    who = joined(ada, programme("mirabelle", **AT_ONCE))
    for n in range(27):
        buy(who, 100_00, at=NOW - 20 * DAY + n * DAY / 24)
    query = {"vue": "mouvements"}
    first = client.get(address("history", who.programme.slug), query)
    query["cursor"] = first.context["next_cursor"]
    rest = client.get(address("history", who.programme.slug), query)
    assert (len(first.context["movements"]), len(rest.context["movements"])) == (25, 2)
    assert rest.context["next_cursor"] is None
    assert f"{address('history', who.programme.slug)}?vue=mouvements" in rest.content.decode()


def test_nobody_else_reads_a_members_history(client: Client, ada: User) -> None:
    other = member(shipped("mirabelle"), user_id=factories.person().pk)
    buy(other, 5_000_00, at=NOW - 30 * DAY)
    assert client.get(address("history", "mirabelle")).headers["Location"] == address(
        "programme", "mirabelle"
    )
    assert "M'inscrire" in said(client, "programme", "mirabelle")
    assert "100" not in client.get(reverse("wallet:index")).content.decode().partition("<main")[2]


# Which programme


def test_the_cses_programme_comes_first_and_a_switch_leads_to_the_others(client: Client, ada: User) -> None:
    joined(ada, shipped("croissant"))
    assert "Programme Croissant" in said(client, "home")
    assert "Celui de votre CSE" in said(client, "home")
    joined(ada, shipped("mirabelle"))
    text = said(client, "home")
    assert "Programme Mirabelle Mirabelle Croissant" in text
    assert "Programme Croissant" in said(client, "programme", "croissant")


def test_somebody_of_no_programme_is_invited_to_the_cses_with_its_rules(client: Client, ada: User) -> None:
    text = said(client, "home")
    assert "Programme Mirabelle Vos achats rapportent des points" in text
    assert "Chaque achat rapporte 2 %" in text
    assert address("enrol", "mirabelle") in client.get(address("home")).content.decode()


def test_a_cse_without_programme_offers_the_others_or_nothing(client: Client) -> None:
    reader_of(client, cse_programme="")
    assert "Aucun programme pour le moment" in said(client, "home")
    shipped("mirabelle")
    assert "Votre CSE n'a pas encore de programme. Ceux-ci vous sont ouverts." in said(client, "home")


def test_unknown_programmes_and_those_without_rules_are_not_found(client: Client, ada: User) -> None:
    Programme.objects.create(slug="brouillon", name="Brouillon")
    for slug in ("brouillon", "nulle-part"):
        for name in ("programme", "history", "enrol", "code"):
            said(client, name, slug, status=404)
        assert client.post(address("claim", slug, "5-7")).status_code == 404


def test_visitors_are_asked_to_sign_in(client: Client) -> None:
    assert client.get(address("home")).status_code == 302


# When points are stopped


def suspected(user: User) -> Member:
    who = joined(user, shipped("mirabelle"), first_name="Zoé", last_name="Martin")
    buy(who, 60_000_00, at=NOW - 20 * DAY)
    member(shipped("mirabelle"), first_name="Zoe", last_name="MARTIN")
    return who


def test_what_stops_points_is_told_kindly_and_gives_nothing(client: Client, ada: User) -> None:
    # S4.5
    who = suspected(ada)
    states: list[tuple[str, Any]] = [
        ("Nous vérifions votre inscription.", lambda: None),
        ("Cette inscription est annulée.", lambda: Member.objects.update(state="voided")),
        ("Vos points sont bloqués le temps d'une vérification.", lambda: freeze(who)),
        ("Ce programme est fermé.", lambda: close(who)),
    ]
    for sentence, change in states:
        change()
        text = said(client, "programme", "mirabelle", echanger="5-7")
        assert sentence in text
        for offered in ("Payer avec mes points", "Échanger", "Oui, échanger"):
            assert offered not in text
    assert "D'où viennent vos points" in text


def freeze(who: Member) -> None:
    Member.objects.update(state="active")
    Account.objects.filter(pk=who.account_id).update(frozen=True)


def close(who: Member) -> None:
    Account.objects.filter(pk=who.account_id).update(frozen=False)
    Programme.objects.update(is_active=False)


def test_a_closed_programme_invites_nobody(client: Client, ada: User) -> None:
    Programme.objects.update(is_active=False)
    text = said(client, "home")
    assert "Il n'accueille plus de nouveaux membres." in text
    assert "M'inscrire" not in text
    assert "Autres programmes" not in text


def test_time_passes_before_the_page_is_read(client: Client, ada: User) -> None:
    # S4.8: no sweep has run for months.
    buy(joined(ada, programme("croissant", welcome=None, birthday=None)), 31_000_00)
    slug = Programme.objects.latest("pk").slug
    assert "Points disponibles 1 550" in said(client, "programme", slug)
    with time_machine.travel(paris(2027, 2, 22, 8), tick=False):
        client.force_login(ada)
        text = said(client, "programme", slug)
        assert "Points disponibles 0" in text
        assert "Votre statut : Guest" in text


# One wallet


def test_the_wallet_shows_points_and_what_ends_next(client: Client, ada: User) -> None:
    wallet = reverse("wallet:index")
    assert "Le programme de votre CSE" in text_of(client.get(wallet))
    who = joined(ada, shipped("mirabelle"), at=NOW - 60 * DAY)
    buy(who, 6_000_00, at=NOW - 40 * DAY)
    buy(who, 500_00, at=NOW - DAY)
    text = text_of(client.get(wallet))
    assert "120 points finissent le 13/10/2027. 10 points de plus le 06/12/2026. 120 points" in text
    assert "Le programme de votre CSE" not in text


def test_the_wallet_lets_time_pass_too(client: Client, ada: User) -> None:
    # S4.8
    buy(joined(ada, programme("croissant", welcome=None, birthday=None)), 1_000_00)
    assert "50 points finissent le 21/02/2027." in text_of(client.get(reverse("wallet:index")))
    with time_machine.travel(paris(2027, 2, 22, 8), tick=False):
        client.force_login(ada)
        assert "0 point " in text_of(client.get(reverse("wallet:index")))


# Speed


def crowd(who: Member, count: int) -> None:
    """`count` lots at once, a few of them of an offer."""
    promotion = Promotion.objects.create(
        programme=who.programme,
        name="Port",
        points_minor=1_00,
        outlets="PORT",
        conditions="Au port.",
        starts_on=date(2026, 1, 1),
        ends_on=date(2026, 12, 31),
    )
    requests = [
        CreditRequest(
            key=uuid4(),
            account_id=who.account_id,
            source="loyalty:x",
            amount=1_00,
            kind="loyalty_purchase",
            at=NOW,
            expires_at=paris(2027, 1, 1),
        )
        for _ in range(count)
    ]
    credit_many(requests)
    Accrual.objects.bulk_create(
        Accrual(
            transfer_id=request.key,
            member=who,
            version=who.joined_version,
            kind="promotion" if n < 3 else "purchase",
            promotion=promotion if n < 3 else None,
            amount_minor=1_00,
            era=1,
            span=1,
            rank=0,
            credited_at=NOW,
            activates_at=NOW,
            expires_at=paris(2027, 1, 1),
        )
        for n, request in enumerate(requests)
    )


def test_no_page_takes_more_than_twelve_queries_with_5000_lots(client: Client, ada: User) -> None:
    who = joined(ada, shipped("mirabelle"))
    joined(ada, shipped("croissant"))
    crowd(who, 5_000)
    addresses = [
        address("home"),
        address("programme", "mirabelle"),
        address("programme", "mirabelle") + "?echanger=5-7",
        address("history", "mirabelle"),
        address("history", "mirabelle") + "?vue=mouvements",
        address("code", "mirabelle"),
        reverse("wallet:index"),
        reverse("home"),
    ]
    asked = {}
    for one in addresses:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(one).status_code == 200
        asked[one] = len(queries)
    assert max(asked.values()) <= 12, asked
    page = client.get(address("home"))
    assert "Points disponibles 5 000" in text_of(page)
    assert len(page.content) < 60_000


def test_reading_changes_nothing(client: Client, ada: User) -> None:
    who = joined(ada, shipped("mirabelle"))
    buy(who, 60_000_00, at=NOW - 20 * DAY)
    before = everything()
    for one in (address("home"), address("history", "mirabelle"), address("code", "mirabelle")):
        client.get(one)
    said(client, "programme", "mirabelle", echanger="5-7")
    assert everything() == before
