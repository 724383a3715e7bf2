"""What customers dispute: how much of it was open, and from when until when nobody may ask for it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.db.models import Sum

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
    """All disputes of these accounts, decided ones too. One query, two more if there are any."""
    found: dict[int, list[Disputed]] = {account_id: [] for account_id in account_ids}
    disputes = EntryDispute.objects.filter(entry__account_id__in=list(account_ids)).select_related(
        "entry__statement"
    )
    rows = {dispute.entry_id: dispute for dispute in disputes.order_by("pk")}
    open_parts = _open_parts(rows)
    for entry_id, dispute in rows.items():
        entry = dispute.entry
        found[entry.account_id].append(
            Disputed(
                entry_id=entry_id,
                account_id=entry.account_id,
                booked_on=entry.booked_on,
                listed_on=entry.statement.closes_on if entry.statement else None,
                amount_minor=open_parts[entry_id],
                opened_on=local_date(dispute.opened_at),
                outcome=DisputeOutcome(dispute.outcome),
                decided_on=dispute.decided_on,
            )
        )
    return found


def _open_parts(disputes: dict[UUID, EntryDispute]) -> dict[UUID, int]:
    """What was open of each transaction and its fee when its dispute was opened."""
    if not disputes:
        return {}
    left = {entry_id: dispute.entry.amount_minor for entry_id, dispute in disputes.items()}
    subject = {entry_id: entry_id for entry_id in disputes}
    fees = Entry.objects.filter(parent_id__in=list(disputes), kind=EntryKind.FEE)
    for fee_id, amount, parent_id in fees.values_list("pk", "amount_minor", "parent_id"):
        assert parent_id is not None
        subject[fee_id] = parent_id
        left[parent_id] += amount
    settled = Allocation.objects.filter(entry_id__in=list(subject))
    for entry_id, amount, at in settled.values_list("entry_id", "amount_minor", "at"):
        disputed = subject[entry_id]
        if at <= disputes[disputed].opened_at:
            left[disputed] -= amount
    return {entry_id: max(0, amount) for entry_id, amount in left.items()}
