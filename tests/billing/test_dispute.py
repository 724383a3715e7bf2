"""A transaction in dispute: asked for by nobody, bearing nothing, and then decided (S1.3, S1.4)."""

from datetime import date
from uuid import uuid4

import pytest

from billing.errors import DisputeDecided, NotDisputable
from billing.models import AccountEvent, CreditAccount, Entry, EntryDispute, InterestLine
from billing.selectors.amounts import position
from billing.services.audit import audit_accounts
from billing.services.dispute import decide_dispute, open_dispute
from billing.states import EntryKind
from tests.billing.factories import close, make_account, noon, pay, post
from tests.wallet.factories import make_user

pytestmark = pytest.mark.django_db
BOUGHT = date(2025, 3, 15)


@pytest.fixture
def account() -> CreditAccount:
    return make_account(at=noon(date(2025, 3, 1)))


def dispute(entry: Entry, on: date) -> int:
    return open_dispute(
        entry_id=entry.pk, holder_id=entry.account.holder_id, reason="Je ne connais pas", at=noon(on)
    )


def decide(dispute_id: int, on: date, *, upheld: bool) -> None:
    decide_dispute(dispute_id=dispute_id, upheld=upheld, answer="Voilà", actor_id=None, at=noon(on))


def test_what_is_in_dispute_is_left_out_of_the_minimum(account: CreditAccount) -> None:  # S1.2, S1.4
    claimed = post(account, 300_000, BOUGHT, country="FR")
    post(account, 100_000, BOUGHT)
    dispute(claimed, date(2025, 3, 20))
    statement = close(account)
    assert (statement.due_minor, statement.disputed_minor) == (406_000, 306_000)
    assert statement.minimum_minor == 5_000  # 3 % of 1 000 would be 30


def test_opened_after_the_statement_it_lowers_what_is_left_of_the_minimum(account: CreditAccount) -> None:
    """S1.4"""
    claimed = post(account, 300_000, BOUGHT)
    post(account, 3_000, BOUGHT)
    assert close(account).minimum_minor == 9_090
    dispute_id = dispute(claimed, date(2025, 4, 5))
    on = noon(date(2025, 4, 21))
    assert position(account.pk, on).left_of_minimum_minor == 3_000
    pay(account, 3_000, date(2025, 4, 20))
    assert not position(account.pk, on).overdue
    assert position(account.pk, on).left_to_pay_minor == 300_000
    decide(dispute_id, date(2025, 4, 21), upheld=True)
    assert position(account.pk, on).left_to_pay_minor == 0


def test_the_rest_paid_in_time_is_in_time_and_nothing_bears_interest(account: CreditAccount) -> None:  # S1.3
    claimed = post(account, 30_000, BOUGHT)
    post(account, 10_000, BOUGHT)
    close(account)
    dispute(claimed, date(2025, 4, 5))
    pay(account, 10_000, date(2025, 4, 20))
    second, third = close(account), close(account)
    assert (second.previous_in_time, second.interest_minor, second.disputed_minor) == (True, 0, 30_000)
    assert (third.previous_in_time, third.interest_minor) == (True, 0)


def test_decided_for_the_customer_all_of_it_comes_back(account: CreditAccount) -> None:
    claimed = post(account, 30_000, BOUGHT, country="FR")
    close(account)
    late = close(account)
    charged = late.interest_minor
    assert charged == 539  # 300 from 15 March through 30 April: 47 days
    dispute_id = dispute(claimed, date(2025, 5, 2))
    decide(dispute_id, date(2025, 5, 10), upheld=True)
    refunds = Entry.objects.filter(kind=EntryKind.REFUND).order_by("amount_minor")
    assert [one.amount_minor for one in refunds] == [charged, 600, 30_000]
    third = close(account)
    assert (third.refunds_minor, third.closing_minor, third.interest_minor) == (30_600 + charged, 0, 0)
    assert close(account).interest_minor == 0
    assert audit_accounts(at=noon(date(2025, 7, 2))) == []
    assert AccountEvent.objects.get(kind="claim").note == f"{claimed.pk} upheld"


