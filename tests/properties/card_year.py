"""A year of random card customers against the oracle, and books that balance to zero (S1).

From October to the January after next: a leap day, both clock changes, a change of the rate.
"""

from datetime import date
from random import Random

from django.conf import settings

from billing.models import Rate, Statement
from billing.services.audit import audit_accounts
from billing.services.run import close_due
from billing.states import BillingDay, RateKind
from kernel.calendar import start_of_day
from ledger.services.audit import audit
from tests.billing.factories import make_account, noon
from tests.properties.card_life import HABITS, Life
from tests.properties.card_oracle import DAY, Oracle

BEGINS, ENDS = date(2023, 10, 1), date(2025, 1, 5)
CAPPED_ON = date(2024, 6, 10)


def rate(day: date) -> int:
    return 1395 if day < CAPPED_ON else 1200


def live_a_year(customers: int, seed: int, *, begins: date = BEGINS, ends: date = ENDS) -> int:
    """Live it and compare; how many statements there were."""
    random = Random(seed)
    Rate.objects.filter(kind=RateKind.CAP).delete()
    Rate.objects.create(kind=RateKind.CAP, starts_on=CAPPED_ON, rate_bp=1200)
    lives = [_born(random, begins) for _ in range(customers)]
    day, made = begins, 0
    while day <= ends:
        if random.random() < 0.9:  # some nights the run does not come about
            made += _night(lives, day)
        for life in lives:
            if life.opened_on <= day:
                life.live(day)
        day += DAY
    made += _night(lives, day)
    at = start_of_day(day + 2 * DAY)
    for life in lives:
        life.check_statements()
        life.check_books(at)
    assert made == Statement.objects.count() == sum(len(life.oracle.bills) for life in lives)
    assert audit_accounts(at=at) == []
    assert audit(at=at).ok
    return made


def _night(lives: list[Life], day: date) -> int:
    made = close_due(at=start_of_day(day), chunk=50)
    for life in lives:
        while life.oracle.closes_on < day:
            life.close()
    return made


def _born(random: Random, begins: date) -> Life:
    billing_day = int(random.choice(BillingDay.values))
    opened_on = begins + random.randint(0, 40) * DAY
    account = make_account(billing_day=billing_day, at=noon(opened_on))
    oracle = Oracle(opened_on, billing_day, rate, count_payment_day=settings.BILLING_COUNT_PAYMENT_DAY)
    habit = random.choice((*HABITS, "", "", "", ""))
    return Life(account, oracle, random, opened_on, busy=random.choice((1, 1, 2)), habit=habit)
