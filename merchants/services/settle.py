"""A merchant's statement (S0.4, S0.7): what is owed for a period that is over, and its way through the books.

Everything of a statement is one transaction under the merchant's lock: a run that dies leaves nothing, and
the next one begins again. The statement's id follows from merchant and period, the keys of its transfers from
the id, and each transaction and cancellation has one row that says in which statement it is.
"""

from datetime import datetime
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import F, Sum

from documents.services.number import next_number
from kernel.calendar import local_date
from ledger.services.pass_on import pass_on
from merchants.errors import NothingToSettle, PeriodNotOver, PeriodSettled, SalesWithoutTerms
from merchants.models import Merchant, Statement, StatementPart
from merchants.selectors.periods import (
    due_period,
    last_statement,
    open_reversals,
    open_sales,
    window_of,
)
from merchants.services.commission import Amounts, amounts_of, vat_rate
from merchants.services.commission_invoice import issue_commission_invoice
from merchants.services.gather import gather
from merchants.services.sell import merchant_account
from merchants.states import Period
from outbox.services.enqueue import enqueue

STATEMENTS = UUID("a6c1f1de-5d1c-4a53-9b0e-4b7d3f1c2e90")
SERIES = "REL"
PAPERS_JOB = "merchants.make_statement"
TELL_JOB = "merchants.tell_statement"
KIND = "settlement"
BANK, COMMISSION, VAT = "bank", "commission", "vat"


def settle_due(*, merchant_id: int, at: datetime) -> list[UUID]:
    """Settle every period of the merchant that is over, the earliest first, each in its own transaction.

    The ids of the statements. Safe to repeat and to run twice at once. Refuses `SalesWithoutTerms`,
    `VatRateUnknown`; what was settled before the refusal stays.
    """
    made: list[UUID] = []
    merchant = Merchant.objects.get(pk=merchant_id)
    while period := due_period(merchant, at=at):
        made.append(settle_period(merchant_id=merchant_id, period=period, at=at))
    return made


@transaction.atomic
def settle_period(*, merchant_id: int, period: Period, at: datetime) -> UUID:
    """The statement of a merchant's period; the same again is the same statement.

    Takes everything that no statement has and that happened before the period's end, so a cancellation that
    came after its transaction was settled counts here. The net goes to the bank's clearing account,
    commission and VAT to theirs, and the merchant's account returns to what is not due yet. A net below zero
    is carried to the next statement, never paid.

    Refuses `PeriodNotOver`, `PeriodSettled`, `NothingToSettle`, `SalesWithoutTerms`, `VatRateUnknown`.
    """
    # Not its key: sales refer to the merchant and go on meanwhile.
    merchant = Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    statement_id = uuid5(STATEMENTS, f"{merchant_id}:{period.ends_on}")
    if Statement.objects.filter(pk=statement_id).exists():
        return statement_id
    last = last_statement(merchant_id)
    _guard(period, last, at)
    parts = _parts(merchant, statement_id, period, last)
    amounts = amounts_of(
        parts,
        vat_bp=vat_rate(merchant.country),
        charged_before_minor=_charged_before(merchant_id),
        carried_in_minor=last.carried_out_minor if last else 0,
    )
    _post(merchant, statement_id, amounts, at)
    statement = _store(merchant, statement_id, period, last, parts, amounts, at)
    issue_commission_invoice(statement, at=at)
    for job in (PAPERS_JOB, TELL_JOB):
        enqueue(kind=job, ref=str(statement_id), due_at=at)
    return statement_id


def _guard(period: Period, last: Statement | None, at: datetime) -> None:
    if period.ends_on >= local_date(at):
        raise PeriodNotOver(f"{period.ends_on}")
    if last is not None and period.starts_on <= last.ends_on:
        raise PeriodSettled(last.number)


def _parts(
    merchant: Merchant, statement_id: UUID, period: Period, last: Statement | None
) -> list[StatementPart]:
    window = window_of(period, last)
    parts = gather(merchant, statement_id, window)
    for left in (open_sales, open_reversals):
        if left(merchant.pk, window.since, window.until).exists():
            raise SalesWithoutTerms(f"{merchant.pk}, {period.starts_on} – {period.ends_on}")
    if not parts:
        raise NothingToSettle(f"{merchant.pk}, {period.ends_on}")
    return parts


def _charged_before(merchant_id: int) -> int:
    statements = Statement.objects.filter(merchant_id=merchant_id)
    total: int = statements.aggregate(total=Sum(F("commission_minor") + F("fees_minor"), default=0))["total"]
    return total


def _post(merchant: Merchant, statement_id: UUID, amounts: Amounts, at: datetime) -> None:
    """One transfer per leg; a negative one goes the other way."""
    owed = merchant_account(merchant.pk)
    for leg, account, amount in (
        ("commission", COMMISSION, amounts.charged_minor),
        ("vat", VAT, amounts.vat_minor),
        ("payout", BANK, amounts.payout_minor),
    ):
        if amount:
            pass_on(
                key=uuid5(statement_id, leg),
                source=owed if amount > 0 else account,
                sink=account if amount > 0 else owed,
                unit=merchant.currency,
                amount=abs(amount),
                kind=KIND,
                at=at,
            )


def _store(
    merchant: Merchant,
    statement_id: UUID,
    period: Period,
    last: Statement | None,
    parts: list[StatementPart],
    amounts: Amounts,
    at: datetime,
) -> Statement:
    year = local_date(at).year
    payee = _payee(merchant)
    # Late, as every other settlement of the year waits for this row until we commit.
    count = next_number(series=SERIES, year=year)
    statement = Statement.objects.create(
        id=statement_id,
        merchant=merchant,
        number=f"{SERIES}-{year}-{count:05d}",
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        previous=last,
        currency=merchant.currency,
        sales=sum(part.sales for part in parts),
        sales_minor=sum(part.sales_minor for part in parts),
        reversals=sum(part.reversals for part in parts),
        reversals_minor=sum(part.reversals_minor for part in parts),
        commission_minor=amounts.commission_minor,
        fees_minor=amounts.fees_minor,
        vat_bp=amounts.vat_bp,
        vat_minor=amounts.vat_minor,
        carried_in_minor=amounts.carried_in_minor,
        payout_minor=amounts.payout_minor,
        carried_out_minor=amounts.carried_out_minor,
        issued_at=at,
        payee=payee,
    )
    StatementPart.objects.bulk_create(parts)
    return statement


def _payee(merchant: Merchant) -> dict[str, str]:
    names = (
        "legal_name",
        "address",
        "postal_code",
        "city",
        "country",
        "email",
        "iban",
        "vat_number",
        "language",
    )
    return {name: getattr(merchant, name) for name in names}
