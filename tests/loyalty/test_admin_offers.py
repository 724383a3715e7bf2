"""Operators say where a CSE's people earn, make offers and give them in batches (S4.10), and read points."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client

from ledger import selectors as ledger
from loyalty.errors import PromotionOver
from loyalty.models import Accrual, Member, OrganisationProgramme, Programme, Promotion, PromotionGrant
from loyalty.services.promote import ask_grant, continue_grant
from loyalty.services.rewards import claim_reward
from loyalty.services.ship import join_programme, ship_programmes
from loyalty.services.spend import hold_points
from outbox.services.run import run_due
from tests.factories import operator, organisation, person
from tests.loyalty.admin_pages import reader, text_of, url
from tests.loyalty.points import (
    DAY,
    NOW,
    bring_back,
    buy,
    everything,
    member,
    programme,
    programme_of,
    shipped,
)
from wallet.models import Card, CardProduct
from wallet.services.ship import ship_reward_places

pytestmark = pytest.mark.django_db
FACTS = {
    "name": "Les Lices en fête",
    "points_minor": "12,5",
    "outlets": "lices\n marais ",
    "days": "10",
    "conditions": "Boissons comprises.",
    "starts_on": "01/11/2026",
    "ends_on": "30/11/2026",
    "grants-TOTAL_FORMS": "0",
    "grants-INITIAL_FORMS": "0",
}


@pytest.fixture(autouse=True)
def _today() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def office(client: Client) -> Client:
    client.force_login(operator())
    return client


def offer(of: Programme, **facts: Any) -> Promotion:
    facts = {"points_minor": 12_50, "outlets": "lices", "conditions": "…", "name": "Fête", **facts}
    days = {"starts_on": date(2026, 11, 1), "ends_on": date(2026, 11, 30), **facts}
    return Promotion.objects.create(programme=of, **days)


# CSEs


def test_a_cse_earns_in_one_programme_and_can_change_or_leave(office: Client) -> None:
    cse, family, croissant = organisation(), shipped("family"), shipped("croissant")
    office.post(url("organisationprogramme", "add"), {"organisation": cse.pk, "programme": family.pk})
    assert programme_of(cse.pk) == "family"
    again = office.post(
        url("organisationprogramme", "add"), {"organisation": cse.pk, "programme": croissant.pk}
    )
    assert "existe déjà" in text_of(again)
    row = OrganisationProgramme.objects.get()
    office.post(url("organisationprogramme", "change", row.pk), {"programme": croissant.pk})
    assert programme_of(cse.pk) == "croissant"
    who = member(croissant)
    office.post(url("organisationprogramme", "delete", row.pk), {"post": "yes"})
    assert programme_of(cse.pk) is None
    assert Member.objects.filter(pk=who.pk).exists()
    assert LogEntry.objects.count() == 3


def test_several_cses_leave_at_once(office: Client) -> None:
    shipped("family")
    for _ in range(2):
        join_programme(organisation_id=organisation().pk, programme_slug="family")
    chosen = list(OrganisationProgramme.objects.values_list("pk", flat=True))
    action = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    office.post(url("organisationprogramme", "changelist"), action)
    assert not OrganisationProgramme.objects.exists()


# Offers


def test_an_offer_is_made_in_points_and_local_days(office: Client) -> None:
    # S4.10
    owner = shipped("croissant")
    answer = office.post(url("promotion", "add"), {**FACTS, "programme": owner.pk})
    assert answer.status_code == 302
    made = Promotion.objects.get()
    assert (made.points_minor, made.days, made.outlet_codes) == (12_50, 10, {"lices", "marais"})
    shown = text_of(office.get(url("promotion", "changelist")))
    assert "12,50" in shown
    assert "lices, marais" in shown


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"points_minor": "0"}, "points_minor", "Une offre donne des points."),
        ({"points_minor": "-3"}, "points_minor", "supérieure ou égale à 0"),
        ({"points_minor": "beaucoup"}, "points_minor", "Saisissez un nombre."),
        ({"days": "0"}, "days", "supérieure ou égale à 1"),
        ({"conditions": ""}, "conditions", "Ce champ est obligatoire."),
        ({"ends_on": "31/10/2026"}, "ends_on", "Le dernier jour est avant le premier."),
        ({"outlets": "x" * 65}, "outlets", "Code trop long"),
    ],
)
def test_an_offer_that_breaks_a_rule_is_refused_beside_its_field(
    office: Client, change: dict[str, str], field: str, said: str
) -> None:
    answer = office.post(url("promotion", "add"), {**FACTS, "programme": shipped("family").pk, **change})
    assert said in text_of(answer)
    assert field in answer.context["adminform"].form.errors
    assert not Promotion.objects.exists()


def test_an_offer_is_given_to_everybody_once_in_batches(office: Client) -> None:
    # S4.10
    owner = shipped("croissant")
    people = [member(owner) for _ in range(3)]
    voided = member(owner)
    Member.objects.filter(pk=voided.pk).update(state="voided")
    stranger = member(shipped("family"))
    promotion = offer(owner)
    page = url("promotion", "grant", promotion.pk)
    shown = text_of(office.get(page))
    assert "compte 3 membres" in shown
    assert "12,50 points une seule fois" in shown
    assert office.post(page, {"tier": ""}).status_code == 200
    assert not PromotionGrant.objects.exists()
    assert office.post(page, {"tier": "", "confirmed": "on"}).status_code == 302
    run_due(at=NOW, limit=20)
    given = Accrual.objects.filter(promotion=promotion)
    assert {row.member_id for row in given} == {one.pk for one in people}
    assert stranger.pk not in {row.member_id for row in given}
    grant = PromotionGrant.objects.get()
    assert (grant.given, grant.done_at, grant.refusal) == (3, NOW, "")
    lots = ledger.open_lots(people[0].account_id)
    assert {"lices"} in [lot.restriction.outlets for lot in lots]
    late = member(owner)
    office.post(page, {"tier": "", "confirmed": "on"})
    run_due(at=NOW, limit=20)
    assert PromotionGrant.objects.latest("pk").given == 1
    assert Accrual.objects.get(promotion=promotion, member=late).amount_minor == 12_50
    assert "terminée" in text_of(office.get(url("promotion", "change", promotion.pk)))


def test_an_offer_can_be_for_one_tier(office: Client) -> None:
    owner = shipped("croissant")
    rich, _poor = member(owner), member(owner)
    buy(rich, 30_000_00)
    promotion = offer(owner)
    page = url("promotion", "grant", promotion.pk)
    assert ">Gold<" in text_of(office.get(page))
    office.post(page, {"tier": "gold", "confirmed": "on"})
    run_due(at=NOW, limit=20)
    assert [row.member_id for row in Accrual.objects.filter(promotion=promotion)] == [rich.pk]


def test_a_grant_goes_on_where_a_dead_worker_left_it() -> None:
    owner = shipped("family")
    for _ in range(5):
        member(owner)
    promotion = offer(owner)
    grant = ask_grant(promotion_id=promotion.pk, actor_id=operator().pk, at=NOW)
    assert continue_grant(grant_id=grant, at=NOW, limit=2)
    assert PromotionGrant.objects.get().given == 2
    while continue_grant(grant_id=grant, at=NOW, limit=2):
        pass
    assert not continue_grant(grant_id=grant, at=NOW + DAY, limit=2)
    row = PromotionGrant.objects.get()
    assert (row.given, row.done_at) == (5, NOW)
    assert Accrual.objects.filter(promotion=promotion).count() == 5


@pytest.mark.parametrize("end", ["days are over", "programme is closed"])
def test_an_offer_that_ends_meanwhile_keeps_what_was_given(end: str) -> None:
    owner = shipped("family")
    for _ in range(3):
        member(owner)
    grant = ask_grant(promotion_id=offer(owner).pk, actor_id=operator().pk, at=NOW)
    continue_grant(grant_id=grant, at=NOW, limit=2)
    at = NOW
    if end == "days are over":
        at = NOW + 20 * DAY
    else:
        Programme.objects.update(is_active=False)
    assert not continue_grant(grant_id=grant, at=at, limit=2)
    row = PromotionGrant.objects.get()
    assert (row.given, row.done_at) == (2, at)
    assert row.refusal == ("PromotionOver" if end == "days are over" else "ProgrammeClosed")


def test_an_offer_that_is_not_running_is_not_given(office: Client) -> None:
    owner = shipped("family")
    who = member(owner)
    promotion = offer(owner, starts_on=date(2026, 12, 1), ends_on=date(2026, 12, 31))
    answer = office.post(url("promotion", "grant", promotion.pk), {"tier": "", "confirmed": "on"})
    assert "L'offre n'a pas cours aujourd'hui." in text_of(answer)
    assert not PromotionGrant.objects.exists()
    assert ledger.open_lots(who.account_id) == []
    with pytest.raises(PromotionOver):
        ask_grant(promotion_id=promotion.pk, actor_id=operator().pk, at=NOW)


def test_an_offer_that_members_have_only_ends_later_or_earlier(office: Client) -> None:
    owner = shipped("family")
    member(owner)
    promotion = offer(owner)
    ask_grant(promotion_id=promotion.pk, actor_id=operator().pk, at=NOW)
    change = url("promotion", "change", promotion.pk)
    inline = {"grants-TOTAL_FORMS": "0", "grants-INITIAL_FORMS": "0"}
    office.post(change, {**FACTS, "programme": shipped("croissant").pk, "ends_on": "25/11/2026", **inline})
    promotion.refresh_from_db()
    assert (promotion.ends_on, promotion.name) == (date(2026, 11, 25), "Les Lices en fête")
    assert (promotion.points_minor, promotion.outlets, promotion.programme_id) == (12_50, "lices", owner.pk)
    assert office.post(url("promotion", "delete", promotion.pk), {"post": "yes"}).status_code == 403
    earlier = office.post(change, {**FACTS, "ends_on": "31/10/2026", **inline})
    assert "Le dernier jour est avant le premier." in text_of(earlier)


def test_an_offer_that_nobody_has_can_be_deleted_alone(office: Client) -> None:
    one, other = offer(shipped("family")), offer(shipped("family"))
    office.post(url("promotion", "delete", one.pk), {"post": "yes"})
    office.post(
        url("promotion", "changelist"),
        {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"},
    )
    assert list(Promotion.objects.all()) == [other]


def test_who_may_only_look_gives_nothing(client: Client) -> None:
    promotion = offer(shipped("family"))
    member(promotion.programme)
    reader(client, "view_promotion")
    before = everything()
    facts = {"tier": "", "confirmed": "on"}
    assert client.post(url("promotion", "grant", promotion.pk), facts).status_code == 403
    assert everything() == before


# Points, to read


def test_purchases_points_and_rewards_are_listed_and_only_read(office: Client) -> None:
    at_once = {"activation_days": {"online": 0, "shop": 0}}
    owner = programme("mirabelle", **at_once, redemption={"cap_bp": 9000})
    user = person()
    who = member(owner, user_id=user.pk, first_name="Zoé", last_name="Martin")
    bought = buy(who, 20_000_00, ref="order:12", outlet="marais")
    bring_back(bought, 100_00)
    hold_points(
        key=uuid4(), member_id=who.pk, amount_minor=5_00, purchase_minor=50_00, at=NOW, ref="order:13"
    )
    ship_reward_places()
    claim_reward(key=uuid4(), member_id=who.pk, reward_code="5-7", at=NOW)
    for model, words in (
        ("purchase", ("order:12", "20 000,00 €", "100,00 €", "400")),
        ("accrual", ("achat", "400", "23/11/2027")),
        ("redemption", ("order:13", "réservés", "50,00 €")),
        ("rewardclaim", ("fidelite-5-7", "240")),
    ):
        shown = text_of(office.get(url(model, "changelist"), {"member__id__exact": who.pk}))
        assert all(word in shown for word in words), (model, words)
        assert office.get(url(model, "changelist"), {"q": "Martin"}).status_code == 200
        row = {"purchase": bought.key}.get(model) or office.get(url(model, "changelist")).context[
            "cl"
        ].result_list[0].pk
        page = text_of(office.get(url(model, "change", row)))
        assert "Zoé Martin" in page
        assert "Amount minor" not in page
        assert office.get(url(model, "add")).status_code == 403
        for change in ("change", "delete"):
            assert office.post(url(model, change, row), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    "model", ["purchase", "accrual", "redemption", "rewardclaim", "promotion", "suspicion"]
)
def test_the_lists_are_french_and_ask_few_questions(
    office: Client, model: str, django_assert_max_num_queries: Any
) -> None:
    owner = shipped("family")
    for _ in range(5):
        buy(member(owner, first_name="Zoé", last_name="Martin"), 600_00)
    with django_assert_max_num_queries(12):
        shown = text_of(office.get(url(model, "changelist")))
    for english in ("Occurred at", "Amount minor", "Member__", ">Kind<", "Raised at"):
        assert english not in shown


# What comes with the product


def test_the_places_of_rewards_come_with_the_programmes() -> None:
    # S2.2: a claim delivers a card to the wallet.
    ship_programmes(at=NOW)
    CardProduct.objects.filter(slug="fidelite-7-7").update(name="Place du dimanche")
    ship_programmes(at=NOW)
    week, every_day = CardProduct.objects.order_by("slug")
    assert (week.slug, week.weekdays, every_day.weekdays) == ("fidelite-5-7", 0b0011111, 0b1111111)
    assert every_day.name == "Place du dimanche"
    user = person()
    who = member(Programme.objects.get(slug="cinema"), user_id=user.pk, at=NOW)
    buy(who, 300_00)
    claim_reward(key=uuid4(), member_id=who.pk, reward_code="7-7", at=NOW)
    assert Card.objects.get(holder=user).product == every_day
