"""End an order that was not paid: by its customer, or by time."""

from datetime import datetime

from django.db import transaction

from orders.errors import OrderNotCancellable
from orders.models import Order, OrderLine, Payment
from orders.services.bulk_pay import give_bulk_back
from orders.services.lock import lock_order
from orders.services.move import move_order
from orders.services.points import release_points_of
from orders.services.seat_pay import let_seats_go
from orders.services.tell import tell_cancelled
from orders.states import OPEN_PAYMENTS, OrderState, PaymentState
from outbox.services.enqueue import enqueue
from wallet.states import BookingEnd


@transaction.atomic
def cancel_order(*, order_id: int, customer_id: int, at: datetime) -> Order:
    """Cancel an order before it is paid; its lines go back to the cart when the cart is empty, its seats to
    their screening, its points to their lots.

    The same call again gives the same order. A payment that succeeds all the same is refunded by itself
    (`services.pay`). Refuses `OrderNotFound`, and `OrderNotCancellable` once paid or while the bank decides.
    """
    order = lock_order(order_id, customer_id=customer_id)
    if order.state == OrderState.CANCELLED:
        return order
    if order.state not in {OrderState.AWAITING_PAYMENT, OrderState.EXPIRED} or _bank_is_deciding(order):
        raise OrderNotCancellable
    move_order(order, OrderState.CANCELLED, at=at, actor="customer")
    _give_back(order, BookingEnd.CUSTOMER, at)
    enqueue(kind="orders.cancel_payments", ref=str(order.pk), due_at=at)
    tell_cancelled(order, at=at)
    return order


@transaction.atomic
def expire_order(*, order_id: int, at: datetime) -> bool:
    """Close an order that nobody paid in time. True when it expired; anything else is left alone.

    Not while its customer may still pay on the bank's page: an expired order gives its amount back to the
    month's ceiling, which a payment begun before would then pass (S3.3).
    """
    order = lock_order(order_id)
    if order.state != OrderState.AWAITING_PAYMENT or _bank_is_deciding(order) or _page_is_open(order, at):
        return False
    move_order(order, OrderState.EXPIRED, at=at)
    _give_back(order, BookingEnd.UNPAID, at)
    return True


def _bank_is_deciding(order: Order) -> bool:
    return Payment.objects.filter(order=order, state=PaymentState.PENDING).exists()


def _page_is_open(order: Order, at: datetime) -> bool:
    return Payment.objects.filter(order=order, state__in=OPEN_PAYMENTS, expires_at__gt=at).exists()


def _give_back(order: Order, end: BookingEnd, at: datetime) -> None:
    """Seats are booked anew, against what is free then: they never are in a cart. Neither is a load, nor a
    payment of a statement, nor a file of beneficiaries, which can be ordered again."""
    if order.booking_id is not None:
        let_seats_go(order, at=at, end=end)
    elif order.bulk_id is not None:
        give_bulk_back(order)
    elif order.loads_id is None and order.settles_id is None:
        _give_lines_back(order)
    release_points_of(order, at=at)


def _give_lines_back(order: Order) -> None:
    Order.objects.bulk_create([Order(customer_id=order.customer_id)], ignore_conflicts=True)
    cart = (
        Order.objects.select_for_update(of=("self",))
        .filter(customer_id=order.customer_id, state=OrderState.CART)
        .first()
    )
    if cart is None or cart.lines.exists():
        return
    OrderLine.objects.bulk_create(
        OrderLine(
            order=cart,
            product_id=line.product_id,
            face_minor=line.face_minor,
            quantity=line.quantity,
            rate_bp=line.rate_bp,
            price_minor=line.price_minor,
        )
        for line in order.lines.all()
    )
    Order.objects.filter(pk=cart.pk).update(
        version=cart.version + 1, currency=order.currency, points_wanted_minor=order.points_wanted_minor
    )
