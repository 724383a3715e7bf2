"""Terminals that debit over HTTP, and the settlement of a million transactions, on PostgreSQL.

Usage: `python -m bench.merchants [--seconds 10] [--transactions 1000000] [--only debits|settlement]`. Needs
`pgbench` on the PATH and a server at DATABASE_URL (default: postgres@127.0.0.1:5432) where it may create and
drop a database of its own. The web server is granian with two workers, as in production; 16 terminals in four
processes share the machine with it, so what they see is slower than what it could do alone.

A debit over HTTP is the whole tap: form, device, CVC (counted and committed first), card, ledger, sale. The
bare debit of `bench.ledger` is one row's update; the ratio says what all that costs. One hot card is no
till's day: its taps stand in one row.

The settlement is one process that settles every merchant once. Its memory must not grow with transactions.
"""

import argparse
import http.client
import multiprocessing
import random
import resource
import sys
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.ledger import ACCOUNTS, BARE_SCHEMA, bare_rate, own_database, start_django
from bench.pages import PORT, server

TERMINALS, PROCESSES = 16, 4
CARDS, MERCHANTS = 10_000, 1_000
PLENTY = 10**9
MOST_GROWTH_MB = 64
CENTIMES = 100


@dataclass(frozen=True)
class TillFacts:
    """What a browser at a terminal sends: its cookies, and the cards that it was shown (token, CVC)."""

    cookies: str
    csrf: str
    cards: list[tuple[str, str]]
    hot: tuple[str, str]


def make_cards(count: int) -> list[tuple[uuid.UUID, str]]:
    """Prepaid cards with a CVC and value, as the shop makes them: card and CVC."""
    from django.utils import timezone

    from tests.wallet.factories import make_user
    from wallet.models import Card, PrepaidCard
    from wallet.services.cvc import open_cvc
    from wallet.services.issue import issue_batch
    from wallet.services.plan import CardRequest, plan_issue
    from wallet.states import NO_END

    now, holder = timezone.now() - timedelta(days=90), make_user()
    request = CardRequest(
        face_minor=PLENTY,
        currency="CHF",
        product_name="Carte",
        label="",
        artwork="alpine",
        issuer="prepaid",
        restriction_text="",
        expires_on=NO_END,
    )
    for start in range(0, count, 1_000):
        batch = f"bench:{start}"
        wanted = min(1_000, count - start)
        plan_issue(batch=batch, holder_id=holder.pk, cards=[request] * wanted, due_at=now, at=now)
        issue_batch(batch=batch, at=now)
    sealed = dict(PrepaidCard.objects.values_list("card_id", "cvc_sealed"))
    cards = Card.objects.filter(kind="prepaid").order_by("pk").values_list("pk", flat=True)
    return [(card_id, open_cvc(sealed[card_id], card_id=card_id)) for card_id in cards]


def make_tills(cards: list[tuple[uuid.UUID, str]]) -> list[TillFacts]:
    """Sixteen terminals, each with somebody signed in and its share of the cards on its screen."""
    from django.core import signing
    from django.core.signing import get_cookie_signer
    from django.middleware.csrf import _get_new_csrf_string

    from merchants.doors import COOKIE, SALT
    from merchants.views.common import CARD_SALT
    from tests.merchants.factories import make_till

    found = []
    for n in range(TERMINALS):
        till = make_till()
        secret = _get_new_csrf_string()
        cookie = get_cookie_signer(salt=COOKIE + SALT).sign(till.token)

        def shown(card_id: uuid.UUID, device_id: int = till.device.pk) -> str:
            return signing.dumps(card_id.hex, salt=f"{CARD_SALT}:{device_id}")

        found.append(
            TillFacts(
                cookies=f"{COOKIE}={cookie}; csrftoken={secret}",
                csrf=secret,
                cards=[(shown(card_id), cvc) for card_id, cvc in cards[n::TERMINALS]],
                hot=(shown(cards[0][0]), cards[0][1]),
            )
        )
    return found


@dataclass
class Outcome:
    """What the terminals of one process saw: seconds of each debit that was done, and answers by status."""

    seconds: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)


