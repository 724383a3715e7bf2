"""Booking seats with places, through the service, against a bare ledger debit, on PostgreSQL, 16 clients.

Usage: `python -m bench.booking [--seconds 5] [--rounds 3] [--profile]`. Needs a server at DATABASE_URL
(default: postgres@127.0.0.1:5432) where it may create and drop a database of its own. A booking is one or two
places of one card, nothing to pay: eligibility, the debit, the seats, its rows, its event and its job. Both
sides run in turn on the same accounts in the same minutes; the figure to compare is the ratio.
"""

import argparse
import cProfile
import multiprocessing
import os
import pstats
import random
import sys
import threading
import time
import uuid
from datetime import timedelta
from statistics import median
from typing import Any

from bench.ledger import CLIENTS, PROCESSES, THREADS, own_database, service_rate, start_django

CARDS, SCREENINGS = 10_000, 200
PLENTY = 10**9
LEAST_SHARE = 0.25  # of the bare debit's rate (issue 3, "Speed")

Card = tuple[uuid.UUID, int]  # with its holder


def prepare() -> tuple[list[Card], list[int], list[int]]:
    """Cards with their holders, their accounts, and the screenings to book."""
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from accounts.models import User
    from ledger.services.debit import debit
    from wallet.models import CardProduct

    call_command("migrate", verbosity=0)
    now = timezone.now()
    users = User.objects.bulk_create(User(email=f"c{n}@essai.example", password="!") for n in range(CARDS))
    product = CardProduct.objects.create(slug="cinq", name="CinéCarte 5 places", places=5)
    cards, accounts = make_cards(product, [user.pk for user in users], now)
    debit(key=uuid.uuid4(), account_id=accounts[0], sink="till", amount=1, kind="purchase", at=now)
    debit(key=uuid.uuid4(), account_id=accounts[0], sink="cinema", amount=1, kind="booking", at=now)
    screenings = make_screenings(now)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()
    return cards, accounts, screenings


def make_cards(product: Any, holders: list[int], now: Any) -> tuple[list[Card], list[int]]:
    """One card per holder, with one lot in its account."""
    from ledger.services.open_credited import OpenRequest, open_credited
    from wallet.models import Card as CardRow
    from wallet.states import PLACE, CardKind

    requests = [
        OpenRequest(
            key=uuid.uuid4(),
            unit=PLACE,
            holder=f"user:{holder}",
            source="issuer",
            amount=PLENTY,
            kind="issue",
            at=now - timedelta(days=1),
            expires_at=now + timedelta(days=365),
        )
        for holder in holders
    ]
    accounts = [pk for n in range(0, len(requests), 1000) for pk in open_credited(requests[n : n + 1000])]
    rows = CardRow.objects.bulk_create(
        (
            CardRow(
                holder_id=holder,
                kind=CardKind.PLACES,
                product=product,
                account_id=account,
                number_sealed="sealed",
                number_index=f"{account}",
                last4="0000",
                masked="5033XXXXXXXXXXXX0000",
                face_minor=5,
                currency=PLACE,
                product_name=product.name,
                issuer="places:cinq",
                issued_at=now,
                expires_on=now.date() + timedelta(days=300),
            )
            for holder, account in zip(holders, accounts, strict=True)
        ),
        batch_size=1000,
    )
    return [(row.pk, holder) for row, holder in zip(rows, holders, strict=True)], accounts


def make_screenings(now: Any) -> list[int]:
    from kernel.calendar import programme_day
    from wallet.models import Cinema, Film, Screening

    cinema = Cinema.objects.create(code="metz", name="Cinéma", city="Metz")
    film = Film.objects.create(code="film", title="Le Verger", minutes=100)
    starts = [now + timedelta(days=2, minutes=n) for n in range(SCREENINGS)]
    return [
        row.pk
        for row in Screening.objects.bulk_create(
            Screening(
                code=f"s{n}",
                cinema=cinema,
                film=film,
                room="1",
                starts_at=at,
                programme_on=programme_day(at),
                price_minor=1000,
                capacity=PLENTY,
            )
            for n, at in enumerate(starts)
        )
    ]


