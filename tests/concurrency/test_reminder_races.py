"""Two workers remind of one card at once: one mail with the lock, a failed run without."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connection
from django.db.models import QuerySet

from kernel.calendar import local_date
from outbox.models import Mail
from tests.wallet.factories import make_user
from tests.wallet.factories_programme import make_place_card, paris
from wallet.models import ExpiryReminder
from wallet.services import remind
from wallet.services.remind import remind_of_expiry

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
AT = paris("2027-05-24", "10:00")


@pytest.mark.parametrize("locks", ["held", "removed"])
def test_a_customer_is_written_to_once(locks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_place_card(make_user(), expires_on=local_date(AT) + timedelta(days=7), at=AT - timedelta(days=60))
    decide, start = remind._due, Barrier(2)

    def slowly(*args: object, **given: object) -> object:
        time.sleep(0.1)
        return decide(*args, **given)

    monkeypatch.setattr(remind, "_due", slowly)
    if locks == "removed":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())

    def run(_place: int) -> object:
        start.wait()
        try:
            return remind_of_expiry(at=AT)
        except IntegrityError:
            return "refused by the database"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as workers:
        outcomes = list(workers.map(run, range(2)))
    assert set(outcomes) == ({1, 0} if locks == "held" else {1, "refused by the database"})
    assert (ExpiryReminder.objects.count(), Mail.objects.count()) == (1, 1)
