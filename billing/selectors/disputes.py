"""What customers dispute: how much of it was open, and from when until when nobody may ask for it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from billing.models import Allocation, Entry, EntryDispute
from billing.states import PRINCIPAL_KINDS, DisputeOutcome, EntryKind
from kernel.calendar import local_date

# How long after its statement a transaction that is paid may still be disputed.
DISPUTABLE_FOR = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Disputed:
    """A transaction in dispute. `amount_minor`: what was open of it and of its fee when it was opened.

    Fixed then, as a later payment settles the oldest debts first and not those that its sender had in mind.
    `listed_on`: the closing day of the statement that lists it, None while there is none.
    """

    entry_id: UUID
    account_id: int
    booked_on: date
    listed_on: date | None
    amount_minor: int
    opened_on: date
    outcome: DisputeOutcome
    decided_on: date | None

    @property
    def is_open(self) -> bool:
        return self.outcome == DisputeOutcome.OPEN

    def excused_on(self, day: date) -> bool:
        """Whether nobody could ask for it on `day`: it was being looked into. Decided in the customer's
        favour, it counts as the refund that it led to.
        """
        return self.opened_on <= day and (self.decided_on is None or self.decided_on > day)


def is_disputable(entry: Entry, *, on: date) -> bool:
    """Whether it is a purchase or withdrawal of which anything is open, or that was billed lately or not yet.
    At most two queries.
    """
    if entry.kind not in PRINCIPAL_KINDS:
        return False
    if entry.statement is None or entry.statement.closes_on + DISPUTABLE_FOR >= on:
        return True
    settled = Allocation.objects.filter(entry=entry).aggregate(total=Sum("amount_minor", default=0))
    return bool(settled["total"] < entry.amount_minor)


def disputed_in(account_ids: Collection[int]) -> dict[int, list[Disputed]]:
    """All disputes of these accounts, decided ones too. One query."""
    found: dict[int, list[Disputed]] = {account_id: [] for account_id in account_ids}
    disputes = EntryDispute.objects.filter(entry__account_id__in=list(account_ids))
    disputes = disputes.select_related("entry__statement").annotate(fees=_fees(), settled=_settled())
    for dispute in disputes.order_by("pk"):
        entry = dispute.entry
        found[entry.account_id].append(
            Disputed(
                entry_id=entry.pk,
                account_id=entry.account_id,
                booked_on=entry.booked_on,
                listed_on=entry.statement.closes_on if entry.statement else None,
                amount_minor=max(0, entry.amount_minor + dispute.fees - dispute.settled),
                opened_on=local_date(dispute.opened_at),
                outcome=DisputeOutcome(dispute.outcome),
                decided_on=dispute.decided_on,
            )
        )
    return found


def _fees() -> Coalesce:
    """The fees of a disputed transaction."""
    fees = Entry.objects.filter(parent_id=OuterRef("entry_id"), kind=EntryKind.FEE)
    return _total(fees)


def _settled() -> Coalesce:
    """What was settled of a transaction and its fees when its dispute was opened."""
    own = Q(entry_id=OuterRef("entry_id"))
    of_fee = Q(entry__parent_id=OuterRef("entry_id"), entry__kind=EntryKind.FEE)
    return _total(Allocation.objects.filter(own | of_fee, at__lte=OuterRef("opened_at")))


def _total(rows: QuerySet[Any]) -> Coalesce:
    grouped = rows.order_by().annotate(all=Value(1)).values("all").annotate(total=Sum("amount_minor"))
    return Coalesce(Subquery(grouped.values("total")), 0)
