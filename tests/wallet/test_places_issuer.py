"""Cards with places, bought in the shop: from the paid order to the wallet (S2.2)."""

import uuid
from datetime import timedelta
from io import BytesIO

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from kernel.calendar import end_of_programme_day, last_valid_day, local_date, programme_day
from ledger.errors import InsufficientBalance
from ledger.selectors import balance, history, spendable
from ledger.services.debit import debit
from ledger.services.reverse import reverse as put_back
from ledger.states import SpendContext
from outbox.models import Mail
from tests.support import run_jobs
from tests.wallet.factories import make_card, make_cards, make_place_card, make_product, make_user, plan
from tests.wallet.test_send import give, mailed_token
from wallet.errors import CardAlreadyUsed, CardNotUsable, NamedCardStays
from wallet.issuers.own import luhn_digit
from wallet.models import Card, Cinema, ClaimLink, IssueIntent
from wallet.selectors import batch_progress, issuer_exists
from wallet.services.claim import claim_card
from wallet.services.issue import issue_batch
from wallet.services.number import open_number
from wallet.services.retry import retry_intent
from wallet.services.send import send_card
from wallet.services.spend import spend_card
from wallet.services.void import void_batch
from wallet.states import PLACE, CardKind

pytestmark = pytest.mark.django_db


def bought(holder, product, **fields) -> Card:
    """A card of `product` as the shop orders it: paid 45,00 €."""
    return make_card(holder, 4500, issuer=f"places:{product.slug}", **fields)


def available(card: Card) -> int:
    assert card.account_id is not None
    return balance(card.account_id, at=timezone.now()).available


def take(card: Card, places: int = 1, **spend) -> uuid.UUID:
    """Places leave the card as a booking takes them."""
    key = uuid.uuid4()
    debit(
        key=key,
        account_id=card.account_id,
        sink="cinema",
        amount=places,
        kind="booking",
        at=timezone.now(),
        spend=SpendContext(**spend),
    )
    return key


def test_a_card_bought_holds_the_product_s_places_and_not_its_price():  # S2.2
    product = make_product(5, artwork="cine")
    card = bought(make_user(), product)
    assert (card.kind, card.product_id, card.face_minor, card.currency) == ("places", product.pk, 5, PLACE)
    assert card.artwork == "cine"
    assert available(card) == 5
    assert batch_progress(card.batch).of_places == 1


def test_its_number_has_the_form_of_the_house_and_a_prefix_of_its_own():
    card = bought(make_user(), make_product())
    number = open_number(card.number_sealed, card_id=card.pk)
    assert (len(number), number[:4]) == (20, "2004")
    assert luhn_digit(number[:-1]) == number[-1]


def test_it_lasts_as_long_as_its_product_and_never_less_than_the_buyer_was_promised():  # S3.11
    now = timezone.now()
    longer = bought(make_user(), make_product(validity_months=18))
    assert longer.expires_on == last_valid_day(programme_day(now), 18)
    promised = last_valid_day(local_date(now), 12)
    assert bought(make_user(), make_product(validity_months=1)).expires_on == promised


def test_its_places_serve_screenings_up_to_the_end_of_the_last_cinema_day():  # S2.4
    card = bought(make_user(), make_product())
    over = end_of_programme_day(card.expires_on)
    last = SpendContext(valid_at=over - timedelta(minutes=1))
    assert spendable(card.account_id, at=timezone.now(), spend=last) == 5
    assert spendable(card.account_id, at=timezone.now(), spend=SpendContext(valid_at=over)) == 0


def test_a_product_of_some_cinemas_is_taken_there_only():
    cinema = Cinema.objects.create(code="belvedere", name="Le Belvédère", city="Exempleville")
    card = bought(make_user(), make_product(cinemas=[cinema]))
    assert take(card, outlet="belvedere")
    with pytest.raises(InsufficientBalance):
        take(card, outlet="autre")
    assert available(card) == 4


def test_money_and_places_of_one_order_come_together():
    product = make_product()
    holder = make_user()
    batch = plan(holder, 4500, 4500, issuer=f"places:{product.slug}")
    plan(holder, 1000, batch=f"{batch}x")
    IssueIntent.objects.filter(batch=f"{batch}x").update(batch=batch, rank=2)
    issue_batch(batch=batch, at=timezone.now())
    found = Card.objects.filter(batch=batch).order_by("intent__rank").values_list("kind", "currency")
    assert list(found) == [("places", PLACE), ("places", PLACE), ("ecard", "EUR")]


def test_twenty_cards_cost_no_more_statements_than_two(django_assert_max_num_queries):
    product = make_product()
    bought(make_user(), product)  # warms the system accounts
    batch = plan(make_user(), *[4500] * 20, issuer=f"places:{product.slug}")
    with django_assert_max_num_queries(20):
        issue_batch(batch=batch, at=timezone.now())
    assert batch_progress(batch).complete


