"""Last usable days as a calendar file (RFC 5545)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from icalendar import Calendar, Event

from kernel.money import format_minor
from wallet.selectors.deadlines import Deadline


def build_calendar(deadlines: Iterable[Deadline], *, language: str, at: datetime) -> bytes:
    """One all-day event per card, in `language`; a card keeps its UID from file to file."""
    calendar = Calendar()
    calendar.add("prodid", "-//Mirabelle//Portefeuille//FR")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", _("Mirabelle : dates limites"))
    for deadline in deadlines:
        calendar.add_component(_event(deadline, language=language, at=at))
    return bytes(calendar.to_ical())


def _event(deadline: Deadline, *, language: str, at: datetime) -> Event:
    event = Event()
    event.add("uid", f"expiry-{deadline.card_id}@{urlsplit(settings.SITE_URL).hostname}")
    event.add("dtstamp", at)
    event.add("dtstart", deadline.expires_on)
    event.add("dtend", deadline.expires_on + timedelta(days=1))
    event.add("summary", _("Dernier jour : %(what)s") % {"what": _what(deadline, language)})
    event.add("description", _description(deadline))
    event.add("url", settings.SITE_URL + reverse("wallet:card", args=[deadline.card_id]))
    event.add("transp", "TRANSPARENT")
    return event


def _what(deadline: Deadline, language: str) -> str:
    """`CinéCarte 5 places (4 places)`."""
    name, left = deadline.product_name, deadline.amount_minor
    if left is None:
        return name
    if deadline.in_places:
        return f"{name} ({ngettext('%(n)s place', '%(n)s places', left) % {'n': left}})"
    return f"{name} ({format_minor(left, deadline.currency, language)})"


def _description(deadline: Deadline) -> str:
    number = _("Carte •••• %(last4)s.") % {"last4": deadline.last4}
    if not deadline.in_places:
        return number
    return (
        number + " " + _("C'est la séance qui doit avoir lieu ce jour-là au plus tard, pas la réservation.")
    )
