"""Statements of many credit accounts in one night on PostgreSQL: rate, memory, share of arithmetic (S1.2).

Usage: `python -m bench.statements [--accounts 2000] [--transactions 30] [--workers 1]`. Needs a server at
DATABASE_URL (default: postgres@127.0.0.1:5432) where it may create and drop a database of its own. The issue
asks for 100 000 accounts of 30 transactions: give `--accounts 100000`.

Half of the accounts paid their last statement in full; the others paid the minimum, so that each of the 30
transactions of that statement bears interest beside the 30 new ones. Pure arithmetic is what turns the rows
read into the figures to write; its share is measured within the run.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from datetime import date, datetime, timedelta
from typing import Any

from bench.ledger import own_database, start_django

OPENED_ON, PAID_ON, CLOSES_ON = date(2026, 3, 1), date(2026, 4, 15), date(2026, 4, 30)
SMALL, LARGE = 2_000, 6_000
MOST_GROWTH_MB = 60  # of a worker, from a third of the work on


def build(accounts: int, transactions: int) -> None:
    """One account of each kind made by the services, and as many copies of the two in plain SQL."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    templates = [_template(transactions, in_full=in_full) for in_full in (True, False)]
    with connection.cursor() as cursor:
        for rank, template in enumerate(templates):
            _clone(cursor, template, rank + 1, accounts // 2 - 1)
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('ledger_lot', 'id'), (SELECT max(id) FROM ledger_lot)), "
            "setval(pg_get_serial_sequence('ledger_account', 'id'), (SELECT max(id) FROM ledger_account)), "
            "setval(pg_get_serial_sequence('billing_allocation', 'id'), "
            "(SELECT max(id) FROM billing_allocation))"
        )
        cursor.execute("VACUUM ANALYZE")


def _template(transactions: int, *, in_full: bool) -> int:
    """Bought, billed, paid in full or in part, bought again: the cycle that ends on `CLOSES_ON` runs."""
    from tests.billing.factories import close, make_account, noon, pay, post

    account = make_account(at=noon(OPENED_ON))
    for number in range(transactions):
        post(account, LARGE, _bought_on(number))
    statement = close(account)
    pay(account, statement.due_minor if in_full else statement.minimum_minor, PAID_ON)
    for number in range(transactions):
        post(account, SMALL, date(2026, 4, 1) + timedelta(days=number % 28))
    return account.pk


def _bought_on(number: int) -> date:
    return OPENED_ON + timedelta(days=1 + number % 28)


def _clone(cursor: Any, account_id: int, rank: int, copies: int) -> None:
    """Copies of everything that hangs on an account, under ids that follow from the copy's number."""
    from billing.selectors.closing import statement_id_of

    previous_on = date(2026, 3, 31)
    first = 1_000_000 * rank
    cursor.execute("DROP TABLE IF EXISTS bench_copy, bench_book, bench_lot")
    cursor.execute("CREATE TABLE bench_copy (n bigint PRIMARY KEY, statement uuid)")
    with cursor.copy("COPY bench_copy FROM STDIN") as copy:
        for number in range(first + 1, first + copies + 1):
            copy.write_row((number, statement_id_of(number, previous_on)))
    for statement in _CLONE:
        cursor.execute(statement, {"account": account_id})


