"""Mails about money: what is said, to whom, in which words' language."""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import translation

from accounts.selectors import customer_identity
from kernel.calendar import PARIS
from orders.models import BulkOrder, Order, Payment, Refund
from orders.services.points import points_earned, taken_back
from outbox.services.mail import queue_mail


def confirm_order(*, order_id: int, at: datetime) -> None:
    """The confirmation with lines, discount and price, once the order is Validé (S3.7, S3.11)."""
    order = Order.objects.prefetch_related("lines__product", "payments").get(pk=order_id)
    if order.settles_id is not None:
        _to_customer("settlement_received", str(order.pk), order, _settlement_facts(order), at)
        return
    with translation.override(customer_identity(order.customer_id).language):
        facts = _order_facts(order)  # products have a name in each language
    _to_customer("order_validated", str(order.pk), order, facts, at)


def tell_refusal(*, payment_id: int, at: datetime) -> None:
    """The bank said no: what to do, and the way back to the order (S3.6)."""
    payment = Payment.objects.select_related("order").get(pk=payment_id)
    if payment.succeeded_at or payment.order.paid_at:
        return  # it came good meanwhile
    facts = {
        "reference": payment.reference,
        "total_minor": payment.amount_minor,
        "currency": payment.currency,
    }
    _to_customer("payment_refused", str(payment_id), payment.order, facts, at)


def tell_cancelled(order: Order, *, at: datetime) -> None:
    """The customer cancelled; in the transaction that cancels."""
    _to_customer("order_cancelled", str(order.pk), order, {"points_minor": order.points_minor}, at)


def tell_cards_available(order: Order, *, cards: int, of_places: int, at: datetime) -> None:
    """The cards are in the wallet (S3.7, S2.2), `of_places` of them with cinema places; in the transaction
    that says so."""
    facts = {
        "cards": cards,
        "only_places": cards == of_places,
        "url": settings.SITE_URL + reverse("wallet:index"),
    }
    _to_customer("cards_available", str(order.pk), order, facts, at)


def tell_links_sent(order: Order, bulk: BulkOrder, *, at: datetime) -> None:
    """Every link of a grouped order has left (S0.5); in the transaction that says so."""
    facts = {
        "bulk_number": bulk.number,
        "links": bulk.good_count,
        "url": settings.SITE_URL + reverse("orders:bulk", args=[bulk.number]),
    }
    _to_customer("links_sent", str(order.pk), order, facts, at)


def tell_load_refused(order: Order, *, limit_minor: int, at: datetime) -> None:
    """A load was paid and could not be put on its card (S0.7); in the transaction that gives it up."""
    facts = {"amount_minor": order.total_minor, "currency": order.currency, "limit_minor": limit_minor}
    _to_customer("load_refused", str(order.pk), order, facts, at)


def tell_settlement_refused(order: Order, *, at: datetime) -> None:
    """A credit account was paid after it had been closed; in the transaction that gives the payment up."""
    facts = {"amount_minor": order.total_minor, "currency": order.currency}
    _to_customer("settlement_refused", str(order.pk), order, facts, at)


def tell_refund(*, refund_id: int, at: datetime) -> None:
    """The money is on its way back, and why when it was paid once too often."""
    refund = Refund.objects.select_related("payment__order").get(pk=refund_id)
    payment = refund.payment
    # What was never credited was neither paid twice nor too late: another mail said why.
    credits_something = payment.order.loads_id is not None or payment.order.settles_id is not None
    never_credited = credits_something and payment.order.paid_at is None
    facts = {
        "points_minor": refund.points_minor,
        "taken_minor": taken_back(payment.order, refund),
        "amount_minor": refund.amount_minor,
        "currency": payment.received_currency,
        "reference": payment.reference,
        "card_label": payment.card_label,
        "undue": refund.undue and not never_credited,
        "owed_again": payment.order.settles_id is not None and not refund.undue,
    }
    _to_customer("refund_done", str(refund_id), payment.order, facts, at)


def _settlement_facts(order: Order) -> dict[str, Any]:
    paid = next((p for p in order.payments.all() if p.succeeded_at), None)
    return {
        "amount_minor": order.total_minor,
        "currency": order.currency,
        "day": _local(order.paid_at, "%d/%m/%Y"),
        "reference": paid.reference if paid else "",
        "card_label": paid.card_label if paid else "",
        "url": settings.SITE_URL + reverse("billing:account", args=[order.settles_id]),
    }


def _order_facts(order: Order) -> dict[str, Any]:
    paid = next((p for p in order.payments.all() if p.succeeded_at), None)
    return {
        **_points_facts(order),
        "lines": [
            {
                "name": line.product.name,
                "face_minor": line.face_minor,
                "quantity": line.quantity,
                "rate_bp": line.rate_bp,
                "price_minor": line.price_minor,
            }
            for line in order.lines.all()
        ],
        "is_grouped": order.bulk_id is not None,
        "currency": order.currency,
        "face_minor": order.face_minor,
        "saving_minor": order.saving_minor,
        "total_minor": order.total_minor,
        "reference": paid.reference if paid else "",
        "card_label": paid.card_label if paid else "",
        "expected_day": _local(order.cards_expected_from, "%d/%m/%Y"),
        "expected_from": _local(order.cards_expected_from, "%H:%M"),
        "expected_until": _local(order.cards_expected_until, "%H:%M"),
    }


def _points_facts(order: Order) -> dict[str, Any]:
    """Points used and earned; the days are those from which the earned ones can be used."""
    earned = points_earned([order]).get(order.pk)
    return {
        "points_minor": order.points_minor,
        "due_minor": order.due_minor,
        "earned_minor": earned.earned_minor if earned else 0,
        "earned_day": _day(earned.usable_on) if earned else "",
        "welcome_minor": earned.welcome_minor if earned else 0,
        "welcome_day": _day(earned.welcome_on) if earned else "",
    }


def _day(on: date | None) -> str:
    return f"{on:%d/%m/%Y}" if on else ""


def _local(instant: datetime | None, form: str) -> str:
    return instant.astimezone(PARIS).strftime(form) if instant else ""


def _to_customer(event: str, ref: str, order: Order, facts: dict[str, Any], at: datetime) -> None:
    customer = customer_identity(order.customer_id)
    queue_mail(
        event=event,
        ref=ref,
        recipient=customer.email,
        language=customer.language,
        template=event,
        context={
            "name": customer.full_name,
            "number": order.number,
            "url": settings.SITE_URL + reverse("orders:detail", args=[order.number]),
            **facts,
        },
        at=at,
    )
