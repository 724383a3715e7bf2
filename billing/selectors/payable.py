"""What a payment by card may pay: asked by the room that takes it (S1.2)."""

from dataclasses import dataclass
from datetime import datetime

from billing.models import CreditAccount
from billing.selectors.amounts import owed_minor
from billing.states import AccountState


@dataclass(frozen=True, slots=True)
class Payable:
    """An account that may be paid. Closed, it is still open to payments while anything is owed on it."""

    account_id: int
    currency: str
    is_open: bool
    owed_minor: int


def payable(account_id: int, *, holder_id: int, at: datetime) -> Payable | None:
    """One's own account with everything owed on it, billed or not; None for others'. Two queries."""
    account = CreditAccount.objects.filter(pk=account_id, holder_id=holder_id).first()
    if account is None:
        return None
    owed = owed_minor(account, at=at)
    return Payable(account.pk, account.currency, account.state == AccountState.OPEN or owed > 0, owed)
