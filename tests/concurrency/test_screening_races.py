"""Two operators at once on one room and one screening: right with the locks, wrong without.

With the locks removed their storm must break something, else the test proves nothing about them. A short
pause before writing makes the race wide enough to be seen in either case.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F, QuerySet

from kernel.errors import DomainError
from outbox.models import Job
from tests.wallet.factories_programme import (
    make_booking,
    make_cinema,
    make_film,
    make_screening,
    paris,
    plan_screening,
)
from wallet.models import Screening, ScreeningEvent
from wallet.services import screening as service
from wallet.services.screening import cancel_screening, schedule_screening

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
NOW = paris("2027-05-10", "12:00")
AT_ONCE = 8


@pytest.fixture(params=["held", "removed"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("_write", "_note"):
        monkeypatch.setattr(service, name, _slowly(getattr(service, name)))
    if request.param == "removed":
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    return str(request.param)


def _slowly(act: Callable[..., None]) -> Callable[..., None]:
    def later(*args: object) -> None:
        time.sleep(0.05)
        act(*args)

    return later


def at_once(*calls: Callable[[], Any]) -> None:
    start = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> None:
        start.wait()
        try:
            call()
        except DomainError:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        list(threads.map(run, calls))


def test_a_room_is_given_once(locks: str) -> None:
    cinema, film = make_cinema(), make_film(minutes=100)
    plans = [
        plan_screening(paris("2027-05-20") + timedelta(minutes=minute), cinema=cinema, film=film)
        for minute in range(AT_ONCE)
    ]
    at_once(*[lambda plan=plan: schedule_screening(plan=plan, at=NOW) for plan in plans])
    given = Screening.objects.count()
    assert given == 1 if locks == "held" else given > 1


def test_a_seat_booked_while_the_screening_is_called_off_is_told_or_refused() -> None:  # S2.5
    screening = make_screening(paris("2027-05-20"), at=NOW)
    people = [make_booking(screening, state="cancelled", ended_at=NOW).customer for _ in range(AT_ONCE)]

    def book(person: Any) -> None:
        """Seats are taken by one conditional UPDATE, as booking does it."""
        with transaction.atomic():
            free = Screening.objects.filter(pk=screening.pk, state="open", taken__lt=F("capacity"))
            if free.update(taken=F("taken") + 1):
                time.sleep(0.02)
                make_booking(screening, person, seats=1)

    at_once(
        *[lambda person=person: book(person) for person in people],
        lambda: cancel_screening(screening_id=screening.pk, reason="", at=NOW),
    )
    live = screening.bookings.filter(state="confirmed").count()
    assert Job.objects.filter(kind="wallet.booking_called_off").count() == live


def test_a_screening_is_called_off_once(locks: str) -> None:
    screening = make_screening(paris("2027-05-20"), at=NOW)
    at_once(*[lambda: cancel_screening(screening_id=screening.pk, reason="", at=NOW)] * AT_ONCE)
    told = ScreeningEvent.objects.filter(kind="cancelled").count()
    assert told == 1 if locks == "held" else told > 1
