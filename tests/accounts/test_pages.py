"""The pages of one's own account (S3.2, S3.10) and allauth's in our words."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.errors import DetailFixed, ReasonMissing
from accounts.models import DetailChange, Membership, User
from accounts.services.demo import totp_code
from accounts.services.profile import Details, correct_fixed_details, update_details
from tests.factories import (
    PASSWORD,
    identification_key,
    member,
    membership,
    operator,
    organisation,
    person,
    sign_in,
    staff,
)
from tests.support import run_jobs

pytestmark = pytest.mark.django_db

PROFILE = "/compte/coordonnees/"
WAITING = "/compte/attente/"


def details(**changes) -> dict[str, str]:
    return {
        "title": "mr",
        "first_name": "Jean-Loup",
        "last_name": "d'Ô",
        "phone": "",
        "birth_date": "",
        "address_line1": "3 quai des Brumes",
        "address_line2": "",
        "postal_code": "29200",
        "city": "Brest",
        "country": "FR",
        "language": "fr",
        **changes,
    }


def test_details_are_kept(client):  # S3.10
    user = person()
    sign_in(client, user).post(PROFILE, details(phone="0612345678", birth_date="1990-02-28"))
    user.refresh_from_db()
    assert (user.last_name, user.city, user.phone) == ("d'Ô", "Brest", "+33612345678")
    assert str(user.birth_date) == "1990-02-28"


def test_phone_and_birth_date_are_fixed_once_set(client):  # S3.10
    user = person(phone="+33612345678", birth_date="1990-02-28")
    page = sign_in(client, user).get(PROFILE).content.decode()
    assert page.count("disabled") == 2
    client.post(PROFILE, details(phone="0699999999", birth_date="1999-01-01", city="Nantes"))
    user.refresh_from_db()
    assert (user.phone, str(user.birth_date), user.city) == ("+33612345678", "1990-02-28", "Nantes")


def test_the_service_refuses_too(client):  # S3.10
    user = person(phone="+33612345678")
    changed = Details(**{**details(phone="+33699999999"), "birth_date": None})
    with pytest.raises(DetailFixed):
        update_details(user_id=user.pk, details=changed, at=timezone.now())
    user.refresh_from_db()
    assert (user.phone, user.city) == ("+33612345678", "")


def test_operators_correct_what_is_fixed_and_say_why():  # S3.10
    user, boss = person(phone="+33612345678"), operator()
    change = {"user_id": user.pk, "phone": "+33699999999", "birth_date": None, "actor_id": boss.pk}
    with pytest.raises(ReasonMissing):
        correct_fixed_details(**change, reason=" ", at=timezone.now())
    user.refresh_from_db()
    assert (user.phone, DetailChange.objects.count()) == ("+33612345678", 0)
    correct_fixed_details(**change, reason="Faute de frappe", at=timezone.now())
    user.refresh_from_db()
    row = DetailChange.objects.get()
    assert (user.phone, row.before, row.after, row.actor) == (
        "+33699999999",
        "+33612345678",
        "+33699999999",
        boss,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("first_name", ""), ("phone", "12"), ("country", "XX"), ("language", "tlh"), ("city", "\x00")],
)
def test_bad_details_are_refused_and_kept_in_the_form(client, field, value):
    user = person()
    page = sign_in(client, user).post(PROFILE, details(**{field: value}))
    assert page.status_code == 422
    assert "3 quai des Brumes" in page.content.decode()
    user.refresh_from_db()
    assert user.city == ""


def test_the_language_of_the_account_wins_over_the_browser(client):
    user = person()
    sign_in(client, user).post("/compte/langue/", {"language": "en", "next": PROFILE})
    user.refresh_from_db()
    assert user.language == "en"
    page = client.get(PROFILE, headers={"Accept-Language": "fr"})
    assert '<html lang="en"' in page.content.decode()
    visitor = Client()
    visitor.post("/compte/langue/", {"language": "en"})
    assert '<html lang="en"' in visitor.get("/compte/connexion/").content.decode()
    visitor.post("/compte/langue/", {"language": "xx"})
    assert '<html lang="en"' in visitor.get("/compte/connexion/").content.decode()


def test_the_theme_is_a_cookie_and_never_leads_away(client):
    page = client.post("/compte/theme/", {"theme": "dark", "next": "https://evil.example/"})
    assert page.headers["Location"] == "/"
    assert 'data-theme="dark"' in client.get("/compte/connexion/").content.decode()
    client.post("/compte/theme/", {"theme": "auto"})
    assert "data-theme" not in client.get("/compte/connexion/").content.decode()


def test_the_waiting_page_says_what_is_missing(client):  # S3.2
    cse = organisation(name="CSE Vergers")
    user = person(verified=False)
    membership(user, cse)
    text = sign_in(client, user).get(WAITING).content.decode()
    assert "CSE Vergers doit encore valider votre demande" in text
    assert "Ouvrez le lien reçu par e-mail" in text
    assert 'hx-trigger="every 15s"' in text


def test_the_waiting_page_moves_on_by_itself(client):  # S3.2
    user = person()
    row = membership(user, organisation())
    htmx = {"HX-Request": "true"}
    page = sign_in(client, user).get(WAITING, headers=htmx)
    assert (page.status_code, "<html" in page.content.decode()) == (200, False)
    Membership.objects.filter(pk=row.pk).update(state="approved")
    page = client.get(WAITING, headers=htmx)
    assert (page.status_code, page.headers["HX-Redirect"]) == (286, "/")
    assert client.get(WAITING).headers["Location"] == "/"


def test_polling_stops_when_only_the_person_can_act(client):  # S3.2
    user = person()
    membership(user, organisation(), state="refused", reason="Inconnu de nos services")
    page = sign_in(client, user).get(WAITING, headers={"HX-Request": "true"})
    assert page.status_code == 286
    text = client.get(WAITING).content.decode()
    assert "Inconnu de nos services" in text
    assert "every 15s" not in text


def test_a_refused_person_asks_again_with_a_key(client):  # S3.1
    user = person()
    membership(user, organisation(), state="refused", reason="x")
    identification_key(code="ENCORE", auto_approve=True)
    page = sign_in(client, user).post("/compte/demande/", {"key": "FAUX"})
    assert (page.status_code, 'value="FAUX"' in page.content.decode()) == (422, True)
    page = client.post("/compte/demande/", {"key": "encore"}, follow=True)
    assert page.redirect_chain[-1][0] == "/"
    page = client.post("/compte/demande/", {"key": "0"})
    assert page.status_code == 422
    assert user.memberships.count() == 2


def test_a_request_is_withdrawn_but_a_membership_is_not(client):
    user = person()
    row = membership(user, organisation())
    sign_in(client, user).post("/compte/demande/retirer/")
    row.refresh_from_db()
    assert row.state == "left"
    approved = member()
    sign_in(client, approved).post("/compte/demande/retirer/")
    assert approved.memberships.get().state == "approved"


ENGLISH = re.compile(
    r"\b(Email|Sign (In|Up|Out)|Two-Factor|Security Key|Authenticator|Recovery Codes|Sessions|Confirm)\b"
)
SIGNED_IN_PAGES = [
    "/compte/coordonnees/",
    "/compte/e-mail/",
    "/compte/mot-de-passe/",
    "/compte/securite/",
    "/compte/securite/application/",
    "/compte/securite/cles/",
    "/compte/securite/cles/ajouter/",
    "/compte/appareils/",
    "/compte/deconnexion/",
    "/compte/confirmation/",
    "/compte/desactive/",
    "/compte/conditions-utilisation/",
]
VISITOR_PAGES = [
    "/compte/inscription/",
    "/compte/connexion/",
    "/compte/mot-de-passe/oublie/",
    "/compte/mot-de-passe/oublie/envoye/",
    "/compte/mot-de-passe/nouveau/1-abc/",
    "/compte/mot-de-passe/change/",
    "/compte/e-mail/envoye/",
    "/compte/e-mail/abc/",
    "/compte/desactive/",
]


def in_our_design(page) -> None:
    text = page.content.decode()
    assert page.status_code == 200
    assert "css/portal" in text
    assert "<h1>" in text
    visible = re.sub(r"<script.*?</script>|<svg.*?</svg>|<[^>]+>", " ", text, flags=re.S)
    assert not ENGLISH.search(visible), ENGLISH.search(visible)
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script or "application/json" in script, script


@pytest.mark.parametrize("path", VISITOR_PAGES)
def test_pages_for_visitors_are_in_our_design_and_language(client, path):
    in_our_design(client.get(path))


@pytest.mark.parametrize("path", SIGNED_IN_PAGES)
def test_pages_for_the_signed_in_are_in_our_design_and_language(client, path):
    user = member()
    client.post("/compte/connexion/", {"login": user.email, "password": PASSWORD})
    client.post("/compte/confirmation/", {"password": PASSWORD})
    in_our_design(client.get(path))


@pytest.mark.parametrize(
    "path",
    [
        "/compte/securite/",
        "/compte/securite/secours/",
        "/compte/securite/secours/nouveaux/",
        "/compte/securite/application/retirer/",
        "/compte/securite/confirmation/",
    ],
)
def test_pages_of_the_second_factor_are_in_our_design_and_language(client, path, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    user = staff(organisation())
    client.post("/compte/connexion/", {"login": user.email, "password": PASSWORD})
    in_our_design(client.get("/compte/connexion/code/"))
    client.post("/compte/connexion/code/", {"code": totp_code(at=timezone.now())[0]}, follow=True)
    client.post("/compte/confirmation/", {"password": PASSWORD})
    client.post("/compte/securite/secours/nouveaux/")
    in_our_design(client.get(path))


def test_a_forgotten_password_is_reset_by_mail(client):
    user = person()
    client.post("/compte/mot-de-passe/oublie/", {"email": user.email})
    run_jobs()
    link = re.search(r"/compte/mot-de-passe/nouveau/\S+", mail.outbox[0].body)[0]
    page = client.get(link, follow=True)
    new = "cinq pies sur un fil"
    page = client.post(page.redirect_chain[-1][0], {"password1": new, "password2": new}, follow=True)
    assert "est changé" in page.content.decode()
    assert User.objects.get(pk=user.pk).check_password(new)
    assert "nouveau" in client.get(link, follow=True).content.decode()


def test_a_forgotten_password_of_nobody_looks_the_same(client):
    pages = [
        client.post("/compte/mot-de-passe/oublie/", {"email": email}, follow=True).redirect_chain
        for email in (person().email, "personne@ailleurs.example")
    ]
    assert pages[0] == pages[1]
    run_jobs()
    assert {message.subject for message in mail.outbox} == {
        "Choisir un nouveau mot de passe",
        "Aucun compte à cette adresse",
    }


def test_wrong_passwords_are_throttled(client):
    user = person()
    for _ in range(6):
        page = client.post("/compte/connexion/", {"login": user.email, "password": "faux"})
    right = client.post("/compte/connexion/", {"login": user.email, "password": PASSWORD})
    assert right.status_code == 200
    assert "faux" not in page.content.decode()


def test_other_devices_are_signed_out(client):
    user = member()
    elsewhere = Client(headers={"User-Agent": "Téléphone"})
    for device in (client, elsewhere):
        device.post("/compte/connexion/", {"login": user.email, "password": PASSWORD})
        device.get("/compte/coordonnees/")
    assert "Téléphone" in client.get("/compte/appareils/").content.decode()
    client.post("/compte/appareils/")
    assert elsewhere.get("/compte/coordonnees/").status_code == 302
    assert client.get("/compte/coordonnees/").status_code == 200


def test_mails_of_the_account_leave_no_link_behind():
    client = Client()
    user = person()
    client.post("/compte/mot-de-passe/oublie/", {"email": user.email})
    from outbox.models import Mail

    row = Mail.objects.get()
    assert "mot-de-passe" not in str(row.context)
    run_jobs()
    row.refresh_from_db()
    assert row.sealed == ""


def test_second_factor_secrets_are_sealed_at_rest():
    user = staff(organisation())
    assert "MIRABELLE" not in str(user.authenticator_set.get().data)


@pytest.mark.parametrize(
    "next_", ["x", "٣", "home", "accounts:profile", "//ailleurs.example", "https://a.example/"]
)
@pytest.mark.parametrize("choice", ["langue", "theme"])
def test_a_strange_next_is_neither_an_error_page_nor_the_name_of_a_view(client, choice, next_):
    answer = client.post(f"/compte/{choice}/", {"language": "en", "theme": "dark", "next": next_})

    assert answer.status_code == 302
    assert answer.headers["Location"] in {"/", next_, "%D9%A3"}
