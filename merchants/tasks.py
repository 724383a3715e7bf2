"""What merchants do outside requests. Each handler finds out what is already done: it may run twice."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from merchants.errors import SalesWithoutTerms, VatRateUnknown
from merchants.services.activation import DRAW_JOB
from merchants.services.bank_file import WRITE_JOB
from merchants.services.bank_xml import write_bank_file
from merchants.services.draw import draw_activation
from merchants.services.settle import PAPERS_JOB, TELL_JOB, settle_due
from merchants.services.settle_all import (
    SETTLE_JOB,
    audit_payables,
    make_papers,
    plan_bank_files,
    plan_settlements,
    tell_statement,
)
from outbox.errors import Park
from outbox.registry import handler, periodic
from outbox.services.alarm import raise_alarm


@handler(DRAW_JOB)
def code_made(ref: str) -> None:
    draw_activation(ref)


# Settlement


@periodic("merchants.plan_settlements", every=timedelta(hours=1))
def periods_over() -> None:
    plan_settlements(at=timezone.now())


@handler(SETTLE_JOB, lease=timedelta(minutes=10))
def settle_merchant(ref: str) -> None:
    try:
        settle_due(merchant_id=int(ref.partition(":")[0]), at=timezone.now())
    except (SalesWithoutTerms, VatRateUnknown) as refusal:
        note = f"{type(refusal).__name__}: {refusal}"
        raise_alarm(code="settlement_refused", ref=ref, at=timezone.now(), note=note)
        raise Park(note) from refusal


@handler(PAPERS_JOB, lease=timedelta(minutes=2))
def statement_made(ref: str) -> None:
    make_papers(statement_id=UUID(ref))


@handler(TELL_JOB)
def statement_to_tell(ref: str) -> None:
    tell_statement(statement_id=UUID(ref), at=timezone.now())


@periodic("merchants.plan_bank_files", every=timedelta(days=1), lease=timedelta(minutes=10))
def pay_day() -> None:
    plan_bank_files(at=timezone.now())


@handler(WRITE_JOB, lease=timedelta(minutes=10))
def bank_file_planned(ref: str) -> None:
    write_bank_file(bank_file_id=int(ref), at=timezone.now())


@periodic("merchants.audit_payables", every=timedelta(days=1), lease=timedelta(hours=1))
def audit_accounts() -> None:
    audit_payables(at=timezone.now())