def bookings(
    url: str,
    cards: list[Card],
    screenings: list[int],
    barrier: Any,
    results: Any,
    seconds: int,
    profile: bool,
) -> None:
    """One process of customers: THREADS clients that book until the time is up."""
    start_django(url)
    from django.db import connection

    done = [0] * THREADS

    def customer(n: int) -> None:
        connection.ensure_connection()
        one_booking(random.choice(cards), screenings[0])  # imports, caches, prepared statements
        barrier.wait()
        end = time.monotonic() + seconds
        profiler = cProfile.Profile() if profile and n == 0 else None
        if profiler:
            profiler.enable()
        while time.monotonic() < end:
            one_booking(random.choice(cards), random.choice(screenings))
            done[n] += 1
        if profiler:
            profiler.disable()
            pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
        connection.close()

    threads = [threading.Thread(target=customer, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(sum(done))


def one_booking(card: Card, screening_id: int) -> None:
    from django.utils import timezone

    from wallet.services.book import book_seats

    card_id, holder_id = card
    seats = random.choice((1, 2))
    book_seats(
        key=uuid.uuid4(),
        customer_id=holder_id,
        screening_id=screening_id,
        seats=seats,
        means={card_id: seats},
        at=timezone.now(),
    )


def booking_rate(
    url: str, cards: list[Card], screenings: list[int], seconds: int, *, profile: bool = False
) -> float:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(CLIENTS), context.Queue()
    workers = [
        context.Process(
            target=bookings, args=(url, cards, screenings, barrier, results, seconds, profile and n == 0)
        )
        for n in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    total = sum(results.get(timeout=seconds + 120) for _ in workers)
    for worker in workers:
        worker.join()
    return total / seconds


def count_statements(card: Card, screening_id: int) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        one_booking(card, screening_id)
    connection.close()
    return sum(query["sql"] not in ("BEGIN", "COMMIT") for query in queries)


def check_books(seats_expected_at_least: int) -> None:
    """Speed must not come from bookings that were not made."""
    from django.db import connection
    from django.db.models import Sum
    from django.utils import timezone

    from ledger.services.audit import audit
    from wallet.models import Booking, BookingEvent, BookingMeans, Screening

    seats = Booking.objects.aggregate(n=Sum("seats"))["n"]
    assert seats >= seats_expected_at_least
    assert Screening.objects.aggregate(n=Sum("taken"))["n"] == seats
    assert BookingMeans.objects.aggregate(n=Sum("places"))["n"] == seats
    assert BookingEvent.objects.count() == Booking.objects.filter(state="confirmed").count()
    assert audit(at=timezone.now()).ok
    connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with own_database() as url:
        start_django(url)
        cards, accounts, screenings = prepare()
        statements = count_statements(cards[0], screenings[0])
        debits, booked, hot = [], [], []
        for _ in range(options.rounds):
            debits.append(service_rate(url, accounts, options.seconds))
            booked.append(booking_rate(url, cards, screenings, options.seconds, profile=options.profile))
            hot.append(booking_rate(url, cards, screenings[:1], options.seconds))
        check_books(int(sum(booked) * options.seconds))
    share = median(mine / bare for mine, bare in zip(booked, debits, strict=True))
    print(f"statements of a booking: {statements}")
    print(f"bare debit through the service {median(debits):.0f}/s")
    print(f"bookings: {SCREENINGS} screenings {median(booked):.0f}/s, one screening {median(hot):.0f}/s")
    verdict = "PASS" if share >= LEAST_SHARE else "FAIL"
    print(f"{verdict}  booking / bare debit, {CLIENTS} clients: {share:.0%} (limit {LEAST_SHARE:.0%})")
    return 0 if share >= LEAST_SHARE else 1


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    sys.exit(main())
