"""What paying, refunding or contesting an order does to the prepaid card that it loads.

The caller holds the order's lock.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef

from kernel.money import format_minor
from ledger.selectors import lots_made_by
from orders.models import Order, Payment, Refund
from orders.services.load import load_key, take_back_key
from orders.services.move import move_order
from orders.services.tell import tell_load_refused
from orders.states import OrderState, PaymentState
from outbox.services.enqueue import JobRequest, enqueue, enqueue_many
from wallet.errors import CardNotUsable, LoadOverLimit
from wallet.selectors.prepaid import load_limits
from wallet.services.contest_card import condemn_card, contest_card, release_card
from wallet.services.load import load_card, take_load_back


def refuse_unloadable(order: Order, *, at: datetime) -> None:
    """Before the customer is sent to pay: the card must still be theirs and have room (S0.7).

    Nothing for other orders. Refuses `LoadOverLimit`, `CardNotUsable`.
    """
    if order.loads_id is None:
        return
    limits = load_limits(order.loads_id, holder_id=order.customer_id, at=at)
    if limits is None:
        raise CardNotUsable(order.number)
    if order.total_minor > limits.maximum:
        raise LoadOverLimit(limits.maximum)


def validate_load(
    order: Order, *, at: datetime, call_off: Sequence[int], actor: str = "system", note: str = ""
) -> None:
    """The load is paid: the value is on the card, and nothing is left to wait for. No points are earned.

    Refuses `LoadOverLimit` and `CardNotUsable`, having changed nothing.
    """
    assert order.loads_id is not None
    load_card(
        key=load_key(order.pk),
        card_id=order.loads_id,
        holder_id=order.customer_id,
        amount_minor=order.total_minor,
        at=at,
        note=order.number,
    )
    move_order(order, OrderState.VALIDATED, at=at, actor=actor, note=note, paid_at=at)
    move_order(order, OrderState.FULFILLED, at=at, fulfilled_at=at)
    ref = str(order.pk)
    enqueue_many(
        [
            JobRequest("orders.confirm_by_mail", ref, at),
            JobRequest("orders.make_invoice", ref, at),
            *(JobRequest("orders.call_off_payment", str(pk), at) for pk in call_off),
        ]
    )


def give_load_up(order: Order, *, reason: str, at: datetime) -> None:
    """The money came and cannot be put on the card: the order ends, and its customer is told why.

    The caller sends the money back.
    """
    move_order(order, OrderState.CANCELLED, at=at, note=reason)
    enqueue(kind="orders.cancel_payments", ref=str(order.pk), due_at=at)
    tell_load_refused(order, limit_minor=settings.PREPAID_MAX_BALANCE, at=at)


def take_load_off(order: Order, *, at: datetime) -> None:
    """An order that is refunded takes its value off the card. Nothing for other orders.

    Refuses `wallet.errors.CardAlreadyUsed` once any of it was spent.
    """
    if order.loads_id is not None:
        take_load_back(
            key=take_back_key(order.pk), load_key=load_key(order.pk), card_id=order.loads_id, at=at
        )


def contest_load(order: Order, *, target: PaymentState, note: str, at: datetime) -> str:
    """Stop the card whose load a bank contests; in words for operators, what is left of the load."""
    assert order.loads_id is not None
    if target == PaymentState.DISPUTED:
        contest_card(card_id=order.loads_id, note=note, at=at)
    else:
        condemn_card(card_id=order.loads_id, note=note, at=at, still_contested=loads_contested)
    made = lots_made_by([load_key(order.pk)]).get(load_key(order.pk))
    left = made.remaining if made else 0
    words = format_minor(left, order.currency, "fr"), format_minor(order.total_minor, order.currency, "fr")
    return f"1 card blocked, {words[0]} of its load of {words[1]} left"


def release_load(order: Order, *, note: str, at: datetime) -> None:
    """The bank decided for us: the card runs again, unless another dispute still stops it."""
    assert order.loads_id is not None
    release_card(card_id=order.loads_id, note=note, at=at, still_contested=loads_contested)


def loads_contested(cards: Collection[UUID]) -> set[UUID]:
    """Which of these cards have a load whose payment is contested, as the wallet asks under their locks.

    A payment is moved before its card is locked, so whoever decides second sees what was decided first.
    Money that came twice or too late loaded nothing.
    """
    undue = Refund.objects.filter(payment=OuterRef("pk"), undue=True)
    contested = Payment.objects.filter(state=PaymentState.DISPUTED, order__loads__in=cards)
    found = contested.exclude(Exists(undue)).values_list("order__loads_id", flat=True)
    return {card_id for card_id in found if card_id is not None}
