"""`manage.py ledger_audit`: check the books; a mismatch freezes its account and ends with status 1."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from ledger.services.audit import audit


class Command(BaseCommand):
    help = "Check every invariant of the ledger. A mismatch freezes the account concerned; exit status 1."

    def handle(self, *args: Any, **options: Any) -> None:
        report = audit(at=timezone.now())
        for finding in report.findings:
            self.stderr.write(
                f"{finding.rule}: account {finding.account_id}, subject {finding.subject}, "
                f"expected {finding.expected}, found {finding.found}"
            )
        if not report.ok:
            self.stderr.write(
                f"{len(report.findings)} mismatches; frozen now: {list(report.frozen) or 'none'}"
            )
            sys.exit(1)
        self.stdout.write(f"The books are right: {report.rules} rules hold.")
