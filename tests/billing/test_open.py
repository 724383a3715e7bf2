"""Accounts are opened once per card, take a new limit, and close when nothing is owed either way (S1.1)."""

from datetime import date
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from billing.errors import (
    AmountInvalid,
    BillingDayUnknown,
    CreditAccountClosed,
    CreditAccountOpen,
    CreditCardUnknown,
    DebtRemains,
)
from billing.models import AccountEvent, CreditAccount, Entry
from billing.services.open import change_limit, close_account, open_account
from billing.services.post import record_purchase
from billing.services.run import plan_run
from billing.states import AccountState, EntryKind, EntrySource, TransactionRequest
from outbox.models import Job
from tests.billing.factories import (
    close,
    make_account,
    make_credit_card,
    night_after,
    noon,
    pay,
    post,
)
from tests.wallet.factories import make_card, make_user

pytestmark = pytest.mark.django_db
OPENED = noon(date(2025, 3, 10))


@pytest.mark.parametrize(
    ("opened_on", "day", "closes_on"),
    [
        (date(2025, 3, 10), 5, date(2025, 4, 5)),
        (date(2025, 3, 10), 10, date(2025, 3, 10)),
        (date(2025, 3, 10), 25, date(2025, 3, 25)),
        (date(2025, 2, 1), 31, date(2025, 2, 28)),
        (date(2024, 2, 1), 31, date(2024, 2, 29)),
        (date(2025, 12, 26), 25, date(2026, 1, 25)),
    ],
)
def test_the_first_cycle_ends_on_the_next_billing_day(opened_on: date, day: int, closes_on: date) -> None:
    """S1.1"""
    account = make_account(billing_day=day, at=noon(opened_on))
    assert (account.starts_on, account.closes_on) == (opened_on, closes_on)


def test_a_day_begins_at_midnight_in_paris() -> None:
    account = make_account(at=noon(date(2025, 3, 30)).replace(hour=0, minute=30))  # the night clocks change
    assert account.starts_on == date(2025, 3, 30)


def test_a_card_has_one_account() -> None:
    holder = make_user()
    card = make_credit_card(holder, at=OPENED)
    make_account(holder, card, at=OPENED)
    with pytest.raises(CreditAccountOpen):
        make_account(holder, card, at=OPENED)
    assert CreditAccount.objects.count() == AccountEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("limit_minor", "day", "refusal"),
    [(0, 31, AmountInvalid), (-1, 31, AmountInvalid), (1, 7, BillingDayUnknown)],
)
def test_an_account_needs_a_limit_and_one_of_six_days(
    limit_minor: int, day: int, refusal: type[Exception]
) -> None:  # S1.1
    holder = make_user()
    card = make_credit_card(holder, at=OPENED)
    with pytest.raises(refusal):
        open_account(holder_id=holder.pk, card_id=card, limit_minor=limit_minor, billing_day=day, at=OPENED)
    assert not CreditAccount.objects.exists()


def test_the_database_knows_the_six_days_too() -> None:  # S1.1
    account = make_account(at=OPENED)
    for change in ({"billing_day": 7}, {"next_billing_day": 30}, {"state": "closed"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            CreditAccount.objects.filter(pk=account.pk).update(**change)


def test_another_limit_is_written_down_with_who_gave_it() -> None:
    account, operator = make_account(at=OPENED), make_user()
    for _ in range(2):
        change_limit(account_id=account.pk, limit_minor=50_000, actor_id=operator.pk, at=OPENED)
    event = AccountEvent.objects.get(kind="limit")
    assert (event.actor_id, event.note) == (operator.pk, "1000000 → 50000")
    with pytest.raises(AmountInvalid):
        change_limit(account_id=account.pk, limit_minor=0, actor_id=None, at=OPENED)


def test_an_account_with_a_debt_or_a_credit_stays_open() -> None:
    owing, owed = make_account(at=OPENED), make_account(at=OPENED)
    post(owing, 100, date(2025, 3, 11))
    pay(owed, 100, date(2025, 3, 11))
    for account in (owing, owed):
        with pytest.raises(DebtRemains):
            close_account(account_id=account.pk, at=noon(date(2025, 3, 12)))
        account.refresh_from_db()
        assert account.state == AccountState.OPEN


def closed_account() -> CreditAccount:
    account = make_account(at=OPENED)
    post(account, 100, date(2025, 3, 11))
    pay(account, 100, date(2025, 3, 12))
    for _ in range(2):
        close_account(account_id=account.pk, at=noon(date(2025, 3, 13)))
    account.refresh_from_db()
    assert account.events.filter(kind="closed").count() == 1
    return account


def test_a_closed_account_takes_no_payment_and_no_purchase() -> None:
    account = closed_account()
    entries = Entry.objects.count()
    with pytest.raises(CreditAccountClosed):
        pay(account, 100, date(2025, 3, 14))
    purchase = TransactionRequest(
        kind=EntryKind.PURCHASE,
        amount_minor=1,
        transacted_on=date(2025, 3, 14),
        booked_on=date(2025, 3, 14),
        text="Kiosque",
        source=EntrySource.CARD,
    )
    with pytest.raises(CreditAccountClosed):
        record_purchase(card_id=account.card_id, key=uuid4(), request=purchase, at=noon(date(2025, 3, 14)))
    assert Entry.objects.count() == entries


def test_a_closed_account_gets_its_last_statement_and_then_none() -> None:
    account = closed_account()
    night = night_after(date(2025, 3, 31))
    plan_run(at=night)
    assert Job.objects.filter(kind="billing.close_cycle").get().ref == f"{account.pk}:2025-03-31"
    assert not Job.objects.filter(kind="billing.close_cycles").exists()
    assert close(account).closing_minor == 0
    Job.objects.all().delete()
    plan_run(at=night_after(date(2025, 4, 30)))
    assert not Job.objects.exists()


def test_what_a_closed_card_paid_before_is_owed_billed_and_payable() -> None:
    account = closed_account()
    post(account, 5_500, date(2025, 3, 11), at=noon(date(2025, 3, 20)))
    assert close(account).due_minor == 5_500
    pay(account, 5_500, date(2025, 4, 3))
    assert close(account).closing_minor == 0


def test_an_account_is_for_its_holders_own_credit_card() -> None:
    holder = make_user()
    facts = {"holder_id": holder.pk, "limit_minor": 100, "billing_day": 5, "at": OPENED}
    for card_id in (make_credit_card(make_user(), at=OPENED), make_card(holder, at=OPENED).pk, uuid4()):
        with pytest.raises(CreditCardUnknown):
            open_account(card_id=card_id, **facts)
    assert not CreditAccount.objects.exists()
