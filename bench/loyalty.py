"""The nightly sweep of a large programme on PostgreSQL: idleness, birthdays and expiry by four workers, while
customers go on spending.

Usage: `python -m bench.loyalty [--members 20000] [--lots 10] [--workers 4] [--kill 0]`. Needs a server at
DATABASE_URL (default: postgres@127.0.0.1:5432) where it may create and drop a database of its own. The issue
asks for 1 000 000 members of 10 lots: give `--members 1000000` and an hour. With `--kill N`, workers are
killed N times meanwhile and others take their place; the books must end exact either way.
"""

import argparse
import multiprocessing
import os
import random
import resource
import signal
import sys
import time
import uuid
from datetime import timedelta
from typing import Any

from bench.ledger import own_database, start_django

BATCH = 1_000
DEBITORS = 2
LEAST_RATE = 10_000  # lots a second (issue 4, "Speed")
MOST_GROWTH_MB = 60  # of a worker, from a third of the work on


def build(members: int, lots: int) -> None:
    """Members as the engine makes them, written in bulk: a third idle, a third with lots that are over, a
    thirtieth of all with a birthday due; the rest lives on.
    """
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from ledger.services.credit import credit
    from ledger.services.debit import debit
    from ledger.services.open import open_account, system_account
    from loyalty.models import Programme, ProgrammeVersion
    from loyalty.services.ship import ship_programmes

    call_command("migrate", verbosity=0)
    now = timezone.now()
    ship_programmes(at=now - timedelta(days=900))
    programme = Programme.objects.get(slug="croissant")
    version = ProgrammeVersion.objects.get(programme=programme)
    giver = system_account("loyalty:croissant", "PTS")
    warm = open_account(unit="PTS", holder="bench")
    credit(key=uuid.uuid4(), account_id=warm, source="loyalty:croissant", amount=9, kind="issue", at=now)
    debit(key=uuid.uuid4(), account_id=warm, sink="redeemed:croissant", amount=1, kind="spent", at=now)
    system_account("breakage", "PTS")
    facts: dict[str, Any] = {"giver": giver, "members": members, "lots": lots, "now": now}
    facts |= {"programme": programme.pk, "version": version.pk}
    with connection.cursor() as cursor:
        for statement in _FILL:
            cursor.execute(statement, facts)
        cursor.execute("VACUUM ANALYZE")


# Account n belongs to member n; n % 3 tells what awaits it: 0 idleness, 1 expiry by date, 2 nothing.
_FILL = [
    "CREATE TABLE bench_account AS SELECT n, n + (SELECT max(id) FROM ledger_account) AS id "
    "FROM generate_series(1, %(members)s) AS n",
    "CREATE UNIQUE INDEX ON bench_account (id)",
    "INSERT INTO ledger_account (id, unit, kind, code, holder, frozen) "
    "SELECT id, 'PTS', 'customer', '', 'bench', false FROM bench_account",
    "CREATE TABLE bench_lot AS SELECT gen_random_uuid() AS transfer, a.id AS account, a.n, k, "
    "(SELECT max(id) FROM ledger_lot) + row_number() OVER () AS lot "
    "FROM bench_account a, generate_series(1, %(lots)s) AS k",
    "INSERT INTO ledger_transfer (id, debit_account_id, credit_account_id, amount, kind, occurred_at, "
    "fingerprint, note) SELECT transfer, %(giver)s, account, 1000, 'loyalty_purchase', "
    "%(now)s - interval '200 days', '', '' FROM bench_lot",
    "INSERT INTO ledger_lot (id, account_id, origin_id, amount, remaining, activates_at, expires_at, "
    "outlets, single_purchase) SELECT lot, account, transfer, 1000, 1000, %(now)s - interval '200 days', "
    "CASE WHEN n %% 3 = 1 THEN %(now)s - interval '1 hour' ELSE '9999-12-31 00:00:00+00' END, '', false "
    "FROM bench_lot",
    "INSERT INTO ledger_lotmove (transfer_id, lot_id, account_id, delta, leads, balance_after) "
    "SELECT transfer, lot, account, 1000, true, 1000 * k FROM bench_lot ORDER BY n, k",
    "INSERT INTO loyalty_member (programme_id, account_id, phone, birth_on, first_name, last_name, address, "
    "language, consent_version, consented_at, enrolled_at, joined_version_id, state, tier, era, span, "
    "purchases_made, lifetime_minor, last_purchase_at, idle_until, birthday_due_at, debt_minor) "
    "SELECT %(programme)s, id, '+33' || (600000000 + n), "
    "(%(now)s + interval '3 days')::date - interval '30 years', "
    "'', '', '', 'fr', 1, %(now)s, %(now)s - interval '400 days', %(version)s, 'active', 'gold', 1, 1, 10, "
    "3500000, "
    "%(now)s - interval '91 days', CASE WHEN n %% 3 = 0 THEN %(now)s - interval '2 hours' "
    "ELSE %(now)s + interval '30 days' END, CASE WHEN n %% 30 = 2 THEN %(now)s - interval '1 hour' "
    "ELSE %(now)s + interval '200 days' END, 0 FROM bench_account",
    "SELECT setval(pg_get_serial_sequence('ledger_account', 'id'), (SELECT max(id) FROM ledger_account)), "
    "setval(pg_get_serial_sequence('ledger_lot', 'id'), (SELECT max(id) FROM ledger_lot))",
]


