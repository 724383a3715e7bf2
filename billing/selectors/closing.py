"""What a statement is made of, read for many accounts at once in a fixed number of queries.

Most people pay in full and in time, and nothing of theirs bears interest: only the others' transactions are
read one by one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID, uuid5

from django.db.models import Exists, F, OuterRef, QuerySet, Sum

from billing.models import CreditAccount, Entry, InterestLine, Statement
from billing.selectors.bearing import bearing_of, candidates_of
from billing.selectors.disputes import Disputed, disputed_in
from billing.selectors.grace import Paid, was_paid_in_time
from billing.selectors.interest import Bearing
from billing.states import PAID_KINDS, EntryKind

STATEMENTS = UUID("3f0f6f6e-2b1c-4c39-8a57-5d1d2f8e9b04")


@dataclass(frozen=True, slots=True)
class Closing:
    """An account whose cycle is to be billed. `sums`: what its cycle brought, by kind of entry.

    `previous_in_time`: None when there is no statement before.
    """

    account: CreditAccount
    previous: Statement | None
    sums: dict[str, int]
    previous_in_time: bool | None
    disputed: tuple[Disputed, ...]
    bearing: dict[UUID, Bearing] = field(default_factory=dict)


def statement_id_of(account_id: int, closes_on: date) -> UUID:
    """The id of a cycle's statement: the same however often it is made."""
    return uuid5(STATEMENTS, f"{account_id}:{closes_on}")


def closings_of(accounts: Sequence[CreditAccount]) -> list[Closing]:
    """What the running cycle's statement of each account is made of. At most 21 queries, however many."""
    ids = [account.pk for account in accounts]
    previous = _previous(accounts)
    sums = _sums(ids)
    paid = unlisted_payments(ids)
    disputed = disputed_in(ids)
    revolved = _taken_back(ids) | _charged(previous)
    in_time = {
        account_id: was_paid_in_time(statement, paid[account_id], disputed[account_id])
        for account_id, statement in previous.items()
    }
    revolving = [
        account
        for account in accounts
        if account.pk in previous
        and not _is_plain(
            previous[account.pk],
            in_time[account.pk],
            account.pk in revolved,
            disputed[account.pk],
        )
    ]
    bearing = bearing_of(candidates_of(revolving, previous, disputed))
    return [
        Closing(
            account=account,
            previous=previous.get(account.pk),
            sums=sums[account.pk],
            previous_in_time=in_time.get(account.pk),
            disputed=tuple(disputed[account.pk]),
            bearing=bearing.get(account.pk, {}),
        )
        for account in accounts
    ]


def _is_plain(previous: Statement, in_time: bool, revolved: bool, disputed: list[Disputed]) -> bool:
    """Whether nothing can bear interest: the last statement was paid in time and charged no interest, and no
    payment or decision turned anything over since.

    Paid in time alone does not say it: a fee, or a purchase that came late with an older date, may have taken
    what was meant for a purchase that bears interest. That one had a line then.
    """
    return in_time and not revolved and not previous.returns_minor and not disputed


def _previous(accounts: Sequence[CreditAccount]) -> dict[int, Statement]:
    """The last statement of each account that has one. One query."""
    ids = [statement_id_of(account.pk, account.starts_on - timedelta(days=1)) for account in accounts]
    found = Statement.objects.filter(pk__in=ids).defer("debtor")
    return {statement.account_id: statement for statement in found}


def _sums(account_ids: list[int]) -> dict[int, dict[str, int]]:
    """What each cycle brought, by kind. One query, summed by the database."""
    rows = (
        _unlisted(account_ids)
        .filter(booked_on__lte=F("account__closes_on"))
        .order_by()
        .values_list("account_id", "kind")
    )
    sums: dict[int, dict[str, int]] = defaultdict(dict)
    for account_id, kind, total in rows.annotate(Sum("amount_minor")):
        sums[account_id][kind] = total
    return sums


def unlisted_payments(account_ids: list[int]) -> dict[int, list[Paid]]:
    """Payments and refunds that no statement lists. One query."""
    taken_back = Entry.objects.filter(parent=OuterRef("pk"), kind=EntryKind.PAYMENT_RETURN)
    rows = _unlisted(account_ids).filter(kind__in=PAID_KINDS).order_by()
    paid: dict[int, list[Paid]] = defaultdict(list)
    for account_id, amount, value_on, returned in rows.values_list(
        "account_id", "amount_minor", "value_on", Exists(taken_back)
    ):
        paid[account_id].append(Paid(amount, value_on, None, returned))
    return paid


def _charged(previous: dict[int, Statement]) -> set[int]:
    """Accounts of which the last statement has lines of interest, be they of nought. One query."""
    has_lines = Exists(InterestLine.objects.filter(statement=OuterRef("pk")))
    rows = Statement.objects.filter(has_lines, pk__in=[one.pk for one in previous.values()])
    return set(rows.values_list("account_id", flat=True))


def _taken_back(account_ids: list[int]) -> set[int]:
    """Accounts of which a payment was taken back since the last statement. One query."""
    rows = _unlisted(account_ids).filter(kind=EntryKind.PAYMENT_RETURN).order_by()
    return set(rows.values_list("account_id", flat=True))


def _unlisted(account_ids: list[int]) -> QuerySet[Entry]:
    return Entry.objects.filter(account_id__in=account_ids, statement__isnull=True)
