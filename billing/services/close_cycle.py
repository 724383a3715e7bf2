"""A cycle becomes a statement (S1.1, S1.2): one per cycle, never changed, made by whoever comes first.

Everything of it is one transaction under the account's lock, which also moves the account on to its next
cycle: a second run finds nothing to do. Ids and keys follow from account and day. Written for many accounts
at once, in a fixed number of statements.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation

from accounts.selectors import PostalAddress, postal_addresses_of
from billing.errors import CycleNotOver, RateMissing
from billing.models import CreditAccount, Entry, InterestLine, Statement
from billing.selectors.closing import Closing, closings_of, statement_id_of
from billing.selectors.cycle import due_date, next_close
from billing.selectors.figures import Figures, figures_of, qr_reference
from billing.selectors.rates import RateTable, rate_table
from billing.services.allocate import debt_request, use_surplus
from billing.services.lock import lock_account
from billing.states import EntryKind, EntrySource
from kernel.calendar import local_date
from ledger import selectors as ledger
from ledger.services.credit import credit_many
from outbox.services.enqueue import JobRequest, enqueue_many

MAKE_JOB = "billing.make_statement"
TELL_JOB = "billing.tell_statement"
ISSUED_JOB = "billing.statement_issued"


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement about to be written."""

    closing: Closing
    figures: Figures
    statement: Statement

    @property
    def account(self) -> CreditAccount:
        return self.closing.account


@transaction.atomic
def close_cycle(*, account_id: int, at: datetime) -> UUID:
    """The statement of the running cycle, which ended before today; its id.

    Refuses `CreditAccountUnknown`, `CycleNotOver`, `RateMissing`.
    """
    account = lock_account(account_id)
    if account.closes_on >= local_date(at):
        raise CycleNotOver(f"{account_id}, {account.closes_on}")
    made, refused = close_accounts([account], rate_table(), at=at)
    if refused:
        raise refused[account_id]
    return made[0]


def close_accounts(
    accounts: Sequence[CreditAccount], rates: RateTable, *, at: datetime
) -> tuple[list[UUID], dict[int, RateMissing]]:
    """The statements of the running cycles of locked accounts whose cycles are over; their ids.

    An account that cannot be billed holds up no other: its refusal is answered, by account, and nothing of
    it is written.
    """
    drafts, refused = _drafts(closings_of(accounts), rates, at)
    if drafts:
        _write(drafts, at)
    return [draft.statement.pk for draft in drafts], refused


def _drafts(
    closings: list[Closing], rates: RateTable, at: datetime
) -> tuple[list[Draft], dict[int, RateMissing]]:
    drafts: list[Draft] = []
    refused: dict[int, RateMissing] = {}
    debtors = postal_addresses_of(closing.account.holder_id for closing in closings)
    for closing in closings:
        try:
            figures = figures_of(closing, rates)
            statement = _statement(closing, figures, rates, debtors[closing.account.holder_id], at)
        except RateMissing as refusal:
            refused[closing.account.pk] = refusal
        else:
            drafts.append(Draft(closing, figures, statement))
    return drafts, refused


def _statement(
    closing: Closing, figures: Figures, rates: RateTable, debtor: PostalAddress, at: datetime
) -> Statement:
    account, day = closing.account, closing.account.closes_on
    return Statement(
        id=statement_id_of(account.pk, day),
        account=account,
        previous=closing.previous,
        number=f"CC-{account.pk:08d}-{day:%Y%m%d}",
        reference=qr_reference(account.pk, f"{day:%Y%m%d}"),
        starts_on=account.starts_on,
        closes_on=day,
        due_on=due_date(day),
        currency=account.currency,
        opening_minor=figures.opening_minor,
        purchases_minor=figures.purchases_minor,
        fees_minor=figures.fees_minor,
        interest_minor=figures.interest_minor,
        returns_minor=figures.returns_minor,
        payments_minor=figures.payments_minor,
        refunds_minor=figures.refunds_minor,
        closing_minor=figures.closing_minor,
        due_minor=figures.due_minor,
        disputed_minor=figures.disputed_minor,
        minimum_minor=figures.minimum_minor,
        previous_in_time=closing.previous_in_time,
        rate_bp=rates.rate_on(day),
        contract_rate_bp=rates.contract_on(day),
        debtor=asdict(debtor),
        issued_at=at,
    )