_NEW = "md5({0}::text || c.n)::uuid"
_ENTRY, _PARENT, _CARD = _NEW.format("e.id"), _NEW.format("e.parent_id"), _NEW.format("k.id")
_TRANSFER = _NEW.format("t.id")
# The books of an account are numbered 0 to 4: the four of the credit account and the card's own.
_CLONE = [
    "CREATE TABLE bench_book AS SELECT b.old, b.rank, c.n, 10 * c.n + b.rank AS new FROM bench_copy c, "
    "(SELECT unnest(ARRAY[a.principal_id, a.interest_id, a.costs_id, a.surplus_id, k.account_id]) AS old, "
    "generate_series(0, 4) AS rank FROM billing_creditaccount a JOIN wallet_card k ON k.id = a.card_id "
    "WHERE a.id = %(account)s) b",
    "CREATE UNIQUE INDEX ON bench_book (old, n)",
    "INSERT INTO ledger_account (id, unit, kind, code, holder, frozen) "
    "SELECT b.new, l.unit, l.kind, l.code, l.holder, l.frozen FROM bench_book b "
    "JOIN ledger_account l ON l.id = b.old",
    "INSERT INTO ledger_transfer (id, debit_account_id, credit_account_id, amount, kind, occurred_at, "
    f"fingerprint, note) SELECT {_TRANSFER}, coalesce(d.new, t.debit_account_id), "
    "coalesce(r.new, t.credit_account_id), t.amount, t.kind, t.occurred_at, t.fingerprint, t.note "
    "FROM bench_copy c CROSS JOIN ledger_transfer t "
    "LEFT JOIN bench_book d ON d.old = t.debit_account_id AND d.n = c.n "
    "LEFT JOIN bench_book r ON r.old = t.credit_account_id AND r.n = c.n "
    "WHERE EXISTS (SELECT 1 FROM bench_book b WHERE b.n = (SELECT min(n) FROM bench_copy) "
    "AND b.old IN (t.debit_account_id, t.credit_account_id))",
    "CREATE TABLE bench_lot AS SELECT l.id AS old, c.n, (SELECT max(id) FROM ledger_lot) "
    "+ row_number() OVER () AS new FROM bench_copy c CROSS JOIN ledger_lot l WHERE l.account_id IN "
    "(SELECT DISTINCT old FROM bench_book)",
    "CREATE UNIQUE INDEX ON bench_lot (old, n)",
    "INSERT INTO ledger_lot (id, account_id, origin_id, amount, remaining, activates_at, expires_at, "
    f"outlets, single_purchase) SELECT x.new, b.new, {_NEW.format('l.origin_id')}, l.amount, l.remaining, "
    "l.activates_at, l.expires_at, l.outlets, l.single_purchase FROM bench_copy c "
    "JOIN bench_lot x ON x.n = c.n JOIN ledger_lot l ON l.id = x.old "
    "JOIN bench_book b ON b.old = l.account_id AND b.n = c.n",
    "INSERT INTO ledger_lotmove (transfer_id, lot_id, account_id, delta, leads, balance_after) "
    f"SELECT {_NEW.format('m.transfer_id')}, x.new, b.new, m.delta, m.leads, m.balance_after "
    "FROM bench_copy c JOIN bench_lot x ON x.n = c.n JOIN ledger_lotmove m ON m.lot_id = x.old "
    "JOIN bench_book b ON b.old = m.account_id AND b.n = c.n ORDER BY c.n, m.id",
    "INSERT INTO accounts_user (id, password, is_superuser, is_staff, is_active, date_joined, email, title, "
    "first_name, last_name, phone, address_line1, address_line2, postal_code, city, country, language) "
    "SELECT c.n, '', false, false, true, u.date_joined, 'bench' || c.n || '@example.test', u.title, "
    "u.first_name, u.last_name, '', u.address_line1, u.address_line2, u.postal_code, u.city, u.country, "
    "u.language FROM bench_copy c, billing_creditaccount a JOIN accounts_user u ON u.id = a.holder_id "
    "WHERE a.id = %(account)s",
    "INSERT INTO wallet_card (id, holder_id, kind, bearer, account_id, number_sealed, number_index, last4, "
    "masked, face_minor, currency, product_name, label, artwork, restriction_text, where_text, batch, "
    f"issuer, state, state_when_released, issued_at, expires_on) SELECT {_CARD}, c.n, k.kind, k.bearer, "
    "CASE WHEN k.account_id IS NOT NULL THEN b.new END, "
    "k.number_sealed, md5(c.n::text), k.last4, k.masked, k.face_minor, k.currency, k.product_name, k.label, "
    "k.artwork, k.restriction_text, k.where_text, '', k.issuer, k.state, k.state_when_released, k.issued_at, "
    "k.expires_on FROM bench_copy c JOIN bench_book b ON b.n = c.n AND b.rank = 4, billing_creditaccount a "
    "JOIN wallet_card k ON k.id = a.card_id WHERE a.id = %(account)s",
    "INSERT INTO billing_creditaccount (id, holder_id, card_id, currency, limit_minor, billing_day, "
    "starts_on, closes_on, state, opened_at, principal_id, interest_id, costs_id, surplus_id) "
    f"SELECT c.n, c.n, {_NEW.format('a.card_id')}, a.currency, a.limit_minor, a.billing_day, a.starts_on, "
    "a.closes_on, a.state, a.opened_at, 10 * c.n, 10 * c.n + 1, 10 * c.n + 2, 10 * c.n + 3 "
    "FROM bench_copy c, billing_creditaccount a WHERE a.id = %(account)s",
    "INSERT INTO billing_statement (id, account_id, number, reference, starts_on, closes_on, due_on, "
    "currency, opening_minor, purchases_minor, fees_minor, interest_minor, returns_minor, payments_minor, "
    "refunds_minor, closing_minor, due_minor, disputed_minor, minimum_minor, rate_bp, contract_rate_bp, "
    "debtor, issued_at) SELECT c.statement, c.n, 'bench' || c.n, 'bench' || c.n, s.starts_on, s.closes_on, "
    "s.due_on, s.currency, s.opening_minor, s.purchases_minor, s.fees_minor, s.interest_minor, "
    "s.returns_minor, s.payments_minor, s.refunds_minor, s.closing_minor, s.due_minor, s.disputed_minor, "
    "s.minimum_minor, s.rate_bp, s.contract_rate_bp, s.debtor, s.issued_at "
    "FROM bench_copy c, billing_statement s WHERE s.account_id = %(account)s",
    "INSERT INTO billing_entry (id, account_id, kind, amount_minor, booked_on, value_on, text, country, mcc, "
    f"original_currency, rule, parent_id, source, external_ref, statement_id, at) SELECT {_ENTRY}, c.n, "
    "e.kind, e.amount_minor, e.booked_on, e.value_on, e.text, e.country, e.mcc, e.original_currency, "
    f"e.rule, {_PARENT}, e.source, e.external_ref, "
    "CASE WHEN e.statement_id IS NOT NULL THEN c.statement END, e.at "
    "FROM bench_copy c, billing_entry e WHERE e.account_id = %(account)s",
    "INSERT INTO billing_allocation (payment_id, entry_id, amount_minor, value_on, at) "
    f"SELECT {_NEW.format('p.payment_id')}, {_NEW.format('p.entry_id')}, p.amount_minor, p.value_on, p.at "
    "FROM bench_copy c, billing_allocation p JOIN billing_entry e ON e.id = p.entry_id "
    "WHERE e.account_id = %(account)s",
]


