"""What paying, refunding or contesting an order does to the credit account that it pays.

The caller holds the order's lock; the account's comes after it. A bank that takes its money back by a dispute
takes the payment off the account, and one that gives it back again makes another payment of it.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID, uuid5

from django.utils import translation
from django.utils.translation import gettext

from accounts.selectors import customer_language
from billing.errors import CreditAccountClosed, PaymentReturned
from billing.selectors.payable import payable
from billing.services.pay import receive_payment, return_payment
from billing.states import EntrySource
from kernel.calendar import local_date
from kernel.money import format_minor
from orders.errors import AboveDebt
from orders.models import Order, Payment, PaymentEvent
from orders.services.move import move_order
from orders.services.tell import tell_settlement_refused
from orders.states import OrderState, PaymentState
from outbox.services.enqueue import JobRequest, enqueue, enqueue_many

KEYS = UUID("0d0c0f5e-8a0c-4a58-9e0b-7d3b86c0a2f4")  # the namespace of payments' keys in billing


def refuse_unpayable(order: Order, *, at: datetime) -> None:
    """Before the customer is sent to pay: so much must still be owed, so that nobody pays twice.

    Nothing for other orders. Refuses `CreditAccountClosed` and `AboveDebt`.
    """
    if order.settles_id is None:
        return
    found = payable(order.settles_id, holder_id=order.customer_id, at=at)
    if found is None or not found.is_open:
        raise CreditAccountClosed
    if order.total_minor > found.owed_minor:
        raise AboveDebt(found.owed_minor)


def validate_settlement(
    order: Order, *, at: datetime, call_off: Sequence[int], actor: str = "system", note: str = ""
) -> None:
    """The money is there: it is on the account as of today, and nothing is left to wait for.

    What is above the debt by now stays on the account as its holder's. Refuses `CreditAccountClosed`, having
    changed nothing.
    """
    _credit(order, rank=0, at=at)
    move_order(order, OrderState.VALIDATED, at=at, actor=actor, note=note, paid_at=at)
    move_order(order, OrderState.FULFILLED, at=at, fulfilled_at=at)
    enqueue_many(
        [
            JobRequest("orders.confirm_by_mail", str(order.pk), at),
            *(JobRequest("orders.call_off_payment", str(pk), at) for pk in call_off),
        ]
    )


def give_settlement_up(order: Order, *, reason: str, at: datetime) -> None:
    """The money came and cannot be put on the account: the order ends, and its customer is told why.

    The caller sends the money back.
    """
    move_order(order, OrderState.CANCELLED, at=at, note=reason)
    enqueue(kind="orders.cancel_payments", ref=str(order.pk), due_at=at)
    tell_settlement_refused(order, at=at)


def take_settlement_back(order: Order, payment: Payment, *, at: datetime) -> None:
    """The money leaves us again: what it paid is owed anew. Nothing for other orders, nor the second time."""
    if order.settles_id is None or order.paid_at is None:
        return
    rank = _times_won(payment)
    with suppress(PaymentReturned):
        return_payment(
            payment_id=_payment_key(order, rank),
            key=uuid5(_payment_key(order, rank), "back"),
            booked_on=local_date(at),
            text=_text(order, taken_back=True),
            at=at,
        )


def contest_settlement(order: Order, payment: Payment, *, at: datetime) -> str:
    """The bank contests the payment: it counts no more; in words for operators, what that is."""
    take_settlement_back(order, payment, at=at)
    amount = format_minor(order.total_minor, order.currency, "fr")
    return f"{amount} taken off credit account {order.settles_id:08d}"


def restore_settlement(order: Order, payment: Payment, *, at: datetime) -> None:
    """The bank decided for us: the money is on the account again, as of today, unless it goes back anyway."""
    if order.state == OrderState.FULFILLED:
        _credit(order, rank=_times_won(payment), at=at)


def _credit(order: Order, *, rank: int, at: datetime) -> None:
    assert order.settles_id is not None
    receive_payment(
        account_id=order.settles_id,
        key=_payment_key(order, rank),
        amount_minor=order.total_minor,
        value_on=local_date(at),
        source=EntrySource.HOSTED,
        text=_text(order),
        at=at,
        external_ref=f"{order.number}/{rank}" if rank else order.number,
    )


def _times_won(payment: Payment) -> int:
    """How often a dispute of the payment ended for us: each time the account was credited anew."""
    ended = PaymentEvent.objects.filter(payment=payment, from_state=PaymentState.DISPUTED)
    return ended.exclude(to_state=PaymentState.CHARGED_BACK).count()


def _payment_key(order: Order, rank: int) -> UUID:
    return uuid5(KEYS, f"order:{order.pk}:{rank}")


def _text(order: Order, *, taken_back: bool = False) -> str:
    """What the statement says, in the holder's language."""
    with translation.override(customer_language(order.customer_id)):
        words = gettext("Paiement par carte repris") if taken_back else gettext("Paiement par carte")
    return f"{words} {order.number}"
