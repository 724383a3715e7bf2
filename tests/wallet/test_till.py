"""A merchant's terminal and a prepaid card (S0.2, S0.3, S0.7)."""

import uuid

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.utils import timezone

from ledger.errors import InsufficientBalance, InvalidAmount, KeyReused, OverReversal, TransferUnknown
from ledger.selectors import history
from ledger.services.audit import audit
from outbox.models import Mail
from tests.support import run_jobs
from tests.wallet.factories import make_card, make_user
from tests.wallet.prepaid_factories import (
    cvc_of,
    debit_facts,
    make_prepaid,
    make_printed_prepaid,
    number_of,
    wrong_cvc_of,
)
from wallet.errors import CardBlocked, CardNotRecognised, CardNotUsable, CvcWrong, ForeignCurrency
from wallet.models import CardEvent, PrepaidCard
from wallet.selectors.till import till_balance, till_card, till_cards_of
from wallet.services.block import block_card
from wallet.services.freeze import unfreeze_card
from wallet.services.till import check_cvc, debit_card, reverse_debit

pytestmark = pytest.mark.django_db


@pytest.fixture
def holder():
    return make_user()


@pytest.fixture
def card(holder):
    return make_prepaid(holder, 10_000)


def check(card, cvc):
    check_cvc(card_id=card.pk, cvc=cvc, at=timezone.now())


def tries(card) -> int:
    return PrepaidCard.objects.get(pk=card.pk).wrong_cvc


def left(card) -> int:
    return till_balance(card.pk, at=timezone.now())


def test_number_has_sixteen_random_digits_and_a_check_digit(card):  # S0, issue 5
    number = number_of(card)
    assert len(number) == 19
    assert number.startswith("97")
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(number))]
    assert sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def test_terminal_finds_the_card_by_its_number_however_it_is_grouped(card, holder):  # S0.2
    number = number_of(card)
    found = till_card(" ".join(number[i : i + 4] for i in range(0, 19, 4)))
    assert (found.card_id, found.currency, found.holder_id) == (card.pk, "CHF", holder.pk)
    assert found.usable
    assert found.why_not == ""
    assert found.last4 == number[-4:]
    assert number not in repr(found)
    assert till_cards_of(holder.pk) == [found]


def test_terminal_knows_no_other_cards(holder):
    ecard = make_card(holder, 3_300)
    for number in ("9700000000000000000", number_of(ecard), ""):
        with pytest.raises(CardNotRecognised):
            till_card(number)
    with pytest.raises(CardNotRecognised):
        till_balance(ecard.pk, at=timezone.now())


def test_right_cvc_then_debit_gives_the_new_balance(card):  # S0.3
    check(card, cvc_of(card))
    assert debit_card(**debit_facts(card, 2_550)) == 7_450
    assert left(card) == 7_450


def test_same_key_gives_the_first_result_and_debits_once(card):
    facts = debit_facts(card, 4_000)
    assert debit_card(**facts) == 6_000
    debit_card(**debit_facts(card, 1_000))
    block_card(card_id=card.pk, actor_id=card.holder_id, at=timezone.now())
    assert debit_card(**facts) == 6_000
    assert left(card) == 5_000
    with pytest.raises(KeyReused):
        debit_card(**facts | {"amount_minor": 4_001})


def test_amount_above_the_balance_is_refused_and_the_available_amount_told(card):  # S0.7
    with pytest.raises(InsufficientBalance) as refusal:
        debit_card(**debit_facts(card, 10_001))
    assert refusal.value.available == 10_000
    assert left(card) == 10_000


@pytest.mark.parametrize("amount", [0, -1, -5_000, True, 10.5])
def test_amounts_that_are_none_are_refused(card, amount):
    with pytest.raises(InvalidAmount):
        debit_card(**debit_facts(card, amount))
    assert left(card) == 10_000


def test_another_currency_is_refused(card):
    with pytest.raises(ForeignCurrency):
        debit_card(**debit_facts(card, 1_000, currency="EUR"))
    assert left(card) == 10_000


def test_empty_card_stays_valid(card):  # S0.1
    assert debit_card(**debit_facts(card, 10_000)) == 0
    assert till_card(number_of(card)).usable


def test_blocked_card_gives_nothing(card):
    block_card(card_id=card.pk, actor_id=card.holder_id, at=timezone.now())
    assert not till_card(number_of(card)).usable
    with pytest.raises(CardNotUsable):
        debit_card(**debit_facts(card))
    with pytest.raises(CardNotUsable):
        check(card, wrong_cvc_of(card))
    assert (left(card), tries(card)) == (10_000, 0)


