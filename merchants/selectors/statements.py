"""Statements, what is in them, and how far their money is."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from kernel.calendar import PARIS
from kernel.paging import KeyPage
from ledger.selectors import system_nets
from merchants.models import Merchant, Payment, Reversal, Sale, SettledReversal, SettledSale, Statement
from merchants.states import TERMINAL_LANGUAGES, BankFileState, PayoutState

PAGE_SIZE = 25
ROWS_AT_A_TIME = 2_000


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A transaction (`amount_minor` > 0) or a cancellation (< 0) of a statement."""

    at: datetime
    reference: str
    outlet: str
    tid: str
    card_last4: str
    amount_minor: int
    currency: str
    sold_at: datetime


@dataclass(frozen=True, slots=True)
class DayLine:
    """A local day of a statement: what was sold and what was cancelled on it."""

    on: date
    sales: int
    sales_minor: int
    reversals: int
    reversals_minor: int

    @property
    def net_minor(self) -> int:
        return self.sales_minor - self.reversals_minor


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A merchant whose account in the ledger is not what is still to be settled."""

    merchant_id: int
    currency: str
    owed_minor: int
    booked_minor: int


def paper_language(statement: Statement) -> str:
    """The language of a statement's papers: the merchant's, or French for one that we no longer speak."""
    language = str(statement.payee["language"])
    return language if language in TERMINAL_LANGUAGES else "fr"


def unpaid_statements() -> QuerySet[Statement]:
    """Statements with a net that no living bank file pays."""
    paid = Payment.objects.filter(statement=OuterRef("pk"), is_live=True)
    return Statement.objects.filter(~Exists(paid), payout_minor__gt=0)


def payout_state(statement: Statement) -> PayoutState:
    """How far the money is. No query when `payments__bank_file` is fetched."""
    if not statement.payout_minor:
        return PayoutState.NOTHING
    live = next((payment for payment in statement.payments.all() if payment.is_live), None)
    if live is None:
        return PayoutState.PLANNED
    sent = live.bank_file.state == BankFileState.SENT
    return PayoutState.PAID if sent else PayoutState.IN_FILE


def statements_of(merchant_id: int, *, before: str | None = None) -> KeyPage[Statement]:
    """A merchant's statements, newest first; the cursor is the last day of the last one seen. Two queries."""
    rows = Statement.objects.filter(merchant_id=merchant_id)
    if before is not None:
        with suppress(ValueError):
            rows = rows.filter(ends_on__lt=date.fromisoformat(before))
    found = list(_with_payments(rows).select_related("invoice").order_by("-ends_on")[: PAGE_SIZE + 1])
    more = len(found) > PAGE_SIZE
    return KeyPage(found[:PAGE_SIZE], found[PAGE_SIZE - 1].ends_on.isoformat() if more else None)


def statement_of(merchant_id: int, number: str) -> Statement | None:
    """One statement of the merchant. Two queries."""
    rows = Statement.objects.filter(merchant_id=merchant_id, number=number)
    return _with_payments(rows).select_related("invoice", "previous", "merchant").first()


def statement_days(statement_id: UUID) -> list[DayLine]:
    """What a statement holds, day by day. Two queries, summed by the database."""
    sold = _by_day(SettledSale.objects.filter(statement_id=statement_id), "sale__at", "sale__amount_minor")
    undone = _by_day(
        SettledReversal.objects.filter(statement_id=statement_id),
        "reversal__at",
        "reversal__sale__amount_minor",
    )
    nothing = (0, 0)
    return [
        DayLine(on, *sold.get(on, nothing), *undone.get(on, nothing)) for on in sorted(sold.keys() | undone)
    ]


def statement_lines(statement_id: UUID) -> Iterator[StatementLine]:
    """Every transaction, then every cancellation of a statement, by time; read in parts of 2 000 rows."""
    sales = Sale.objects.filter(settled__statement_id=statement_id).select_related("terminal__outlet")
    for sale in sales.order_by("at", "pk").iterator(ROWS_AT_A_TIME):
        yield _line(sale, sale.at, sale.amount_minor)
    reversals = Reversal.objects.filter(settled__statement_id=statement_id)
    rows = reversals.select_related("sale__terminal__outlet").order_by("at", "pk")
    for reversal in rows.iterator(ROWS_AT_A_TIME):
        yield _line(reversal.sale, reversal.at, -reversal.sale.amount_minor)


def payable_mismatches() -> list[Mismatch]:
    """Merchants whose payable account is not their open transactions less open cancellations, with what the
    last statement carried over. A fixed number of queries over all books: for audits and tests.
    """
    owed: dict[tuple[int, str], int] = {}
    card_paid = Q(card__isnull=False)
    sums = Sale.objects.filter(card_paid, settled__isnull=True).order_by()
    for merchant_id, currency, total in sums.values_list("merchant_id", "currency").annotate(
        Sum("amount_minor")
    ):
        owed[merchant_id, currency] = owed.get((merchant_id, currency), 0) + total
    undone = Reversal.objects.filter(sale__card__isnull=False, settled__isnull=True).order_by()
    for merchant_id, currency, total in undone.values_list("merchant_id", "sale__currency").annotate(
        Sum("sale__amount_minor")
    ):
        owed[merchant_id, currency] = owed.get((merchant_id, currency), 0) - total
    carried = Statement.objects.filter(next__isnull=True, carried_out_minor__lt=0)
    for merchant_id, currency, total in carried.values_list("merchant_id", "currency", "carried_out_minor"):
        owed[merchant_id, currency] = owed.get((merchant_id, currency), 0) + total
    known = set(Merchant.objects.values_list("pk", flat=True))
    booked = {
        (int(code.partition(":")[2]), unit): net
        for (code, unit), net in system_nets("merchant:").items()
        if code.partition(":")[2].isdecimal() and int(code.partition(":")[2]) in known
    }
    return [
        Mismatch(*key, owed.get(key, 0), booked.get(key, 0))
        for key in sorted(owed.keys() | booked)
        if owed.get(key, 0) != booked.get(key, 0)
    ]


def _with_payments(rows: QuerySet[Statement]) -> QuerySet[Statement]:
    return rows.prefetch_related(Prefetch("payments", Payment.objects.select_related("bank_file")))


def _by_day(
    rows: "QuerySet[SettledSale] | QuerySet[SettledReversal]", at: str, amount: str
) -> dict[date, tuple[int, int]]:
    days = rows.annotate(on=TruncDate(F(at), tzinfo=PARIS)).order_by().values_list("on")
    return {on: (count, total) for on, count, total in days.annotate(Count("pk"), Sum(amount))}


def _line(sale: Sale, at: datetime, amount_minor: int) -> StatementLine:
    return StatementLine(
        at=at,
        reference=sale.reference,
        outlet=sale.terminal.outlet.name,
        tid=sale.terminal.tid,
        card_last4=sale.card_last4,
        amount_minor=amount_minor,
        currency=sale.currency,
        sold_at=sale.at,
    )
