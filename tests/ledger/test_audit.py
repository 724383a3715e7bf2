"""Each rule of the audit is shown to catch what it is there for: the books are spoilt behind its back."""

from collections.abc import Callable
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection

from ledger import rules, selectors
from ledger.models import AccountEvent
from ledger.services.audit import RULES, audit
from ledger.services.expire import expire_due
from ledger.services.hold import capture, hold, release
from ledger.services.move import move
from ledger.services.reverse import reverse
from tests.ledger.books import DAY, NOW, account, lot, spend

pytestmark = pytest.mark.django_db


@pytest.fixture
def holder() -> int:
    """An account that has seen everything: purchase, refund, holds, a move, an expiry."""
    holder, other = account(100, 200, 300), account(5)
    bought = spend(holder, 120)
    reverse(key=uuid4(), transfer_id=bought.id, kind="refund", at=NOW, amount=30)
    for close in (lambda h: release(hold_id=h, at=NOW), _capture, lambda h: None):
        held = hold(key=uuid4(), account_id=holder, amount=40, at=NOW)
        close(held.id)
    move(key=uuid4(), from_account_id=holder, to_account_id=other, kind="gift", at=NOW, amount=15)
    expire_due(at=NOW + DAY)
    return holder


def _capture(hold_id: object) -> None:
    capture(key=uuid4(), hold_id=hold_id, sink="till", kind="booking", at=NOW, amount=25)


SPOILT = {
    "a lot's remaining value is the sum of its moves": (
        "UPDATE ledger_lot SET remaining = remaining - 1 WHERE account_id = {holder} AND remaining > 0"
    ),
    "a lot began with its whole amount": "UPDATE ledger_lot SET amount = 900 WHERE account_id = {holder}",
    "a transfer's moves make up its amount on each customer side": (
        "UPDATE ledger_transfer SET amount = amount + 1"
        " WHERE debit_account_id = {holder} AND kind = 'purchase'"
    ),
    "a move belongs to a side of its transfer and to its lot's account": (
        "UPDATE ledger_lotmove SET account_id = (SELECT max(id) FROM ledger_account WHERE kind = 'customer'"
        " AND id <> {holder}) WHERE account_id = {holder} AND leads"
    ),
    "one move of each transfer and account leads": (
        "UPDATE ledger_lotmove SET leads = false WHERE account_id = {holder}"
    ),
    "each balance in the history follows from the one before": (
        "UPDATE ledger_lotmove SET balance_after = balance_after + 1 WHERE account_id = {holder}"
    ),
    "both sides of a transfer exist and have one unit": (
        "UPDATE ledger_account SET unit = 'CHF' WHERE id = {holder}"
    ),
    "all accounts of a unit sum to zero": (
        "UPDATE ledger_lot SET remaining = remaining + 1 WHERE remaining < amount"
    ),
    "no more is reversed than was transferred, between the same accounts": (
        "UPDATE ledger_transfer SET amount = 500 WHERE credit_account_id = {holder} AND kind = 'refund'"
    ),
    "a reversal gives a lot back no more than was taken from it": (
        "UPDATE ledger_lotmove SET delta = 500 WHERE transfer_id IN"
        " (SELECT id FROM ledger_transfer WHERE kind = 'refund')"
    ),
    "a hold has its transfer's amount and is open until that is reversed": (
        "UPDATE ledger_hold SET state = 'open', closed_by_id = NULL"
    ),
    "a hold's transfer has its hold": "DELETE FROM ledger_hold",
}


def test_books_in_order_have_no_findings(holder: int) -> None:
    report = audit(at=NOW)
    assert report.ok
    assert report.rules == len(RULES)
    assert not selectors.is_frozen(holder)


@pytest.mark.parametrize("rule", RULES)
def test_a_mismatch_is_found_and_freezes_its_account(rule: str, holder: int, spoil: Callable) -> None:
    spoil(SPOILT[rule].format(holder=holder))
    report = audit(at=NOW)
    assert rule in {finding.rule for finding in report.findings}
    assert all(selectors.is_frozen(account_id) for account_id in report.frozen)
    if rule != "all accounts of a unit sum to zero":
        concerned = {f.account_id for f in report.findings if f.rule == rule}
        assert concerned & set(report.frozen)


def test_accounts_without_a_mismatch_stay_open(holder: int, spoil: Callable) -> None:
    innocent = account(10)
    spoil(f"UPDATE ledger_lot SET remaining = remaining - 1 WHERE account_id = {holder} AND remaining > 0")
    assert holder in audit(at=NOW).frozen
    assert not selectors.is_frozen(innocent)
    assert "audit" in AccountEvent.objects.get(account_id=holder).reason
    assert audit(at=NOW).frozen == ()


def test_the_command_says_so_and_ends_with_status_1(holder: int, spoil: Callable) -> None:
    out, err = StringIO(), StringIO()
    call_command("ledger_audit", stdout=out)
    assert "The books are right" in out.getvalue()
    spoil(f"UPDATE ledger_lot SET remaining = remaining - 1 WHERE account_id = {holder} AND remaining > 0")
    with pytest.raises(SystemExit) as end:
        call_command("ledger_audit", stdout=out, stderr=err)
    assert end.value.code == 1
    assert f"account {holder}" in err.getvalue()


def test_the_audit_takes_a_fixed_number_of_queries(holder: int, django_assert_num_queries: Callable) -> None:
    for _ in range(3):
        lot(account(5), 10)
    with django_assert_num_queries(len(RULES)):
        audit(at=NOW)


@pytest.fixture
def spoil() -> Callable[[str], None]:
    """Change the books as nothing in the product can: with the triggers away."""

    def change(statement: str) -> None:
        rules.remove(connection)
        with connection.cursor() as cursor:
            cursor.execute(statement)
            assert cursor.rowcount > 0
        rules.install(connection)

    return change
