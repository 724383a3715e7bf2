"""A confirmed booking on paper: its ticket, kept sealed per hour, room and language, and a calendar file."""

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext, ngettext

from accounts.selectors import customer_identity
from documents.selectors import Document, document
from documents.services.event import EventData, build_event_ics
from documents.services.store import store
from orders.selectors import seat_order
from wallet.selectors.booking_lists import moves_of
from wallet.selectors.bookings import BookingDetail
from wallet.states import BookingState, Technology

TICKET = "ticket"


def ticket_of(detail: BookingDetail, *, language: str) -> Document:
    """The ticket's PDF in `language`; drawn now if it was not yet. A screening that moved has a new one."""
    kept = document(TICKET, _ref(detail, language))
    return kept or draw_ticket(detail, language=language)


def draw_ticket(detail: BookingDetail, *, language: str) -> Document:
    """Draw and keep the ticket. Drawing it again gives the one that was kept first."""
    # WeasyPrint is heavy to load: only the process that draws pays for it.
    from documents.services.ticket import TicketData, TicketMeans, build_ticket_pdf

    booking, screening = detail.booking, detail.screening
    order = seat_order(booking.id) if booking.paid_seats else None
    content = build_ticket_pdf(
        TicketData(
            number=booking.number,
            code=booking.code,
            film=screening.film_title,
            minutes=screening.film_minutes,
            technology=str(Technology(screening.technology).label),
            version=screening.language,
            cinema=screening.cinema_name,
            address=", ".join(filter(None, (screening.cinema_address, screening.cinema_city))),
            room=screening.room,
            starts_at=screening.starts_at,
            seats=booking.seats,
            means=tuple(TicketMeans(part.product_name, part.last4, part.places) for part in detail.means),
            paid_seats=booking.paid_seats,
            price_minor=booking.price_minor,
            currency=booking.currency,
            payment_reference=order.payment_reference if order else "",
            holder=customer_identity(booking.customer_id).full_name,
            language=language,
        )
    )
    ref = _ref(detail, language)
    store(kind=TICKET, ref=ref, content=content, filename=f"billet-{booking.number}.pdf", secret=True)
    kept = document(TICKET, ref)
    assert kept is not None
    return kept


def calendar_of(detail: BookingDetail, *, language: str) -> bytes:
    """The booking as a calendar file: one entry for ever, moved or taken out with what becomes of it."""
    booking, screening = detail.booking, detail.screening
    cancelled = booking.state != BookingState.CONFIRMED
    moves = moves_of(screening.id)
    with translation.override(language):
        seats = ngettext("%(n)s fauteuil", "%(n)s fauteuils", booking.seats) % {"n": booking.seats}
        text = gettext("Réservation %(number)s, %(room)s, %(seats)s.") % {
            "number": booking.number,
            "room": screening.room,
            "seats": seats,
        }
    return build_event_ics(
        EventData(
            uid=f"{booking.number}@{settings.SITE_URL.partition('//')[2].partition(':')[0]}",
            sequence=moves.count + cancelled,
            title=screening.film_title,
            starts_at=screening.starts_at,
            minutes=screening.film_minutes,
            place=", ".join(
                filter(None, (screening.cinema_name, screening.cinema_address, screening.cinema_city))
            ),
            text=text,
            url=settings.SITE_URL + reverse("booking:detail", args=[booking.number]),
            changed_at=max(filter(None, (booking.confirmed_at, booking.ended_at, moves.last_at))),
            is_cancelled=cancelled,
        )
    )


def _ref(detail: BookingDetail, language: str) -> str:
    """Tells the hour and the room of a screening from those it is moved to."""
    screening = detail.screening
    return f"{detail.booking.id}:{screening.starts_at:%Y%m%d%H%M}:{language}:{screening.room}"
