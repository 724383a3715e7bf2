"""The only writer of `Payment.state` and `Refund.state`."""

from datetime import datetime
from typing import Any

from orders.models import Payment, PaymentEvent, Refund
from orders.services.step import write_step
from orders.states import PAYMENT_MACHINE, REFUND_MACHINE, PaymentState, RefundState


def move_payment(
    payment: Payment, target: PaymentState, *, at: datetime, note: str = "", **changes: Any
) -> None:
    """Move a locked payment one step and record it; `changes` are written with it.

    Refuses `TransitionRefused`.
    """
    PAYMENT_MACHINE.check(PaymentState(payment.state), target)
    write_step(payment, PaymentEvent, target, at=at, changes=changes, note=note[:200])


def move_refund(refund: Refund, target: RefundState, **changes: Any) -> None:
    """Move a locked refund one step. Refuses `TransitionRefused`."""
    REFUND_MACHINE.check(RefundState(refund.state), target)
    refund.state = target
    for field, value in changes.items():
        setattr(refund, field, value)
    refund.save(update_fields=["state", *changes])
