"""Freezing: a frozen account gives nothing out until it is unfrozen. It may still receive."""

from datetime import datetime

from ledger.models import Account, AccountEvent
from ledger.services import books


def freeze(*, account_id: int, reason: str, at: datetime) -> None:
    """Stop debits, holds, captures, moves and expiry. Repeating it changes nothing.

    Refuses `AccountUnknown`.
    """
    _set_frozen(account_id, frozen=True, reason=reason, at=at)


def unfreeze(*, account_id: int, reason: str, at: datetime) -> None:
    """Let value out again. Repeating it changes nothing. Refuses `AccountUnknown`."""
    _set_frozen(account_id, frozen=False, reason=reason, at=at)


def _set_frozen(account_id: int, *, frozen: bool, reason: str, at: datetime) -> None:
    with books.one_transaction():
        account = books.lock_account(account_id)
        if account.frozen == frozen:
            return
        Account.objects.filter(pk=account_id).update(frozen=frozen)
        AccountEvent.objects.create(account=account, at=at, frozen=frozen, reason=reason[:200])
