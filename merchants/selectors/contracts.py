"""Contracts: which one is in force, and whether two would meet."""

from datetime import date

from django.db.models import Q, QuerySet

from merchants.models import Contract


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


def contract_on(merchant_id: int, on: date) -> Contract | None:
    """The contract in force on a day. One query."""
    return contracts_sharing(merchant_id=merchant_id, starts_on=on, ends_on=on).first()