def sweep_until_done(url: str, start: Any, done: Any, memory: Any) -> None:
    """One worker: idleness, birthdays, expiry, until nothing is due. Counts what it has finished."""
    start_django(url)
    from django.db import connection
    from django.utils import timezone

    from ledger.services.expire import expire_due
    from loyalty.services.sweep import credit_birthdays, end_idle

    connection.ensure_connection()
    if start:
        start.wait()
    now = timezone.now()
    while end_idle(at=now, limit=BATCH) or credit_birthdays(at=now, limit=BATCH):
        pass
    while (batch := expire_due(at=now, limit=BATCH)).lots or _any_due(now):
        with done.get_lock():
            done.value += batch.lots
        memory.put((done.value, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def _any_due(now: Any) -> bool:
    """Lots that others hold locked right now, or that died with a killed worker's transaction."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM ledger_lot WHERE is_open AND expires_at <= %s)", [now])
        return bool(cursor.fetchone()[0])


def spend_until_told(url: str, ids: list[int], stop: Any, spent: Any) -> None:
    """Customers who go on spending meanwhile."""
    start_django(url)
    from django.utils import timezone

    from kernel.errors import DomainError
    from ledger.services.debit import debit

    while not stop.is_set():
        try:
            debit(
                key=uuid.uuid4(),
                account_id=random.choice(ids),
                sink="redeemed:croissant",
                amount=1,
                kind="spent",
                at=timezone.now(),
            )
        except DomainError:
            continue
        with spent.get_lock():
            spent.value += 1


def run(url: str, workers: int, kills: int, living: list[int]) -> dict[str, float]:
    """Start everybody, kill whom we are told to, and wait until nothing is due."""
    context = multiprocessing.get_context("spawn")
    done, spent, stop, memory = context.Value("q", 0), context.Value("q", 0), context.Event(), context.Queue()

    start = context.Barrier(workers + 1)

    def worker(start: Any) -> Any:
        process = context.Process(target=sweep_until_done, args=(url, start, done, memory))
        process.start()
        return process

    customers = [
        context.Process(target=spend_until_told, args=(url, living, stop, spent)) for _ in range(DEBITORS)
    ]
    for customer in customers:
        customer.start()
    sweepers = [worker(start) for _ in range(workers)]
    start.wait()
    began = time.monotonic()
    already = spent.value
    killed, peaks = 0, []
    while any(process.is_alive() for process in sweepers):
        time.sleep(0.3)
        while not memory.empty():
            peaks.append(memory.get())
        victim = random.choice(sweepers)
        if killed < kills and victim.is_alive() and random.random() < 0.5:
            os.kill(victim.pid, signal.SIGKILL)
            victim.join()
            sweepers[sweepers.index(victim)] = worker(None)
            killed += 1
    seconds, during = time.monotonic() - began, spent.value - already
    stop.set()
    for customer in customers:
        customer.join()
    while not memory.empty():
        peaks.append(memory.get())
    late = [megabytes for count, megabytes in peaks if count > done.value / 3]
    return {
        "seconds": seconds,
        "spent": during,
        "killed": killed,
        "memory": max(late, default=0),
        "growth": max(late, default=0) - min(late, default=0),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=20_000)
    parser.add_argument("--lots", type=int, default=10)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kill", type=int, default=0)
    options = parser.parse_args()
    with own_database() as url:
        start_django(url)
        return measure(url, options)


def measure(url: str, options: argparse.Namespace) -> int:
    from django.db import connection
    from django.utils import timezone

    from ledger.services.audit import audit

    build(options.members, options.lots)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM bench_account WHERE n %% 3 = 2 LIMIT 5000", [])
        living = [pk for (pk,) in cursor.fetchall()]
    due = sum(1 for n in range(1, options.members + 1) if n % 3 != 2) * options.lots
    connection.close()
    result = run(url, options.workers, options.kill, living)
    wrong = _counts(options)
    findings = audit(at=timezone.now()).findings
    connection.close()
    rate = due / result["seconds"]
    print(f"{options.members:,} members x {options.lots} lots; {options.workers} workers; {due:,} lots due")
    print(f"{'swept':32} {rate:8.0f} lots/s in {result['seconds']:.1f} s")
    print(f"{'debits meanwhile':32} {result['spent'] / result['seconds']:8.0f} debits/s")
    print(f"{'memory of a worker':32} {result['memory']:8.0f} MB, grew by {result['growth']:.0f} MB")
    print(f"{'workers killed':32} {result['killed']:8.0f}")
    verdicts = [
        (rate >= LEAST_RATE, f"{rate:.0f} lots/s (limit {LEAST_RATE})"),
        (result["growth"] <= MOST_GROWTH_MB, f"memory flat within {MOST_GROWTH_MB} MB"),
        (not findings, f"ledger audit: {len(findings)} findings"),
        (not wrong, f"every lot, era and birthday as it should be {wrong or ''}"),
    ]
    for passed, sentence in verdicts:
        print(f"{'PASS' if passed else 'FAIL'}  {sentence}")
    return 0 if all(passed for passed, _ in verdicts) else 1


def _counts(options: argparse.Namespace) -> list[str]:
    """What is not as it should be after the sweep."""
    from django.db import connection

    members = options.members
    idle, birthdays = members // 3, len(range(2, members + 1, 30))
    asked = {
        "SELECT count(*) FROM loyalty_member WHERE era = 2 AND tier = 'guest' AND lifetime_minor = 0": idle,
        "SELECT count(*) FROM loyalty_memberevent WHERE kind = 'idle'": idle,
        "SELECT count(*) FROM loyalty_accrual WHERE kind = 'birthday' AND amount_minor = 50000": birthdays,
        "SELECT count(*) FROM ledger_lot JOIN bench_account b ON b.id = account_id "
        "WHERE is_open AND n %% 3 <> 2": 0,
        "SELECT count(*) FROM ledger_lot JOIN bench_account b ON b.id = account_id "
        "WHERE NOT is_open AND n %% 3 = 2": 0,
    }
    wrong = []
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        for statement, expected in asked.items():
            cursor.execute(statement, [])
            found = cursor.fetchone()[0]
            if found != expected:
                wrong.append(f"{statement}: {found}, expected {expected}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
