"""Housekeeping of rooms that know no clock of their own: the ledger sits beside the outbox, not on it."""

from datetime import timedelta

from django.core.management import call_command
from django.utils import timezone

from ledger.services.audit import audit
from ledger.services.expire import expire_due
from outbox.registry import periodic
from outbox.services.alarm import raise_alarm

SWEEP_LOTS = 500


@periodic("ledger.expire", every=timedelta(minutes=10), lease=timedelta(minutes=10))
def expire_lots() -> None:
    """Tidy up what is over. Balances are right without it."""
    now = timezone.now()
    while expire_due(at=now, limit=SWEEP_LOTS).lots == SWEEP_LOTS:
        pass


@periodic("ledger.audit", every=timedelta(days=1), lease=timedelta(hours=1))
def audit_books() -> None:
    """Freeze and tell what does not add up."""
    now = timezone.now()
    report = audit(at=now)
    if not report.ok:
        note = f"{len(report.findings)} mismatches, {len(report.frozen)} accounts frozen; see the log"
        raise_alarm(code="ledger_mismatch", ref="books", at=now, note=note)


@periodic("config.clear_sessions", every=timedelta(days=1), lease=timedelta(minutes=10))
def clear_sessions() -> None:
    call_command("clearsessions")
