"""A credit card: issued once, what stops it, its replacement, and what it is not (S1.6, S1.7)."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from outbox.models import Job
from tests.wallet.credit_factories import (
    by_holder,
    check,
    credit_number_of,
    events,
    fees_asked,
    fresh,
    make_credit,
    replace,
    use_up_tries,
    why_not,
    with_pin,
)
from tests.wallet.factories import make_user
from wallet.errors import (
    CardNotRecognised,
    CardNotUsable,
    CreditCardStays,
    CreditKeyReused,
    PinNotBlocked,
)
from wallet.issuers.own import luhn_digit
from wallet.models import Card, ClaimLink, CreditCard, RetiredNumber
from wallet.selectors import soonest_card, usable_cards, wallet_overview
from wallet.selectors.credit import (
    credit_card_numbered,
    credit_card_of,
    credit_cards_of,
    credit_status,
    usable_credit_card,
)
from wallet.selectors.deadlines import deadlines
from wallet.selectors.till import till_card
from wallet.selectors.which import place_cards
from wallet.services import credit_card
from wallet.services.block import block_card, unblock_card
from wallet.services.credit_card import issue_credit_card, lock_usable_credit_card
from wallet.services.draw import drawing_of
from wallet.services.pin import renew_pin
from wallet.services.reseal import SEALED
from wallet.services.send import send_card
from wallet.services.stop import freeze_credit_card, report_gone, unfreeze_credit_card
from wallet.states import CardState, CreditStop, ReplaceReason

pytestmark = pytest.mark.django_db


@pytest.fixture
def holder():
    return make_user()


@pytest.fixture
def card(holder):
    return make_credit(holder)


# --- issued ------------------------------------------------------------------------------------------------


def test_a_card_has_sixteen_digits_and_ends_with_a_month(holder):
    card = make_credit(holder, at=datetime(2026, 2, 10, tzinfo=UTC))
    number = credit_number_of(card)
    assert (len(number), number[:2], luhn_digit(number[:-1])) == (16, "52", number[-1])
    assert card.masked == f"{number[:4]}XXXXXXXX{number[-4:]}"
    assert number not in card.number_sealed
    assert card.expires_on == date(2030, 2, 28)
    assert make_credit(holder, at=datetime(2024, 2, 29, 12, tzinfo=UTC)).expires_on == date(2028, 2, 29)
    assert (card.account_id, card.face_minor, card.currency) == (None, 0, "CHF")


def test_the_same_key_gives_the_same_card(holder):
    key = uuid.uuid4()
    first, again = make_credit(holder, key=key), make_credit(holder, key=key, product_name="Autre")
    assert first.pk == again.pk
    assert again.product_name == "Mirabelle Crédit"
    assert events(first) == ["issued"]
    with pytest.raises(CreditKeyReused):
        make_credit(make_user(), key=key)
    assert Card.objects.filter(kind="credit").count() == 1


def test_a_number_that_a_card_has_or_had_is_not_given_again(card, monkeypatch):
    old = credit_number_of(card)
    replace(card)
    living = credit_number_of(card)
    drawn = iter([old, living, "5200000000000007"])
    monkeypatch.setattr(credit_card, "draw_credit_number", lambda: next(drawn))
    assert credit_number_of(make_credit(card.holder)) == "5200000000000007"


def test_number_is_sealed_again_after_a_new_key(card, settings):
    number = credit_number_of(card)
    settings.SEAL_KEYS = ["new:" + "B" * 43 + "=", *settings.SEAL_KEYS]
    assert next(kind for kind in SEALED if kind.name == "cards").reseal(limit=10) == 1
    assert credit_number_of(card) == number


# --- what stops it -----------------------------------------------------------------------------------------


def test_holder_freezes_and_unfreezes(card):
    for act in (freeze_credit_card, freeze_credit_card):
        act(**by_holder(card))
    assert (why_not(card), credit_status(fresh(card)).frozen) == ("frozen", True)
    with pytest.raises(CardNotUsable):
        lock_usable_credit_card(card.pk, at=timezone.now())
    for act in (unfreeze_credit_card, unfreeze_credit_card):
        act(**by_holder(card))
    assert why_not(card) == ""
    assert events(card) == ["issued", "blocked", "unblocked"]


@pytest.mark.parametrize("why", [CreditStop.LOST, CreditStop.STOLEN])
@pytest.mark.parametrize("before", ["nothing", "frozen", "pin"])
def test_loss_and_theft_block_at_once_and_for_good(card, why, before):  # S1.7
    pin = with_pin(card)
    if before == "frozen":
        freeze_credit_card(**by_holder(card))
    if before == "pin":
        use_up_tries(card, pin)
    for _ in range(2):
        report_gone(**by_holder(card), why=why)
    assert why_not(card) == why
    with pytest.raises(CardNotUsable):
        check(card, pin)
    for act in (
        lambda: unfreeze_credit_card(**by_holder(card)),
        lambda: renew_pin(**by_holder(card), generation_of_pin=1),
    ):
        with pytest.raises(CardNotUsable):
            act()
    freeze_credit_card(**by_holder(card))
    assert (why_not(card), events(card).count(f"blocked {why}"), fees_asked()) == (why, 1, [])


@pytest.mark.parametrize("stop", ["nothing", "frozen", "lost"])
def test_what_an_operator_blocked_is_not_the_holders_to_lift(card, stop):
    with_pin(card)
    operator = make_user()
    if stop == "frozen":
        freeze_credit_card(**by_holder(card))
    if stop == "lost":
        report_gone(**by_holder(card), why=CreditStop.LOST)
    block_card(card_id=card.pk, actor_id=operator.pk, at=timezone.now(), note="fraude")
    assert events(card)[-1] == "blocked fraude"
    freeze_credit_card(**by_holder(card))
    report_gone(**by_holder(card), why=CreditStop.STOLEN)
    for act in (
        lambda: unfreeze_credit_card(**by_holder(card)),
        lambda: renew_pin(**by_holder(card), generation_of_pin=1),
        lambda: replace(card),
    ):
        with pytest.raises(CardNotUsable):
            act()
    assert (why_not(card), events(card)[-1]) == ("blocked", "blocked stolen")
    unblock_card(card_id=card.pk, actor_id=operator.pk, at=timezone.now(), note="vu avec la cliente")
    assert why_not(card) == ""
    assert (fees_asked(), RetiredNumber.objects.count()) == ([], 0)


def test_nobody_else_stops_the_card(card):
    stranger = {"card_id": card.pk, "holder_id": make_user().pk, "at": timezone.now()}
    for act in (freeze_credit_card, unfreeze_credit_card):
        with pytest.raises(Card.DoesNotExist):
            act(**stranger)
    with pytest.raises(Card.DoesNotExist):
        report_gone(**stranger, why=CreditStop.LOST)
    assert why_not(card) == ""


def test_void_card_is_neither_frozen_nor_told_gone(card):
    Card.objects.filter(pk=card.pk).update(state=CardState.VOID)
    with pytest.raises(CardNotUsable):
        freeze_credit_card(**by_holder(card))
    with pytest.raises(CardNotUsable):
        report_gone(**by_holder(card), why=CreditStop.LOST)
    assert why_not(card) == "void"
    assert credit_cards_of(card.holder_id, at=timezone.now()) == []


# --- its replacement ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", [ReplaceReason.LOST, ReplaceReason.STOLEN, ReplaceReason.DAMAGED])
def test_replacement_is_another_number_and_one_fee(card, why):  # S1.6
    old_number, old_pin = credit_number_of(card), with_pin(card)
    if why != ReplaceReason.DAMAGED:
        report_gone(**by_holder(card), why=CreditStop(why.value))
    for _ in range(2):
        replace(card, why)
    assert credit_number_of(card) != old_number
    assert fees_asked() == [f"card:{card.pk}:2"]
    assert credit_card_numbered(old_number).replaced
    assert credit_card_numbered(old_number).card_id == card.pk
    assert not credit_card_numbered(credit_number_of(card)).replaced
    assert events(card)[-1] == f"replaced {old_number[-4:]} {why}"
    assert (why_not(card), fresh(card).credit.generation) == ("", 2)
    with pytest.raises(CardNotUsable):
        check(card, old_pin)


def test_pin_of_the_replacement_is_free(card):  # S1.6: included
    with_pin(card)
    replace(card)
    pin = with_pin(card)
    check(card, pin)
    assert fees_asked() == [f"card:{card.pk}:2"]
    renew_pin(**by_holder(card), generation_of_pin=2)
    assert fees_asked() == [f"card:{card.pk}:2", f"pin:{card.pk}:3"]


@pytest.mark.parametrize("why", [ReplaceReason.PIN_BLOCKED, ReplaceReason.LOST])
def test_blocked_by_its_pin_card_and_pin_cost_one_fee(card, why):  # S1.6, S1.7
    use_up_tries(card, with_pin(card))
    replace(card, why)
    check(card, with_pin(card))
    assert fees_asked() == [f"pin:{card.pk}:2"]
    assert fresh(card).credit.wrong_pin == 0


def test_blocked_pin_is_no_reason_while_it_is_not_blocked(card):
    number = credit_number_of(card)
    with pytest.raises(PinNotBlocked):
        replace(card, ReplaceReason.PIN_BLOCKED)
    assert (credit_number_of(card), fees_asked(), RetiredNumber.objects.count()) == (number, [], 0)


def test_a_new_card_is_good_for_years_again(holder):
    card = make_credit(holder, at=timezone.now() - timedelta(days=400))
    replace(card)
    assert fresh(card).expires_on == make_credit(holder).expires_on > card.expires_on


@pytest.mark.parametrize("wrong", [{"state": CardState.VOID}, {"expires_on": date(2020, 1, 31)}])
def test_a_card_that_is_over_is_not_replaced(card, wrong):
    Card.objects.filter(pk=card.pk).update(**wrong)
    number = credit_number_of(card)
    with pytest.raises(CardNotUsable):
        replace(card)
    assert (credit_number_of(card), fees_asked()) == (number, [])


def test_fees_wait_for_the_room_that_charges_them(card):
    with_pin(card)
    renew_pin(**by_holder(card), generation_of_pin=1)
    job = Job.objects.get(kind="billing.charge_card_fee")
    assert (job.state, job.attempts) == ("waiting", 0)


# --- what it is not ----------------------------------------------------------------------------------------


def test_it_is_in_no_sum_and_at_no_till(card, holder):
    now = timezone.now()
    overview = wallet_overview(holder.pk, at=now)
    assert [one.id for one in overview.credit.cards] == [card.pk]
    assert (overview.totals, overview.usable_count, overview.cards, overview.done) == ((), 0, (), ())
    assert overview.prepaid_totals == ()
    assert usable_cards(holder.pk, at=now) == []
    assert soonest_card(holder.pk, at=now) is None
    assert deadlines(holder.pk, at=now) == []
    assert place_cards(holder.pk, at=now) == []


def test_terminals_of_prepaid_cards_know_neither_its_number_nor_its_old_one(card):
    numbers = [credit_number_of(card)]
    replace(card)
    for number in (*numbers, credit_number_of(card)):
        with pytest.raises(CardNotRecognised):
            till_card(number)


def test_it_is_neither_sent_nor_drawn(card):
    with pytest.raises(CreditCardStays):
        send_card(
            card_id=card.pk,
            sender_id=card.holder_id,
            recipient="lou@essai.example",
            message="",
            language="fr",
            at=timezone.now(),
        )
    with pytest.raises(CardNotUsable):
        drawing_of(card, language="fr")
    assert not ClaimLink.objects.exists()


def test_expired_card_is_among_the_old_ones(card, holder):
    Card.objects.filter(pk=card.pk).update(expires_on=date(2020, 1, 31))
    overview = wallet_overview(holder.pk, at=timezone.now())
    assert ([one.id for one in overview.done], overview.credit.cards) == ([card.pk], ())
    assert why_not(card) == "expired"


def test_whoever_keeps_the_account_learns_whether_it_may_pay(card):
    now = timezone.now()
    found = usable_credit_card(card.pk, at=now)
    assert found == lock_usable_credit_card(card.pk, at=now)
    assert (found.holder_id, found.last4, found.generation) == (card.holder_id, card.last4, 1)
    freeze_credit_card(**by_holder(card))
    with pytest.raises(CardNotUsable) as refusal:
        usable_credit_card(card.pk, at=now)
    assert refusal.value.why == "frozen"
    with pytest.raises(CardNotRecognised):
        usable_credit_card(uuid.uuid4(), at=now)
    with pytest.raises(CardNotRecognised):
        credit_card_numbered("5200000000000007")
    assert credit_card_of(make_user().pk, card.pk, at=now) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"wrong_pin": 4},
        {"wrong_pin": -1},
        {"generation": 0},
        {"stop": "x"},
        {"pin_hash": ""},
        {"pin_shown_at": None},
        {"pin_count": 0},
    ],
)
def test_database_refuses_what_no_card_has(card, wrong):
    with_pin(card)
    with pytest.raises(IntegrityError), transaction.atomic():
        CreditCard.objects.filter(pk=card.pk).update(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"face_minor": 1}, {"holder": None}, {"expires_on": "9999-12-30"}, {"currency": "PLACE"}],
)
def test_database_refuses_a_credit_card_that_holds_something_or_nobody_holds(card, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        Card.objects.filter(pk=card.pk).update(**wrong)


def test_issuing_for_somebody_unknown_is_refused():
    with pytest.raises(IntegrityError), transaction.atomic():
        issue_credit_card(key=uuid.uuid4(), holder_id=None, product_name="x", at=timezone.now())
    assert not Card.objects.exists()
