"""Accounts that are born with their first lot."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger.errors import InvalidAmount, InvalidPeriod, KeyReused
from ledger.models import Account, Lot, LotMove, Transfer
from ledger.services.audit import audit
from ledger.services.credit import credit
from ledger.services.open import open_account, system_account
from ledger.services.open_credited import OpenRequest, open_credited
from tests.ledger.books import DAY, NOW

pytestmark = pytest.mark.django_db


def opening(amount: int = 5_000, **changes: Any) -> OpenRequest:
    asked = OpenRequest(
        key=uuid4(), unit="EUR", holder="card:1", source="issuer", amount=amount, kind="issue", at=NOW
    )
    return replace(asked, expires_at=NOW + 365 * DAY, note="CMD-1", **changes)


def facts(account_id: int) -> list[Any]:
    """All that the books say of an account, without the ids."""
    account = Account.objects.get(pk=account_id)
    told: list[Any] = [account.unit, account.kind, account.code, account.frozen]
    transfer = Transfer.objects.get(credit_account=account_id)
    told += [transfer.debit_account_id, transfer.amount, transfer.kind, transfer.occurred_at, transfer.note]
    lot = Lot.objects.get(account=account_id)
    told += [lot.amount, lot.remaining, lot.is_open, lot.activates_at, lot.expires_at, lot.outlets]
    told += [lot.single_purchase, lot.moved_from_id, lot.origin_id == transfer.pk]
    move = LotMove.objects.get(account=account_id)
    return told + [move.transfer_id == transfer.pk, move.lot_id == lot.pk, move.delta, move.leads]


def counts() -> list[int]:
    customers = Account.objects.filter(kind="customer")
    return [rows.count() for rows in (customers, Transfer.objects, Lot.objects, LotMove.objects)]


def test_it_writes_what_opening_and_crediting_would() -> None:
    asked = opening()
    [born] = open_credited([asked])
    apart = open_account(unit="EUR")
    credit(
        key=uuid4(),
        account_id=apart,
        source="issuer",
        amount=asked.amount,
        kind="issue",
        at=NOW,
        expires_at=asked.expires_at,
        note=asked.note,
    )
    assert facts(born) == facts(apart)
    assert not audit(at=NOW).findings


def test_accounts_come_in_the_order_asked_each_in_its_unit() -> None:
    asked = [opening(n, holder=f"card:{n}", unit=unit) for n, unit in ((1, "EUR"), (2, "CHF"), (3, "EUR"))]
    accounts = Account.objects.in_bulk(open_credited(asked))
    assert [(a.holder, a.unit) for a in accounts.values()] == [(e.holder, e.unit) for e in asked]


def test_the_same_request_again_gives_the_same_accounts() -> None:
    asked = [opening(), opening()]
    first = open_credited(asked)
    before = counts()
    assert open_credited([replace(entry, at=NOW + DAY) for entry in asked]) == first
    assert counts() == before


def test_a_batch_partly_done_is_completed() -> None:
    one, two = opening(1), opening(2)
    first = open_credited([one])
    accounts = open_credited([two, one])
    assert accounts[1:] == first
    assert facts(accounts[0])[5] == 2


@pytest.mark.parametrize("change", [{"amount": 1}, {"holder": "card:2"}, {"unit": "CHF"}, {"note": "other"}])
def test_a_key_stands_for_one_request_only(change: dict[str, Any]) -> None:
    asked = opening()
    open_credited([asked])
    before = counts()
    with pytest.raises(KeyReused):
        open_credited([opening(), replace(asked, **change)])
    with pytest.raises(KeyReused):
        open_credited([(twin := opening()), twin])
    assert counts() == before


def test_what_credit_refuses_is_refused_here() -> None:
    before = counts()
    with pytest.raises(InvalidAmount):
        open_credited([opening(), opening(0)])
    with pytest.raises(InvalidPeriod):
        open_credited([replace(opening(), expires_at=NOW)])
    with pytest.raises(ValueError, match="reserved"):
        open_credited([opening(kind="expiry")])
    assert counts() == before


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite takes a step per table")
def test_a_batch_is_one_statement_on_postgresql() -> None:
    system_account("issuer", "EUR")
    for count in (3, 30):
        with CaptureQueriesContext(connection) as seen, transaction.atomic():
            open_credited([opening() for _ in range(count)])
        written = [q for q in seen if "INSERT" in q["sql"]]
        assert len(written) == 1
