"""What billing does outside requests. Each handler finds out what is already done: it may run twice."""

from datetime import date, timedelta

from django.utils import timezone

from billing import tasks_bank, tasks_paper
from billing.errors import CreditAccountUnknown, RateMissing
from billing.services.audit import audit_accounts
from billing.services.close_alone import close_named_cycle
from billing.services.post import charge_card_fee
from billing.services.run import CLOSE_JOB, RUN_JOB, close_due, plan_run
from outbox.errors import Park
from outbox.registry import handler, periodic
from outbox.services.alarm import raise_alarm

__all__ = ["tasks_bank", "tasks_paper"]
CARD_FEE_JOB = "billing.charge_card_fee"  # asked for by the wallet


@handler(CARD_FEE_JOB)
def card_fee_asked(ref: str) -> None:
    try:
        charge_card_fee(ref=ref, at=timezone.now())
    except CreditAccountUnknown as refusal:
        raise Park(f"no account for {ref}") from refusal


@periodic("billing.plan_run", every=timedelta(hours=1))
def cycles_over() -> None:
    plan_run(at=timezone.now())


@handler(RUN_JOB, lease=timedelta(hours=2))
def cycles_to_close(ref: str) -> None:
    close_due(at=timezone.now())


@handler(CLOSE_JOB)
def cycle_to_close(ref: str) -> None:
    """A cycle that cannot be billed is a person's matter: rates are missing."""
    account_id, _, closes_on = ref.partition(":")
    try:
        close_named_cycle(
            account_id=int(account_id), closes_on=date.fromisoformat(closes_on), at=timezone.now()
        )
    except RateMissing as refusal:
        note = f"{type(refusal).__name__}: {refusal}"
        raise_alarm(code="statement_refused", ref=ref, at=timezone.now(), note=note)
        raise Park(note) from refusal


@periodic("billing.audit", every=timedelta(days=1), lease=timedelta(hours=1))
def audit_all() -> None:
    audit_accounts(at=timezone.now())
