"""Giving a card away by a link (S3.9)."""

import re
import uuid
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from outbox.models import Mail
from tests.support import run_jobs
from tests.wallet.factories import make_card, make_user
from wallet.errors import AlreadySent, CardNotUsable, LinkNotOpen, TooManyLinks
from wallet.models import Card, CardEvent, ClaimLink
from wallet.services.claim import claim_card
from wallet.services.number import in_groups, open_number
from wallet.services.send import renew_token, revoke_link, send_card
from wallet.services.spend import spend_card

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make_user("ada@exemple.test")


@pytest.fixture
def card(ada):
    return make_card(ada, 3300)


def number_of(card: Card) -> str:
    card.refresh_from_db()
    return open_number(card.number_sealed, card_id=card.pk)


def give(card: Card, *, to: str = "bob@exemple.test", at=None, message: str = "") -> uuid.UUID:
    return send_card(
        card_id=card.pk,
        sender_id=card.holder_id,
        recipient=to,
        message=message,
        language="fr",
        at=at or timezone.now(),
    )


def mailed_token() -> str:
    """The token of the last mail, as its reader finds it."""
    run_jobs(until=timedelta(minutes=1))
    return re.findall(r"/recevoir/([\w-]+)/", mail.outbox[-1].body)[-1]


def claim_url(token: str) -> str:
    return reverse("wallet:claim", args=[token])


def test_the_mail_holds_a_link_and_never_the_number(card):
    number = number_of(card)
    give(card, message="Bon anniversaire !")
    token = mailed_token()
    sent = mail.outbox[-1]
    words = sent.subject + sent.body + "".join(str(part[0]) for part in sent.alternatives)
    assert sent.to == ["bob@exemple.test"]
    assert "Bon anniversaire !" in words
    for secret in (number, in_groups(number), number[4:16], in_groups(number).replace(" ", "\u00a0")):
        assert secret not in words
    stored = str(list(ClaimLink.objects.values())) + str(list(Mail.objects.values()))
    assert token not in stored
    assert number not in stored


def test_opening_the_link_receives_nothing(card, client):
    give(card)
    token = mailed_token()
    for _ in range(3):
        assert client.get(claim_url(token)).status_code == 200
    assert client.head(claim_url(token)).status_code in {200, 405}
    card.refresh_from_db()
    assert card.holder_id is not None
    assert ClaimLink.objects.get(card=card).state == "open"


def test_a_signed_in_receiver_gets_the_card_with_a_fresh_number_and_the_giver_hears_of_it(card, ada, client):
    old = number_of(card)
    bob = make_user("bob@exemple.test")
    give(card)
    token = mailed_token()
    client.force_login(bob)
    response = client.post(claim_url(token))
    assert response["Location"] == reverse("wallet:card", args=[card.pk])
    card.refresh_from_db()
    assert card.holder_id == bob.pk
    assert number_of(card) != old
    assert client.get(reverse("wallet:till", args=[card.pk])).status_code == 200
    run_jobs(until=timedelta(minutes=1))
    assert mail.outbox[-1].to == [ada.email]
    giver = Client()
    giver.force_login(ada)
    assert giver.get(reverse("wallet:till", args=[card.pk])).status_code == 404
    trace = giver.get(reverse("wallet:sent")).content.decode()
    assert "bob@exemple.test" in trace
    assert old[-4:] in trace


def test_a_link_serves_once(card, client):
    give(card)
    token = mailed_token()
    client.force_login(make_user())
    client.post(claim_url(token))
    late = Client()
    late.force_login(make_user())
    assert late.post(claim_url(token)).status_code == 404
    assert late.get(claim_url(token)).status_code == 404


def test_unknown_revoked_and_expired_links_get_one_answer(card, client, time_machine):
    answers = [client.get(claim_url("x" * 43)).content]
    link = give(card)
    token = mailed_token()
    revoke_link(link_id=link, sender_id=card.holder_id, at=timezone.now())
    answers.append(client.get(claim_url(token)).content)
    give(card)
    token = mailed_token()
    time_machine.move_to(timezone.now() + timedelta(days=31))
    answers.append(client.get(claim_url(token)).content)
    plain = [re.search(rb"<main.*</main>", answer, re.DOTALL)[0] for answer in answers]
    assert plain[0] == plain[1] == plain[2]
    assert client.post(claim_url(token)).status_code == 404
    card.refresh_from_db()
    assert card.holder_id is not None


def test_a_card_is_sent_once_at_a_time_until_it_is_taken_back(card):
    link = give(card)
    with pytest.raises(AlreadySent):
        give(card, to="eve@exemple.test")
    assert ClaimLink.objects.count() == 1
    revoke_link(link_id=link, sender_id=card.holder_id, at=timezone.now())
    give(card, to="eve@exemple.test")


def test_a_link_that_was_claimed_cannot_be_taken_back(card, ada):
    link = give(card)
    claim_card(token=mailed_token(), user_id=make_user().pk, at=timezone.now())
    with pytest.raises(LinkNotOpen):
        revoke_link(link_id=link, sender_id=ada.pk, at=timezone.now())


def test_somebody_else_cannot_take_a_link_back(card):
    link = give(card)
    with pytest.raises(LinkNotOpen):
        revoke_link(link_id=link, sender_id=make_user().pk, at=timezone.now())
    assert ClaimLink.objects.get().state == "open"