def test_an_unknown_product_is_refused_and_tells_the_operators_and_comes_once_it_is_there():
    holder = make_user()
    batch = plan(holder, 4500, issuer="places:rien")
    money = plan(holder, 1000, batch=f"{batch}y")
    run_jobs(until=timedelta(minutes=1))
    intent = IssueIntent.objects.get(batch=batch)
    assert (intent.state, intent.last_error) == ("failed", "no product rien")
    assert Mail.objects.filter(event="alarm.issue_refused").count() == 1
    assert batch_progress(money).complete
    make_product(slug="rien")
    retry_intent(intent_id=intent.pk, at=timezone.now())
    run_jobs(until=timedelta(minutes=1))
    assert available(Card.objects.get(batch=batch)) == 5


def test_operators_learn_at_once_that_an_issuer_does_not_exist(client):
    product = make_product(slug="cine-5")
    assert issuer_exists(f"places:{product.slug}")
    assert issuer_exists("own")
    assert not issuer_exists("places:cine-6")
    assert not issuer_exists("stock:rien")
    assert not issuer_exists("autre")


def test_a_shop_takes_no_place_as_money():
    card = bought(make_user(), make_product())
    with pytest.raises(CardNotUsable):
        spend_card(card_id=card.pk, key=uuid.uuid4(), amount_minor=1, shop="x", at=timezone.now())
    assert available(card) == 5


def test_an_order_taken_back_takes_unused_places_back():
    card = bought(make_user(), make_product())
    assert void_batch(card.batch, timezone.now()) == 1
    card.refresh_from_db()
    assert (card.state, available(card)) == ("void", 0)


def test_an_order_with_a_place_used_cannot_be_taken_back_until_the_place_is():
    card = bought(make_user(), make_product())
    spent = take(card)
    with pytest.raises(CardAlreadyUsed):
        void_batch(card.batch, timezone.now())
    assert available(card) == 4
    put_back(key=uuid.uuid4(), transfer_id=spent, kind="booking_cancelled", at=timezone.now())
    assert void_batch(card.batch, timezone.now()) == 1


def test_a_card_with_places_is_given_away_with_what_is_left_and_a_fresh_number():
    ada, bob = make_user("ada@exemple.test"), make_user("bob@exemple.test")
    card = bought(ada, make_product())
    take(card, 2)
    old = card.number_index
    give(card)
    token = mailed_token()
    sent = mail.outbox[-1]
    words = sent.subject + sent.body + "".join(str(part[0]) for part in sent.alternatives)
    assert "3 places" in words
    assert "pour une séance au plus tard le" in words
    assert "€" not in words
    claim_card(token=token, user_id=bob.pk, at=timezone.now())
    run_jobs(until=timedelta(minutes=1))
    assert "(3 places)" in mail.outbox[-1].body
    card.refresh_from_db()
    assert card.holder_id == bob.pk
    assert card.number_index != old
    assert available(card) == 3


def test_a_named_card_is_never_given_away():  # S2.1
    ada = make_user()
    card = make_place_card(ada, make_product(1, kind=CardKind.NAMED, artwork="named"))
    with pytest.raises(NamedCardStays):
        send_card(
            card_id=card.pk,
            sender_id=ada.pk,
            recipient="x@exemple.test",
            message="",
            language="fr",
            at=timezone.now(),
        )
    assert not ClaimLink.objects.exists()


def test_the_sheet_speaks_of_places_and_screenings_and_of_no_money(client):
    ada = make_user()
    product = make_product(3, technologies=["2d", "3d"], weekdays=0b0011111, conditions_fr="Hors soirées.")
    card = bought(ada, product)
    client.force_login(ada)
    answer = client.get(reverse("wallet:pdf", args=[card.pk]))
    text = PdfReader(BytesIO(answer.content)).pages[0].extract_text()
    for shown in (
        "3 places",
        "Séance avant le",
        "2D, 3D",
        "Du lundi au vendredi",
        "Hors soirées.",
        "CMD-324",
    ):
        assert shown in text
    for hidden in ("€", "soldes et promotions", "hôtesse de caisse"):
        assert hidden not in text
    assert f'filename="places-{card.last4}.pdf"' in answer["Content-Disposition"]


def test_many_cards_are_credited_each_its_own_places():
    product = make_product(3)
    cards = make_cards(make_user(), *[4500] * 3, issuer=f"places:{product.slug}")
    assert [available(card) for card in cards] == [3, 3, 3]
    assert [entry.amount for entry in history(cards[0].account_id)] == [3]
