"""The calendar file of one screening (S2.5), read back as a calendar program would."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from documents.services.event import EventData, build_event_ics


def an_event(**changes: Any) -> EventData:
    values: dict[str, Any] = {
        "uid": "RES-324@mirabelle.example",
        "sequence": 0,
        "title": "Les Vergers de l'Est",
        "starts_at": datetime(2026, 11, 27, 19, 15, tzinfo=UTC),
        "minutes": 118,
        "place": "Le Mirage, 3 place des Halles, 57000 Metz",
        "text": "Salle 4, 3 fauteuils.",
        "url": "https://mirabelle.example/cinema/reservations/RES-324/",
        "changed_at": datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
    }
    return EventData(**values | changes)


def parsed(event: EventData) -> Any:
    calendar = Calendar.from_ical(build_event_ics(event))
    (entry,) = calendar.walk("VEVENT")
    return entry


def test_the_event_lasts_as_long_as_the_film_in_the_hours_of_paris():  # S2.5
    entry = parsed(an_event())
    assert entry.decoded("dtstart") == datetime(2026, 11, 27, 19, 15, tzinfo=UTC)
    assert entry.decoded("dtend") - entry.decoded("dtstart") == timedelta(minutes=118)
    assert entry["dtstart"].params["TZID"] == "Europe/Paris"
    assert b"DTSTART;TZID=Europe/Paris:20261127T201500" in build_event_ics(an_event())


def test_the_time_zone_comes_with_its_rules():
    zones = Calendar.from_ical(build_event_ics(an_event())).walk("VTIMEZONE")
    assert [str(zone["tzid"]) for zone in zones] == ["Europe/Paris"]
    assert zones[0].walk("DAYLIGHT")
    assert zones[0].walk("STANDARD")


@pytest.mark.parametrize(
    ("starts_at", "written"),
    [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), b"20261025T023000"),  # summer time, for half an hour more
        (datetime(2026, 7, 14, 20, 0, tzinfo=UTC), b"20260714T220000"),
        (datetime(2026, 11, 27, 23, 40, tzinfo=UTC), b"20261128T004000"),
    ],
)
def test_the_local_hour_follows_the_season(starts_at, written):
    assert b"DTSTART;TZID=Europe/Paris:" + written in build_event_ics(an_event(starts_at=starts_at))


def test_a_film_over_the_change_of_hour_keeps_its_real_length():
    entry = parsed(an_event(starts_at=datetime(2026, 10, 25, 0, 30, tzinfo=UTC), minutes=120))
    begin, end = (entry.decoded(name).astimezone(UTC) for name in ("dtstart", "dtend"))
    assert end - begin == timedelta(minutes=120)


def test_the_event_says_where_and_how_to_find_the_booking():
    entry = parsed(an_event())
    assert str(entry["summary"]) == "Les Vergers de l'Est"
    assert str(entry["location"]) == "Le Mirage, 3 place des Halles, 57000 Metz"
    assert str(entry["url"]).endswith("/cinema/reservations/RES-324/")
    assert str(entry["status"]) == "CONFIRMED"


def test_a_moved_screening_is_the_same_event_with_a_higher_sequence():
    before, after = parsed(an_event()), parsed(an_event(sequence=2))
    assert str(before["uid"]) == str(after["uid"])
    assert (before["sequence"], after["sequence"]) == (0, 2)


def test_a_cancelled_event_is_said_to_be_cancelled_and_leaves_the_time_free():
    entry = parsed(an_event(is_cancelled=True))
    assert (str(entry["status"]), str(entry["transp"])) == ("CANCELLED", "TRANSPARENT")


def test_names_cannot_add_lines_of_their_own():
    entry = parsed(an_event(title="Film\r\nATTENDEE:mailto:x@example.org", place="A;B,C\\D"))
    assert "ATTENDEE" not in entry
    assert str(entry["location"]) == "A;B,C\\D"
