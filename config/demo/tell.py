"""The whole story, once. Told again, on a later day, only the coming days of the cinemas are announced.

Data of a release without loyalty gains its points once.
"""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from accounts.models import User
from config.demo.billing import tell_billing
from config.demo.bulk import tell_bulk
from config.demo.cinema import fill_cinema
from config.demo.credit import tell_credit
from config.demo.help import fill_help
from config.demo.history import tell_history
from config.demo.loyalty import fill_loyalty, loyalty_is_told, open_loyalty
from config.demo.merchants import tell_merchants
from config.demo.past import forget_jobs
from config.demo.people import MEMBER, known_people, people
from config.demo.places import describe_places, fill_wallet
from config.demo.prepaid import tell_prepaid
from config.demo.programme import fill_programme
from config.demo.queue import fill_queue
from config.demo.shop import stock_shop


class NotADemo(Exception):
    """Demo accounts have public passwords: never beside real people."""


def tell(*, at: datetime) -> bool:
    """Write the demo's data as of `at`, all or nothing; False when it is there. Refuses `NotADemo`."""
    if settings.PRODUCTION or not settings.SANDBOX:
        raise NotADemo
    if User.objects.filter(email=MEMBER).exists():
        fill_programme(at=at)
        if not loyalty_is_told():
            _add_loyalty(at=at)
        return False
    with transaction.atomic(), forget_jobs():
        cast = people(at=at)
        products = stock_shop(cast, at=at)
        describe_places()
        fill_help()
        fill_queue(cast, at=at)
        open_loyalty(cast, at=at)
        tell_history(cast, products, at=at)
        fill_wallet(cast, at=at)
        fill_loyalty(cast, at=at)
        fill_cinema(cast, at=at)
        tell_prepaid(cast, products, at=at)
        tell_credit(cast, at=at)
        tell_billing(cast, at=at)
        tell_merchants(cast, at=at)
        tell_bulk(cast, products, at=at)
    return True


def _add_loyalty(*, at: datetime) -> None:
    """For the data of a release that had no points yet."""
    cast = known_people()
    with transaction.atomic(), forget_jobs():
        open_loyalty(cast, at=at)
        fill_loyalty(cast, at=at)
