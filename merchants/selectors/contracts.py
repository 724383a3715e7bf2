"""Contracts: which one is in force, and whether two would meet."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Max, Q, QuerySet

from kernel.calendar import end_of_day, local_date, start_of_day
from merchants.models import Contract, Sale

TERMS = ("merchant_id", "starts_on", "commission_bp", "fixed_fee_minor")


def contracts_sharing(*, merchant_id: int, starts_on: date, ends_on: date | None) -> QuerySet[Contract]:
    """Contracts of the merchant with a day in the period; without `ends_on` it has no end."""
    found = Contract.objects.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gte=starts_on), merchant_id=merchant_id
    )
    return found if ends_on is None else found.filter(starts_on__lte=ends_on)


def contract_overlaps(
    *, merchant_id: int, starts_on: date, ends_on: date | None, except_id: int | None
) -> bool:
    """Whether another contract shares a day with the period. One query."""
    others = contracts_sharing(merchant_id=merchant_id, starts_on=starts_on, ends_on=ends_on)
    return others.exclude(pk=except_id or 0).exists()


def contracts_on(merchant_id: int, on: date) -> QuerySet[Contract]:
    """The contract in force on a day: one at most."""
    return contracts_sharing(merchant_id=merchant_id, starts_on=on, ends_on=on)


def last_sale_on(contract: Contract) -> date | None:
    """The last of the contract's days on which its merchant sold. One query."""
    sales = Sale.objects.filter(merchant_id=contract.merchant_id, at__gte=start_of_day(contract.starts_on))
    if contract.ends_on is not None:
        sales = sales.filter(at__lt=end_of_day(contract.ends_on))
    last = sales.aggregate(last=Max("at"))["last"]
    return None if last is None else local_date(last)


@dataclass(frozen=True, slots=True)
class Kept:
    """What sales keep of a contract: fields by name, and the first day on which it may end."""

    names: list[str]
    earliest: date


def kept_by_sales(contract: Contract, *, today: date) -> Kept | None:
    """What `contract` would change of the one in store, though its merchant sold in its days. Two queries.

    It may end later, or not before today: no sale loses its terms. None: there is nothing to refuse.
    """
    stored = Contract.objects.get(pk=contract.pk)
    last = last_sale_on(stored)
    if last is None:
        return None
    earliest = min(max(last, today), stored.ends_on or date.max)
    names = [name for name in TERMS if getattr(contract, name) != getattr(stored, name)]
    if contract.ends_on is not None and contract.ends_on < earliest:
        names.append("ends_on")
    return Kept(names, earliest) if names else None
