"""Place + pay + issue of one order of three cards, through the services, on PostgreSQL, 4 clients.

Usage: `python bench/orders.py [--orders 400] [--rounds 3] [--profile]`. Needs a server at DATABASE_URL
(default: postgres@127.0.0.1:5432) where it may create and drop a database of its own. What is timed: placing,
the payment's row, paying (intents, jobs), issuing the three cards (accounts, credits, sealed numbers).
The last round adds the job that makes the order Activé and writes its mail. Sending mails and making PDFs
are other jobs (`bench/pdf.py`). CPU per order is printed too, as a busy machine lowers the rate only.

Machines differ and are shared, so the verdict is a ratio to what bounds orders too, Python and PostgreSQL on
two cores: the bare signed-in page of `bench.bare`, asked for just before each round. Issue 2 wants 150 orders
a second where that page does 800. Needs `wrk` on the PATH.
"""

import argparse
import cProfile
import multiprocessing
import pstats
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.ledger import own_database, start_django
from bench.pages import BARE_PORT, load, server

CLIENTS = 4
BARE_SECONDS = 3
LEAST_SHARE = 150 / 800  # of the bare page's rate (issue 2, "Speed")
MOST_QUERIES_TO_PLACE = 8


def prepare(count: int) -> list[tuple[int, int]]:
    """`count` customers of one CSE, each with a cart of 50 + 100 + 10 € at 5 %: (order, customer)."""
    from allauth.account.models import EmailAddress
    from django.core.management import call_command
    from django.utils import timezone

    from accounts.models import Membership, Organisation, User
    from accounts.states import MembershipState
    from orders.models import DiscountAgreement, Order, OrderLine, Product, TermsVersion

    call_command("migrate", verbosity=0)
    now = timezone.now()
    cse = Organisation.objects.create(name="CSE", slug="cse")
    product = Product.objects.create(
        slug="e-carte", name="e-Carte", brand="Essai", min_minor=1000, max_minor=15000
    )
    DiscountAgreement.objects.create(
        organisation=cse, product=product, rate_bp=500, starts_on=now.date() - timedelta(days=9)
    )
    TermsVersion.objects.create(number=1, text="…", published_at=now - timedelta(days=9))
    users = User.objects.bulk_create(User(email=f"c{n}@essai.example", password="!") for n in range(count))
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
    )
    Membership.objects.bulk_create(
        Membership(
            user=user, organisation=cse, state=MembershipState.APPROVED, requested_at=now, decided_at=now
        )
        for user in users
    )
    carts = Order.objects.bulk_create(Order(customer=user) for user in users)
    OrderLine.objects.bulk_create(
        OrderLine(order=cart, product=product, face_minor=f, quantity=1, rate_bp=500, price_minor=p)
        for cart in carts
        for f, p in ((5000, 4750), (10000, 9500), (1000, 950))
    )
    return [(cart.pk, cart.customer_id) for cart in carts]


def whole_order(order_id: int, customer_id: int, terms_id: int, *, activate: bool) -> None:
    from django.utils import timezone

    from orders.gateways.base import PspState, PspStatus
    from orders.models import Payment
    from orders.services.fulfil import card_was_issued
    from orders.services.pay import pay_order
    from orders.services.place import place_order
    from wallet.models import IssueIntent
    from wallet.services.issue import issue_batch

    now = timezone.now()
    order = place_order(order_id=order_id, customer_id=customer_id, version=1, terms_id=terms_id, at=now)
    payment = Payment.objects.create(
        order=order,
        reference=f"MB{order_id:06d}",
        gateway="bank",
        psp_id=f"psp-{order_id}",
        amount_minor=order.total_minor,
        currency="EUR",
        state="redirected",
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )
    evidence = PspState(payment.psp_id, PspStatus.SUCCEEDED, order.total_minor, "EUR")
    pay_order(payment_id=payment.pk, evidence=evidence, at=now)
    issue_batch(batch=f"order:{order_id}", at=now)
    if not activate:
        return
    last = (
        IssueIntent.objects.filter(batch=f"order:{order_id}")
        .order_by("-rank")
        .values_list("pk", flat=True)[0]
    )
    card_was_issued(intent_id=last, at=now)


def signed_in() -> str:
    """The cookie of somebody who looks at the bare page."""
    from django.test import Client

    from accounts.models import User

    client = Client()
    client.force_login(User.objects.earliest("pk"))
    return "; ".join(f"{name}={cookie.value}" for name, cookie in client.cookies.items())


@dataclass(frozen=True)
class Span:
    """What one client did: how often, from when to when, with how much CPU (seconds)."""

    count: int
    began: float
    ended: float
    cpu: float


@contextmanager
def timed(count: int, spans: Any) -> Iterator[None]:
    began, cpu = time.monotonic(), time.process_time()
    yield
    spans.put(Span(count, began, time.monotonic(), time.process_time() - cpu))