def debit(connection: http.client.HTTPConnection, till: TillFacts, card: tuple[str, str]) -> int:
    """One tap. 302: debited, or the page that tells what became of it."""
    token, cvc = card
    data = {
        "csrfmiddlewaretoken": till.csrf,
        "cle": str(uuid.uuid4()),
        "montant": "1,25",
        "cvc": cvc,
    }
    headers = {
        "Cookie": till.cookies,
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"http://127.0.0.1:{PORT}",
    }
    connection.request("POST", f"/terminal/montant/{token}/", urlencode(data), headers)
    response = connection.getresponse()
    response.read()
    return response.status


def work(tills: list[TillFacts], hot: bool, seconds: int, barrier: Any, results: Any) -> None:
    """One process: a thread for each of its terminals, which taps until the time is up."""
    outcome, lock = Outcome(), threading.Lock()

    def tap(till: TillFacts) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        debit(connection, till, till.hot if hot else random.choice(till.cards))
        barrier.wait()
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            status = debit(connection, till, till.hot if hot else random.choice(till.cards))
            with lock:
                outcome.answers[status] += 1
                if status == http.client.FOUND:
                    outcome.seconds.append(time.monotonic() - began)

    threads = [threading.Thread(target=tap, args=(till,)) for till in tills]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(outcome)


