"""Camille at the cinema, and the others in the same rooms: every state that the booking pages can show."""

import uuid
from datetime import date, datetime, timedelta

from accounts.models import Membership
from accounts.states import MembershipState
from config.demo.history import ACCEPTED, Story
from config.demo.people import Cast
from config.demo.programme import clock, fill_programme, screening_at
from kernel.calendar import programme_day
from orders.services.invoice import issue_invoice
from orders.services.seat_end import call_off_seats, cancel_seats
from orders.services.seats import book_and_order
from wallet.models import Card, Screening
from wallet.selectors.bookings import BookingFacts
from wallet.services.book import book_seats
from wallet.services.deliver import deliver_places
from wallet.services.screening import cancel_screening, move_screening

FIRST_VISIT, LAST_VISIT = 44, 12  # days ago
CROWD_CARD = "cine-5"
# Other people's bookings: days from today, cinema, room, start, seats of each booking.
CROWD = (
    (1, "verger", "Salle Club", "20:45", (5, 5, 5, 5)),  # full
    (1, "lune", "Petite salle", "21:30", (5, 5, 5, 5, 2)),  # two seats left
    (1, "lune", "Grande salle", "20:30", (4,)),
    (2, "halles", "Salle C", "21:00", (5, 3)),
    (3, "verger", "Salle 2", "19:15", (2, 5)),
    (5, "verger", "Salle Club", "20:45", (5, 4, 5)),
)


def fill_cinema(cast: Cast, *, at: datetime) -> None:
    """The programme, then Camille's bookings and those of others."""
    today = programme_day(at)
    visits = [today - timedelta(days=days) for days in (FIRST_VISIT, LAST_VISIT)]
    fill_programme(at=at, earlier=visits)
    _fill_rooms(today, cast, at=at)
    camille = _Moviegoer(cast, today)
    camille.past_visits(at=at)
    camille.coming_visits(at=at)
    camille.changed_plans(at=at)


class _Moviegoer:
    """Camille's steps, each through the service that her click would call."""

    def __init__(self, cast: Cast, today: date) -> None:
        self.member = cast.member
        self.story = Story(cast, {})
        self.today = today

    def showing(self, days: int, house: str, room: str, start: str) -> Screening:
        return screening_at(house, room, self.today + timedelta(days=days), start)

    def card(self, product: str) -> Card:
        """The card of this kind that she has had for longest."""
        return Card.objects.filter(holder=self.member, product__slug=product).earliest("issued_at")

    def book(self, screening: Screening, product: str, places: int, *, at: datetime) -> BookingFacts:
        """`places` seats, all with places of one card."""
        return book_seats(
            key=_key(f"{screening.code}:{self.member.pk}"),
            customer_id=self.member.pk,
            screening_id=screening.pk,
            seats=places,
            means={self.card(product).pk: places},
            at=at,
        )

    def past_visits(self, *, at: datetime) -> None:
        """One with a card that is empty since."""
        welcome = at - timedelta(days=FIRST_VISIT + 16)
        deliver_places(
            key=_key("welcome"),
            holder_id=self.member.pk,
            product_slug="cine-1",
            label="Bienvenue",
            at=welcome,
        )
        first = self.showing(-FIRST_VISIT, "lune", "Grande salle", "20:30")
        self.book(first, "cine-1", 1, at=first.starts_at - timedelta(days=1, hours=3))
        last = self.showing(-LAST_VISIT, "verger", "Salle 3", "24:15")
        self.book(last, "cine-5", 2, at=last.starts_at - timedelta(hours=30))

    def coming_visits(self, *, at: datetime) -> None:
        """One all with places, one paid in part."""
        imax = self.showing(1, "verger", "Salle 1", "20:30")
        self.book(imax, "permanente", 2, at=at - timedelta(days=2, hours=4))
        evening = self.showing(2, "verger", "Salle 2", "19:15")
        self.book_and_pay(evening, "fidelite-7-7", seats=3, places=1, at=at - timedelta(hours=2))

    def book_and_pay(
        self, screening: Screening, product: str, *, seats: int, places: int, at: datetime
    ) -> None:
        _booking, order = book_and_order(
            key=_key(screening.code),
            customer_id=self.member.pk,
            screening_id=screening.pk,
            seats=seats,
            means={self.card(product).pk: places},
            terms_id=self.story.terms.pk,
            at=at,
        )
        assert order is not None
        self.story.pay(order, ACCEPTED, at=at + timedelta(minutes=3))
        issue_invoice(order_id=order.pk, at=at + timedelta(minutes=4))

    def changed_plans(self, *, at: datetime) -> None:
        """One that she cancelled, one that was moved, one that was called off."""
        booked_at = at - timedelta(days=3)
        given_up = self.book(self.showing(3, "halles", "Salle C", "18:15"), "cine-3", 2, at=booked_at)
        cancel_seats(booking_id=given_up.id, customer_id=self.member.pk, at=booked_at + timedelta(days=1))

        moved = self.showing(4, "lune", "Grande salle", "20:30")
        self.book(moved, "cine-3", 1, at=booked_at)
        next_morning = clock(self.today + timedelta(days=5), "10:45")
        move_screening(screening_id=moved.pk, starts_at=next_morning, at=at - timedelta(hours=5))

        called_off = self.showing(2, "lune", "Petite salle", "19:00")
        booking = self.book(called_off, "cine-5", 1, at=booked_at)
        away_at = at - timedelta(hours=6)
        cancel_screening(screening_id=called_off.pk, reason="Panne de projecteur", at=away_at)
        call_off_seats(booking_id=booking.id, at=away_at)


def _fill_rooms(today: date, cast: Cast, *, at: datetime) -> None:
    """Members of the same CSE book before Camille does, each booking with a card of its own."""
    known = Membership.objects.filter(organisation=cast.cse, state=MembershipState.APPROVED)
    others = (
        known.exclude(user__in=[cast.member, cast.staff]).order_by("pk").values_list("user_id", flat=True)
    )
    people, turn = list(others), 0
    for days, house, room, start, bookings in CROWD:
        screening = screening_at(house, room, today + timedelta(days=days), start)
        for seats in bookings:
            _book_for(people[turn % len(people)], screening, seats, turn, at=at - timedelta(days=4))
            turn += 1


def _book_for(person: int, screening: Screening, seats: int, turn: int, *, at: datetime) -> None:
    card = deliver_places(
        key=_key(f"crowd:{turn}"), holder_id=person, product_slug=CROWD_CARD, label="", at=at
    )
    book_seats(
        key=_key(f"crowd-booking:{turn}"),
        customer_id=person,
        screening_id=screening.pk,
        seats=seats,
        means={card: seats},
        at=at,
    )


def _key(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"demo:cinema:{name}")
