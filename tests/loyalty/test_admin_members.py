"""Operators find members, correct what members may not change, and decide about duplicates (S4.5, S4.11)."""

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from loyalty.models import Member, MemberEvent, Suspicion
from loyalty.selectors.till import till_member
from loyalty.services.details import link_card
from loyalty.services.spend import hold_points
from tests.factories import operator, person
from tests.loyalty.admin_pages import reader, text_of, typed, url
from tests.loyalty.points import DAY, NOW, buy, everything, fresh, member, programme, shipped

pytestmark = pytest.mark.django_db
AT_ONCE = {"activation_days": {"online": 0, "shop": 0}, "welcome": None}


@pytest.fixture(autouse=True)
def _today() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def boss() -> User:
    return operator()


@pytest.fixture
def office(client: Client, boss: User) -> Client:
    client.force_login(boss)
    return client


@pytest.fixture
def zoe() -> Member:
    """With 1 000 points of a purchase, 100 of them set aside."""
    user = person("zoe@demo.example")
    who = member(programme("family", **AT_ONCE), first_name="Zoé", last_name="Martin", user_id=user.pk)
    buy(who, 10_000_00, ref="order:12")
    hold_points(
        key="00000000-0000-0000-0000-00000000000a",  # type: ignore[arg-type]
        member_id=who.pk,
        amount_minor=100_00,
        purchase_minor=500_00,
        at=NOW,
    )
    return fresh(who)


@pytest.mark.parametrize(
    "words",
    ["06 99 88 77 66", "+33699887766", "0033699887766", "martin", "zoé mart", "zoe@demo", "2900 0000 1234"],
)
def test_a_member_is_found_by_phone_name_e_mail_or_card(office: Client, zoe: Member, words: str) -> None:
    other = member(zoe.programme, first_name="Paul", last_name="Durand")
    Member.objects.filter(pk=zoe.pk).update(phone="+33699887766")
    link_card(member_id=zoe.pk, number="2900 0000 1234", at=NOW)
    shown = text_of(office.get(url("member", "changelist"), {"q": words}))
    assert url("member", "change", zoe.pk) in shown
    assert url("member", "change", other.pk) not in shown


@pytest.mark.parametrize("words", ["\0", "%", "'", "06 12 34 56 78", "personne", "9" * 400])
def test_a_search_that_finds_nobody_says_so(office: Client, zoe: Member, words: str) -> None:
    answer = office.get(url("member", "changelist"), {"q": words})
    assert answer.status_code == 200
    assert (url("member", "change", zoe.pk) in text_of(answer)) == (words == "\0")