def bill(url: str, start: Any, told: Any) -> None:
    """One worker: every statement that it finds due, as the job of the night does."""
    start_django(url)
    from django.db import connection

    from billing.selectors.figures import figures_of
    from billing.services import close_cycle, run

    close_chunk = run.close_chunk
    arithmetic, peaks = 0.0, []

    def timed(*arguments: Any) -> Any:
        nonlocal arithmetic
        began = time.perf_counter()
        figures = figures_of(*arguments)
        arithmetic += time.perf_counter() - began
        return figures

    def watched(**arguments: Any) -> Any:
        chunk = close_chunk(**arguments)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return chunk

    for module, name, own in ((close_cycle, "figures_of", timed), (run, "close_chunk", watched)):
        setattr(module, name, own)
    connection.ensure_connection()
    start.wait()
    began = time.perf_counter()
    made = run.close_due(at=_night())
    told.put((made, time.perf_counter() - began, arithmetic, peaks))
    connection.close()


def _night() -> datetime:
    from kernel.calendar import end_of_day

    return end_of_day(CLOSES_ON) + timedelta(minutes=10)


def run_workers(url: str, workers: int) -> dict[str, float]:
    """Start everybody at once and wait until nothing is due."""
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(workers + 1), context.Queue()
    processes = [context.Process(target=bill, args=(url, start, told)) for _ in range(workers)]
    for process in processes:
        process.start()
    start.wait()
    began = time.monotonic()
    results = [told.get() for _ in processes]
    seconds = time.monotonic() - began
    for process in processes:
        process.join()
    peaks = [worker[3] for worker in results if worker[3]]
    return {
        "seconds": seconds,
        "made": sum(worker[0] for worker in results),
        "arithmetic": sum(worker[2] for worker in results) / sum(worker[1] for worker in results),
        "memory": max(max(one) for one in peaks),
        "growth": max(one[-1] - one[len(one) // 3] for one in peaks),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--transactions", type=int, default=30)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with own_database() as url:
        start_django(url)
        return measure(url, options)


def measure(url: str, options: argparse.Namespace) -> int:
    from django.db import connection

    from billing.services.audit import audit_accounts
    from ledger.services.audit import audit

    began = time.monotonic()
    build(options.accounts, options.transactions)
    print(f"built in {time.monotonic() - began:.0f} s", flush=True)
    connection.close()
    result = run_workers(url, options.workers)
    wrong = _wrong(options)
    findings = [*audit_accounts(at=_night()), *audit(at=_night()).findings]
    connection.close()
    accounts, rate = options.accounts, result["made"] / result["seconds"]
    print(f"{accounts:,} accounts x {options.transactions} transactions; {options.workers} workers")
    print(f"{'statements':32} {rate:8.0f} accounts/s in {result['seconds']:.1f} s")
    print(f"{'transactions':32} {rate * options.transactions:8.0f} transactions/s")
    print(f"{'share of pure arithmetic':32} {100 * result['arithmetic']:8.1f} %")
    print(f"{'memory of a worker':32} {result['memory']:8.0f} MB, grew by {result['growth']:.0f} MB")
    verdicts = [
        (result["made"] == accounts, f"{result['made']:,.0f} statements for {accounts:,} accounts"),
        (not wrong, f"interest and purchases as counted by hand {wrong or ''}"),
        (result["growth"] <= MOST_GROWTH_MB, f"memory flat within {MOST_GROWTH_MB} MB"),
        (not findings, f"audits: {len(findings)} findings"),
    ]
    for passed, sentence in verdicts:
        print(f"{'PASS' if passed else 'FAIL'}  {sentence}")
    return 0 if all(passed for passed, _ in verdicts) else 1


def _wrong(options: argparse.Namespace) -> list[str]:
    """What is not as counted by hand, day by day: all accounts of a kind have the same figures."""
    from django.db.models import Count

    from billing.models import Entry, Statement

    rows = Statement.objects.filter(closes_on=CLOSES_ON).order_by("interest_minor")
    groups = rows.values_list("interest_minor", "purchases_minor").annotate(Count("id"))
    half, bought = options.accounts // 2, options.transactions * SMALL
    expected = [(0, bought, half), (_interest_by_hand(options.transactions), bought, half)]
    left = Entry.objects.filter(statement__isnull=True).count()
    wrong = [] if list(groups) == expected else [f"{list(groups)} and not {expected}"]
    return wrong + ([f"{left} entries listed nowhere"] if left else [])


def _interest_by_hand(transactions: int) -> int:
    """12 % on each purchase from its day on; the minimum paid on 15 April goes to the oldest."""
    from fractions import Fraction

    paid = max(5_000, (2 * 3 * LARGE * transactions + 100) // 200)
    total = 0
    for bought_on in sorted(_bought_on(number) for number in range(transactions)):
        part = min(paid, LARGE)
        paid -= part
        exact, day = Fraction(0), bought_on
        while day <= CLOSES_ON:
            exact += Fraction((LARGE - (part if day > PAID_ON else 0)) * 1200, 365 * 10_000)
            day += timedelta(days=1)
        total += int(exact + Fraction(1, 2))
    return total


if __name__ == "__main__":
    sys.exit(main())