def test_three_wrong_cvc_in_a_row_block_the_card(card):  # S0.7
    for tries_left in (2, 1):
        with pytest.raises(CvcWrong) as refusal:
            check(card, wrong_cvc_of(card))
        assert refusal.value.tries_left == tries_left
    with pytest.raises(CardBlocked):
        check(card, wrong_cvc_of(card))
    with pytest.raises(CardBlocked):
        check(card, cvc_of(card))
    assert till_card(number_of(card)).why_not == "blocked"
    with pytest.raises(CardNotUsable) as refused:
        debit_card(**debit_facts(card))
    assert refused.value.why == "blocked"
    assert left(card) == 10_000
    assert CardEvent.objects.filter(card=card, kind="blocked", note="cvc").count() == 1


def test_a_holder_is_told_once_that_three_wrong_cvc_blocked_the_card(card, holder):  # S0.7
    for _ in range(2):
        with pytest.raises(CvcWrong):
            check(card, wrong_cvc_of(card))
    assert not Mail.objects.filter(event="wallet.cvc_blocked").exists()
    for _ in range(3):
        with pytest.raises(CardBlocked):
            check(card, wrong_cvc_of(card))
    mail.outbox.clear()
    run_jobs()
    (told,) = [letter for letter in mail.outbox if letter.to == [holder.email]]
    text = told.body.replace("\u00a0", " ")
    assert told.subject == f"Votre carte •••• {card.last4} est bloquée"
    assert "Son solde est conservé en entier." in text
    assert f"/portefeuille/{card.pk}/debloquer/" in text
    for secret in (number_of(card), cvc_of(card) + "\n", wrong_cvc_of(card) + "\n"):
        assert secret not in text


def test_each_block_is_told(card, holder):  # S0.7
    for _ in range(2):
        for _ in range(3):
            with pytest.raises((CvcWrong, CardBlocked)):
                check(card, wrong_cvc_of(card))
        unfreeze_card(card_id=card.pk, holder_id=holder.pk, at=timezone.now())
    assert Mail.objects.filter(event="wallet.cvc_blocked", recipient=holder.email).count() == 2


def test_a_card_that_nobody_holds_is_blocked_in_silence():
    card = make_printed_prepaid()
    for _ in range(3):
        with pytest.raises((CvcWrong, CardBlocked)):
            check(card, wrong_cvc_of(card))
    assert CardEvent.objects.filter(card=card, kind="blocked", note="cvc").count() == 1
    assert not Mail.objects.exists()


def test_the_mail_speaks_the_holders_language(card, holder):
    get_user_model().objects.filter(pk=holder.pk).update(language="en")
    for _ in range(3):
        with pytest.raises((CvcWrong, CardBlocked)):
            check(card, wrong_cvc_of(card))
    assert Mail.objects.get(event="wallet.cvc_blocked").language == "en"


def test_right_cvc_begins_a_new_row(card):  # S0.7
    for _ in range(2):
        with pytest.raises(CvcWrong):
            check(card, wrong_cvc_of(card))
    check(card, cvc_of(card))
    assert tries(card) == 0


@pytest.mark.parametrize("cvc", ["", "12", "1234", "１２３", "\x00", "abc"])
def test_what_is_no_cvc_is_a_wrong_one(card, cvc):
    with pytest.raises(CvcWrong):
        check(card, cvc)


def test_reversal_puts_the_whole_amount_back(card):  # S0.3
    facts = debit_facts(card, 2_500)
    debit_card(**facts)
    undo = {"key": uuid.uuid4(), "debit_key": facts["key"], "at": timezone.now()}
    assert reverse_debit(**undo) == 10_000
    assert left(card) == 10_000
    assert [entry.amount for entry in history(card.account_id)] == [2_500, -2_500, 10_000]


def test_reversal_replayed_many_times_happens_once(card):  # issue 5: "replayed 1 000 times"
    facts = debit_facts(card, 2_500)
    debit_card(**facts)
    undo = {"key": uuid.uuid4(), "debit_key": facts["key"], "at": timezone.now()}
    assert {reverse_debit(**undo) for _ in range(100)} == {10_000}
    for _ in range(100):
        with pytest.raises(OverReversal):
            reverse_debit(**undo | {"key": uuid.uuid4()})
    assert left(card) == 10_000
    assert not audit(at=timezone.now()).findings


def test_reversal_of_nothing_is_refused(card):
    with pytest.raises(TransferUnknown):
        reverse_debit(key=uuid.uuid4(), debit_key=uuid.uuid4(), at=timezone.now())
    assert left(card) == 10_000


def test_reversal_reaches_a_blocked_card(card):
    facts = debit_facts(card, 2_500)
    debit_card(**facts)
    block_card(card_id=card.pk, actor_id=card.holder_id, at=timezone.now())
    assert reverse_debit(key=uuid.uuid4(), debit_key=facts["key"], at=timezone.now()) == 10_000
