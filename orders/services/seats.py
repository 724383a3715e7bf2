"""Seats of a screening that are booked, and paid in part or whole, in one transaction (S2.5)."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.selectors import Gate, ordering_gate
from orders.errors import OrderingNotOpen, TermsNotCurrent, TotalTooSmall
from orders.models import Artwork, Order, OrderEvent, OrderLine, Product, VatTreatment
from orders.selectors import current_terms_id
from orders.services.facts import MIN_TOTAL_MINOR
from orders.states import OrderState
from wallet.selectors.bookings import BookingFacts
from wallet.services.book import book_seats

SEAT_SLUG = "place-cinema-plein-tarif"
SEAT_VAT_BP = 550  # A cinema seat is a single-purpose voucher (S3.11).


@transaction.atomic
def book_and_order(
    *,
    key: UUID,
    customer_id: int,
    screening_id: int,
    seats: int,
    means: Mapping[UUID, int],
    terms_id: int | None,
    at: datetime,
    starts_at: datetime | None = None,
    price_minor: int | None = None,
) -> tuple[BookingFacts, Order | None]:
    """Book seats; those not covered by places become an order that awaits its payment, else None.

    The same request with the same `key` gives the same booking and order. `terms_id`: the terms ticked;
    needed when something is to pay. `starts_at` and `price_minor`: what the page showed. Refuses what
    `wallet.services.book.book_seats` refuses, and for seats to pay `OrderingNotOpen` (S3.2),
    `TermsNotCurrent` and `TotalTooSmall`.
    """
    booking = book_seats(
        key=key,
        customer_id=customer_id,
        screening_id=screening_id,
        seats=seats,
        means=means,
        at=at,
        starts_at=starts_at,
        price_minor=price_minor,
    )
    if not booking.paid_seats:
        return booking, None
    known = Order.objects.filter(booking=booking.id).first()
    if known is not None:
        return booking, known
    gate = ordering_gate(customer_id)
    _guard(booking, gate, terms_id=terms_id, at=at)
    return booking, _order(booking, gate, terms_id=terms_id, at=at)


def _guard(booking: BookingFacts, gate: Gate, *, terms_id: int | None, at: datetime) -> None:
    if not gate.may_order:
        raise OrderingNotOpen
    if terms_id is None or current_terms_id(at=at) != terms_id:
        raise TermsNotCurrent
    if booking.due_minor < MIN_TOTAL_MINOR:
        raise TotalTooSmall(MIN_TOTAL_MINOR)


def _order(booking: BookingFacts, gate: Gate, *, terms_id: int | None, at: datetime) -> Order:
    order = Order.objects.create(
        customer_id=booking.customer_id,
        organisation_id=gate.organisation_id,
        booking_id=booking.id,
        state=OrderState.AWAITING_PAYMENT,
        currency=booking.currency,
        face_minor=booking.due_minor,
        total_minor=booking.due_minor,
        terms_id=terms_id,
        terms_accepted_at=at,
        placed_at=at,
    )
    OrderLine.objects.create(
        order=order,
        product=seat_product(),
        face_minor=booking.price_minor,
        quantity=booking.paid_seats,
        price_minor=booking.due_minor,
    )
    OrderEvent.objects.create(order=order, to_state=order.state, at=at, actor="customer", note=booking.number)
    return order


def seat_product() -> Product:
    """What the line of a paid seat names, for its VAT and its invoice. Made on first use, not in the shop."""
    product, _ = Product.objects.get_or_create(
        slug=SEAT_SLUG,
        defaults={
            "name_fr": "Place de cinéma plein tarif",
            "name_en": "Full-price cinema seat",
            "brand": "Cinéma",
            "category": "cinema",
            "artwork": Artwork.CINEMA,
            "min_minor": 1,
            "max_minor": 100_000,
            "vat_treatment": VatTreatment.SINGLE_PURPOSE,
            "vat_rate_bp": SEAT_VAT_BP,
            "is_active": False,
        },
    )
    return product