def debits_over_http(tills: list[TillFacts], *, hot: bool, seconds: int) -> Outcome:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(TERMINALS), context.Queue()
    workers = [
        context.Process(target=work, args=(tills[n::PROCESSES], hot, seconds, barrier, results))
        for n in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    parts = [results.get(timeout=seconds + 120) for _ in workers]
    for worker in workers:
        worker.join()
    answers: Counter[int] = sum((part.answers for part in parts), Counter())
    return Outcome([one for part in parts for one in part.seconds], answers)


def bench_debits(url: str, seconds: int) -> bool:
    """Rates, the 95th percentile, and that each 302 really is a sale."""
    from django.core.management import call_command
    from django.db import connection

    from merchants.models import Sale

    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    tills = make_tills(make_cards(CARDS))
    with connection.cursor() as cursor:
        cursor.execute(BARE_SCHEMA)
        cursor.execute(
            "INSERT INTO bare_account SELECT id, %s FROM generate_series(1, %s) AS id", [PLENTY, ACCOUNTS]
        )
    connection.close()
    with server("config.wsgi", PORT):
        for name, hot in (("10 000 cards", False), ("one hot card", True)):
            before = Sale.objects.count()
            bare = bare_rate(url, 1, 1 if hot else ACCOUNTS, seconds)
            outcome = debits_over_http(tills, hot=hot, seconds=seconds)
            tell(name, outcome, bare, seconds)
            made = Sale.objects.count() - before
            assert made >= len(outcome.seconds), f"{made} sales for {len(outcome.seconds)} answers"
    return True


def tell(name: str, outcome: Outcome, bare: float, seconds: int) -> None:
    times = sorted(outcome.seconds)
    rate = len(times) / seconds
    p50, p95 = (times[int(len(times) * share)] * 1_000 for share in (0.5, 0.95))
    refused = sum(count for status, count in outcome.answers.items() if status != http.client.FOUND)
    print(
        f"terminal debits over HTTP, {name}, {TERMINALS} terminals: {rate:.0f}/s, "
        f"p50 {p50:.0f} ms, p95 {p95:.0f} ms; {rate / bare:.1%} of the bare SQL debit ({bare:.0f}/s); "
        f"asked again: {refused}"
    )


def make_months(transactions: int) -> None:
    """A month of every merchant, by SQL: the same rows as terminals make, and what is owed in the ledger."""
    from django.db import connection
    from django.utils import timezone

    from ledger.services.pass_on import pass_on
    from merchants.models import Merchant
    from tests.merchants.factories import make_till

    make_cards(100)
    for _ in range(MERCHANTS):
        make_till()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO merchants_sale (key, terminal_id, merchant_id, operator_id, rank, at, currency,
                bill_minor, amount_minor, points_minor, excluded_minor, card_id, card_last4, balance_minor,
                member_id, counted, earned_minor, activates_at)
            SELECT gen_random_uuid(), t.id, o.merchant_id, p.id, n, now() - interval '40 days'
                + n * interval '20 minutes', 'CHF', 100 + n %% 5000, 100 + n %% 5000, 0, 0, c.id, c.last4, 0,
                NULL, false, 0, NULL
            FROM generate_series(1, %s) AS n
            CROSS JOIN merchants_terminal t
            JOIN merchants_outlet o ON o.id = t.outlet_id
            CROSS JOIN LATERAL (
                SELECT id FROM merchants_operator WHERE merchant_id = o.merchant_id LIMIT 1
            ) p
            CROSS JOIN LATERAL (SELECT id, last4 FROM wallet_card WHERE kind = 'prepaid' LIMIT 1) c
            """,
            [transactions // MERCHANTS],
        )
        cursor.execute(
            """
            INSERT INTO merchants_reversal (key, sale_id, merchant_id, operator_id, at, balance_minor)
            SELECT gen_random_uuid(), key, merchant_id, operator_id, at + interval '5 minutes', 0
            FROM merchants_sale WHERE rank %% 50 = 0
            """,
            [],
        )
        cursor.execute(
            """
            SELECT s.merchant_id, sum(s.amount_minor) FILTER (WHERE r.key IS NULL) FROM merchants_sale s
            LEFT JOIN merchants_reversal r ON r.sale_id = s.key GROUP BY s.merchant_id
            """
        )
        owed = cursor.fetchall()
        cursor.execute("VACUUM ANALYZE")
    for merchant_id, total in owed:
        pass_on(
            key=uuid.uuid4(),
            source="issuer",
            sink=f"merchant:{merchant_id}",
            unit="CHF",
            amount=int(total),
            kind="bench",
            at=timezone.now(),
        )
    Merchant.objects.update(settlement_period="daily")


def settle_everybody(results: Any, url: str) -> None:
    """One process: each merchant's whole past as one period, and how far its memory grew."""
    start_django(url)
    from django.utils import timezone

    from kernel.calendar import local_date
    from merchants.models import Merchant
    from merchants.services.settle import settle_period
    from merchants.states import Period

    now = timezone.now()
    period = Period(local_date(now - timedelta(days=60)), local_date(now - timedelta(days=1)))
    ids = list(Merchant.objects.order_by("pk").values_list("pk", flat=True))
    settle_period(merchant_id=ids[0], period=period, at=now)  # imports, connection, caches
    before, began = _peak_mb(), time.monotonic()
    for merchant_id in ids[1:]:
        settle_period(merchant_id=merchant_id, period=period, at=now)
    results.put((time.monotonic() - began, before, _peak_mb()))


def bench_settlement(url: str, transactions: int) -> bool:
    from django.db import connection
    from django.db.models import Sum

    from kernel.calendar import start_of_day
    from merchants.models import Sale, SettledSale, Statement
    from merchants.selectors.statements import payable_mismatches

    make_months(transactions)
    connection.close()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    worker = context.Process(target=settle_everybody, args=(results, url))
    worker.start()
    seconds, before, after = results.get(timeout=3_600)
    worker.join()
    settled = SettledSale.objects.count()
    last_day = Statement.objects.latest("ends_on").ends_on
    due = Sale.objects.filter(at__lt=start_of_day(last_day + timedelta(days=1))).count()
    paid = Statement.objects.aggregate(total=Sum("payout_minor"))["total"]
    growth = after - before
    fine = settled == due and payable_mismatches() == [] and growth <= MOST_GROWTH_MB
    print(
        f"settlement: {settled} transactions of {Statement.objects.count()} merchants in {seconds:.1f} s "
        f"({settled / seconds:.0f} transactions/s), CHF {paid / CENTIMES:.2f} to pay, peak memory "
        f"{after:.0f} MB, {growth:+.1f} MB since the first merchant (limit {MOST_GROWTH_MB})"
    )
    print(f"{'PASS' if fine else 'FAIL'}  every transaction is in one statement, and nothing is owed twice")
    return fine


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--transactions", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["debits", "settlement"])
    options = parser.parse_args()
    wanted = [options.only] if options.only else ["debits", "settlement"]
    size = {"debits": options.seconds, "settlement": options.transactions}
    passed = [in_own_database(name, size[name]) for name in wanted]
    return 0 if all(passed) else 1


def in_own_database(name: str, size: int) -> bool:
    """Each in a process of its own, as Django knows one database for its life."""
    with own_database() as url:
        process = multiprocessing.get_context("spawn").Process(target=run, args=(name, size, url))
        process.start()
        process.join()
        return process.exitcode == 0


def run(name: str, size: int, url: str) -> None:
    start_django(url)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    bench = bench_debits if name == "debits" else bench_settlement
    sys.exit(0 if bench(url, size) else 1)


if __name__ == "__main__":
    sys.exit(main())
