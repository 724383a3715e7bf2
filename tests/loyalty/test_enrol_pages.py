"""Joining at `/fidelite/<programme>/inscription/` (S4.5): what is asked, refused, and kept in the form."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from loyalty.models import Challenge, Member, PhoneQuota, Programme
from loyalty.services.programme import draft_version, publish_version
from loyalty.services.send import send_code
from sandbox.models import Sms
from tests import factories
from tests.loyalty.pages import address, joined, reader_of, said, text_of
from tests.loyalty.points import BORN, DAY, NOW, RULES, buy, everything, member, shipped
from tests.support import run_jobs

pytestmark = pytest.mark.django_db
ENROL = "/fidelite/mirabelle/inscription/"
PHONE = "06 12 34 56 78"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as moving:
        yield moving


@pytest.fixture
def ada(client: Client) -> User:
    return reader_of(client, first_name="Ada", last_name="Martin")


def answers(**changes: str) -> dict[str, str]:
    return {"phone": PHONE, "birth_on": "1990-05-17", "consent": "on", "version": "1", **changes}


def begin(client: Client, **changes: str) -> str:
    """Send the form; the address of the page that asks for the code."""
    response = client.post(ENROL, answers(**changes))
    assert response.status_code == 302, text_of(response)
    return response.headers["Location"]


def code(*, wrong: bool = False) -> str:
    """The four digits as they reached the phone, or others."""
    challenge = Challenge.objects.order_by("expires_at").last()
    assert challenge
    if challenge.sealed:
        send_code(challenge_id=challenge.pk, at=NOW)
    found = re.search(r"\b(\d{4})\b", Sms.objects.latest("pk").text)
    assert found
    return f"{(int(found[1]) + 1) % 10_000:04}" if wrong else found[1]


def refused(client: Client, sentence: str, **changes: str) -> str:
    """The form says no, keeps what was typed, and nothing has changed."""
    before = (everything(), Challenge.objects.count(), PhoneQuota.objects.count())
    response = client.post(ENROL, answers(**changes))
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert (everything(), Challenge.objects.count(), PhoneQuota.objects.count()) == before
    return str(response.content.decode())


def test_an_adult_with_a_phone_becomes_a_member_and_the_account_keeps_both(client: Client, ada: User) -> None:
    page = begin(client)
    assert "•• •• •• 78" in text_of(client.get(page))
    response = client.post(page, {"code": f" {code()} "}, follow=True)
    assert response.redirect_chain[-1][0] == address("programme", "mirabelle")
    assert "Bienvenue dans le programme Mirabelle." in text_of(response)
    made = Member.objects.get()
    assert (made.user, made.phone, made.birth_on, made.consent_version) == (ada, "+33612345678", BORN, 1)
    assert (made.first_name, made.last_name, made.consented_at) == ("Ada", "Martin", NOW)
    ada.refresh_from_db()
    assert (ada.phone, ada.birth_date) == ("+33612345678", BORN)


def test_what_the_account_holds_is_shown_and_does_not_change(client: Client) -> None:
    # S4.11
    reader_of(client, phone="+33699887766", birth_date=date(1980, 1, 2))
    page = client.get(ENROL).content.decode()
    assert 'value="+33 6 99 88 77 66"' in page
    assert page.count("disabled") == 2
    begin(client, phone="06 00 00 00 01", birth_on="1999-09-09")
    challenge = Challenge.objects.get()
    assert (challenge.phone, challenge.birth_on) == ("+33699887766", date(1980, 1, 2))


def test_a_phone_of_the_account_that_cannot_be_called_is_for_the_support_to_correct(client: Client) -> None:
    reader_of(client, phone="+33612")
    refused(client, "Ce numéro ne reçoit pas de SMS. Écrivez à l'assistance, qui le corrigera.")


def test_the_demos_people_have_numbers_of_fiction(client: Client, ada: User, settings: Any) -> None:
    begin(client, phone="06 39 98 00 77")
    settings.SANDBOX = False
    refused(client, "Saisissez un numéro complet", phone="06 39 98 00 78")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("phone", "", "Saisissez votre numéro de téléphone."),
        ("phone", "12", "Saisissez un numéro complet, par exemple 06 12 34 56 78."),
        ("phone", "06\x0012345678", "Saisissez un numéro complet, par exemple 06 12 34 56 78."),
        ("phone", "0" * 50, "Saisissez un numéro complet, par exemple 06 12 34 56 78."),
        ("birth_on", "", "Saisissez votre date de naissance."),
        ("birth_on", "2008-11-24", "réservé aux personnes majeures : 18 ans ou plus."),
        ("birth_on", "2026-12-24", "réservé aux personnes majeures : 18 ans ou plus."),
        ("birth_on", "0199-01-01", "Saisissez votre date de naissance."),
        ("consent", "", "Cochez cette case pour vous inscrire."),
        ("version", "", "Les règles viennent de changer."),
        ("version", "7", "Les règles viennent de changer."),
    ],
)
def test_bad_answers_are_named_next_to_their_field(
    client: Client, ada: User, field: str, value: str, sentence: str
) -> None:
    kept = refused(client, sentence, **{field: value})
    assert 'value="1990-05-17"' in kept or field == "birth_on"
    assert PHONE in kept or field == "phone"


def test_eighteen_today_is_an_adult(client: Client, ada: User) -> None:
    begin(client, birth_on="23/11/2008")
    assert Challenge.objects.get().birth_on == date(2008, 11, 23)


def test_rules_that_changed_meanwhile_are_read_again(client: Client, ada: User) -> None:
    owner = Programme.objects.get(slug="mirabelle")
    rules = {**RULES["mirabelle"], "minimum_minor": 5_00}
    publish_version(version_id=draft_version(programme_id=owner.pk, rules=rules, at=NOW), at=NOW)
    kept = refused(client, "Les règles viennent de changer. Relisez-les, puis validez.")
    assert "Un achat de moins de 5,00\u00a0€ ne rapporte pas de points." in kept
    begin(client, version="2")
    assert Challenge.objects.get().consent_version == 2


def test_a_phone_gets_one_code_a_minute_and_five_a_day(client: Client, ada: User, clock: Any) -> None:
    begin(client)
    refused(client, "Un code vient de partir. Attendez 60 secondes avant d'en demander un autre.")
    for n in range(1, 5):
        clock.move_to(NOW + n * timedelta(minutes=2))
        begin(client)
    clock.move_to(NOW + timedelta(minutes=20))
    refused(client, "Ce numéro a reçu assez de codes pour aujourd'hui. Réessayez demain.")


def test_one_account_cannot_have_codes_sent_to_the_whole_town(
    client: Client, ada: User, settings: Any
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "loyalty_codes": "2/h/user"}
    for n in range(2):
        begin(client, phone=f"06 12 34 56 7{n}")
    refused(client, "Trop de codes demandés. Réessayez dans une heure.")


def test_three_wrong_codes_end_it_and_a_new_one_begins_anew(client: Client, ada: User, clock: Any) -> None:
    page, before = begin(client), everything()
    answers_seen = [text_of(client.post(page, {"code": code(wrong=True)})) for _ in range(3)]
    assert "Il vous reste 2 essais." in answers_seen[0]
    assert "Il vous reste 1 essai." in answers_seen[1]
    assert "Ce n'est pas le bon code. Demandez-en un nouveau." in answers_seen[2]
    assert "Ce code n'est plus valable." in text_of(client.get(page))
    assert client.post(page, {"code": code()}).status_code == 422
    assert everything() == before
    clock.move_to(NOW + timedelta(minutes=1))
    renewed = client.post(f"{page}code/")
    assert renewed.headers["Location"] != page
    assert "Il reste 3 essais." in text_of(client.get(renewed.headers["Location"]))
    client.post(renewed.headers["Location"], {"code": code()})
    assert Member.objects.get().consented_at == NOW


def test_a_new_code_waits_its_minute_and_stops_the_one_before(client: Client, ada: User, clock: Any) -> None:
    page = begin(client)
    old = code()
    response = client.post(f"{page}code/", follow=True)
    assert "Attendez 60 secondes" in text_of(response)
    assert 'data-countdown="60"' in response.content.decode()
    assert Challenge.objects.count() == 1
    clock.move_to(NOW + timedelta(minutes=1))
    renewed = client.post(f"{page}code/").headers["Location"]
    stale = client.post(page, {"code": old})
    assert "Ce code n'est plus valable. Demandez-en un nouveau." in text_of(stale)
    assert client.post(renewed, {"code": code()}).status_code == 302
    for late in (page, renewed):
        assert client.post(f"{late}code/").headers["Location"] in {address("programme", "mirabelle"), late}


def test_what_is_no_code_costs_no_try(client: Client, ada: User) -> None:
    page = begin(client)
    for typed in ("", "12", "12345", "abcd", "١٢٣٤", "12\x0034", "1" * 50):
        assert "Saisissez les quatre chiffres du SMS." in text_of(client.post(page, {"code": typed}))
    assert Challenge.objects.get().tries == 0


def test_a_code_is_over_after_ten_minutes(client: Client, ada: User, clock: Any) -> None:
    page = begin(client)
    digits = code()
    clock.move_to(NOW + timedelta(minutes=10))
    assert "Ce code n'est plus valable." in text_of(client.get(page))
    assert client.post(page, {"code": digits}).status_code == 422
    assert Member.objects.count() == 0


def test_tries_are_throttled_by_account_too(client: Client, ada: User, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "loyalty_confirm": "1/h/user"}
    page = begin(client)
    client.post(page, {"code": code(wrong=True)})
    response = client.post(page, {"code": code()})
    assert response.status_code == 429
    assert "Trop d'essais." in text_of(response)
    assert (Challenge.objects.get().tries, Member.objects.count()) == (1, 0)


def test_who_came_in_at_a_till_is_linked_with_the_points(client: Client, ada: User) -> None:
    owner = shipped("mirabelle")
    at_till = member(owner, phone="+33612345678", birth_on=BORN)
    buy(at_till, 5_000_00, at=NOW - 20 * DAY)
    response = client.post(begin(client), {"code": code()}, follow=True)
    text = text_of(response)
    assert "Votre inscription en magasin est rattachée à votre compte" in text
    assert "Points disponibles 100" in text
    assert Member.objects.get().user == ada


@pytest.mark.parametrize("why", ["another birth date", "somebody else's", "voided"])
def test_a_phone_that_is_taken_gets_one_neutral_answer_after_the_code(
    client: Client, ada: User, why: str
) -> None:
    # S4.5
    owner = shipped("mirabelle")
    known = member(owner, phone="+33612345678", birth_on=BORN)
    changes: dict[str, dict[str, Any]] = {
        "another birth date": {"birth_on": date(1970, 1, 1)},
        "somebody else's": {"user": factories.person()},
        "voided": {"state": "voided"},
    }
    Member.objects.filter(pk=known.pk).update(**changes[why])
    page, before = begin(client), everything()
    response = client.post(page, {"code": code()})
    assert response.status_code == 422
    assert "Ce numéro ne peut pas être inscrit à ce programme" in text_of(response)
    assert everything() == before
    ada.refresh_from_db()
    assert (ada.phone, ada.birth_date) == ("", None)


def test_a_second_registration_by_the_same_person_is_suspected_and_told_so(client: Client, ada: User) -> None:
    # S4.5
    member(shipped("mirabelle"), birth_on=BORN, first_name="ADA", last_name="Martin")
    response = client.post(begin(client), {"code": code()}, follow=True)
    assert "Nous vérifions votre inscription." in text_of(response)


def test_members_are_sent_to_their_programme(client: Client, ada: User) -> None:
    page = begin(client)
    client.post(page, {"code": code()})
    for late in (ENROL, page):
        assert client.get(late).headers["Location"] == address("programme", "mirabelle")
    assert client.post(page, {"code": code()}).headers["Location"] == address("programme", "mirabelle")
    assert client.post(ENROL, answers()).status_code == 302
    assert Member.objects.count() == 1


def test_a_closed_programme_enrols_nobody(client: Client, ada: User) -> None:
    page = begin(client)
    Programme.objects.update(is_active=False)
    assert client.get(ENROL).headers["Location"] == address("programme", "mirabelle")
    response = client.post(page, {"code": code()})
    assert "Ce programme vient de fermer." in text_of(response)
    assert Member.objects.count() == 0


def test_an_enrolment_is_its_owners_alone(client: Client, ada: User) -> None:
    page = begin(client)
    digits = code()
    other = Client()
    reader_of(other)
    assert other.get(page).status_code == 404
    assert other.post(page, {"code": digits}).status_code == 404
    assert other.post(f"{page}code/").status_code == 404
    assert client.get(page.replace("mirabelle", "croissant")).status_code == 404
    assert (Challenge.objects.get().tries, Member.objects.count()) == (0, 0)


def test_the_member_follows_the_name_and_address_of_the_account(client: Client, ada: User) -> None:
    # S4.11
    client.post(begin(client), {"code": code()})
    run_jobs()
    profile = {
        "title": "",
        "first_name": "Adèle",
        "last_name": "Martin",
        "address_line1": "3 quai des Brumes",
        "address_line2": "",
        "postal_code": "44000",
        "city": "Nantes",
        "country": "FR",
        "language": "fr",
    }
    for name in ("Adèle", "Adèle", "Ada"):  # changed, unchanged, changed back
        assert client.post("/compte/coordonnees/", {**profile, "first_name": name}).status_code == 302
        run_jobs()
    made = Member.objects.get()
    assert (made.first_name, made.address) == ("Ada", "3 quai des Brumes\n44000 Nantes\nFR")
    told = list(made.events.filter(kind="detail").values_list("field", "before", "after", "actor"))
    assert told == [
        ("first_name", "Ada", "Adèle", ada.pk),
        ("address", "", made.address, ada.pk),
        ("first_name", "Adèle", "Ada", ada.pk),
    ]
    assert (made.phone, made.birth_on) == ("+33612345678", BORN)


def test_a_change_of_somebody_who_is_no_member_reaches_nobody(client: Client, ada: User) -> None:
    # S4.11
    other = joined(factories.person(), shipped("mirabelle"), first_name="Zoé")
    client.post(
        "/compte/coordonnees/",
        {"title": "", "first_name": "Adèle", "last_name": "M", "country": "FR", "language": "fr"},
    )
    run_jobs()
    other.refresh_from_db()
    assert other.first_name == "Zoé"
    assert "M'inscrire" in said(client, "home")
