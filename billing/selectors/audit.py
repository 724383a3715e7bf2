"""Whether accounts, statements and the ledger tell the same story: what they owe each other is nothing.

Each rule answers (account, subject, expected, found), and nothing when the books are right.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Q, Sum

from billing.models import Allocation, CreditAccount, Entry
from billing.states import PAID_KINDS, PRINCIPAL_KINDS, EntryKind
from ledger import selectors as ledger

MOST_FINDINGS_PER_RULE = 1_000
ACCOUNTS_AT_ONCE = 500

# One statement sees one snapshot, so postings may go on meanwhile.
RULES: dict[str, str] = {
    "a statement lists exactly the entries that it sums up": """
        SELECT s.account_id, s.number,
               s.purchases_minor + s.fees_minor + s.interest_minor + s.returns_minor
               - s.payments_minor - s.refunds_minor,
               coalesce(e.total, 0)
        FROM billing_statement s
        LEFT JOIN (
            SELECT statement_id,
                   sum(CASE WHEN kind IN ('payment', 'refund') THEN -1 ELSE 1 END * amount_minor) AS total,
                   sum(CASE WHEN kind IN ('purchase', 'cash') THEN amount_minor ELSE 0 END) AS purchases,
                   sum(CASE WHEN kind = 'fee' THEN amount_minor ELSE 0 END) AS fees,
                   sum(CASE WHEN kind = 'interest' THEN amount_minor ELSE 0 END) AS interest,
                   sum(CASE WHEN kind = 'return' THEN amount_minor ELSE 0 END) AS returned,
                   sum(CASE WHEN kind = 'payment' THEN amount_minor ELSE 0 END) AS payments,
                   sum(CASE WHEN kind = 'refund' THEN amount_minor ELSE 0 END) AS refunds
            FROM billing_entry WHERE statement_id IS NOT NULL GROUP BY statement_id
        ) e ON e.statement_id = s.id
        WHERE coalesce(e.purchases, 0) <> s.purchases_minor OR coalesce(e.fees, 0) <> s.fees_minor
           OR coalesce(e.interest, 0) <> s.interest_minor OR coalesce(e.returned, 0) <> s.returns_minor
           OR coalesce(e.payments, 0) <> s.payments_minor OR coalesce(e.refunds, 0) <> s.refunds_minor
    """,
    "a statement begins with what the one before ended with": """
        SELECT s.account_id, s.number, coalesce(p.closing_minor, 0), s.opening_minor
        FROM billing_statement s LEFT JOIN billing_statement p ON p.id = s.previous_id
        WHERE coalesce(p.closing_minor, 0) <> s.opening_minor
           OR (p.id IS NOT NULL AND (p.account_id <> s.account_id OR p.closes_on >= s.starts_on))
    """,
    "an account has one first statement": """
        SELECT account_id, min(number), 1, count(*)
        FROM billing_statement WHERE previous_id IS NULL GROUP BY account_id HAVING count(*) <> 1
    """,
    "interest is the sum of its lines": """
        SELECT s.account_id, s.number, coalesce(l.total, 0), s.interest_minor
        FROM billing_statement s
        LEFT JOIN (
            SELECT statement_id, sum(amount_minor) AS total FROM billing_interestline GROUP BY statement_id
        ) l ON l.statement_id = s.id
        WHERE coalesce(l.total, 0) <> s.interest_minor
    """,
    "an entry belongs to its statement's account and cycle": """
        SELECT e.account_id, e.id, s.account_id, e.account_id
        FROM billing_entry e JOIN billing_statement s ON s.id = e.statement_id
        WHERE s.account_id <> e.account_id OR e.booked_on > s.closes_on OR e.booked_on < s.starts_on
    """,
    "no more of an entry is settled than it is": """
        SELECT e.account_id, e.id, e.amount_minor, a.total
        FROM billing_entry e
        JOIN (SELECT entry_id, sum(amount_minor) AS total FROM billing_allocation GROUP BY entry_id) a
          ON a.entry_id = e.id
        WHERE a.total < 0 OR a.total > e.amount_minor
    """,
    "no more of a payment settles debts than it is": """
        SELECT e.account_id, e.id, CASE WHEN r.id IS NULL THEN e.amount_minor ELSE 0 END, a.total
        FROM billing_entry e
        JOIN (SELECT payment_id, sum(amount_minor) AS total FROM billing_allocation GROUP BY payment_id) a
          ON a.payment_id = e.id
        LEFT JOIN billing_entry r ON r.parent_id = e.id AND r.kind = 'return'
        WHERE a.total < 0 OR a.total > CASE WHEN r.id IS NULL THEN e.amount_minor ELSE 0 END
    """,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One mismatch. `subject`: a statement's number, an entry's id, or the name of a ledger account."""

    rule: str
    account_id: int
    subject: str
    expected: str
    found: str


def findings_in_statements() -> Iterator[Finding]:
    """What is wrong between statements, entries and allocations. One statement over all of them per rule."""
    for rule, statement in RULES.items():
        with connection.cursor() as cursor:
            cursor.execute(statement)
            for account_id, *facts in cursor.fetchmany(MOST_FINDINGS_PER_RULE):
                yield Finding(rule, account_id, *map(str, facts))


def findings_in_ledger(account_ids: Collection[int], *, at: datetime) -> list[Finding]:
    """Accounts of which the four ledger accounts hold something else than entries less allocations. Five
    queries; several, so a posting in between shows as a finding unless the accounts are locked.
    """
    accounts = list(CreditAccount.objects.filter(pk__in=list(account_ids)))
    expected = _expected(list(account_ids))
    ids = [getattr(account, f"{name}_id") for account in accounts for name in _NAMES]
    held = {pk: one.available + one.pending + one.held for pk, one in ledger.balances(ids, at=at).items()}
    found = []
    for account in accounts:
        for name in _NAMES:
            wanted, there = expected[account.pk][name], held[getattr(account, f"{name}_id")]
            if wanted != there:
                found.append(Finding(_LEDGER_RULE, account.pk, name, str(wanted), str(there)))
    return found


def account_batches() -> Iterator[list[int]]:
    """The ids of all accounts, some hundred at a time."""
    last = 0
    while batch := list(
        CreditAccount.objects.filter(pk__gt=last)
        .order_by("pk")
        .values_list("pk", flat=True)[:ACCOUNTS_AT_ONCE]
    ):
        yield batch
        last = batch[-1]


_LEDGER_RULE = "the ledger holds what is not settled"
_NAMES = ("principal", "interest", "costs", "surplus")
_OWED = {
    "principal": PRINCIPAL_KINDS,
    "interest": (EntryKind.INTEREST,),
    "costs": (EntryKind.FEE,),
}


def _expected(account_ids: list[int]) -> dict[int, dict[str, int]]:
    sums = {account_id: dict.fromkeys(_NAMES, 0) for account_id in account_ids}
    book = {kind: name for name, kinds in _OWED.items() for kind in kinds}
    entries = Entry.objects.filter(account_id__in=account_ids).order_by().values_list("account_id", "kind")
    for account_id, kind, total in entries.annotate(Sum("amount_minor")):
        sign = 1 if kind in book or kind in PAID_KINDS else -1
        sums[account_id][book.get(EntryKind(kind), "surplus")] += sign * total
    settled = Allocation.objects.filter(Q(entry__account_id__in=account_ids)).order_by()
    rows = settled.values_list("entry__account_id", "entry__kind").annotate(Sum("amount_minor"))
    for account_id, kind, total in rows:
        sums[account_id][book[EntryKind(kind)]] -= total
        sums[account_id]["surplus"] -= total
    return sums
