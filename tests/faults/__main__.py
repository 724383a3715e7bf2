"""`make faults`: the order ends Activé with exactly its cards, whatever dies on the way. Prints figures.

Not part of `make test`: it takes minutes, most of them waiting for leases of dead workers to lapse.
"""

import sys
import time
from collections.abc import Callable
from itertools import product

from tests.faults.site import Site
from tests.faults.worker import WHEN
from tests.services import NotHere

# The jobs between the customer's card and the last mail.
STEPS = (
    "sandbox.bank_step",
    "orders.handle_webhook",
    "wallet.issue_batch",
    "wallet.card_issued",
    "wallet.draw_cards",
    "orders.make_invoice",
    "orders.confirm_by_mail",
    "outbox.send_mail",
)
ORDERS = 12
PATIENCE_SECONDS = 420


def main() -> int:
    try:
        site = Site()
    except NotHere as reason:
        print(f"Cannot run: {reason}")
        return 2
    try:
        site.open()
        import django

        django.setup()
        fine = [
            scenario("nothing is disturbed", site, lambda: 0.0),
            scenario("the worker is killed at every step", site, lambda: kill_at_every_step(site)),
            scenario("Redis forgets everything, again and again", site, lambda: flush_redis(site)),
            scenario("Redis is down for ten seconds", site, lambda: stop_redis(site)),
            scenario("PostgreSQL crashes and restarts, twice", site, lambda: restart_postgres(site)),
        ]
    finally:
        site.close()
    print(f"\n{sum(fine)} of {len(fine)} scenarios ended as they must.")
    return 0 if all(fine) else 1


def scenario(title: str, site: Site, disturb: Callable[[], float]) -> bool:
    """Place and pay orders, disturb, wait for calm, and print how it ended; whether all is right."""
    from tests.faults.orders import outcome, place_and_pay, quiet

    restarts = site.restarts
    placed = place_and_pay(ORDERS)
    began = time.monotonic()
    over_at = began + disturb()
    until = time.monotonic() + PATIENCE_SECONDS
    while not (patiently(lambda: quiet(placed)) and not list(site.points.iterdir())):
        site.look_after()
        if time.monotonic() > until:
            break
        time.sleep(0.3)
    ended = time.monotonic()
    result = outcome(placed)
    left = sorted(point.name for point in site.points.iterdir())
    print(
        f"\n{title}\n"
        f"  orders Activé            {result.activated} of {result.orders}\n"
        f"  with exactly their cards {result.exact} of {result.orders}\n"
        f"  invoices, one each       {result.invoices} of {result.orders}\n"
        f"  mails sent so far        {result.mails}, twice under one Message-ID: {result.mails_twice}\n"
        f"  jobs parked              {result.parked}\n"
        f"  books                    {'right' if result.books_right else 'WRONG'}\n"
        f"  workers found dead       {site.restarts - restarts}\n"
        f"  all done after           {ended - began:.1f} s, {max(ended - over_at, 0):.1f} s after its end"
        + (f"\n  NOT REACHED              {', '.join(left)}" if left else ""),
        flush=True,
    )
    return result.right and not left


def patiently(ask: Callable[[], bool]) -> bool:
    """Ask the database, which may be away; then no."""
    from django.db import DatabaseError, connection

    try:
        return ask()
    except DatabaseError:
        connection.close()
        return False


def kill_at_every_step(site: Site) -> float:
    """Arm the points and start a worker that sees them; it dies once at each of them."""
    for kind, when in product(STEPS, WHEN):
        (site.points / f"{kind}:{when}").touch()
    site.programs["worker"].kill()
    site.programs["worker"].wait()
    site.start("worker")
    return 0.0


def flush_redis(site: Site) -> float:
    import redis

    server = redis.Redis.from_url(site.redis.url)
    began = time.monotonic()
    while time.monotonic() - began < 10:
        server.flushall()
        time.sleep(0.1)
    return time.monotonic() - began


def stop_redis(site: Site) -> float:
    began = time.monotonic()
    time.sleep(1)
    site.redis.stop()
    while time.monotonic() - began < 11:
        site.look_after()
        time.sleep(0.2)
    site.redis.start()
    return time.monotonic() - began


def restart_postgres(site: Site) -> float:
    began = time.monotonic()
    for _ in range(2):
        time.sleep(1.5)
        site.postgres.stop("immediate")
        time.sleep(1.5)
        site.postgres.start()
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
