"""Which transactions bear interest, and what was settled of them when (S1.3)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q

from billing.models import Allocation, CreditAccount, Entry, InterestLine, Statement
from billing.selectors.disputes import Disputed
from billing.selectors.grace import Paid, was_paid_in_time
from billing.selectors.interest import Bearing, Settled
from billing.states import PAID_KINDS, PRINCIPAL_KINDS, DisputeOutcome, EntryKind
from ledger import selectors as ledger

# A bank's value date may lie after the day of booking, and after a statement in between.
VALUE_DATES_WITHIN = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A purchase or withdrawal that some statement lists."""

    id: UUID
    account_id: int
    amount_minor: int
    value_on: date
    statement_id: UUID


@dataclass(frozen=True, slots=True)
class Candidates:
    """Transactions that may bear interest, and what decides whether they do.

    `listings`: by transaction the statement that counts as its first. `charged`: the last day of each one's
    last line.
    """

    transactions: tuple[Transaction, ...] = ()
    listings: dict[UUID, Statement] = field(default_factory=dict)
    paid: dict[int, list[Paid]] = field(default_factory=dict)
    disputed: dict[int, list[Disputed]] = field(default_factory=dict)
    settled: dict[UUID, list[Settled]] = field(default_factory=dict)
    charged: dict[UUID, date] = field(default_factory=dict)


def candidates_of(
    accounts: Sequence[CreditAccount],
    previous: dict[int, Statement],
    disputed: dict[int, list[Disputed]],
) -> Candidates:
    """What may bear interest after the `previous` statement of each account. At most twelve queries."""
    if not accounts:
        return Candidates()
    disputes = {one.entry_id: one for account in accounts for one in disputed[account.pk]}
    transactions = _transactions(accounts, previous, disputes)
    listings = _listings(transactions, _statements(transactions, disputes), disputes)
    paid = _paid(accounts, listings.values())
    return Candidates(transactions, listings, paid, disputed, _settled(listings), _charged(listings))


def bearing_of(
    known: Candidates, *, late: Mapping[UUID, bool] = MappingProxyType({})
) -> dict[int, dict[UUID, Bearing]]:
    """The transactions that bear interest, by account, the oldest first. Pure.

    Those that a statement listed first that was not paid in time; `late` says so beforehand of a statement.
    One in dispute bears none while it is being looked into; rejected, it counts as listed by the first
    statement after the decision.
    """
    statements = {one.pk: one for one in known.listings.values()}
    is_late = {pk: late[pk] if pk in late else _is_late(one, known) for pk, one in statements.items()}
    found: dict[int, dict[UUID, Bearing]] = defaultdict(dict)
    for one in known.transactions:
        listing = known.listings.get(one.id)
        if listing is not None and is_late[listing.pk]:
            found[one.account_id][one.id] = Bearing(
                amount_minor=one.amount_minor,
                value_on=one.value_on,
                listed_on=listing.closes_on,
                settled=tuple(known.settled.get(one.id, ())),
                charged_through=known.charged.get(one.id),
            )
    return found


def _is_late(statement: Statement, known: Candidates) -> bool:
    account_id = statement.account_id
    return not was_paid_in_time(statement, known.paid.get(account_id, ()), known.disputed[account_id])


def _transactions(
    accounts: Sequence[CreditAccount], previous: dict[int, Statement], disputed: Collection[UUID]
) -> tuple[Transaction, ...]:
    """Those that the last statement listed, those with anything open, those that moved since it, those of
    statements that a payment taken back made late, and those that were in dispute. Six queries.
    """
    ids = [account.pk for account in accounts]
    last = [previous[account_id] for account_id in ids]
    since = min(one.closes_on for one in last) - VALUE_DATES_WITHIN
    touched = ledger.open_origins_of(account.principal_id for account in accounts)
    touched |= _moved(ids, since) | set(disputed)
    rows = Entry.objects.filter(
        Q(statement_id__in={one.pk for one in last} | _made_late(ids, since)) | Q(pk__in=touched),
        account_id__in=ids,
        kind__in=PRINCIPAL_KINDS,
        statement__isnull=False,
    )
    facts = rows.order_by("value_on", "at", "pk").values_list(
        "pk", "account_id", "amount_minor", "value_on", "statement_id"
    )
    return tuple(Transaction(*row) for row in facts)


