"""What a terminal did: one transaction, the last one, a day with its total."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid5

from django.db.models import Count, Q, QuerySet, Sum

from kernel.calendar import end_of_day, start_of_day
from merchants.models import Reversal, Sale
from merchants.states import SaleRecord

KEYS = UUID("3f0f8f0b-4a0c-4f0e-8a9d-0a6f1d1b7c55")
PAGE = 30


def key_at(terminal_id: int, typed: UUID, what: str = "sale") -> UUID:
    """The key in the books of a form's own key: no terminal can touch keys of another, or of other rooms."""
    return uuid5(KEYS, f"{what}:{terminal_id}:{typed}")


@dataclass(frozen=True, slots=True)
class DayTotal:
    """A terminal's day. `net_minor` is what cards paid less what was put back on them that day."""

    sales: int = 0
    reversals: int = 0
    net_minor: int = 0


@dataclass(frozen=True, slots=True)
class DayPage:
    """Transactions of a day, newest first; `next_rank` is the cursor of the next page, None at the end."""

    items: list[SaleRecord]
    next_rank: int | None


def sale_by_key(terminal_id: int, key: UUID) -> SaleRecord | None:
    """What this terminal did under `key`. One query."""
    return _first(_sales(terminal_id).filter(pk=key))


def sale_by_rank(terminal_id: int, rank: int) -> SaleRecord | None:
    """The terminal's transaction of this rank. One query."""
    return _first(_sales(terminal_id).filter(rank=rank))


def last_sale(terminal_id: int) -> SaleRecord | None:
    """The terminal's last transaction, cancelled or not. One query."""
    return _first(_sales(terminal_id).order_by("-rank"))


def sale_for_receipt(key: UUID) -> SaleRecord | None:
    """A sale for whoever holds its receipt. One query."""
    return _first(_all().filter(pk=key))


def day_total(terminal_id: int, on: date) -> DayTotal:
    """What was debited and cancelled at the terminal on a local day. Two queries."""
    sold = Sale.objects.filter(terminal_id=terminal_id, **_during(on)).aggregate(
        count=Count("pk"), total=Sum("amount_minor", default=0)
    )
    given_back = Reversal.objects.filter(sale__terminal_id=terminal_id, **_during(on)).aggregate(
        count=Count("pk"), total=Sum("sale__amount_minor", default=0)
    )
    return DayTotal(sold["count"], given_back["count"], sold["total"] - given_back["total"])


def day_page(terminal_id: int, on: date, *, before: int | None = None) -> DayPage:
    """Transactions made or cancelled on a local day. One query."""
    during = _during(on)
    that_day = Q(**during) | Q(**{f"reversal__{name}": value for name, value in during.items()})
    rows = _sales(terminal_id).filter(that_day)
    if before is not None:
        rows = rows.filter(rank__lt=before)
    found = [record(sale, reversal=reversal_of(sale)) for sale in rows.order_by("-rank")[: PAGE + 1]]
    shown = found[:PAGE]
    return DayPage(shown, shown[-1].rank if len(found) > PAGE else None)


def reversal_of(sale: Sale) -> Reversal | None:
    """What cancelled the sale, if anything did."""
    found: Reversal | None = getattr(sale, "reversal", None)
    return found


def record(sale: Sale, *, reversal: Reversal | None) -> SaleRecord:
    """The sale as pages show it."""
    terminal = sale.terminal
    return SaleRecord(
        key=sale.pk,
        reference=sale.reference,
        rank=sale.rank,
        tid=terminal.tid,
        at=sale.at,
        currency=sale.currency,
        bill_minor=sale.bill_minor,
        amount_minor=sale.amount_minor,
        points_minor=sale.points_minor,
        earned_minor=sale.earned_minor,
        activates_at=sale.activates_at,
        card_last4=sale.card_last4,
        balance_minor=sale.balance_minor,
        operator_name=sale.operator.name,
        merchant_name=terminal.outlet.merchant.legal_name,
        outlet_name=terminal.outlet.name,
        outlet_address=terminal.outlet.address,
        reversed_at=reversal.at if reversal else None,
        balance_after_reversal_minor=reversal.balance_minor if reversal else None,
    )


def _all() -> QuerySet[Sale]:
    return Sale.objects.select_related("terminal__outlet__merchant", "operator", "reversal")


def _sales(terminal_id: int) -> QuerySet[Sale]:
    return _all().filter(terminal_id=terminal_id)


def _first(sales: QuerySet[Sale]) -> SaleRecord | None:
    found = list(sales[:1])
    return record(found[0], reversal=reversal_of(found[0])) if found else None


def _during(on: date) -> dict[str, object]:
    return {"at__gte": start_of_day(on), "at__lt": end_of_day(on)}
