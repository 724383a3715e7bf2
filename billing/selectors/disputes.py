"""What customers dispute: how much of it was open, and from when until when nobody may ask for it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from billing.models import Allocation, Entry, EntryDispute
from billing.states import DisputeOutcome, EntryKind
from kernel.calendar import local_date


@dataclass(frozen=True, slots=True)
class Disputed:
    """A transaction in dispute. `amount_minor`: what was open of it and of its fee when it was opened.

    Fixed then, as a later payment settles the oldest debts first and not those that its sender had in mind.
    """

    entry_id: UUID
    account_id: int
    statement_id: UUID | None
    amount_minor: int
    opened_on: date
    outcome: DisputeOutcome
    decided_on: date | None

    @property
    def is_open(self) -> bool:
        return self.outcome == DisputeOutcome.OPEN

    def excused_on(self, day: date) -> bool:
        """Whether nobody could ask for it on `day`: it was being looked into, or was decided for good."""
        if self.opened_on > day:
            return False
        return self.outcome == DisputeOutcome.UPHELD or self.decided_on is None or self.decided_on > day


def disputed_in(account_ids: Collection[int]) -> dict[int, list[Disputed]]:
    """All disputes of these accounts, decided ones too. One query, two more if there are any."""
    found: dict[int, list[Disputed]] = {account_id: [] for account_id in account_ids}
    disputes = EntryDispute.objects.filter(entry__account_id__in=list(account_ids)).select_related("entry")
    rows = {dispute.entry_id: dispute for dispute in disputes.order_by("pk")}
    open_parts = _open_parts(rows)
    for entry_id, dispute in rows.items():
        entry = dispute.entry
        found[entry.account_id].append(
            Disputed(
                entry_id=entry_id,
                account_id=entry.account_id,
                statement_id=entry.statement_id,
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