def test_an_empty_card_is_not_sent(card):
    spend_card(card_id=card.pk, key=uuid.uuid4(), amount_minor=3300, shop="x", at=timezone.now())
    with pytest.raises(CardNotUsable):
        give(card)
    assert not ClaimLink.objects.exists()


def test_links_per_day_are_limited(ada, settings):
    settings.CLAIM_LINKS_PER_DAY = 2
    cards = [make_card(ada) for _ in range(3)]
    give(cards[0])
    give(cards[1])
    with pytest.raises(TooManyLinks):
        give(cards[2])
    give(cards[2], at=timezone.now() + timedelta(days=1, minutes=1))


def test_without_an_account_the_card_opens_in_that_browser_only(card, client):
    give(card)
    response = client.post(claim_url(mailed_token()))
    shown = response["Location"]
    card.refresh_from_db()
    assert card.holder_id is None
    assert in_groups(number_of(card)) in client.get(shown).content.decode()
    assert client.get(shown + "carte.pdf").content.startswith(b"%PDF")
    stranger = Client()
    assert in_groups(number_of(card)) not in stranger.get(shown).content.decode()
    assert stranger.get(shown + "carte.pdf").status_code == 302


def test_another_browser_asks_for_a_fresh_link_that_goes_to_the_same_address(card, client, time_machine):
    give(card)
    first = mailed_token()
    shown = client.post(claim_url(first))["Location"]
    time_machine.move_to(timezone.now() + timedelta(minutes=6))
    other = Client()
    assert other.get(claim_url(first))["Location"] == shown
    other.post(shown + "lien/")
    second = mailed_token()
    assert mail.outbox[-1].to == ["bob@exemple.test"]
    assert second != first
    number = number_of(card)
    assert other.post(claim_url(second))["Location"] == shown
    assert in_groups(number) in other.get(shown).content.decode()
    assert other.post(claim_url(second)).status_code == 404


def test_fresh_links_do_not_flood_the_mailbox(card, client):
    link = give(card)
    client.post(claim_url(mailed_token()))
    before = len(mail.outbox)
    for _ in range(5):
        renew_token(link_id=link, at=timezone.now())
    renew_token(link_id=uuid.uuid4(), at=timezone.now())
    run_jobs(until=timedelta(minutes=1))
    assert [m for m in mail.outbox[before:] if m.to == ["bob@exemple.test"]] == []


def test_a_card_received_without_account_moves_into_a_wallet_once(card, client):
    give(card)
    shown = client.post(claim_url(mailed_token()))["Location"]
    bob = make_user()
    client.force_login(bob)
    assert client.post(shown + "ajouter/")["Location"] == reverse("wallet:card", args=[card.pk])
    card.refresh_from_db()
    assert card.holder_id == bob.pk
    assert "Retrouver ma carte" in Client().get(shown).content.decode()


def test_sent_to_oneself_the_card_opens_on_the_phone_and_stays_in_the_wallet(card, ada, client):
    number = number_of(card)
    give(card, to="Ada@Exemple.test")
    shown = client.post(claim_url(mailed_token()))["Location"]
    card.refresh_from_db()
    assert card.holder_id == ada.pk
    assert number_of(card) == number
    assert in_groups(number) in client.get(shown).content.decode()


def test_after_a_gift_no_older_link_shows_the_card(card, ada, client):
    give(card, to=ada.email)
    shown = client.post(claim_url(mailed_token()))["Location"]
    give(card)
    claim_card(token=mailed_token(), user_id=make_user().pk, at=timezone.now())
    assert in_groups(number_of(card)) not in client.get(shown).content.decode()


def test_what_happened_is_kept(card):
    give(card)
    claim_card(token=mailed_token(), user_id=make_user().pk, at=timezone.now())
    kinds = list(CardEvent.objects.filter(card=card).order_by("pk").values_list("kind", flat=True))
    assert kinds == ["issued", "sent", "claimed"]


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"recipient": "", "message": ""}, "obligatoire"),
        ({"recipient": "pas une adresse", "message": ""}, "valide"),
        ({"recipient": "bob@exemple.test", "message": "x" * 281}, "280"),
    ],
)
def test_a_refused_form_keeps_what_was_typed(card, ada, client, typed, complaint):
    client.force_login(ada)
    response = client.post(reverse("wallet:send", args=[card.pk]), typed)
    text = response.content.decode()
    assert response.status_code == 422
    assert complaint in text
    assert typed["recipient"] in text
    assert typed["message"] in text
    assert not ClaimLink.objects.exists()


def test_the_link_offers_what_the_card_is_worth_now(client, card, ada):  # S3.9
    give(card)
    token = mailed_token()
    spend_card(card_id=card.pk, key=uuid.uuid4(), amount_minor=3200, shop="Halles", at=timezone.now())

    assert "33,00" not in client.get(claim_url(token)).content.decode()
    claim_card(token=token, user_id=make_user().pk, at=timezone.now())

    assert ClaimLink.objects.get().amount_minor == 100


def test_a_card_spent_whole_is_offered_no_more(client, card, ada):
    give(card)
    token = mailed_token()
    spend_card(card_id=card.pk, key=uuid.uuid4(), amount_minor=3300, shop="Halles", at=timezone.now())

    assert client.get(claim_url(token)).status_code == 404
