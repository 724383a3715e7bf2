"""An order's way from cart to cards, as its customer sees it (S3.7, S3.11)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext

from orders.models import Order
from orders.states import OrderState, PaymentState

_CLOSED = {OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REFUND_PENDING, OrderState.REFUNDED}
_FINAL = {OrderState.FULFILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REFUNDED}
_PAID = {OrderState.VALIDATED, OrderState.FULFILLING, OrderState.FULFILLED}
_REFUSED = {PaymentState.FAILED}
_TONES = {
    OrderState.AWAITING_PAYMENT: "warn",
    OrderState.PAYMENT_REVIEW: "warn",
    OrderState.VALIDATED: "info",
    OrderState.FULFILLING: "info",
    OrderState.FULFILLED: "good",
    OrderState.REFUND_PENDING: "warn",
}


@dataclass(frozen=True)
class Status:
    """The word that the customer reads, and its tone. Never by colour alone."""

    label: str
    tone: str


@dataclass(frozen=True)
class Step:
    """One step: "done", "current" or "todo"."""

    label: str
    state: str
    at: datetime | None = None
    note: str = ""


@dataclass(frozen=True)
class Timeline:
    status: Status
    steps: tuple[Step, ...]
    is_final: bool
    is_late: bool
    was_refused: bool
    contested: str  # "disputed", "charged_back" or nothing
    may_pay: bool
    may_cancel: bool
    has_invoice: bool
    checked_at: datetime


def status_of(order: Order) -> Status:
    """The status in the seed's words; a refused try shows until the next one (S3.6)."""
    if _was_refused(order):
        return Status(gettext("Paiement refusé"), "bad")
    if order.state == OrderState.FULFILLING:
        return Status(str(OrderState.VALIDATED.label), "info")
    tone = _TONES.get(OrderState(order.state), "")
    if (order.booking_id or order.loads_id or order.settles_id) and order.state == OrderState.FULFILLED:
        return Status(str(OrderState.VALIDATED.label), tone)  # no card is activated
    return Status(str(OrderState(order.state).label), tone)


def timeline_of(order: Order, *, now: datetime) -> Timeline:
    """Steps and possible actions.

    `order` carries `payment_state` and `contested` (see `selectors.order_detail`).
    """
    unpaid = order.state == OrderState.AWAITING_PAYMENT and order.payment_state != PaymentState.PENDING  # type: ignore[attr-defined]
    return Timeline(
        status=status_of(order),
        steps=tuple(_steps(order, now)),
        is_final=order.state in _FINAL or order.contested == PaymentState.CHARGED_BACK,  # type: ignore[attr-defined]
        is_late=_is_late(order, now),
        was_refused=_was_refused(order),
        contested=order.contested or "",  # type: ignore[attr-defined]
        may_pay=unpaid,
        may_cancel=unpaid,
        has_invoice=order.paid_at is not None and order.settles_id is None,
        checked_at=now,
    )


def _was_refused(order: Order) -> bool:
    return order.state == OrderState.AWAITING_PAYMENT and order.payment_state in _REFUSED  # type: ignore[attr-defined]


def _is_late(order: Order, now: datetime) -> bool:
    due = order.cards_expected_until
    waiting = order.state in {OrderState.VALIDATED, OrderState.FULFILLING}
    return waiting and not order.contested and due is not None and due < now  # type: ignore[attr-defined]


def _steps(order: Order, now: datetime) -> list[Step]:
    placed = Step(gettext("Commande enregistrée"), "done", order.placed_at)
    if order.state in _CLOSED:
        return [placed, *_paid_step(order), Step(status_of(order).label, "current", note=_closing(order))]
    if order.booking_id:
        return [placed, _payment_step(order, now), _seats_step(order)]
    if order.loads_id:
        return [placed, _payment_step(order, now), _load_step(order)]
    if order.settles_id:
        return [placed, _payment_step(order, now), _settlement_step(order)]
    cards = _links_step(order) if order.bulk_id else _cards_step(order, now)
    return [placed, _payment_step(order, now), _valid_step(order), cards]


def _paid_step(order: Order) -> list[Step]:
    return [Step(str(OrderState.VALIDATED.label), "done", order.paid_at)] if order.paid_at else []


def _payment_step(order: Order, now: datetime) -> Step:
    if order.state in _PAID:
        return Step(gettext("Paiement confirmé"), "done", order.paid_at)
    if order.state == OrderState.PAYMENT_REVIEW:
        note = gettext("Nous vérifions votre paiement avec la banque, et nous vous écrivons.")
        return Step(str(OrderState.PAYMENT_REVIEW.label), "current", note=note)
    if _was_refused(order):
        return Step(gettext("Paiement refusé"), "current", note=gettext("Rien n'a été débité."))
    label = str(OrderState.AWAITING_PAYMENT.label)
    return Step(label, "current", note=_payment_note(order, now))


def _payment_note(order: Order, now: datetime) -> str:
    if order.payment_state != PaymentState.PENDING:  # type: ignore[attr-defined]
        if order.booking and order.booking.held_until:
            until = _clock(order.booking.held_until)
            return gettext("Vos fauteuils sont gardés jusqu'à %(time)s.") % {"time": until}
        return gettext("Dès que votre paiement est fait, votre banque nous le confirme %(delay)s.") % {
            "delay": _delay()
        }
    confirmed = _confirmation(order, now)
    return gettext("Votre banque confirme le paiement %(delay)s, vers %(time)s.") % {
        "delay": _delay(),
        "time": _clock(confirmed),
    }


