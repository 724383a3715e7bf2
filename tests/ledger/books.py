"""Short words for the ledger's tests: a clock that stands still, accounts with lots, and what they hold."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from ledger.models import Lot, LotMove, Transfer
from ledger.services.audit import audit
from ledger.services.credit import credit
from ledger.services.debit import debit
from ledger.services.open import open_account
from ledger.states import Restriction, SpendContext, TransferRecord

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
DAY = timedelta(days=1)
ANYHOW = SpendContext()


def account(*amounts: int, unit: str = "EUR") -> int:
    """An account with one lot per amount; the first expires soonest, a day apart, from tomorrow on."""
    account_id = open_account(unit=unit, holder="test")
    for n, amount in enumerate(amounts, start=1):
        lot(account_id, amount, expires_at=NOW + n * DAY)
    return account_id


def lot(
    account_id: int,
    amount: int,
    *,
    activates_at: datetime | None = None,
    expires_at: datetime = NOW + 365 * DAY,
    restriction: Restriction | None = None,
) -> TransferRecord:
    return credit(
        key=uuid4(),
        account_id=account_id,
        source="issuer",
        amount=amount,
        kind="issue",
        at=NOW,
        activates_at=activates_at,
        expires_at=expires_at,
        restriction=restriction,
    )


def spend(
    account_id: int,
    amount: int,
    *,
    key: UUID | None = None,
    at: datetime = NOW,
    context: SpendContext = ANYHOW,
    note: str = "",
) -> TransferRecord:
    return debit(
        key=key or uuid4(),
        account_id=account_id,
        sink="till",
        amount=amount,
        kind="purchase",
        at=at,
        spend=context,
        note=note,
    )


def remaining(account_id: int) -> list[int]:
    """What is left in each lot of the account, in the order in which the lots were made."""
    lots = Lot.objects.filter(account_id=account_id).order_by("pk")
    return list(lots.values_list("remaining", flat=True))


def everything() -> tuple[object, ...]:
    """All that the books say, to assert that a refusal changed nothing."""
    return (
        list(Transfer.objects.order_by("pk").values_list()),
        list(Lot.objects.order_by("pk").values_list()),
        list(LotMove.objects.order_by("pk").values_list()),
    )


def books_are_right() -> bool:
    return audit(at=NOW).findings == ()
