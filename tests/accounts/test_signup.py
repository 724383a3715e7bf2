"""Creating an account (S3.1, S3.2)."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db.models.signals import post_save
from django.test import Client
from django.urls import reverse

from accounts.models import IdentificationKey, Membership, User
from tests.factories import identification_key, organisation, person
from tests.support import run_jobs

pytestmark = pytest.mark.django_db

SIGNUP = "/compte/inscription/"
SENTENCE = "La demande de création de votre compte a bien été prise en compte par notre système."


def answers(**changes: str) -> dict[str, str]:
    return {
        "key": "0",
        "title": "mrs",
        "first_name": "Aïcha",
        "last_name": "N'Diaye-Lemoine",
        "email": "aicha@demo.example",
        "phone": "06 12 34 56 78",
        "birth_date": "1988-04-17",
        "password1": "trois oies sur le toit",
        "terms": "on",
        **changes,
    }


def sign_up(client: Client, **changes: str):
    return client.post(SIGNUP, answers(**changes), follow=True)


def link_in_mail() -> str:
    return re.search(r"/compte/e-mail/[^\s]+", mail.outbox[-1].body)[0]


def test_a_request_with_key_0_waits_for_the_operator(client):  # S3.1
    page = sign_up(client)
    assert SENTENCE in page.content.decode()
    row = Membership.objects.get()
    assert (row.organisation, row.state, row.key) == (None, "pending", None)
    user = row.user
    assert (user.phone, str(user.birth_date), user.title) == ("+33612345678", "1988-04-17", "mrs")
    assert user.consents.get().version == 1
    assert [event.to_state for event in row.events.all()] == ["pending"]


def test_a_key_names_the_cse_and_the_site(client):  # S3.1
    key = identification_key(code="PRUNE-2026")
    key.site = key.organisation.sites.create(name="Entrepôt")
    key.save()
    sign_up(client, key=" prune–2026 ")
    row = Membership.objects.get()
    assert (row.organisation, row.site, row.state) == (key.organisation, key.site, "pending")
    key.refresh_from_db()
    assert key.uses == 1


def test_a_key_that_approves_at_once_opens_the_second_gate(client):  # S3.1
    identification_key(code="DIRECT", auto_approve=True)
    sign_up(client, key="DIRECT")
    assert Membership.objects.get().state == "approved"
    run_jobs()
    assert {message.subject for message in mail.outbox} == {
        "Confirmez votre adresse e-mail",
        "Votre compte est validé",
    }


def test_the_mail_announces_the_request_and_its_link_validates_the_address(client):  # S3.2
    sign_up(client)
    assert mail.outbox == []  # a job sends it
    run_jobs()
    message = mail.outbox[-1]
    assert SENTENCE in message.body
    assert SENTENCE in message.alternatives[0].content
    assert not EmailAddress.objects.get().verified
    client.get(link_in_mail())
    page = client.post(link_in_mail(), follow=True)
    assert EmailAddress.objects.get().verified
    assert page.redirect_chain[-1][0] == reverse("accounts:waiting")  # signed in, in this browser


def test_the_link_dies_after_three_days(client, time_machine):
    time_machine.move_to("2026-11-20 10:00:00+00:00")
    sign_up(client)
    run_jobs()
    time_machine.move_to("2026-11-23 10:00:01+00:00")
    assert "plus valable" in client.get(link_in_mail()).content.decode()
    assert client.post(link_in_mail()).status_code == 404
    assert not EmailAddress.objects.get().verified


def test_nobody_signs_in_before_the_address_is_validated(client):  # S3.2
    sign_up(client)
    client = Client()
    login = {"login": "aicha@demo.example", "password": "trois oies sur le toit"}
    page = client.post("/compte/connexion/", login, follow=True)
    assert "Confirmez votre adresse e-mail" in page.content.decode()
    assert not page.wsgi_request.user.is_authenticated


def test_a_known_address_gets_the_very_same_answer_and_a_mail_of_its_own(client):
    person("aicha@demo.example")
    stranger = Client()
    known, fresh = sign_up(client), sign_up(stranger, email="autre@demo.example")
    assert known.redirect_chain == fresh.redirect_chain
    assert _without_tokens(known) == _without_tokens(fresh)
    assert User.objects.count() == 2
    assert Membership.objects.count() == 1
    run_jobs()
    assert {message.to[0]: message.subject for message in mail.outbox} == {
        "aicha@demo.example": "Vous avez déjà un compte",
        "autre@demo.example": "Confirmez votre adresse e-mail",
    }


def _without_tokens(page) -> str:
    """The page but for the token and the address that was typed."""
    return re.sub(r'csrfmiddlewaretoken" value="[^"]+"|\w+@demo.example', "", page.content.decode())


def test_a_known_address_uses_no_key(client):  # S3.1
    person("aicha@demo.example")
    key = identification_key(code="UNE-FOIS", use_limit=1)
    sign_up(client, key="UNE-FOIS", email="AICHA@demo.example")
    key.refresh_from_db()
    assert key.uses == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (None, "n&#x27;existe pas"),
        ({"expires_on": "2026-01-01"}, "a expiré"),
        ({"revoked_at": "2026-01-01T00:00Z"}, "a été retirée"),
        ({"use_limit": 1, "uses": 1}, "a déjà servi"),
        ({"organisation": "closed"}, "n&#x27;existe pas"),
    ],
)
@pytest.mark.parametrize("email", ["aicha@demo.example", "connue@demo.example"])
def test_a_bad_key_is_a_clear_error_that_keeps_what_was_typed(client, fields, words, email):  # S3.1
    person("connue@demo.example")
    if fields and fields.get("organisation"):
        fields = {"organisation": organisation(is_active=False)}
    if fields is not None:
        identification_key(code="MAUVAISE", **fields)
    page = sign_up(client, key="MAUVAISE", email=email)
    text = page.content.decode()
    assert page.status_code == 422
    assert words in text
    for typed in ('value="MAUVAISE"', "N&#x27;Diaye-Lemoine", email, 'value="1988-04-17"', "06 12 34 56 78"):
        assert typed in text
    assert User.objects.count() == 1
    assert Membership.objects.count() == 0


def test_a_key_used_up_meanwhile_leaves_nothing_behind(client):  # S3.1
    identification_key(code="DERNIERE", use_limit=1)

    def somebody_is_quicker(**kwargs):  # between the form's check and the count under lock
        IdentificationKey.objects.update(uses=1)

    post_save.connect(somebody_is_quicker, sender=User)
    try:
        page = sign_up(client, key="DERNIERE")
    finally:
        post_save.disconnect(somebody_is_quicker, sender=User)
    assert page.status_code == 422
    assert "a déjà servi" in page.content.decode()
    assert (User.objects.count(), EmailAddress.objects.count()) == (0, 0)
    run_jobs()
    assert mail.outbox == []


def test_wrong_keys_are_counted_per_address(client, settings):  # S3.1
    settings.ACCOUNT_RATE_LIMITS = {"identification_key": "3/m/ip"}
    identification_key(code="BONNE")
    for number in range(3):
        client.post("/compte/cle/", {"key": f"FAUX-{number}"})
    for page in (client.post("/compte/cle/", {"key": "BONNE"}), sign_up(client, key="BONNE")):
        assert "Trop de clés essayées" in page.content.decode()
    assert User.objects.count() == 0
    assert Client(REMOTE_ADDR="192.0.2.7").post("/compte/cle/", {"key": "BONNE"}).status_code == 200
    assert Membership.objects.count() == 0
    sign_up(client, key="0")  # key 0 stays open
    assert Membership.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("phone", "12", "numéro complet"),
        ("phone", "06 12 34 56 7٨ 9", "numéro complet"),
        ("phone", "+33 9999999999999", "numéro complet"),
        ("birth_date", "2226-01-01", "date de naissance"),
        ("birth_date", "1888-02-30", "date valide"),
        ("first_name", "A\x00B", "nul"),
        ("last_name", "", "obligatoire"),
        ("email", "pas-une-adresse", "valide"),
        ("email", "a\x00@demo.example", "valide"),
        ("key", "\x00", "nul"),
        ("key", "", "obligatoire"),
        ("password1", "court", "12 caractères"),
        ("password1", "N'Diaye-Lemoine", "semblable"),
        ("password1", "1q2w3e4r5t6y", "courant"),
        ("terms", "", "conditions d&#x27;utilisation pour continuer"),
    ],
)
def test_bad_input_is_refused_next_to_its_field(client, field, value, words):
    page = sign_up(client, **{field: value})
    text = page.content.decode()
    assert page.status_code == 422, page.redirect_chain
    assert re.search(words, text), re.findall(r'class="error".*?</p>', text)
    assert 'aria-invalid="true"' in text
    assert User.objects.count() == 0


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("0612345678", "+33612345678"),
        ("+41 79 123 45 67", "+41791234567"),
        ("0033 6.12.34.56.78", "+33612345678"),
        ("", ""),
    ],
)
def test_phones_are_kept_in_one_form(client, typed, kept):
    sign_up(client, phone=typed)
    assert User.objects.get().phone == kept


def test_the_live_check_names_the_cse_of_a_good_key(client):
    key = identification_key(code="LIVE-1")
    page = client.post("/compte/cle/", {"key": "live-1"})
    assert key.organisation.name in page.content.decode()
    key.refresh_from_db()
    assert key.uses == 0