def _delay() -> str:
    minutes = settings.PAYMENT_POLL_AFTER // 60
    if minutes < 1:
        return gettext("sous quelques instants")
    return ngettext("sous %(n)s minute environ", "sous %(n)s minutes environ", minutes) % {"n": minutes}


def _valid_step(order: Order) -> Step:
    label = str(OrderState.VALIDATED.label)
    if order.state == OrderState.FULFILLED:
        return Step(label, "done", order.paid_at)
    if order.state in _PAID:
        note = gettext("L'e-mail de confirmation est parti, la facture est prête.")
        return Step(label, "current", order.paid_at, note)
    return Step(label, "todo", note=gettext("Vous recevez l'e-mail de confirmation et la facture."))


def _cards_step(order: Order, now: datetime) -> Step:
    label = str(OrderState.FULFILLED.label)
    if order.state == OrderState.FULFILLED:
        note = gettext("Vos cartes sont dans votre portefeuille.")
        return Step(label, "done", order.fulfilled_at, note)
    if order.contested:  # type: ignore[attr-defined]
        return Step(label, "todo", note=gettext("Vos cartes attendent la décision de votre banque."))
    if order.state == OrderState.AWAITING_PAYMENT and order.payment_state != PaymentState.PENDING:  # type: ignore[attr-defined]
        return Step(
            label, "todo", note=gettext("Vos cartes rejoignent votre portefeuille après le paiement.")
        )
    first, last = order.cards_expected_from, order.cards_expected_until
    if first is None or last is None:
        confirmed = _confirmation(order, now)
        first = confirmed + timedelta(seconds=settings.ISSUE_DELAY_MIN)
        last = confirmed + timedelta(seconds=settings.ISSUE_DELAY_MAX)
    note = gettext("Vos cartes rejoignent votre portefeuille %(window)s.") % {"window": _window(first, last)}
    return Step(label, "todo", note=note)


def _seats_step(order: Order) -> Step:
    """Seats wait for nothing once they are paid (S2.5)."""
    label = gettext("Fauteuils réservés")
    if order.state == OrderState.FULFILLED:
        note = gettext("L'e-mail de confirmation est parti, votre billet et la facture sont prêts.")
        return Step(label, "done", order.fulfilled_at, note)
    return Step(label, "todo", note=gettext("Ils sont à vous dès que le paiement est confirmé."))


def _load_step(order: Order) -> Step:
    """A load waits for nothing once it is paid (S0.1)."""
    label = gettext("Carte rechargée")
    if order.state == OrderState.FULFILLED:
        note = gettext("L'e-mail de confirmation est parti, la facture est prête.")
        return Step(label, "done", order.fulfilled_at, note)
    return Step(label, "todo", note=gettext("Le montant est sur la carte dès que le paiement est confirmé."))


def _settlement_step(order: Order) -> Step:
    """A payment of a statement counts as of the day on which it is confirmed (S1.3)."""
    label = gettext("Relevé payé")
    if order.state == OrderState.FULFILLED:
        note = gettext("Le montant est sur votre compte de carte, l'e-mail de confirmation est parti.")
        return Step(label, "done", order.fulfilled_at, note)
    note = gettext("Le paiement compte à partir du jour où la banque le confirme.")
    return Step(label, "todo", note=note)


def _links_step(order: Order) -> Step:
    """Cards of a grouped order leave by links as they come (S0.5)."""
    label = gettext("Liens aux bénéficiaires")
    if order.state == OrderState.FULFILLED:
        note = gettext("Toutes les cartes sont prêtes : leurs liens partent.")
        return Step(label, "done", order.fulfilled_at, note)
    if order.contested:  # type: ignore[attr-defined]
        return Step(label, "todo", note=gettext("Vos cartes attendent la décision de votre banque."))
    return Step(label, "todo", note=gettext("Chacun reçoit un lien dès que sa carte est prête."))


def _confirmation(order: Order, now: datetime) -> datetime:
    assert order.placed_at is not None
    expected = order.placed_at + timedelta(seconds=settings.PAYMENT_POLL_AFTER)
    return max(expected, now)  # a second try comes later than the order: never promise the past


def _window(first: datetime, last: datetime) -> str:
    if _clock(first) == _clock(last):
        return gettext("vers %(time)s") % {"time": _clock(last)}
    return gettext("entre %(first)s et %(last)s") % {"first": _clock(first), "last": _clock(last)}


def _clock(instant: datetime) -> str:
    return date_format(localtime(instant), "H:i")


def _closing(order: Order) -> str:
    match order.state:
        case OrderState.CANCELLED | OrderState.EXPIRED if order.booking_id:
            return gettext("Rien n'a été débité. Les fauteuils sont libres, vos places sont sur vos cartes.")
        case OrderState.CANCELLED if order.loads_id:
            return gettext("La carte n'a pas été rechargée. Si un paiement est arrivé, il vous est rendu.")
        case OrderState.CANCELLED | OrderState.EXPIRED if order.settles_id:
            return gettext("Ce paiement n'a pas été fait. S'il arrive tout de même, il est compté ou rendu.")
        case OrderState.CANCELLED | OrderState.EXPIRED if order.bulk_id:
            return gettext("Rien n'a été débité. Vous pouvez commander de nouveau la même liste.")
        case OrderState.CANCELLED:
            return gettext("Rien n'a été débité. Ses cartes sont revenues dans votre panier s'il était vide.")
        case OrderState.EXPIRED:
            return gettext("Elle n'a pas été payée à temps : rien n'a été débité. Vous pouvez recommander.")
        case OrderState.REFUND_PENDING:
            return gettext("Votre banque vous rend l'argent sous quelques jours.")
    return gettext("Le montant vous a été rendu sur la carte qui a payé.")
