"""All merchants: which jobs settle them, what a statement needs afterwards, and the day's bank files."""

from datetime import date, datetime
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.dateformat import format as date_format

from accounts.selectors import customer_identity
from kernel.calendar import local_date
from kernel.money import format_minor
from merchants.errors import NothingToPay
from merchants.models import CommissionInvoice, Merchant, MerchantUser, Statement
from merchants.selectors.periods import last_over
from merchants.selectors.statements import paper_language, payable_mismatches, unpaid_statements
from merchants.services.bank_file import plan_bank_file
from merchants.services.commission_invoice import make_invoice_file
from merchants.services.statement_paper import make_statement_file
from merchants.states import SettlementPeriod
from outbox.services.alarm import raise_alarm
from outbox.services.enqueue import JobRequest, enqueue_many
from outbox.services.mail import MailRequest, queue_mails

SETTLE_JOB = "merchants.settle"


def plan_settlements(*, at: datetime) -> int:
    """One job per merchant and period that is over, once; how many merchants there are.

    A job stands for itself: any number of workers, and a merchant that cannot be settled holds up no other.
    """
    merchants = Merchant.objects.values_list("pk", "settlement_period")
    jobs = [_job(pk, period, at) for pk, period in merchants.iterator(1_000)]
    enqueue_many(jobs)
    return len(jobs)


def make_papers(*, statement_id: UUID) -> None:
    """Make a statement's PDF and its invoice; once, whatever repeats. For a worker."""
    make_statement_file(Statement.objects.get(pk=statement_id))
    for invoice in CommissionInvoice.objects.filter(pk=statement_id).select_related("corrects"):
        make_invoice_file(invoice)


def tell_statement(*, statement_id: UUID, at: datetime) -> None:
    """Tell the merchant that a statement is there; once. Of its figures the mail has the net only."""
    statement = Statement.objects.get(pk=statement_id)
    language = paper_language(statement)
    context = {
        "number": statement.number,
        "merchant": statement.payee["legal_name"],
        "first": _day(statement.starts_on),
        "last": _day(statement.ends_on),
        "paid": statement.payout_minor > 0,
        "net": format_minor(statement.payout_minor, statement.currency, language),
        "url": settings.SITE_URL + reverse("merchant:statement", args=[statement.number]),
    }
    queue_mails(
        [
            MailRequest("statement_ready", statement.number, address, language, "statement_ready", context)
            for address in _addresses(statement)
        ],
        at=at,
    )


def plan_bank_files(*, at: datetime) -> None:
    """A bank file for each currency in which statements wait. Statements whose IBAN does not exist raise an
    alarm and wait. Refuses `PayerUnknown`.
    """
    currencies = unpaid_statements().order_by("currency").values_list("currency", flat=True).distinct()
    for currency in list(currencies):
        try:
            left_out = plan_bank_file(currency=currency, at=at).left_out
        except NothingToPay as nothing:
            left_out = nothing.left_out
        if left_out:
            note = f"no bank has the IBAN of these statements' merchants: {', '.join(left_out[:20])}"
            raise_alarm(code="payout_iban", ref=currency, at=at, note=note)


def audit_payables(*, at: datetime) -> None:
    """Tell when a merchant's account in the ledger is not what is still to be settled."""
    wrong = payable_mismatches()
    if wrong:
        names = ", ".join(f"{one.merchant_id}: {one.booked_minor} ≠ {one.owed_minor}" for one in wrong[:20])
        raise_alarm(code="payable_mismatch", ref="books", at=at, note=f"{len(wrong)} merchants; {names}")


def _job(merchant_id: int, period: str, at: datetime) -> JobRequest:
    last_day = last_over(SettlementPeriod(period), local_date(at))
    return JobRequest(kind=SETTLE_JOB, ref=f"{merchant_id}:{last_day}", due_at=at)


def _addresses(statement: Statement) -> list[str]:
    """The merchant's own address, else its people's on the portal."""
    if statement.payee["email"]:
        return [statement.payee["email"]]
    people = MerchantUser.objects.filter(merchant_id=statement.merchant_id).values_list("user_id", flat=True)
    return [customer_identity(user_id).email for user_id in people]


def _day(on: date) -> str:
    return date_format(on, "d/m/Y")