def test_the_list_shows_tier_state_and_points_with_a_fixed_number_of_queries(
    office: Client, zoe: Member
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            shown = text_of(office.get(url("member", "changelist")))
        assert "900" in shown
        assert "actif" in shown
        return len(asked)

    before = queries()
    for _ in range(10):
        buy(member(zoe.programme), 500_00)
    assert queries() == before


def test_the_page_shows_points_dates_and_history_to_read_only(office: Client, zoe: Member) -> None:
    shown = text_of(office.get(url("member", "change", zoe.pk)))
    for words in ("zoe@demo.example", "900 le 22/11/2027", "10 000,00 €", "inscription", zoe.phone):
        assert words in shown, words
    assert 'name="phone"' not in shown
    assert 'name="state"' not in shown
    for page in ("change", "delete"):
        assert office.post(url("member", page, zoe.pk), {"state": "voided", "post": "yes"}).status_code == 403
    assert office.get(url("member", "add")).status_code == 403


def test_the_page_lets_time_pass_first(office: Client) -> None:
    # S4.8: an operator sees what the member sees.
    who = member(shipped("croissant"), at=NOW - 200 * DAY)
    buy(who, 30_000_00, at=NOW - 120 * DAY)
    shown = text_of(office.get(url("member", "change", who.pk)))
    assert "Guest" in shown
    assert fresh(who).tier == "guest"


def test_phone_and_birth_date_are_corrected_with_a_reason_that_is_kept(
    office: Client, boss: User, zoe: Member
) -> None:
    # S4.11
    page = url("member", "correct", zoe.pk)
    facts = {"phone": "06 99 88 77 66", "birth_on": "28/11/1990", "reason": "Pièce d'identité vue"}
    assert typed(text_of(office.get(page)))["birth_on"] == "17/05/1990"
    assert office.post(page, facts).status_code == 302
    assert (fresh(zoe).phone, fresh(zoe).birth_on) == ("+33699887766", date(1990, 11, 28))
    events = MemberEvent.objects.filter(kind="detail", actor=boss, reason="Pièce d'identité vue")
    assert [row.field for row in events] == ["phone", "birth_on"]
    assert "Pièce d'identité vue" in text_of(office.get(url("member", "change", zoe.pk)))
    assert LogEntry.objects.filter(object_id=str(zoe.pk), user=boss).exists()


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"reason": " "}, "reason", "Dites pourquoi : le motif est conservé."),
        ({"phone": "12"}, "phone", "Ce n'est pas un numéro de téléphone complet."),
        ({"phone": "+33611111111"}, "phone", "Ce téléphone est celui d'un autre membre du programme."),
        ({"birth_on": "01/01/2015"}, "birth_on", "Un membre a 18 ans au moins."),
        ({"birth_on": "31/02/1990"}, "birth_on", "Saisissez une date valide."),
    ],
)
def test_a_correction_that_breaks_a_rule_is_refused_beside_its_field(
    office: Client, zoe: Member, change: dict[str, str], field: str, said: str
) -> None:
    member(zoe.programme, phone="+33611111111")
    before = everything()
    facts = {"phone": zoe.phone, "birth_on": "17/05/1990", "reason": "Erreur de saisie", **change}
    answer = office.post(url("member", "correct", zoe.pk), facts)
    assert said in text_of(answer)
    assert field in answer.context["form"].errors
    kept = typed(text_of(answer))
    assert {name: kept[name].strip() for name in facts} == {k: v.strip() for k, v in facts.items()}
    assert everything() == before


def test_name_and_address_change_without_a_reason_and_leave_a_trace(
    office: Client, boss: User, zoe: Member
) -> None:
    # S4.11
    facts = {"first_name": "Zoé", "last_name": "Durand", "address": "1 rue du Port"}
    assert office.post(url("member", "details", zoe.pk), facts).status_code == 302
    assert (fresh(zoe).last_name, fresh(zoe).address) == ("Durand", "1 rue du Port")
    assert MemberEvent.objects.filter(kind="detail", actor=boss).count() == 2


def test_a_lost_card_is_replaced_by_an_operator(office: Client, boss: User, zoe: Member) -> None:
    # S4.5
    page = url("member", "link_card", zoe.pk)
    for number in ("2900 0000 1234", "2900 0000 9999"):
        assert office.post(page, {"number": number}).status_code == 302
    found = till_member(programme_id=zoe.programme_id, card_number="290000009999")
    assert found.member_id == zoe.pk
    refused = text_of(office.post(page, {"number": "2900 0000 1234"}))
    assert "Ce numéro est celui d'une autre carte" in refused
    shown = text_of(office.get(url("member", "change", zoe.pk)))
    assert "9999" in shown
    assert "29000000" not in shown
    assert MemberEvent.objects.filter(kind="card", actor=boss).count() == 2


@pytest.mark.parametrize("page", ["correct", "details", "link_card"])
def test_who_may_only_look_corrects_nobody(client: Client, zoe: Member, page: str) -> None:
    reader(client, "view_member")
    assert client.get(url("member", "change", zoe.pk)).status_code == 200
    before = everything()
    facts = {"number": "123456", "phone": zoe.phone, "birth_on": "01/01/1980", "reason": "x"}
    assert client.post(url("member", page, zoe.pk), facts).status_code == 403
    assert everything() == before


# Duplicates


@pytest.fixture
def twins() -> list[Member]:
    owner = programme("family", **AT_ONCE)
    found = [member(owner, first_name="Zoé", last_name="Martin") for _ in range(2)]
    for one in found:
        buy(one, 500_00)
    return found