def client(
    url: str,
    work: list[tuple[int, int]],
    barrier: Any,
    done: Any,
    profile: bool,
    activate: bool,
) -> None:
    """One customer after another, begun by all clients at once."""
    start_django(url)
    from django.db import connection

    from orders.models import TermsVersion

    terms_id = TermsVersion.objects.get().pk
    whole_order(*work[0], terms_id, activate=activate)  # imports, connection, caches
    barrier.wait()
    profiler = cProfile.Profile() if profile else None
    if profiler:
        profiler.enable()
    with timed(len(work) - 1, done):
        for order_id, customer_id in work[1:]:
            whole_order(order_id, customer_id, terms_id, activate=activate)
    if profiler:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(70)
    connection.close()


@dataclass(frozen=True)
class Round:
    """Bare pages and orders a second, all clients at once; and the clients' own CPU for an order in ms."""

    bare: float
    orders: float
    cpu_ms: float


def one_round(
    url: str, orders: list[tuple[int, int]], *, clients: int, profile: bool, activate: bool
) -> Round:
    with server("bench.bare", BARE_PORT) as pid:
        bare = load("/bare/", signed_in(), BARE_SECONDS, port=BARE_PORT, pid=pid).rate
    context = multiprocessing.get_context("spawn")
    barrier, done = context.Barrier(clients), context.Queue()
    people = [
        context.Process(target=client, args=(url, orders[n::clients], barrier, done, profile, activate))
        for n in range(clients)
    ]
    for person in people:
        person.start()
    spans = [done.get(timeout=300) for _ in people]
    for person in people:
        person.join()
    return Round(bare, rate_of(spans), cpu_ms(spans))


def rate_of(spans: list[Span]) -> float:
    wall = max(span.ended for span in spans) - min(span.began for span in spans)
    return sum(span.count for span in spans) / wall


def cpu_ms(spans: list[Span]) -> float:
    return sum(span.cpu for span in spans) / sum(span.count for span in spans) * 1000


def count_queries(url: str, order_id: int, customer_id: int) -> tuple[int, int]:
    """Statements to place, and of the whole order."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from orders.models import TermsVersion
    from orders.services.place import place_order

    terms_id = TermsVersion.objects.get().pk
    with CaptureQueriesContext(connection) as placing:
        place_order(
            order_id=order_id, customer_id=customer_id, version=1, terms_id=terms_id, at=timezone.now()
        )
    with CaptureQueriesContext(connection) as rest:
        whole_order(order_id, customer_id, terms_id, activate=False)
    frame = ("BEGIN", "COMMIT")
    counts = [sum(q["sql"] not in frame for q in queries) for queries in (placing, rest)]
    return counts[0], sum(counts)


def check_all_done(count: int) -> None:
    """Speed must not come from orders that were not finished."""
    from django.db import connection

    from orders.models import Order
    from wallet.models import Card

    connection.close()
    assert Order.objects.filter(state__in=["validated", "fulfilled"]).count() == count
    assert Card.objects.count() == 3 * count


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--orders", type=int, default=400)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--clients", type=int, default=CLIENTS)
    options.add_argument("--profile", action="store_true")
    args = options.parse_args()
    with own_database() as url:
        start_django(url)
        work = prepare(args.orders * (args.rounds + 1) + 1)
        placing, whole = count_queries(url, *work.pop())
        rounds = []
        for n in range(args.rounds + 1):
            part = work[n * args.orders : (n + 1) * args.orders]
            last = n == args.rounds
            rounds.append(one_round(url, part, clients=args.clients, profile=args.profile, activate=last))
        check_all_done(len(work) + 1)
        from django.db import connection

        connection.close()
    lean = placing <= MOST_QUERIES_TO_PLACE
    print(f"statements: place + pay + issue {whole}")
    print(f"to place: {placing}, limit {MOST_QUERIES_TO_PLACE}: {'PASS' if lean else 'FAIL'}")
    print(f"clients {args.clients}, with the step to Activé {rounds.pop().orders:.0f}/s; without it:")
    return 0 if tell(rounds) and lean else 1


def tell(rounds: list[Round]) -> bool:
    """Print the rates; whether orders are fast enough beside bare pages."""
    share, bare = median(r.orders / r.bare for r in rounds), median(r.bare for r in rounds)
    orders, cpu = median(r.orders for r in rounds), median(r.cpu_ms for r in rounds)
    verdict = "PASS" if share >= LEAST_SHARE else "FAIL"
    print(f"bare signed-in page, one query: {bare:.0f}/s")
    print(f"place + pay + issue, 3 cards: {orders:.0f}/s, client CPU {cpu:.1f} ms")
    print(f"{share:.1%} of bare, limit {LEAST_SHARE:.2%} ({bare * LEAST_SHARE:.0f}/s here): {verdict}")
    return share >= LEAST_SHARE


if __name__ == "__main__":
    sys.exit(main())