def _moved(account_ids: list[int], since: date) -> set[UUID]:
    """Entries that payments booked after `since` settled, or that payments taken back since opened again."""
    booked = Entry.objects.filter(
        account_id__in=account_ids,
        booked_on__gt=since,
        kind__in=(*PAID_KINDS, EntryKind.PAYMENT_RETURN),
    )
    rows = booked.values_list("pk", "parent_id", "kind")
    payments = {parent if kind == EntryKind.PAYMENT_RETURN else pk for pk, parent, kind in rows}
    return set(Allocation.objects.filter(payment_id__in=payments).values_list("entry_id", flat=True))


def _made_late(account_ids: list[int], since: date) -> set[UUID]:
    """Statements that may have been paid in time by a payment that was taken back after `since`: all that
    they listed bears interest then, whoever settled it. One query, one more if there are such payments.
    """
    returns = Entry.objects.filter(
        account_id__in=account_ids, booked_on__gt=since, kind=EntryKind.PAYMENT_RETURN
    )
    rows = list(returns.values_list("account_id", "parent__value_on", "parent__booked_on"))
    if not rows:
        return set()
    paid = Statement.objects.filter(
        account_id__in={account_id for account_id, _, _ in rows},
        due_on__gte=min(value_on for _, value_on, _ in rows),
        closes_on__lt=max(booked_on for _, _, booked_on in rows),
    )
    return set(paid.values_list("pk", flat=True))


def _statements(transactions: Iterable[Transaction], disputes: dict[UUID, Disputed]) -> dict[UUID, Statement]:
    """The statements that list them, and all of the accounts that lost a dispute. One query."""
    rejected = {one.account_id for one in disputes.values() if one.outcome == DisputeOutcome.REJECTED}
    wanted = Q(pk__in={one.statement_id for one in transactions}) | Q(account_id__in=rejected)
    return {one.pk: one for one in Statement.objects.filter(wanted).defer("debtor").order_by("closes_on")}


def _listings(
    transactions: Iterable[Transaction],
    statements: dict[UUID, Statement],
    disputes: dict[UUID, Disputed],
) -> dict[UUID, Statement]:
    """By transaction the statement that counts as its first; none for one that bears no interest now."""
    found = {}
    for one in transactions:
        dispute = disputes.get(one.id)
        listing = statements[one.statement_id] if dispute is None else _after(dispute, statements)
        if listing is not None:
            found[one.id] = listing
    return found


def _after(dispute: Disputed, statements: dict[UUID, Statement]) -> Statement | None:
    if dispute.outcome != DisputeOutcome.REJECTED or dispute.decided_on is None:
        return None
    after = (
        one
        for one in statements.values()
        if one.account_id == dispute.account_id and one.closes_on >= dispute.decided_on
    )
    return next(after, None)


def _paid(accounts: Sequence[CreditAccount], statements: Collection[Statement]) -> dict[int, list[Paid]]:
    """Payments and refunds since the oldest of the statements, by account. One query."""
    paid: dict[int, list[Paid]] = defaultdict(list)
    if not statements:
        return paid
    taken_back = Entry.objects.filter(parent=OuterRef("pk"), kind=EntryKind.PAYMENT_RETURN)
    rows = Entry.objects.filter(
        account_id__in=[account.pk for account in accounts],
        kind__in=PAID_KINDS,
        booked_on__gt=min(one.closes_on for one in statements),
    )
    for account_id, *facts in rows.order_by().values_list(
        "account_id", "amount_minor", "value_on", "statement__closes_on", Exists(taken_back)
    ):
        paid[account_id].append(Paid(*facts))
    return paid


def _settled(entry_ids: Iterable[UUID]) -> dict[UUID, list[Settled]]:
    """What was settled of each transaction, by value date. One query."""
    found: dict[UUID, list[Settled]] = defaultdict(list)
    rows = Allocation.objects.filter(entry_id__in=list(entry_ids)).order_by("value_on", "pk")
    for entry_id, amount, value_on in rows.values_list("entry_id", "amount_minor", "value_on"):
        found[entry_id].append(Settled(amount, value_on))
    return found


def _charged(entry_ids: Iterable[UUID]) -> dict[UUID, date]:
    """The last day of each transaction's last line. One query."""
    lines = InterestLine.objects.filter(entry_id__in=list(entry_ids)).order_by().values_list("entry_id")
    return dict(lines.annotate(Max("through_on")))
