"""The database refuses by itself what the services would never ask for."""

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from ledger import rules
from ledger.checks import books_are_guarded
from ledger.models import Account, AccountEvent, Lot, LotMove, Transfer
from ledger.services.freeze import freeze
from tests.ledger.books import DAY, NOW, account, everything, spend

pytestmark = pytest.mark.django_db


@pytest.fixture
def _books() -> None:
    holder = account(100)
    spend(holder, 10)
    freeze(account_id=holder, reason="test", at=NOW)


@pytest.mark.usefixtures("_books")
@pytest.mark.parametrize(
    "change",
    [
        lambda: Transfer.objects.update(amount=1),
        lambda: Transfer.objects.all()._raw_delete("default"),
        lambda: LotMove.objects.update(delta=1),
        lambda: LotMove.objects.all()._raw_delete("default"),
        lambda: AccountEvent.objects.update(reason="other"),
        lambda: AccountEvent.objects.all()._raw_delete("default"),
        lambda: Account.objects.all()._raw_delete("default"),
        lambda: Account.objects.update(unit="CHF"),
        lambda: Lot.objects.all()._raw_delete("default"),
        lambda: Lot.objects.update(amount=F("amount") + 1),
        lambda: Lot.objects.update(remaining=-1),
        lambda: Lot.objects.update(remaining=F("amount") + 1),
        lambda: Lot.objects.update(expires_at=NOW - 9 * DAY),
        lambda: LotMove.objects.bulk_create([_copy(LotMove.objects.first())]),
        lambda: Transfer.objects.bulk_create([_transfer(amount=0)]),
        lambda: Transfer.objects.bulk_create([_transfer(credit_account=_first_customer())]),
    ],
)
def test_the_books_are_append_only_and_within_bounds(change: Callable[[], object]) -> None:
    before = everything()
    with pytest.raises(IntegrityError), transaction.atomic():
        change()
    assert everything() == before


def test_one_system_account_per_code_and_unit() -> None:
    Account.objects.create(unit="EUR", kind="system", code="till")
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.create(unit="EUR", kind="system", code="till")
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.create(unit="EUR", kind="customer", code="till")


def test_the_start_up_check_names_a_missing_rule_and_migrate_puts_it_back() -> None:
    assert books_are_guarded() == []
    rules.remove(connection)
    (problem,) = books_are_guarded()
    assert problem.id == "ledger.E001"
    assert "ledger_transfer_refuses_update" in problem.msg
    call_command("migrate", "ledger", verbosity=0)
    assert books_are_guarded() == []


def test_installing_again_touches_nothing() -> None:
    assert rules.install(connection) == []


@pytest.mark.postgres
def test_the_check_sees_a_disabled_trigger_and_another_versions_function() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_transfer DISABLE TRIGGER ledger_transfer_refuses_update")
        cursor.execute(rules.DEBIT_FUNCTION.replace("FOR NO KEY UPDATE", ""))
    assert rules.missing(connection) == ["ledger_debit", "ledger_transfer_refuses_update"]


@pytest.mark.postgres
@pytest.mark.usefixtures("_books")
def test_truncating_the_books_is_refused() -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE ledger_transfer CASCADE")
    assert Transfer.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", [1, 2])
def test_tests_that_commit_start_with_empty_and_guarded_books(_round: int) -> None:
    assert not Transfer.objects.exists()
    assert rules.missing(connection) == []
    spend(account(10), 1)


def _copy(move: LotMove | None) -> LotMove:
    assert move is not None
    move.pk = None
    return move


def _first_customer() -> Account:
    return Account.objects.filter(kind="customer").earliest("pk")


def _transfer(**changes: object) -> Transfer:
    facts = {
        "debit_account": _first_customer(),
        "credit_account": Account.objects.filter(kind="system").earliest("pk"),
        "amount": 1,
        "kind": "purchase",
        "occurred_at": NOW,
        "fingerprint": "",
        **changes,
    }
    return Transfer(id="00000000-0000-0000-0000-000000000001", **facts)
