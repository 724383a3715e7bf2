"""Disputes of a merchant."""

from kernel.paging import KeyPage, page_by_key
from merchants.models import Dispute

PAGE_SIZE = 25


def disputes_of(merchant_id: int, cursor: str | None = None) -> KeyPage[Dispute]:
    """Newest first. One query."""
    rows = Dispute.objects.filter(merchant_id=merchant_id).select_related("sale__terminal", "statement")
    return page_by_key(rows, cursor=cursor, size=PAGE_SIZE)


def dispute_of(merchant_id: int, dispute_id: int) -> Dispute | None:
    """One dispute with its history. Two queries."""
    rows = Dispute.objects.filter(merchant_id=merchant_id, pk=dispute_id)
    return rows.select_related("sale__terminal", "statement").prefetch_related("events").first()
