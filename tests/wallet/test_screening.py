"""Screenings are scheduled, revised, moved and called off by one service."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from outbox.models import Job
from tests.wallet.factories_programme import (
    make_booking,
    make_cinema,
    make_film,
    make_screening,
    paris,
    plan_screening,
)
from wallet.errors import (
    CodeTaken,
    RoomTaken,
    ScreeningCancelled,
    ScreeningPast,
    ScreeningSold,
    SeatsTaken,
)
from wallet.models import Booking, Screening, ScreeningEvent
from wallet.services import screening as service
from wallet.services.screening import (
    Put,
    Refused,
    cancel_screening,
    move_screening,
    plan_of,
    schedule_screening,
    schedule_screenings,
)

pytestmark = pytest.mark.django_db
NOW = paris("2027-05-10", "12:00")


def jobs(kind: str) -> list[str]:
    return list(Job.objects.filter(kind=kind).order_by("pk").values_list("ref", flat=True))


def events(screening: Screening) -> list[tuple[str, str]]:
    return list(screening.events.order_by("pk").values_list("kind", "note"))


def refused(refusal: type[Exception], plan, *, at=NOW) -> None:
    """The plan is refused and nothing changes."""
    before = list(Screening.objects.values()), ScreeningEvent.objects.count()
    with pytest.raises(refusal):
        schedule_screening(plan=plan, at=at)
    assert (list(Screening.objects.values()), ScreeningEvent.objects.count()) == before


# --- scheduling


@pytest.mark.parametrize(
    ("day", "clock", "programme_on"),
    [
        ("2027-05-20", "20:15", date(2027, 5, 20)),
        ("2027-05-21", "00:30", date(2027, 5, 20)),
        ("2027-05-21", "04:59", date(2027, 5, 20)),
        ("2027-05-21", "05:00", date(2027, 5, 21)),
    ],
)
def test_a_screening_belongs_to_its_programme_day(day, clock, programme_on):  # S2.4
    plan = plan_screening(paris(day, clock))
    assert schedule_screening(plan=plan, at=NOW) is Put.ADDED
    screening = Screening.objects.get()
    assert screening.programme_on == programme_on
    assert events(screening) == [("scheduled", "")]


def test_the_same_plan_again_changes_nothing():
    plan = plan_screening(paris("2027-05-20"))
    schedule_screening(plan=plan, at=NOW)
    assert schedule_screening(plan=plan, at=NOW) is Put.UNCHANGED
    # Also when it is over by then.
    assert schedule_screening(plan=plan, at=paris("2027-06-01")) is Put.UNCHANGED
    assert ScreeningEvent.objects.count() == 1


def test_nothing_is_scheduled_in_the_past():
    refused(ScreeningPast, plan_screening(NOW))
    refused(ScreeningPast, plan_screening(paris("2027-05-09")))


def test_a_room_shows_one_film_at_a_time():
    cinema, film = make_cinema(), make_film(minutes=100)
    first = plan_screening(paris("2027-05-20", "20:15"), cinema=cinema, film=film)
    schedule_screening(plan=first, at=NOW)
    for clock, room in (("21:54", "Salle 1"), ("18:36", "salle  1 "), ("20:15", "Salle 1")):
        clash = plan_screening(paris("2027-05-20", clock), cinema=cinema, film=film, room=room)
        refused(RoomTaken, clash)
    for clock, room in (("21:55", "Salle 1"), ("18:35", "Salle 1"), ("20:15", "Salle 2")):
        beside = plan_screening(paris("2027-05-20", clock), cinema=cinema, film=film, room=room)
        assert schedule_screening(plan=beside, at=NOW) is Put.ADDED


def test_a_cancelled_screening_leaves_its_room():
    cinema = make_cinema()
    first = make_screening(paris("2027-05-20"), cinema=cinema, at=NOW)
    cancel_screening(screening_id=first.pk, reason="Panne", at=NOW)
    assert schedule_screening(plan=plan_screening(paris("2027-05-20"), cinema=cinema), at=NOW) is Put.ADDED


def test_a_code_stays_with_its_cinema():
    known = make_screening(paris("2027-05-20"), at=NOW)
    refused(CodeTaken, replace(plan_of(known), cinema_id=make_cinema().pk))


def test_an_unsold_screening_is_revised_in_everything():
    known = make_screening(paris("2027-05-20"), at=NOW)
    wanted = replace(
        plan_of(known),
        film_id=make_film().pk,
        room="Salle 4",
        starts_at=paris("2027-05-21", "00:10"),
        technology="imax",
        language="VOST",
        price_minor=1500,
        capacity=10,
    )
    assert schedule_screening(plan=wanted, at=NOW) is Put.CHANGED
    known.refresh_from_db()
    assert plan_of(known) == wanted
    assert known.programme_on == date(2027, 5, 20)
    assert [kind for kind, _ in events(known)] == ["scheduled", "changed"]
    assert "Salle 1" in events(known)[1][1]


def test_what_people_booked_stays_as_it_is():
    known = make_screening(paris("2027-05-20"), taken=3, at=NOW)
    for change in (
        {"film_id": make_film().pk},
        {"technology": "3d"},
        {"language": "VO"},
        {"starts_at": paris("2027-05-20", "20:30")},
    ):
        refused(ScreeningSold, replace(plan_of(known), **change))
    room_and_price = replace(plan_of(known), room="Salle 9", price_minor=990, capacity=3)
    assert schedule_screening(plan=room_and_price, at=NOW) is Put.CHANGED
    known.refresh_from_db()
    assert (known.room, known.price_minor, known.capacity, known.taken) == ("Salle 9", 990, 3, 3)


def test_seats_that_are_taken_are_not_taken_away():
    known = make_screening(paris("2027-05-20"), taken=3, at=NOW)
    refused(SeatsTaken, replace(plan_of(known), capacity=2))
    with pytest.raises(IntegrityError), transaction.atomic():
        Screening.objects.filter(pk=known.pk).update(capacity=2)


def test_a_screening_that_has_begun_or_is_cancelled_is_not_revised():
    known = make_screening(paris("2027-05-20"), at=NOW)
    refused(ScreeningPast, replace(plan_of(known), room="Salle 2"), at=known.starts_at)
    cancel_screening(screening_id=known.pk, reason="Panne", at=NOW)
    refused(ScreeningCancelled, replace(plan_of(known), room="Salle 2"))
    refused(ScreeningCancelled, plan_of(known))


def test_a_refused_plan_leaves_the_others():
    cinema = make_cinema()
    first = plan_screening(paris("2027-05-20", "20:15"), cinema=cinema)
    clash = plan_screening(paris("2027-05-20", "20:30"), cinema=cinema)
    last = plan_screening(paris("2027-05-20", "23:00"), cinema=cinema)
    outcomes = schedule_screenings(plans=[first, clash, last], at=NOW)
    assert outcomes[0] is outcomes[2] is Put.ADDED
    assert isinstance(outcomes[1], Refused)
    assert isinstance(outcomes[1].refusal, RoomTaken)
    assert set(Screening.objects.values_list("code", flat=True)) == {first.code, last.code}


def test_a_revised_screening_frees_its_room_for_the_next_plan():
    cinema = make_cinema()
    known = make_screening(paris("2027-05-20", "20:15"), cinema=cinema, at=NOW)
    elsewhere = replace(plan_of(known), room="Salle 2")
    instead = plan_screening(paris("2027-05-20", "20:15"), cinema=cinema)
    assert schedule_screenings(plans=[elsewhere, instead], at=NOW) == [Put.CHANGED, Put.ADDED]


def test_many_plans_take_few_statements(django_assert_max_num_queries):
    cinema, film = make_cinema(), make_film()
    plans = [
        plan_screening(paris("2027-05-20") + timedelta(hours=3 * place), cinema=cinema, film=film)
        for place in range(300)
    ]
    with django_assert_max_num_queries(12):
        assert schedule_screenings(plans=plans, at=NOW) == [Put.ADDED] * 300
    with django_assert_max_num_queries(8):
        assert schedule_screenings(plans=plans, at=NOW) == [Put.UNCHANGED] * 300


# --- calling off


def test_calling_off_tells_every_live_booking_once():  # S2.5
    screening = make_screening(paris("2027-05-20"), at=NOW)
    live = [make_booking(screening), make_booking(screening, state="held")]
    for state in ("released", "cancelled"):
        make_booking(screening, state=state, ended_at=NOW)
    make_booking(make_screening(paris("2027-05-20"), at=NOW))
    for _ in range(2):
        cancel_screening(screening_id=screening.pk, reason="Panne du projecteur", at=NOW, actor="admin")
    screening.refresh_from_db()
    assert screening.state == "cancelled"
    assert jobs("wallet.booking_called_off") == [str(booking.pk) for booking in live]
    assert events(screening)[1:] == [("cancelled", "Panne du projecteur")]


def test_calling_off_goes_through_the_bookings_in_batches(monkeypatch):
    monkeypatch.setattr(service, "BATCH", 2)
    screening = make_screening(paris("2027-05-20"), at=NOW)
    live = [make_booking(screening) for _ in range(5)]
    cancel_screening(screening_id=screening.pk, reason="", at=NOW)
    assert jobs("wallet.booking_called_off") == [str(booking.pk) for booking in live]


def test_a_screening_that_has_begun_is_not_called_off():
    screening = make_screening(paris("2027-05-20"), at=NOW)
    make_booking(screening)
    with pytest.raises(ScreeningPast):
        cancel_screening(screening_id=screening.pk, reason="", at=screening.starts_at)
    screening.refresh_from_db()
    assert screening.state == "open"
    assert jobs("wallet.booking_called_off") == []
    assert len(events(screening)) == 1


# --- moving


def test_moving_tells_every_live_booking_what_it_was():  # S2.4, S2.5
    start, later = paris("2027-05-20", "20:15"), paris("2027-05-22", "00:15")
    screening = make_screening(start, at=NOW)
    booking, ended = make_booking(screening), make_booking(screening, state="cancelled", ended_at=NOW)
    move_screening(screening_id=screening.pk, starts_at=later, at=NOW)
    screening.refresh_from_db()
    assert (screening.starts_at, screening.programme_on) == (later, date(2027, 5, 21))
    booking.refresh_from_db()
    ended.refresh_from_db()
    assert (booking.moved_from, ended.moved_from) == (start, None)
    assert jobs("wallet.booking_moved") == [str(booking.pk)]
    assert events(screening)[1:] == [("moved", "20/05/2027 20:15")]


def test_moving_twice_tells_again_and_keeps_the_first_start():
    start = paris("2027-05-20", "20:15")
    screening = make_screening(start, at=NOW)
    booking = make_booking(screening)
    move_screening(screening_id=screening.pk, starts_at=paris("2027-05-21"), at=NOW)
    Job.objects.update(state="done", finished_at=NOW)
    newcomer = make_booking(screening)
    move_screening(screening_id=screening.pk, starts_at=paris("2027-05-22"), at=NOW)
    booking.refresh_from_db()
    newcomer.refresh_from_db()
    assert (booking.moved_from, newcomer.moved_from) == (start, paris("2027-05-21"))
    waiting = Job.objects.filter(kind="wallet.booking_moved", state="waiting").order_by("ref")
    assert [job.ref for job in waiting] == sorted([str(booking.pk), str(newcomer.pk)])


def test_the_same_move_again_changes_nothing():
    screening, later = make_screening(paris("2027-05-20"), at=NOW), paris("2027-05-21")
    booking = make_booking(screening)
    for _ in range(2):
        move_screening(screening_id=screening.pk, starts_at=later, at=NOW)
    booking.refresh_from_db()
    assert booking.moved_from == paris("2027-05-20")
    assert len(events(screening)) == 2


@pytest.mark.parametrize("refusal", [ScreeningPast, RoomTaken, ScreeningCancelled])
def test_a_move_that_cannot_be_is_refused(refusal):
    cinema = make_cinema()
    screening = make_screening(paris("2027-05-20"), cinema=cinema, at=NOW)
    make_screening(paris("2027-05-21"), cinema=cinema, at=NOW)
    booking, target = make_booking(screening), paris("2027-05-21", "19:00")
    if refusal is ScreeningPast:
        target = paris("2027-05-10", "11:59")
    if refusal is ScreeningCancelled:
        Screening.objects.filter(pk=screening.pk).update(state="cancelled")
    with pytest.raises(refusal):
        move_screening(screening_id=screening.pk, starts_at=target, at=NOW)
    screening.refresh_from_db()
    booking.refresh_from_db()
    assert screening.starts_at == paris("2027-05-20")
    assert booking.moved_from is None
    assert jobs("wallet.booking_moved") == []


def test_a_screening_that_has_begun_is_not_moved():
    screening = make_screening(paris("2027-05-20"), at=NOW)
    with pytest.raises(ScreeningPast):
        move_screening(
            screening_id=screening.pk, starts_at=paris("2027-05-21"), at=paris("2027-05-20", "20:16")
        )
    assert Booking.objects.count() == 0
    screening.refresh_from_db()
    assert screening.starts_at == paris("2027-05-20")