def review_page() -> str:
    return url("suspicion", "change", Suspicion.objects.get().pk)


def test_the_list_begins_with_what_waits(office: Client, twins: list[Member]) -> None:
    assert review_page() in text_of(office.get(url("suspicion", "changelist")))
    office.post(review_page(), {"reason": "Mère et fille", "decision": "clear"})
    assert review_page() not in text_of(office.get(url("suspicion", "changelist")))
    assert review_page() in text_of(office.get(url("suspicion", "changelist"), {"state": "all"}))


def test_both_people_are_shown_side_by_side(
    office: Client, twins: list[Member], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20):
        shown = " ".join(text_of(office.get(review_page())).split())
    assert '<td class="op-same">17/05/1990</td> <td class="op-same">17/05/1990</td>' in shown
    assert f"<td >{twins[0].phone}</td> <td >{twins[1].phone}</td>" in shown
    assert "Indice : même nom et même naissance" in shown
    assert "Rétablir les deux" not in shown


def test_a_duplicate_is_confirmed_and_restored_with_reasons(
    office: Client, boss: User, twins: list[Member]
) -> None:
    # S4.5
    facts = {"reason": "Même pièce d'identité", "decision": "confirm"}
    answer = office.post(review_page(), facts, follow=True)
    shown = text_of(answer)
    assert "les deux inscriptions sont annulées" in shown
    assert "« Même pièce d'identité »" in shown
    assert [fresh(one).state for one in twins] == ["voided", "voided"]
    assert "annuler les deux" not in shown
    office.post(review_page(), {"reason": "Erreur", "decision": "restore"})
    assert [fresh(one).state for one in twins] == ["active", "active"]
    events = MemberEvent.objects.filter(actor=boss).values_list("kind", "reason").distinct().order_by("kind")
    assert list(events) == [("restored", "Erreur"), ("voided", "Même pièce d'identité")]
    assert LogEntry.objects.filter(user=boss).count() == 2


@pytest.mark.parametrize("decision", ["confirm", "clear"])
def test_nothing_is_decided_without_a_reason(office: Client, twins: list[Member], decision: str) -> None:
    before = everything()
    answer = office.post(review_page(), {"reason": "  ", "decision": decision})
    assert "Dites pourquoi : le motif est conservé." in text_of(answer)
    assert everything() == before
    assert Suspicion.objects.get().state == "open"


def test_what_somebody_else_decided_is_told(office: Client, twins: list[Member]) -> None:
    office.post(review_page(), {"reason": "Mère et fille", "decision": "clear"})
    before = everything()
    answer = office.post(review_page(), {"reason": "Non", "decision": "confirm"})
    assert "Quelqu'un en a déjà décidé." in text_of(answer)
    assert everything() == before


@pytest.mark.parametrize("pk", ["0", "abc", "9" * 30])
def test_a_review_that_is_not_there_is_not_found(office: Client, pk: str) -> None:
    assert office.get(url("suspicion", "change", pk)).status_code == 404


def test_senseless_decisions_do_nothing(office: Client, twins: list[Member]) -> None:
    before = everything()
    assert office.post(review_page(), {"reason": "x", "decision": "void"}).status_code == 404
    assert everything() == before


def test_who_may_only_look_decides_nothing(client: Client, twins: list[Member]) -> None:
    reader(client, "view_suspicion")
    shown = text_of(client.get(review_page()))
    assert "Côte à côte" in shown
    assert 'name="decision"' not in shown
    before = everything()
    assert client.post(review_page(), {"reason": "x", "decision": "confirm"}).status_code == 403
    assert everything() == before
    reader(client, "view_member")
    assert client.get(review_page()).status_code == 403


def test_time_between_the_page_and_the_decision_changes_nothing(office: Client, twins: list[Member]) -> None:
    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        office.post(review_page(), {"reason": "Deux cousines", "decision": "clear"})
    assert Suspicion.objects.get().decided_at == NOW + timedelta(days=3)
