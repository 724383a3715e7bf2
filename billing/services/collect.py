"""A statement is to be debited: announced to its holder, and left alone once it is paid (S1.5)."""

from datetime import date, datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from billing.models import Collection, Mandate, Statement
from billing.selectors.bankdays import bank_days_after, bank_days_before
from billing.selectors.debit import left_to_collect
from billing.services.lock import lock_account
from billing.services.mails import statement_facts, tell_holder
from billing.services.move_collection import lock_collection, move_collection
from billing.states import CollectionState, MandateState
from kernel.calendar import local_date


@transaction.atomic
def announce_collection(*, statement_id: UUID, at: datetime) -> int | None:
    """Plan the debit of everything that a statement asks for, and tell its holder the day and the amount.

    None when nobody signed a mandate, nothing is due, a newer statement is there, or the debit was announced
    before: each statement is debited once at most.
    """
    statement = Statement.objects.get(pk=statement_id)
    account = lock_account(statement.account_id)
    mandate = Mandate.objects.filter(account=account, state=MandateState.ACTIVE).first()
    if mandate is None or not statement.due_minor or _is_over(statement):
        return None
    collect_on = _day(statement.due_on, local_date(at))
    collection = Collection.objects.create(
        statement=statement,
        mandate=mandate,
        announced_minor=statement.due_minor,
        amount_minor=statement.due_minor,
        collect_on=collect_on,
        end_to_end_id=f"DD{statement.number.removeprefix('CC')}",
        announced_at=at,
        changed_at=at,
    )
    context = statement_facts(statement) | {
        "amount": (statement.due_minor, statement.currency),
        "collect_on": collect_on,
        "iban_end": mandate.iban[-4:],
        "reference": mandate.reference,
        "days": settings.BILLING_OBJECTION_DAYS,
    }
    tell_holder(account, event="debit_announced", ref=collection.end_to_end_id, context=context, at=at)
    return collection.pk


def drop_settled_collections(*, until: date, at: datetime) -> int:
    """Give up announced debits, up to a day, that nothing is left to collect for; how many there were.

    Each is looked at again under its account's lock.
    """
    rows = Collection.objects.filter(state=CollectionState.ANNOUNCED, collect_on__lte=until)
    found = list(rows.select_related("statement").order_by("pk"))
    left = left_to_collect([row.statement_id for row in found])
    return sum(_drop(row.pk, at) for row in found if left.get(row.statement_id, 0) <= 0)


@transaction.atomic
def _drop(collection_id: int, at: datetime) -> bool:
    collection = Collection.objects.select_related("statement").get(pk=collection_id)
    lock_account(collection.statement.account_id)
    collection = lock_collection(collection_id)
    settled = left_to_collect([collection.statement_id]).get(collection.statement_id, 0) <= 0
    if collection.state != CollectionState.ANNOUNCED or not settled:
        return False
    move_collection(collection, CollectionState.DROPPED, at=at)
    return True


def _is_over(statement: Statement) -> bool:
    newer = Statement.objects.filter(account_id=statement.account_id, closes_on__gt=statement.closes_on)
    return newer.exists() or statement.collections.exists()


def _day(due_on: date, today: date) -> date:
    """Some bank days before it is due; when the statement comes late, as soon as a bank can."""
    wanted = bank_days_before(due_on, settings.BILLING_COLLECT_DAYS_BEFORE)
    return max(wanted, bank_days_after(today, settings.BILLING_COLLECT_LEAD_DAYS))
