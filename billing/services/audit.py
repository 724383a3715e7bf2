"""The audit of all credit accounts: nightly, and an alarm when anything does not add up."""

from collections.abc import Collection
from datetime import datetime

import structlog
from django.db import transaction

from billing.models import CreditAccount
from billing.selectors.audit import Finding, account_batches, findings_in_ledger, findings_in_statements
from outbox.services.alarm import raise_alarm

log = structlog.get_logger("billing")
TOLD = 20


def audit_accounts(*, at: datetime) -> list[Finding]:
    """Everything that is wrong, told to the operators. Corrects nothing and reads all of the books.

    An account that looks wrong is looked at again under its lock: a payment may have come in between.
    """
    found = list(findings_in_statements())
    for batch in account_batches():
        suspects = {one.account_id for one in findings_in_ledger(batch, at=at)}
        if suspects:
            found += _under_lock(suspects, at)
    for one in found:
        log.error("billing.mismatch", rule=one.rule, account=one.account_id, subject=one.subject)
    if found:
        note = "; ".join(
            f"{one.account_id} {one.subject}: {one.expected} ≠ {one.found}" for one in found[:TOLD]
        )
        raise_alarm(code="billing_mismatch", ref="books", at=at, note=f"{len(found)}: {note}")
    return found


@transaction.atomic
def _under_lock(account_ids: Collection[int], at: datetime) -> list[Finding]:
    rows = CreditAccount.objects.select_for_update(no_key=True).filter(pk__in=account_ids).order_by("pk")
    return findings_in_ledger([account.pk for account in rows], at=at)
