"""Bank files: which statements are paid together, and the way of a file to the bank (S0.4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from documents.services.number import next_number
from kernel.calendar import local_date
from merchants.errors import IbanInvalid, NothingToPay, PayerUnknown
from merchants.models import BankFile, BankFileEvent, Payment, Statement
from merchants.selectors.statements import unpaid_statements
from merchants.services.onboard import tidy_iban
from merchants.states import BANK_FILE_MACHINE, BankFileState
from outbox.services.enqueue import enqueue

WRITE_JOB = "merchants.write_bank_file"
SERIES = "PAY"
MOST_PAYMENTS = 10_000


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A new file, and the numbers of statements that it leaves out because their IBAN does not exist."""

    bank_file_id: int
    left_out: tuple[str, ...]


@transaction.atomic
def plan_bank_file(*, currency: str, at: datetime, actor: str = "") -> PlannedFile:
    """Put every statement that waits for its payment into one new file, each once, to the bank account that
    its merchant has now. The file itself is written by a job.

    Refuses `PayerUnknown`, `NothingToPay`.
    """
    if not (settings.PAYOUT_IBAN and settings.PAYOUT_BIC):
        raise PayerUnknown
    year = local_date(at).year
    # First, for once: whoever plans a file waits here until our payments can be seen.
    count = next_number(series=SERIES, year=year)
    waiting = unpaid_statements().filter(currency=currency).select_related("merchant")
    chosen = list(waiting.order_by("issued_at", "pk")[:MOST_PAYMENTS])
    payments = [payment for statement in chosen if (payment := _payment(statement))]
    paid = {payment.statement_id for payment in payments}
    left_out = tuple(one.number for one in chosen if one.pk not in paid)
    if not payments:
        raise NothingToPay(left_out)
    bank_file = BankFile.objects.create(
        number=f"MIR-{year}-{count:05d}",
        currency=currency,
        made_at=at,
        execution_on=local_date(at) + timedelta(days=1),
        payments=len(payments),
        total_minor=sum(payment.amount_minor for payment in payments),
    )
    for payment in payments:
        payment.bank_file = bank_file
    Payment.objects.bulk_create(payments, batch_size=1_000)
    _note(bank_file, "", actor, at)
    enqueue(kind=WRITE_JOB, ref=str(bank_file.pk), due_at=at)
    return PlannedFile(bank_file.pk, left_out)


@transaction.atomic
def mark_sent(*, bank_file_id: int, actor: str, at: datetime) -> None:
    """The bank has the file: its statements are paid. Refuses `TransitionRefused` unless it is ready."""
    move_to(lock_bank_file(bank_file_id), BankFileState.SENT, actor=actor, at=at)


@transaction.atomic
def cancel_bank_file(*, bank_file_id: int, actor: str, at: datetime) -> None:
    """Call a file off before the bank has it: its statements wait for another one.

    Refuses `TransitionRefused` once it was handed over.
    """
    bank_file = lock_bank_file(bank_file_id)
    move_to(bank_file, BankFileState.CANCELLED, actor=actor, at=at)
    bank_file.lines.update(is_live=False)


def lock_bank_file(bank_file_id: int) -> BankFile:
    return BankFile.objects.select_for_update().get(pk=bank_file_id)


def move_to(bank_file: BankFile, target: BankFileState, *, actor: str, at: datetime) -> None:
    """The only writer of a file's state; the caller holds its lock. Refuses `TransitionRefused`."""
    before = BankFileState(bank_file.state)
    BANK_FILE_MACHINE.check(before, target)
    bank_file.state = target
    bank_file.save(update_fields=["state"])
    _note(bank_file, before, actor, at)


def _note(bank_file: BankFile, before: str, actor: str, at: datetime) -> None:
    BankFileEvent.objects.create(
        bank_file=bank_file, at=at, from_state=before, to_state=bank_file.state, actor=actor[:80]
    )


def _payment(statement: Statement) -> Payment | None:
    """A transfer to the merchant's account; None for an account that no bank has."""
    merchant = statement.merchant
    try:
        iban = tidy_iban(merchant.iban)
    except IbanInvalid:
        return None
    return Payment(
        statement=statement,
        amount_minor=statement.payout_minor,
        name=merchant.legal_name,
        iban=iban,
        bic=merchant.bic,
    )
