"""Numbers without gaps, for invoices and credit notes."""

from django.db import transaction
from django.db.models import F

from documents.models import NumberSeries


def next_number(*, series: str, year: int) -> int:
    """The next number of `series` in `year`, from 1, without gaps: it is given back if the caller rolls back.

    Runs in the caller's transaction, and holds the series' row until that ends; so take the number last,
    just before the row that carries it is written.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("next_number needs the transaction that uses the number")
    row = NumberSeries.objects.filter(series=series, year=year)
    if not row.update(last=F("last") + 1):
        NumberSeries.objects.bulk_create([NumberSeries(series=series, year=year)], ignore_conflicts=True)
        row.update(last=F("last") + 1)
    return row.values_list("last", flat=True).get()
