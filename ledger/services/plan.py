"""Which lots pay for a debit. Pure: no database, no clock."""

from collections.abc import Sequence
from datetime import datetime

from ledger.errors import InsufficientBalance, NotSpendableInPart
from ledger.models import Lot
from ledger.states import SpendContext

Takes = list[tuple[Lot, int]]
# Beyond so many indivisible lots only the soonest to expire are combined.
MOST_COMBINED = 16


def choose_lots(open_lots: Sequence[Lot], amount: int, *, at: datetime, spend: SpendContext) -> Takes:
    """Usable lots that make up `amount`, soonest expiry first, then activation, then id.

    An indivisible lot is taken whole or left (S4.3). When the plain order leaves a gap, indivisible lots are
    chosen so that the divisible ones can fill the rest.
    Refuses `InsufficientBalance`, and `NotSpendableInPart` when only the indivisible lots stand in the way.
    """
    usable = [lot for lot in open_lots if lot.fits(spend, at=at)]
    total = sum(lot.remaining for lot in usable)
    if total < amount:
        raise InsufficientBalance(total)
    takes, missing = _in_order(usable, amount)
    return takes if not missing else _combined(usable, amount)


def _in_order(usable: Sequence[Lot], amount: int) -> tuple[Takes, int]:
    takes: Takes = []
    for lot in usable:
        if not amount:
            break
        if lot.single_purchase and lot.remaining > amount:
            continue
        take = min(lot.remaining, amount)
        takes.append((lot, take))
        amount -= take
    return takes, amount


def _combined(usable: Sequence[Lot], amount: int) -> Takes:
    divisible = [lot for lot in usable if not lot.single_purchase]
    fill = sum(lot.remaining for lot in divisible)
    sums = _sums_of_whole_lots([lot for lot in usable if lot.single_purchase][:MOST_COMBINED], amount)
    fitting = [whole for whole in sums if whole + fill >= amount]
    if not fitting:
        raise NotSpendableInPart(max(sums) + fill)
    whole = sums[max(fitting)]
    rest, _ = _in_order(divisible, amount - max(fitting))
    return sorted([(lot, lot.remaining) for lot in whole] + rest, key=lambda t: _spending_order(t[0]))


def _sums_of_whole_lots(lots: Sequence[Lot], limit: int) -> dict[int, list[Lot]]:
    """Every sum up to `limit` that whole lots can make, each by the lots found first."""
    sums: dict[int, list[Lot]] = {0: []}
    for lot in lots:
        for known, members in list(sums.items()):
            if known + lot.remaining <= limit:
                sums.setdefault(known + lot.remaining, [*members, lot])
    return sums


def _spending_order(lot: Lot) -> tuple[datetime, datetime, int]:
    return lot.expires_at, lot.activates_at, lot.pk
