"""Which of my places fit this date?"""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from kernel.access import Audience, allow
from kernel.calendar import programme_day
from kernel.shortcuts import render_page
from wallet.models import Film
from wallet.models.places import EVERY_DAY
from wallet.selectors.eligibility import Misfit
from wallet.selectors.programme import Programme, ScreeningLine, programme
from wallet.selectors.which import DayAnswer, PlaceCard, which_places
from wallet.states import Technology
from wallet.views.cards import reader
from wallet.views.programme import day_asked, seats_address

FILMS_BESIDE = 8
REASONS = {
    Misfit.BLOCKED: gettext_noop("La carte est bloquée."),
    Misfit.SENT: gettext_noop("Vous l'avez envoyée à quelqu'un."),
    Misfit.PENDING: gettext_noop("Ses places ne sont pas encore utilisables."),
    Misfit.HELD: gettext_noop("Ses places attendent le paiement d'une autre réservation."),
    Misfit.EMPTY: gettext_noop("Plus aucune place n'y est disponible."),
}


@dataclass(frozen=True)
class PlaceRow:
    """A card in words. `reason`: why it does not fit, empty when it does."""

    card: PlaceCard
    conditions: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True)
class OpenShowing:
    """A film with the screenings that some place opens, each with how many places may be used there."""

    film: Film
    tickets: tuple[tuple[ScreeningLine, str, int], ...]


@allow(Audience.SIGNED_IN)
@never_cache
@require_safe
def which(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    day = day_asked(request, at=now)
    answer = which_places(reader(request), on=day.on, at=now)
    found = programme(day.on, at=now)
    context = {
        "active": "wallet",
        "day": day,
        "today": programme_day(now),
        "answer": answer,
        "fitting": [PlaceRow(card, _conditions(card)) for card in answer.fitting],
        "others": [
            PlaceRow(card, _conditions(card), _reason(card, misfit)) for card, misfit in answer.others
        ],
        "programme": found,
        "showings": _open_showings(found, answer),
        "seats_address": seats_address(),
    }
    return render_page(request, "wallet/which.html", context, fragment="reponse")


def weekdays_text(weekdays: int) -> str:
    """`du lundi au vendredi`; days that do not follow each other by name. Monday is the lowest bit."""
    days = [day for day in range(7) if weekdays >> day & 1]
    first, last = days[0], days[-1]
    if weekdays == EVERY_DAY:
        return _("tous les jours")
    if len(days) > 2 and last - first == len(days) - 1:
        return _("du %(first)s au %(last)s") % {"first": WEEKDAYS[first], "last": WEEKDAYS[last]}
    return ", ".join(str(WEEKDAYS[day]) for day in days)


def _conditions(card: PlaceCard) -> tuple[str, ...]:
    """What else has to fit: technologies, cinemas, seats per screening."""
    labels = [str(Technology(value).label) for value in card.technologies]
    said = [_("Séances %(technologies)s") % {"technologies": ", ".join(labels)}]
    if card.cinema_names:
        said.append(_("à %(cinemas)s") % {"cinemas": ", ".join(card.cinema_names)})
    if card.weekdays != EVERY_DAY:
        said.append(weekdays_text(card.weekdays))
    if card.seats is not None and card.seats < card.places_left:
        said.append(_("%(n)s au plus par séance") % {"n": card.seats})
    return tuple(said)


def _reason(card: PlaceCard, misfit: Misfit) -> str:
    match misfit:
        case Misfit.TOO_SHORT:
            day = f"{card.expires_on:%d/%m/%Y}"
            return _("La séance devrait avoir lieu au plus tard le %(day)s.") % {"day": day}
        case Misfit.WEEKDAY:
            return _("Elle ouvre des séances %(days)s.") % {"days": weekdays_text(card.weekdays)}
    return _(REASONS[misfit])


def _open_showings(found: Programme, answer: DayAnswer) -> list[OpenShowing]:
    shown = []
    for showing in found.showings:
        tickets = [
            (line, house.cinema.name, usable)
            for house in showing.houses
            for line in house.lines
            if line.is_bookable and (usable := answer.usable_at(line))
        ]
        if tickets:
            tickets.sort(key=lambda one: one[0].starts_at)
            shown.append(OpenShowing(showing.film, tuple(tickets)))
    return shown[:FILMS_BESIDE]
