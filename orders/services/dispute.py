"""A customer contests a payment at their own bank: the money leaves us first, and the bank decides later.

The bank takes the money back the day a dispute opens, so the cards that it paid stop that day: while the bank
decides nobody spends them, whoever holds them. Won, they run again; lost, they stay blocked for an operator.
What it paid of a credit account is owed again that day.
"""

from contextlib import suppress
from datetime import datetime

from django.db import transaction

from kernel.money import format_minor
from orders.errors import NothingToRefund
from orders.models import Order, Payment, Refund
from orders.services.batch import batch_of
from orders.services.load_pay import contest_load, loads_contested, release_load
from orders.services.lock import lock_order_of_payment
from orders.services.move_payment import move_payment
from orders.services.points import undo_whole
from orders.services.refund import refunded_minor, request_refund
from orders.services.settle_pay import contest_settlement, restore_settlement
from orders.states import PAYMENT_MACHINE, OrderState, PaymentState
from outbox.services.alarm import raise_alarm
from wallet.selectors.bookings import has_seats
from wallet.services.contest import Stopped, condemn_batch, freeze_batch, release_batch


@transaction.atomic
def note_dispute(*, payment_id: int, target: PaymentState, at: datetime) -> None:
    """Take note that a payment is contested (`DISPUTED`) or that its dispute is lost (`CHARGED_BACK`).

    The cards of its order stop in the same transaction, and operators hear how much was on them and how much
    was spent. A lost dispute counts as a refund of everything for loyalty: points that paid return, points
    earned go. Told again, or out of order, nothing happens.
    """
    order = lock_order_of_payment(payment_id)
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    if not PAYMENT_MACHINE.allows(PaymentState(payment.state), target):
        return
    move_payment(payment, target, at=at)
    figures = "no card depends on it"
    if order.loads_id is not None and _paid_for_cards(payment):
        figures = contest_load(order, target=target, note=f"{payment.reference} {target}", at=at)
    elif order.settles_id is not None and _paid_for_cards(payment):
        figures = contest_settlement(order, payment, at=at)
    elif _paid_for_cards(payment):
        stopped = _stop_cards(order, target=target, note=f"{payment.reference} {target}", at=at)
        figures = _in_words(stopped, order.currency) if order.booking_id is None else _of_seats(order)
        if target == PaymentState.CHARGED_BACK:
            undo_whole(order, refund=None, at=at)
    raise_alarm(code=f"payment_{target}", ref=payment.reference, at=at, note=f"{order.number}: {figures}")


def win_dispute(order: Order, payment: Payment, *, at: datetime) -> None:
    """The bank decided for us: the payment is what it was, and its cards can be spent again.

    Seats that were given back while the bank had their money are refunded now (S2.5).
    The caller holds the locks of both; the payment is `DISPUTED`.
    """
    move_payment(payment, _before_the_dispute(payment), at=at)
    if order.loads_id is not None and _paid_for_cards(payment):
        release_load(order, note=f"{payment.reference} dispute won", at=at)
    elif order.settles_id is not None and _paid_for_cards(payment):
        restore_settlement(order, payment, at=at)
    elif _paid_for_cards(payment):
        release_batch(
            batch=batch_of(order),
            note=f"{payment.reference} dispute won",
            at=at,
            still_contested=loads_contested,
        )
        _refund_seats_given_back(order, at=at)


def _stop_cards(order: Order, *, target: PaymentState, note: str, at: datetime) -> Stopped:
    if target == PaymentState.DISPUTED:
        return freeze_batch(batch=batch_of(order), note=note, at=at)
    return condemn_batch(batch=batch_of(order), note=note, at=at, still_contested=loads_contested)


def _refund_seats_given_back(order: Order, *, at: datetime) -> None:
    """An order that is being refunded already is left to that refund."""
    if order.booking_id is None or has_seats(order.booking_id) or order.state != OrderState.FULFILLED:
        return
    with suppress(NothingToRefund):
        request_refund(order_id=order.pk, reason="seats given back while contested", at=at)


def _before_the_dispute(payment: Payment) -> PaymentState:
    """A refund that was under way may have ended meanwhile."""
    refunded = refunded_minor(payment)
    if not refunded:
        return PaymentState.SUCCEEDED
    return PaymentState.REFUNDED if refunded == payment.received_minor else PaymentState.PARTLY_REFUNDED


def _paid_for_cards(payment: Payment) -> bool:
    """False for money that came twice or too late: other money pays for the cards, if there are any."""
    return not Refund.objects.filter(payment=payment, undue=True).exists()


def _of_seats(order: Order) -> str:
    """A ticket cannot be stopped for a while: a person decides about the seats."""
    assert order.booking_id is not None
    kept = "keeps its seats" if has_seats(order.booking_id) else "has no seats left"
    return f"RES-{order.booking_id} {kept}"


def _in_words(stopped: Stopped, currency: str) -> str:
    left, spent = (format_minor(n, currency, "fr") for n in (stopped.left_minor, stopped.spent_minor))
    words = []
    if stopped.cards:
        words.append(f"{stopped.cards} cards blocked with {left} on them, {spent} spent before")
    if stopped.outside:
        words.append(f"another issuer keeps the value of {stopped.outside}: have them blocked there")
    if stopped.unissued:
        words.append(f"{stopped.unissued} not issued")
    return "; ".join(words) or "no card was left"
