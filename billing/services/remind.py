"""A statement that is late, or was paid less than its minimum, is reminded of, level by level (S1.4)."""

from datetime import date, datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from billing.models import CreditAccount, Reminder, Statement
from billing.selectors.overdue import missing_of_minimum, overdue_statements
from billing.services.lock import lock_account
from billing.services.mails import statement_facts, tell_holder
from billing.services.post import charge_fee
from billing.states import CollectionState, FeeRule
from kernel.calendar import local_date
from outbox.services.enqueue import JobRequest, enqueue_many

REMIND_JOB = "billing.remind"


def plan_reminders(*, at: datetime) -> int:
    """One job per statement and day, once; how many. Each job looks again before it reminds."""
    today = local_date(at)
    jobs = [
        JobRequest(kind=REMIND_JOB, ref=f"{statement_id}:{level}:{today}", due_at=at)
        for statement_id, level in overdue_statements(today)
    ]
    enqueue_many(jobs)
    return len(jobs)


@transaction.atomic
def remind(*, statement_id: UUID, level: int, at: datetime) -> int | None:
    """Send one level of reminder with its fee, once for ever; the reminder's id.

    None, and nothing changes, when it was sent before, is not its turn, enough was paid meanwhile, or a newer
    statement is there. The fee is booked today and bears no interest.
    """
    statement = Statement.objects.get(pk=statement_id)
    account = lock_account(statement.account_id)
    if not _is_its_turn(statement, level, local_date(at)):
        return None
    missing = missing_of_minimum(statement)
    if not missing:
        return None
    fee_id, fee_minor = _charge(statement, level, at)
    reminder = Reminder.objects.create(
        statement=statement, level=level, missing_minor=missing, fee_id=fee_id, at=at
    )
    _tell(account, reminder, fee_minor, at)
    return reminder.pk


def _is_its_turn(statement: Statement, level: int, today: date) -> bool:
    delays = settings.BILLING_REMINDER_DAYS
    newer = Statement.objects.filter(account_id=statement.account_id, closes_on__gt=statement.closes_on)
    debits = statement.collections.filter(state__in=[CollectionState.ANNOUNCED, CollectionState.FILED])
    # Who is about to be debited is not late.
    if not 1 <= level <= len(delays) or newer.exists() or debits.exists():
        return False
    earlier = statement.reminders.order_by("-level").first()
    if (earlier.level if earlier else 0) != level - 1:
        return False
    due_on = statement.due_on + timedelta(days=delays[level - 1])
    if earlier is not None:
        # A first reminder that came late leaves the same time as one in time.
        pause = timedelta(days=delays[level - 1] - delays[level - 2])
        due_on = max(due_on, local_date(earlier.at) + pause)
    return today >= due_on


def _charge(statement: Statement, level: int, at: datetime) -> tuple[UUID | None, int]:
    fees = settings.BILLING_REMINDER_FEES
    amount = fees[level - 1] if level <= len(fees) else 0
    if not amount:
        return None, 0
    with translation.override(settings.LANGUAGE_CODE):
        text = _("Rappel %(level)s du relevé %(number)s") % {"level": level, "number": statement.number}
    fee_id = charge_fee(
        account_id=statement.account_id,
        key=uuid5(NAMESPACE_URL, f"billing.reminder:{statement.pk}:{level}"),
        rule=FeeRule.REMINDER,
        amount_minor=amount,
        booked_on=local_date(at),
        text=text,
        at=at,
    )
    return fee_id, amount


def _tell(account: CreditAccount, reminder: Reminder, fee_minor: int, at: datetime) -> None:
    statement = reminder.statement
    context = statement_facts(statement) | {
        "level": reminder.level,
        "missing": (reminder.missing_minor, statement.currency),
        "minimum": (statement.minimum_minor, statement.currency),
        "due": (statement.due_minor, statement.currency),
        "fee": (fee_minor, statement.currency) if fee_minor else "",
        "reference": statement.reference,
    }
    ref = f"{statement.number}:{reminder.level}"
    tell_holder(account, event="payment_reminder", ref=ref, context=context, at=at)