def _write(drafts: list[Draft], at: datetime) -> None:
    """In an order that the foreign keys and the debts ask for: what is listed, then the interest on top."""
    Statement.objects.bulk_create([draft.statement for draft in drafts])
    InterestLine.objects.bulk_create([line for draft in drafts for line in _lines(draft)], 1_000)
    _list_entries([draft.statement.pk for draft in drafts])
    _charge([draft for draft in drafts if draft.figures.interest_minor], at)
    _next_cycles([draft.account for draft in drafts])
    told = [str(draft.statement.pk) for draft in drafts if not draft.figures.is_empty]
    enqueue_many([JobRequest(kind, ref, at) for kind in (MAKE_JOB, TELL_JOB, ISSUED_JOB) for ref in told])


def _lines(draft: Draft) -> list[InterestLine]:
    return [
        InterestLine(
            statement=draft.statement,
            entry_id=entry_id,
            from_on=line.from_on,
            through_on=line.through_on,
            segments=[
                [f"{one.from_on}", f"{one.through_on}", one.principal_minor, one.rate_bp]
                for one in line.segments
            ],
            amount_minor=line.amount_minor,
        )
        for entry_id, line in draft.figures.lines.items()
    ]


def _list_entries(statement_ids: list[UUID]) -> None:
    """Every entry of the cycle gets the statement that lists it. By hand: one statement for all accounts."""
    adapted = [Statement._meta.pk.get_db_prep_value(pk, connection) for pk in statement_ids]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_entry SET statement_id = s.id FROM billing_statement s "  # noqa: S608
            f"WHERE s.id IN ({', '.join(['%s'] * len(adapted))}) "
            "AND billing_entry.account_id = s.account_id AND billing_entry.statement_id IS NULL "
            "AND billing_entry.booked_on <= s.closes_on",
            adapted,
        )


def _charge(drafts: list[Draft], at: datetime) -> None:
    """Interest is owed from the statement on, as one entry; what is due to the holder pays it at once."""
    if not drafts:
        return
    with translation.override(settings.LANGUAGE_CODE):
        text = str(EntryKind.INTEREST.label)
    entries = {draft.account.pk: _interest(draft, text, at) for draft in drafts}
    Entry.objects.bulk_create(entries.values())
    credit_many([debt_request(draft.account, entries[draft.account.pk], at=at) for draft in drafts])
    surplus = ledger.open_lots_of(draft.account.surplus_id for draft in drafts)
    for draft in drafts:
        if surplus[draft.account.surplus_id]:
            entry = entries[draft.account.pk]
            use_surplus(draft.account, entry.pk, on=entry.value_on, at=at)


def _interest(draft: Draft, text: str, at: datetime) -> Entry:
    day = draft.statement.closes_on
    return Entry(
        id=uuid5(draft.statement.pk, "interest"),
        account=draft.account,
        kind=EntryKind.INTEREST,
        amount_minor=draft.figures.interest_minor,
        booked_on=day,
        value_on=day,
        text=text,
        source=EntrySource.OWN,
        statement=draft.statement,
        at=at,
    )


def _next_cycles(accounts: list[CreditAccount]) -> None:
    """Move the accounts on. A day chosen since the last time takes effect now (S1.1)."""
    groups: dict[tuple[date, int], list[CreditAccount]] = defaultdict(list)
    for account in accounts:
        groups[account.closes_on, account.next_billing_day or account.billing_day].append(account)
    for (closed_on, day), members in groups.items():
        CreditAccount.objects.filter(pk__in=[account.pk for account in members]).update(
            billing_day=day,
            next_billing_day=None,
            starts_on=closed_on + timedelta(days=1),
            closes_on=next_close(closed_on, day),
        )
