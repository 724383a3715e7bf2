"""The audit: every invariant of the books as one set-based statement each; a mismatch freezes its account."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from ledger.models import Account
from ledger.services.freeze import freeze
from ledger.states import AccountKind

log = logging.getLogger("ledger.audit")
MOST_FINDINGS_PER_RULE = 1_000

# Each statement answers (account id or NULL, subject, expected, found) and nothing when the books are right.
# One statement sees one snapshot, so debits may go on meanwhile.
RULES: dict[str, str] = {
    "a lot's remaining value is the sum of its moves": """
        SELECT l.account_id, l.id, coalesce(m.total, 0), l.remaining
        FROM ledger_lot l
        LEFT JOIN (SELECT lot_id, sum(delta) AS total FROM ledger_lotmove GROUP BY lot_id) m
               ON m.lot_id = l.id
        WHERE coalesce(m.total, 0) <> l.remaining
    """,
    "a lot began with its whole amount": """
        SELECT l.account_id, l.id, l.amount, m.delta
        FROM ledger_lot l
        LEFT JOIN ledger_lotmove m ON m.lot_id = l.id AND m.transfer_id = l.origin_id
        WHERE m.delta IS NULL OR m.delta <> l.amount
    """,
    "a transfer's moves make up its amount on each customer side": """
        SELECT s.account_id, s.id, s.amount, coalesce(m.total, 0)
        FROM (
            SELECT t.id, t.debit_account_id AS account_id, -t.amount AS amount FROM ledger_transfer t
            UNION ALL
            SELECT t.id, t.credit_account_id, t.amount FROM ledger_transfer t
        ) s
        JOIN ledger_account a ON a.id = s.account_id AND a.kind = 'customer'
        LEFT JOIN (
            SELECT transfer_id, account_id, sum(delta) AS total FROM ledger_lotmove
            GROUP BY transfer_id, account_id
        ) m ON m.transfer_id = s.id AND m.account_id = s.account_id
        WHERE coalesce(m.total, 0) <> s.amount
    """,
    "a move belongs to a side of its transfer and to its lot's account": """
        SELECT m.account_id, m.id, l.account_id, m.account_id
        FROM ledger_lotmove m
        JOIN ledger_transfer t ON t.id = m.transfer_id
        JOIN ledger_lot l ON l.id = m.lot_id
        WHERE m.account_id <> l.account_id OR m.account_id NOT IN (t.debit_account_id, t.credit_account_id)
    """,
    "one move of each transfer and account leads": """
        SELECT account_id, min(id), 1, sum(CASE WHEN leads THEN 1 ELSE 0 END)
        FROM ledger_lotmove GROUP BY account_id, transfer_id
        HAVING sum(CASE WHEN leads THEN 1 ELSE 0 END) <> 1
    """,
    "each balance in the history follows from the one before": """
        SELECT e.account_id, e.id, e.running, e.balance_after
        FROM (
            SELECT m.id, m.account_id, m.balance_after,
                   sum(CASE WHEN m.delta > 0 THEN t.amount ELSE -t.amount END)
                       OVER (PARTITION BY m.account_id ORDER BY m.id) AS running
            FROM ledger_lotmove m JOIN ledger_transfer t ON t.id = m.transfer_id WHERE m.leads
        ) e WHERE e.running <> e.balance_after
    """,
    "both sides of a transfer exist and have one unit": """
        SELECT CASE WHEN c.kind = 'customer' THEN c.id WHEN d.kind = 'customer' THEN d.id END,
               t.id, d.unit, c.unit
        FROM ledger_transfer t
        LEFT JOIN ledger_account d ON d.id = t.debit_account_id
        LEFT JOIN ledger_account c ON c.id = t.credit_account_id
        WHERE d.id IS NULL OR c.id IS NULL OR d.unit <> c.unit
    """,
    "all accounts of a unit sum to zero": """
        SELECT NULL, s.unit, 0, sum(s.value)
        FROM (
            SELECT a.unit, l.remaining AS value
            FROM ledger_lot l JOIN ledger_account a ON a.id = l.account_id
            UNION ALL
            SELECT a.unit, t.amount
            FROM ledger_transfer t JOIN ledger_account a ON a.id = t.credit_account_id AND a.kind = 'system'
            UNION ALL
            SELECT a.unit, -t.amount
            FROM ledger_transfer t JOIN ledger_account a ON a.id = t.debit_account_id AND a.kind = 'system'
        ) s GROUP BY s.unit HAVING sum(s.value) <> 0
    """,
    "no more is reversed than was transferred, between the same accounts": """
        SELECT CASE WHEN a.kind = 'customer' THEN a.id ELSE min(r.debit_account_id) END,
               t.id, t.amount, sum(r.amount)
        FROM ledger_transfer t
        JOIN ledger_transfer r ON r.reverses_id = t.id
        JOIN ledger_account a ON a.id = t.debit_account_id
        GROUP BY t.id, t.amount, a.id, a.kind
        HAVING sum(r.amount) > t.amount
            OR sum(CASE WHEN r.debit_account_id = t.credit_account_id
                         AND r.credit_account_id = t.debit_account_id THEN 0 ELSE 1 END) > 0
    """,
    "a reversal gives a lot back no more than was taken from it": """
        SELECT o.account_id, o.id, o.delta, sum(m.delta)
        FROM ledger_lotmove o
        JOIN ledger_transfer r ON r.reverses_id = o.transfer_id
        JOIN ledger_lotmove m ON m.transfer_id = r.id AND m.lot_id = o.lot_id
        GROUP BY o.id, o.account_id, o.delta
        HAVING o.delta * (o.delta + sum(m.delta)) < 0
    """,
    "a hold has its transfer's amount and is open until that is reversed": """
        SELECT h.account_id, h.transfer_id, t.amount, h.amount
        FROM ledger_hold h
        JOIN ledger_transfer t ON t.id = h.transfer_id
        LEFT JOIN ledger_transfer r ON r.reverses_id = t.id
        WHERE h.amount <> t.amount OR h.account_id <> t.debit_account_id
           OR (h.state = 'open') <> (r.id IS NULL)
    """,
    "a hold's transfer has its hold": """
        SELECT t.debit_account_id, t.id, t.amount, 0
        FROM ledger_transfer t LEFT JOIN ledger_hold h ON h.transfer_id = t.id
        WHERE t.kind = 'hold' AND h.transfer_id IS NULL
    """,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One mismatch. `subject` is the id of the lot, move, transfer, hold, or the unit."""

    rule: str
    account_id: int | None
    subject: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the audit saw. `frozen`: customer accounts that it froze now."""

    findings: tuple[Finding, ...]
    frozen: tuple[int, ...]
    rules: int

    @property
    def ok(self) -> bool:
        return not self.findings


def audit(*, at: datetime) -> AuditReport:
    """Check every invariant, log each mismatch as an error and freeze the customer account it concerns.

    Reads the whole books: a nightly job. At most 1 000 mismatches are told per rule.
    """
    findings = tuple(finding for rule in RULES for finding in _findings(rule))
    for finding in findings:
        log.error(
            "ledger mismatch: %s (account %s, subject %s, expected %s, found %s)",
            finding.rule,
            finding.account_id,
            finding.subject,
            finding.expected,
            finding.found,
        )
    return AuditReport(findings, tuple(_freeze(findings, at)), len(RULES))


def _findings(rule: str) -> list[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(RULES[rule])
        rows = cursor.fetchmany(MOST_FINDINGS_PER_RULE)
    return [Finding(rule, row[0], *map(str, row[1:])) for row in rows]


def _freeze(findings: Iterable[Finding], at: datetime) -> list[int]:
    reasons = {f.account_id: f.rule for f in findings if f.account_id is not None}
    to_freeze = Account.objects.filter(pk__in=list(reasons), kind=AccountKind.CUSTOMER.value, frozen=False)
    ids = sorted(to_freeze.values_list("pk", flat=True))
    for account_id in ids:
        freeze(account_id=account_id, reason=f"audit: {reasons[account_id]}", at=at)
    return ids