def test_what_the_merchant_gave_back_is_not_given_back_twice(account: CreditAccount) -> None:
    claimed = post(account, 30_000, BOUGHT)
    post(account, 12_000, date(2025, 3, 17), kind=EntryKind.REFUND, parent_id=claimed.pk)
    decide(dispute(claimed, date(2025, 3, 20)), date(2025, 3, 25), upheld=True)
    assert close(account).refunds_minor == 30_000


def test_one_that_is_paid_comes_back_as_a_credit(account: CreditAccount) -> None:
    claimed = post(account, 30_000, BOUGHT)
    close(account)
    pay(account, 30_000, date(2025, 4, 10))
    decide(dispute(claimed, date(2025, 4, 12)), date(2025, 4, 20), upheld=True)
    assert close(account).closing_minor == -30_000


def test_rejected_it_counts_as_listed_by_the_next_statement(account: CreditAccount) -> None:  # S1.3
    claimed = post(account, 30_000, BOUGHT)
    close(account)
    dispute_id = dispute(claimed, date(2025, 4, 5))
    assert close(account).interest_minor == 0
    decide(dispute_id, date(2025, 5, 10), upheld=False)
    second = close(account)
    assert (second.closes_on, second.interest_minor, second.disputed_minor) == (date(2025, 5, 31), 0, 0)
    assert second.minimum_minor == 5_000
    third = close(account)
    assert third.previous_in_time is False
    assert InterestLine.objects.get().segments == [["2025-03-15", "2025-06-30", 30_000, 1395]]


def test_rejected_and_then_paid_in_time_it_bears_none(account: CreditAccount) -> None:  # S1.3
    claimed = post(account, 30_000, BOUGHT)
    close(account)
    decide(dispute(claimed, date(2025, 4, 5)), date(2025, 4, 25), upheld=False)
    close(account)
    pay(account, 30_000, date(2025, 5, 20))
    close(account)
    close(account)
    assert not InterestLine.objects.exists()


def test_opened_again_while_it_is_open_it_is_the_first(account: CreditAccount) -> None:
    claimed = post(account, 30_000, BOUGHT)
    assert dispute(claimed, date(2025, 3, 20)) == dispute(claimed, date(2025, 3, 21))
    assert EntryDispute.objects.count() == 1


def test_only_ones_own_purchases_can_be_disputed_and_once(account: CreditAccount) -> None:
    claimed = post(account, 30_000, BOUGHT, country="FR")
    fee = Entry.objects.get(kind=EntryKind.FEE)
    payment = pay(account, 5_000, BOUGHT)
    for entry_id, holder_id in (
        (claimed.pk, make_user().pk),
        (fee.pk, account.holder_id),
        (payment.pk, account.holder_id),
        (uuid4(), account.holder_id),
    ):
        with pytest.raises(NotDisputable):
            open_dispute(entry_id=entry_id, holder_id=holder_id, reason="", at=noon(BOUGHT))
    assert not EntryDispute.objects.exists()
    dispute_id = dispute(claimed, date(2025, 3, 20))
    decide(dispute_id, date(2025, 3, 21), upheld=False)
    with pytest.raises(NotDisputable):
        dispute(claimed, date(2025, 3, 22))
    with pytest.raises(DisputeDecided):
        decide(dispute_id, date(2025, 3, 22), upheld=True)
    assert not Entry.objects.filter(kind=EntryKind.REFUND).exists()


def test_one_that_was_paid_long_ago_is_settled(account: CreditAccount) -> None:
    claimed, open_one = post(account, 30_000, BOUGHT), post(account, 100, date(2025, 3, 16))
    close(account)
    pay(account, 30_000, date(2025, 4, 10))
    with pytest.raises(NotDisputable):
        dispute(claimed, date(2025, 5, 31))
    dispute(claimed, date(2025, 5, 30))
    dispute(open_one, date(2026, 5, 31))
