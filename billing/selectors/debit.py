"""Direct debits and reminders, as a customer sees them, and what is left to collect."""

from collections.abc import Collection as Some
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum

from billing.models import Collection, Entry, Mandate, Reminder, Statement
from billing.states import (
    PAID_KINDS,
    CollectionState,
    EntryKind,
    MandateEnd,
    MandateState,
    ObjectionState,
)

TOOK_MONEY = (CollectionState.BOOKED, CollectionState.RETURNED, CollectionState.OBJECTED)


@dataclass(frozen=True, slots=True)
class CollectionView:
    """A direct debit. `objection_until`: the last day to object, none once it cannot be any more by its
    nature. `objection`: how an objection stands.
    """

    collection_id: int
    statement_number: str
    state: CollectionState
    collect_on: date
    amount_minor: int
    currency: str
    objection_until: date | None
    objection: ObjectionState | None

    def may_object(self, today: date) -> bool:
        return self.objection_until is not None and today <= self.objection_until


@dataclass(frozen=True, slots=True)
class MandateView:
    """Where direct debit stands on an account. Without a mandate in force: of the last one, or nothing.

    `refusals`: 0 to 3 in a row; the third ended the mandate. `coming`: announced or with the bank.
    `last`: the debit whose day came last.
    """

    is_active: bool
    reference: str = ""
    name: str = ""
    iban_masked: str = ""
    signed_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: MandateEnd | None = None
    refusals: int = 0
    coming: CollectionView | None = None
    last: CollectionView | None = None


@dataclass(frozen=True, slots=True)
class ReminderView:
    """A reminder that was sent. `fee_minor` is 0 when it cost nothing."""

    level: int
    at: datetime
    missing_minor: int
    fee_minor: int


def mandate_state(account_id: int) -> MandateView:
    """Direct debit of an account. Two queries."""
    mandate = Mandate.objects.filter(account_id=account_id).order_by("-pk").first()
    if mandate is None:
        return MandateView(is_active=False)
    coming, last = _coming_and_last(account_id)
    return MandateView(
        is_active=mandate.state == MandateState.ACTIVE,
        reference=mandate.reference,
        name=mandate.name,
        iban_masked=masked_iban(mandate.iban),
        signed_at=mandate.signed_at,
        ended_at=mandate.ended_at,
        end_reason=MandateEnd(mandate.end_reason) if mandate.end_reason else None,
        refusals=mandate.refusals,
        coming=coming,
        last=last,
    )


def collections_of(account_id: int, *, limit: int = 12) -> list[CollectionView]:
    """The account's direct debits, the latest first. One query."""
    rows = Collection.objects.filter(statement__account_id=account_id)
    rows = rows.select_related("statement", "objection").order_by("-collect_on", "-pk")
    return [_view(row) for row in rows[:limit]]


def reminders_of(statement_id: UUID) -> list[ReminderView]:
    """The reminders of a statement, in their order. One query."""
    rows = Reminder.objects.filter(statement_id=statement_id).select_related("fee").order_by("level")
    return [
        ReminderView(row.level, row.at, row.missing_minor, row.fee.amount_minor if row.fee else 0)
        for row in rows
    ]


def masked_iban(iban: str) -> str:
    """`CH93 •••• 2957`: enough to tell one's own accounts apart."""
    return f"{iban[:4]} •••• {iban[-4:]}"


def objection_ends_on(collect_on: date) -> date:
    """The last day on which a debit may be objected to (S1.5)."""
    return collect_on + timedelta(days=settings.BILLING_OBJECTION_DAYS)


def left_to_collect(statement_ids: Some[UUID]) -> dict[UUID, int]:
    """What each statement still asks for, credits since taken off; nothing of one that has a successor or
    whose mandate is over. One query.
    """
    in_force = Mandate.objects.filter(account_id=OuterRef("account_id"), state=MandateState.ACTIVE)
    newer = Statement.objects.filter(account_id=OuterRef("account_id"), closes_on__gt=OuterRef("closes_on"))
    rows = Statement.objects.filter(Exists(in_force), ~Exists(newer), pk__in=statement_ids)
    rows = rows.annotate(credited=Subquery(credits_since()))
    return {
        pk: due - (credited or 0) for pk, due, credited in rows.values_list("pk", "due_minor", "credited")
    }


def credits_since() -> QuerySet[Entry, Any]:
    """For a subquery on statements: the sum of what `amounts.credited_since` counts."""
    taken_back = Entry.objects.filter(parent=OuterRef("pk"), kind=EntryKind.PAYMENT_RETURN)
    later = Q(statement__isnull=True) | Q(statement__closes_on__gt=OuterRef("closes_on"))
    rows = Entry.objects.filter(
        later, ~Exists(taken_back), account_id=OuterRef("account_id"), kind__in=PAID_KINDS
    )
    return rows.order_by().values("account_id").annotate(total=Sum("amount_minor")).values("total")


def _coming_and_last(account_id: int) -> tuple[CollectionView | None, CollectionView | None]:
    views = collections_of(account_id, limit=4)
    to_come = (CollectionState.ANNOUNCED, CollectionState.FILED)
    coming = next((view for view in views if view.state in to_come), None)
    return coming, next((view for view in views if view.state in TOOK_MONEY), None)


def _view(row: Collection) -> CollectionView:
    objection = getattr(row, "objection", None)
    booked = row.state == CollectionState.BOOKED
    return CollectionView(
        collection_id=row.pk,
        statement_number=row.statement.number,
        state=CollectionState(row.state),
        collect_on=row.collect_on,
        amount_minor=row.amount_minor,
        currency=row.statement.currency,
        objection_until=objection_ends_on(row.collect_on) if booked else None,
        objection=ObjectionState(objection.state) if objection else None,
    )
