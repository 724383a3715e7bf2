"""Debits through the ledger's service against a bare SQL debit by pgbench, on PostgreSQL, 16 clients.

Usage: `python bench/ledger.py [--seconds 5] [--rounds 3]`. Needs `pgbench` on the PATH and a server at
DATABASE_URL (default: postgres@127.0.0.1:5432) where it may create and drop a database of its own.
The figures to compare are the ratios: both sides run in turn on the same machine in the same minutes.
"""

import argparse
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

PROCESSES, THREADS = 4, 4
CLIENTS = PROCESSES * THREADS
ACCOUNTS = 10_000
LONG_HISTORY = 100_000
PLENTY = 10**12
LEAST_SHARE = 0.40  # of the bare debit's rate (issue 2, "Speed")
LEAST_FLATNESS = 0.80  # of a young account's rate, at 100 000 entries

BARE_SCHEMA = """
CREATE TABLE bare_account (id bigint PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE bare_entry (
    id bigserial PRIMARY KEY, account_id bigint NOT NULL, amount bigint NOT NULL, at timestamptz NOT NULL
);
"""
BARE_DEBIT = """
\\set account random({first}, {last})
BEGIN;
SELECT balance FROM bare_account WHERE id = :account FOR UPDATE;
UPDATE bare_account SET balance = balance - 1 WHERE id = :account;
INSERT INTO bare_entry (account_id, amount, at) VALUES (:account, -1, now());
COMMIT;
"""


@contextmanager
def own_database() -> Iterator[str]:
    """The URL of a new database, dropped at the end."""
    server = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    name = f"mirabelle_bench_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def start_django(url: str) -> None:
    os.environ.update(DATABASE_URL=url, MIRABELLE_MODE="test", DJANGO_SETTINGS_MODULE="config.settings")
    import django

    django.setup()


def prepare(url: str) -> tuple[list[int], int, int]:
    """Tables and accounts: many, one hot, one with a long history. All have one lot, as a card has."""
    start_django(url)
    from django.core.management import call_command
    from django.db import connection

    from ledger.services.open import open_accounts

    call_command("migrate", "ledger", verbosity=0)
    ids = open_accounts(unit="EUR", holders=[f"bench {n}" for n in range(ACCOUNTS + 2)])
    fill(ids)
    with connection.cursor() as cursor:
        cursor.execute(BARE_SCHEMA)
        cursor.execute(
            "INSERT INTO bare_account SELECT id, %s FROM generate_series(1, %s) AS id", [PLENTY, ACCOUNTS]
        )
        for _ in range(LONG_HISTORY // 500):
            cursor.execute(
                "SELECT count(ledger_debit(gen_random_uuid(), %s, 'till', 1, 'old', now(), now(), '', ''))"
                " FROM generate_series(1, 500)",
                [ids[-1]],
            )
        cursor.execute("VACUUM ANALYZE")
    connection.close()
    return ids[:-2], ids[-2], ids[-1]


def fill(ids: list[int]) -> None:
    """One lot in each account, and one debit so that the till's system account exists."""
    from django.utils import timezone

    from ledger.services.credit import credit_many
    from ledger.services.debit import debit
    from ledger.states import CreditRequest

    at = timezone.now()
    lots = [
        CreditRequest(key=uuid.uuid4(), account_id=pk, source="issuer", amount=PLENTY, kind="issue", at=at)
        for pk in ids
    ]
    for start in range(0, len(lots), 1_000):
        credit_many(lots[start : start + 1_000])
    debit(key=uuid.uuid4(), account_id=ids[0], sink="till", amount=1, kind="purchase", at=at)


def bare_rate(url: str, first: int, last: int, seconds: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(BARE_DEBIT.format(first=first, last=last))
        script.flush()
        command = ["pgbench", "-n", "-f", script.name, "-T", str(seconds)]
        command += ["-c", str(CLIENTS), "-j", "2", url]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"tps = ([\d.]+)", out)
    assert found, out
    return float(found[1])


def debits(url: str, ids: list[int], barrier, results, seconds: int) -> None:
    """One process of customers: THREADS clients that debit until the time is up."""
    start_django(url)
    from django.db import connection
    from django.utils import timezone

    from ledger.services.debit import debit

    done = [0] * THREADS

    def customer(n: int) -> None:
        connection.ensure_connection()
        barrier.wait()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            debit(
                key=uuid.uuid4(),
                account_id=random.choice(ids),
                sink="till",
                amount=1,
                kind="purchase",
                at=timezone.now(),
            )
            done[n] += 1
        connection.close()

    threads = [threading.Thread(target=customer, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(sum(done))


def service_rate(url: str, ids: list[int], seconds: int) -> float:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(CLIENTS), context.Queue()
    workers = [
        context.Process(target=debits, args=(url, ids, barrier, results, seconds)) for _ in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    total = sum(results.get(timeout=seconds + 60) for _ in workers)
    for worker in workers:
        worker.join()
    return total / seconds


def measure(
    url: str, accounts: tuple[list[int], int, int], seconds: int, rounds: int
) -> dict[str, list[float]]:
    """Rates per round. What is compared runs one after the other, because a shared machine's mood changes."""
    many, hot, old = accounts
    measurements = {
        "bare SQL, 10 000 accounts": lambda: bare_rate(url, 1, ACCOUNTS, seconds),
        "service, 10 000 accounts": lambda: service_rate(url, many, seconds),
        "bare SQL, one hot account": lambda: bare_rate(url, 1, 1, seconds),
        "service, one hot account": lambda: service_rate(url, [hot], seconds),
        "service, hot, 100 000 entries": lambda: service_rate(url, [old], seconds),
    }
    runs: dict[str, list[float]] = {name: [] for name in measurements}
    for _ in range(rounds):
        for name, run in measurements.items():
            runs[name].append(run())
    return runs


def report(runs: dict[str, list[float]]) -> bool:
    for name, rates in runs.items():
        print(f"{name:32} {median(rates):8.0f} debits/s")
    verdicts = [
        ("service, 10 000 accounts", "bare SQL, 10 000 accounts", LEAST_SHARE),
        ("service, one hot account", "bare SQL, one hot account", LEAST_SHARE),
        ("service, hot, 100 000 entries", "service, one hot account", LEAST_FLATNESS),
    ]
    passed = True
    for ours, theirs, least in verdicts:
        share = median(mine / other for mine, other in zip(runs[ours], runs[theirs], strict=True))
        passed &= share >= least
        print(f"{'PASS' if share >= least else 'FAIL'}  {ours} / {theirs}: {share:.0%} (limit {least:.0%})")
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with own_database() as url:
        accounts = prepare(url)
        return 0 if report(measure(url, accounts, options.seconds, options.rounds)) else 1


if __name__ == "__main__":
    sys.exit(main())
