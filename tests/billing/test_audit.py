"""The audit says what does not add up, and tells the operators."""

from datetime import date

import pytest
from django.db import connection

from billing import rules
from billing.models import Allocation, CreditAccount, Entry, Statement
from billing.services.audit import audit_accounts
from billing.states import EntryKind
from outbox.models import Mail
from tests.billing.factories import close, make_account, noon, pay, post

pytestmark = pytest.mark.django_db
AT = noon(date(2025, 6, 1))


@pytest.fixture
def account() -> CreditAccount:
    account = make_account(at=noon(date(2025, 3, 1)))
    post(account, 10_000, date(2025, 3, 15), country="FR")
    close(account)
    pay(account, 4_000, date(2025, 4, 3))
    close(account)
    return account


def found() -> set[str]:
    return {one.rule for one in audit_accounts(at=AT)}


def test_books_that_are_right_raise_nothing(account: CreditAccount) -> None:
    assert found() == set()
    assert not Mail.objects.filter(event__startswith="alarm").exists()


def test_each_wrong_is_found_and_told(account: CreditAccount) -> None:
    """The triggers are taken away for the moment: what nobody can write is what the audit is for."""
    rules.remove(connection)
    Entry.objects.filter(kind=EntryKind.FEE).update(amount_minor=201)
    assert found() == {
        "a statement lists exactly the entries that it sums up",
        "the ledger holds what is not settled",
    }
    assert "billing_mismatch" in Mail.objects.get(event__startswith="alarm").event
    Entry.objects.filter(kind=EntryKind.FEE).update(amount_minor=200)
    assert found() == set()


def test_a_settlement_that_the_ledger_does_not_know_is_found(account: CreditAccount) -> None:
    rules.remove(connection)
    Allocation.objects.filter(entry__kind=EntryKind.FEE).update(amount_minor=150)
    assert found() == {"the ledger holds what is not settled"}
    Allocation.objects.filter(entry__kind=EntryKind.FEE).update(amount_minor=900)
    assert "no more of an entry is settled than it is" in found()
    assert "no more of a payment settles debts than it is" in found()


def test_a_broken_chain_of_statements_is_found(account: CreditAccount) -> None:
    rules.remove(connection)
    last = Statement.objects.get(closes_on=date(2025, 4, 30))
    Statement.objects.filter(pk=last.pk).update(previous=None)
    assert {
        "an account has one first statement",
        "a statement begins with what the one before ended with",
    } <= found()


def test_an_entry_in_the_wrong_statement_is_found(account: CreditAccount) -> None:
    rules.remove(connection)
    first = Statement.objects.get(closes_on=date(2025, 3, 31))
    Entry.objects.filter(kind=EntryKind.PAYMENT).update(statement=first)
    assert "an entry belongs to its statement's account and cycle" in found()
