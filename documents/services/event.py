"""One appointment as a file that every calendar program reads (RFC 5545)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from icalendar import Calendar, Event

from kernel.calendar import PARIS

PRODUCT = "-//Mirabelle//Cinema//FR"


@dataclass(frozen=True)
class EventData:
    """`uid` stays the same for ever, and `sequence` grows with each change: so a program updates its entry.

    `starts_at` and `changed_at` are instants. A cancelled event is said to be so, never left out.
    """

    uid: str
    sequence: int
    title: str
    starts_at: datetime
    minutes: int
    place: str
    text: str
    url: str
    changed_at: datetime
    is_cancelled: bool = False


def build_event_ics(event: EventData) -> bytes:
    """The calendar file of one appointment, told in the hours of Paris with the rules of its time zone."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(_entry(event))
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _entry(event: EventData) -> Event:
    starts = event.starts_at.astimezone(PARIS)
    entry = Event()
    entry.add("uid", event.uid)
    entry.add("sequence", event.sequence)
    entry.add("dtstamp", event.changed_at)
    entry.add("last-modified", event.changed_at)
    entry.add("dtstart", starts)
    entry.add("dtend", (event.starts_at + timedelta(minutes=event.minutes)).astimezone(PARIS))
    entry.add("summary", event.title)
    entry.add("location", event.place)
    entry.add("description", event.text)
    entry.add("url", event.url)
    entry.add("status", "CANCELLED" if event.is_cancelled else "CONFIRMED")
    entry.add("transp", "TRANSPARENT" if event.is_cancelled else "OPAQUE")
    return entry
