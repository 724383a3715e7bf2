from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger import selectors
from ledger.errors import AccountUnknown, InvalidAmount, InvalidPeriod, KeyReused
from ledger.models import Account
from ledger.services.credit import credit, credit_many
from ledger.services.open import open_account, open_accounts, system_account
from ledger.states import CreditRequest, Restriction
from tests.ledger.books import DAY, NOW, account, books_are_right, everything, lot, remaining

pytestmark = pytest.mark.django_db


def request(account_id: int, amount: int = 1_000, **changes: object) -> CreditRequest:
    facts = {"key": uuid4(), "source": "issuer", "kind": "issue", "at": NOW, **changes}
    return CreditRequest(account_id=account_id, amount=amount, **facts)


def test_a_credit_makes_a_dated_lot_and_the_other_side_is_a_system_account() -> None:
    holder = open_account(unit="EUR")
    made = lot(holder, 5_000, expires_at=NOW + 30 * DAY)
    assert made.debit_account_id == system_account("issuer", "EUR")
    assert selectors.balance(holder, at=NOW).available == 5_000
    assert selectors.system_net("issuer", "EUR") == -5_000
    assert books_are_right()


def test_value_is_pending_until_it_becomes_active() -> None:
    holder = open_account(unit="PTS")  # S4.2
    lot(holder, 100, activates_at=NOW + 14 * DAY)
    before = selectors.balance(holder, at=NOW)
    assert (before.available, before.pending) == (0, 100)
    assert before.activates_next_at == NOW + 14 * DAY
    assert selectors.balance(holder, at=NOW + 14 * DAY).available == 100


def test_the_same_request_again_returns_the_first_result() -> None:
    holder = open_account(unit="EUR")
    facts = {"key": uuid4(), "account_id": holder, "source": "issuer", "amount": 1_000, "kind": "issue"}
    first = credit(**facts, at=NOW)
    assert credit(**facts, at=NOW + DAY) == first
    assert remaining(holder) == [1_000]


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 999},
        {"source": "other"},
        {"kind": "gift"},
        {"expires_at": NOW + DAY},
        {"activates_at": NOW + DAY},
        {"restriction": Restriction(single_purchase=True)},
        {"note": "other"},
    ],
)
def test_a_key_stands_for_one_request_only(change: dict[str, object]) -> None:
    holder = open_account(unit="EUR")
    facts = {"key": uuid4(), "account_id": holder, "source": "issuer", "amount": 1_000, "kind": "issue"}
    credit(**facts, at=NOW)
    before = everything()
    with pytest.raises(KeyReused):
        credit(**{**facts, **change}, at=NOW)
    assert everything() == before


def test_a_key_used_on_another_account_is_refused() -> None:
    one, other = open_accounts(unit="EUR", holders=["one", "other"])
    first = request(one)
    credit_many([first])
    before = everything()
    with pytest.raises(KeyReused):
        credit_many([request(other, key=first.key)])
    assert everything() == before


@pytest.mark.parametrize("amount", [0, -1, 10**15 + 1, True, 1.5, "1"])
def test_an_amount_that_is_no_positive_whole_number_is_refused(amount: int) -> None:
    holder = open_account(unit="EUR")
    with pytest.raises(InvalidAmount):
        credit_many([request(holder, amount)])
    assert remaining(holder) == []


def test_a_lot_that_ends_before_it_begins_is_refused() -> None:
    holder = open_account(unit="EUR")
    with pytest.raises(InvalidPeriod):
        lot(holder, 100, expires_at=NOW)
    assert remaining(holder) == []


def test_unknown_and_system_accounts_receive_no_credit() -> None:
    for account_id in (2**40, system_account("issuer", "EUR")):
        before = everything()
        with pytest.raises(AccountUnknown):
            lot(account_id, 100)
        assert everything() == before


def test_the_ledgers_own_kinds_are_not_for_callers() -> None:
    with pytest.raises(ValueError, match="reserved"):
        credit_many([request(account(), kind="expiry")])


def test_many_credits_cost_a_fixed_number_of_queries() -> None:
    system_account("issuer", "EUR")

    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as seen, transaction.atomic():
            ids = open_accounts(unit="EUR", holders=["card"] * count)
            credit_many([request(pk) for pk in ids])
        return len([q for q in seen if "SAVEPOINT" not in q["sql"]])

    # Open, lock, known keys, giver, book values, transfers, lots, moves.
    assert queries(3) == queries(30) == 8


def test_all_credits_of_a_batch_or_none() -> None:
    holder = open_account(unit="EUR")
    taken = request(holder)
    credit_many([taken])
    before = everything()
    with pytest.raises(KeyReused):
        credit_many([request(holder), request(holder, 5, key=taken.key)])
    assert everything() == before


def test_a_batch_partly_done_before_is_completed() -> None:
    holder = open_account(unit="EUR")
    one, two = request(holder, 1), request(holder, 2)
    first = credit_many([one])
    assert credit_many([two, one])[1:] == first
    assert sorted(remaining(holder)) == [1, 2]
    assert books_are_right()


def test_a_system_account_is_made_once() -> None:
    assert system_account("till", "CHF") == system_account("till", "CHF")
    assert Account.objects.filter(code="till").count() == 1
    assert system_account("till", "EUR") != system_account("till", "CHF")
