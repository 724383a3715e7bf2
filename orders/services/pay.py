"""The one place where "paid" happens. Nothing else reacts to a payment."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.selectors import customer_language
from billing.errors import CreditAccountClosed
from kernel.calendar import last_valid_day, local_date
from ledger.errors import AccountFrozen
from orders.errors import PointsWithheld
from orders.gateways.base import PspState
from orders.models import Order, Payment
from orders.services.batch import batch_of
from orders.services.bulk_pay import bulk_is_gone, keep_bulk
from orders.services.bulk_place import faces_by_rank
from orders.services.dispute import win_dispute
from orders.services.facts import LineBought, lines_bought
from orders.services.load_pay import give_load_up, validate_load
from orders.services.lock import lock_order_of_payment
from orders.services.move import move_order
from orders.services.move_payment import move_payment
from orders.services.points import earn_points, points_are_gone, use_points
from orders.services.refund import add_refund
from orders.services.seat_pay import seats_are_gone, validate_seats
from orders.services.settle_pay import give_settlement_up, validate_settlement
from orders.states import OPEN_PAYMENTS, OrderState, PaymentState
from outbox.services.alarm import raise_alarm
from outbox.services.enqueue import JobRequest
from wallet.errors import CardNotUsable, LoadOverLimit
from wallet.services.plan import CardRequest, plan_issue

# An order in one of these still waits for its money. Elsewhere the money came twice, or too late.
WAITS_FOR_MONEY = (OrderState.AWAITING_PAYMENT, OrderState.EXPIRED)


@transaction.atomic
def pay_order(*, payment_id: int, evidence: PspState, at: datetime) -> None:
    """Take note that the bank holds the money for this payment, and do all that follows, once.

    The right amount on an order that waits for it: Validé, one issue intent per card, the mail and the
    invoice as jobs (S3.7). Another amount or currency: the order goes to review and nothing is issued.
    A second success, or one after the cancellation: refunded by itself. Told again, nothing happens, unless
    the payment was contested meanwhile: then the dispute is won.
    Seats of a screening are confirmed at once; given up meanwhile, the money is refunded (S2.5). So it is
    when points that were to pay a part of an expired order are gone, or its file of beneficiaries. A load is
    credited at once; if the card has no room left, the money is refunded (S0.7). So is a payment of a credit
    account that was closed meanwhile.
    """
    order = lock_order_of_payment(payment_id)
    # All tries of the order in one statement: the others are called off below.
    payments = list(Payment.objects.select_for_update().filter(order=order).order_by("pk"))
    payment = next(row for row in payments if row.pk == payment_id)
    if payment.succeeded_at is not None:
        if payment.state == PaymentState.DISPUTED:
            win_dispute(order, payment, at=at)
        return
    _receive(payment, evidence, at)
    if order.state not in WAITS_FOR_MONEY or _object_is_gone(order) or points_are_gone(order, at=at):
        add_refund(
            payment, amount_minor=evidence.amount_minor, reason=f"order {order.state}", undue=True, at=at
        )
    elif (evidence.amount_minor, evidence.currency) != (payment.amount_minor, payment.currency):
        asked = f"{payment.amount_minor} {payment.currency}"
        note = f"{payment.received_minor} {payment.received_currency}, asked {asked}"
        _send_to_review(order, payment, at, code="payment_differs", note=note)
    else:
        rivals = [row.pk for row in payments if row.pk != payment_id and row.state in OPEN_PAYMENTS]
        _honour(order, payment, rivals, at)


def _honour(order: Order, payment: Payment, rivals: list[int], at: datetime) -> None:
    """The right money on an order that waits for it; what cannot have it any more sends it back."""
    try:
        validate_order(order, at=at, call_off=rivals)
    except (LoadOverLimit, CardNotUsable) as refusal:  # of the prepaid card that it was to load (S0.7)
        give_load_up(order, reason=type(refusal).__name__, at=at)
        add_refund(payment, amount_minor=payment.amount_minor, reason="load refused", undue=True, at=at)
    except CreditAccountClosed as refusal:
        give_settlement_up(order, reason=type(refusal).__name__, at=at)
        add_refund(payment, amount_minor=payment.amount_minor, reason="account closed", undue=True, at=at)
    except AccountFrozen as refusal:  # of places that were set aside for a booking
        _send_to_review(order, payment, at, code="places_frozen", note=f"account {refusal}")
    except PointsWithheld:
        _send_to_review(order, payment, at, code="points_frozen", note="points set aside are frozen")


def _object_is_gone(order: Order) -> bool:
    """Whether what the order was to pay has been given up, or given to another order."""
    return seats_are_gone(order) or bulk_is_gone(order)


def _receive(payment: Payment, evidence: PspState, at: datetime) -> None:
    move_payment(
        payment,
        PaymentState.SUCCEEDED,
        at=at,
        succeeded_at=at,
        received_minor=evidence.amount_minor,
        received_currency=evidence.currency,
        card_label=evidence.card_label[:40],
        refusal_code="",
    )


def _send_to_review(order: Order, payment: Payment, at: datetime, *, code: str, note: str) -> None:
    """The bank captured something else than we asked, say: a person looks before anything is handed over."""
    move_order(order, OrderState.PAYMENT_REVIEW, at=at, note=note)
    raise_alarm(code=code, ref=payment.reference, at=at, note=note)


def validate_order(
    order: Order, *, at: datetime, call_off: list[int] | None = None, actor: str = "system", note: str = ""
) -> None:
    """Everything that a paid order sets going. The caller holds the order's lock.

    Refuses `PointsWithheld`; for seats of a screening what `services.seat_pay.validate_seats` refuses, for a
    load what `services.load_pay.validate_load` does, for a credit account what
    `services.settle_pay.validate_settlement` does.
    """
    use_points(order, at=at)  # first: a refusal has changed nothing
    validate = _validate_cards
    if order.booking_id is not None:
        validate = validate_seats
    elif order.loads_id is not None:
        validate = validate_load
    elif order.settles_id is not None:
        validate = validate_settlement
    validate(order, at=at, call_off=call_off or (), actor=actor, note=note)
    if _is_own_purchase(order):
        earn_points(order, at=at)


def _is_own_purchase(order: Order) -> bool:
    """Money on a card is no purchase yet, a grouped order is not its buyer's own, a debt's one was before."""
    return order.loads_id is None and order.bulk_id is None and order.settles_id is None


def _validate_cards(order: Order, *, at: datetime, call_off: Sequence[int], actor: str, note: str) -> None:
    earliest = at + timedelta(seconds=settings.ISSUE_DELAY_MIN)
    latest = at + timedelta(seconds=settings.ISSUE_DELAY_MAX)
    keep_bulk(order)
    move_order(
        order,
        OrderState.VALIDATED,
        at=at,
        actor=actor,
        note=note,
        paid_at=at,
        cards_expected_from=earliest,
        cards_expected_until=latest,
    )
    ref = str(order.pk)
    plan_issue(
        batch=batch_of(order),
        holder_id=order.customer_id,
        cards=_cards(order, at),
        due_at=_issue_time(order, earliest, latest),
        at=at,
        and_jobs=[
            JobRequest("orders.confirm_by_mail", ref, at),
            JobRequest("orders.make_invoice", ref, at),
            *(JobRequest("orders.call_off_payment", str(pk), at) for pk in call_off),
        ],
    )


def _cards(order: Order, at: datetime) -> list[CardRequest]:
    """One for each card, in the order of lines; in that of the file's good lines for a grouped order."""
    lines = lines_bought(order.pk, language=customer_language(order.customer_id))
    if order.bulk_id is None:
        return [card for line in lines for card in [_card(line, order, at)] * line.quantity]
    by_face = {line.face_minor: _card(line, order, at) for line in lines}
    return [by_face[face] for face in faces_by_rank(order.bulk_id)]


def _card(line: LineBought, order: Order, at: datetime) -> CardRequest:
    return CardRequest(
        face_minor=line.face_minor,
        currency=order.currency,
        product_name=line.product_name,
        label=order.number,
        artwork=line.artwork,
        issuer=line.issuer,
        where_text=line.where_usable,
        restriction_text=line.exclusions,
        expires_on=last_valid_day(local_date(at), line.validity_months),
    )


def _issue_time(order: Order, earliest: datetime, latest: datetime) -> datetime:
    """Early in the window promised, spread over its first half so that orders do not arrive in one heap."""
    return earliest + (latest - earliest) / 2 * (order.pk % 100) / 100
