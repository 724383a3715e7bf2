"""Accounts come into being: customers' one by one or in bulk, system accounts on first use."""

from collections.abc import Sequence

from django.db import connection, transaction

from ledger.models import Account
from ledger.states import AccountKind

_known_system_accounts: dict[tuple[str, str, str], int] = {}


def open_account(*, unit: str, holder: str = "") -> int:
    """Open an empty customer account in one unit and return its id."""
    return open_accounts(unit=unit, holders=[holder])[0]


def open_accounts(*, unit: str, holders: Sequence[str]) -> list[int]:
    """Open one customer account per holder, in their order, in one statement."""
    accounts = [Account(unit=unit, kind=AccountKind.CUSTOMER.value, holder=holder) for holder in holders]
    return [account.pk for account in Account.objects.bulk_create(accounts)]


def system_account(code: str, unit: str) -> int:
    """The id of the system account `code` in `unit`; made on first use.

    Remembered per process, but only once the transaction that saw it has committed.
    """
    place = (str(connection.settings_dict["NAME"]), code, unit)
    known = _known_system_accounts.get(place)
    if known is not None:
        return known
    account_id = _find_or_make(code, unit)
    transaction.on_commit(lambda: _known_system_accounts.update({place: account_id}))
    return account_id


def forget_system_accounts() -> None:
    """After a flush or a migration the ids may be others."""
    _known_system_accounts.clear()


def _find_or_make(code: str, unit: str) -> int:
    wanted = Account.objects.filter(kind=AccountKind.SYSTEM.value, code=code, unit=unit)
    found = wanted.values_list("pk", flat=True).first()
    if found is not None:
        return found
    made = Account(unit=unit, kind=AccountKind.SYSTEM.value, code=code)
    Account.objects.bulk_create([made], ignore_conflicts=True)
    return wanted.values_list("pk", flat=True).get()
