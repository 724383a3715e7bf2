"""A booking as its customer reads it: where it stands, what can be done, and every refusal in words."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext, gettext_noop, ngettext

from kernel.calendar import local_date
from kernel.errors import DomainError
from orders.errors import OrderingNotOpen, OrderNotCancellable, TermsNotCurrent, TotalTooSmall
from orders.forms import Wording
from orders.selectors import SeatOrder
from orders.states import OrderState, PaymentState
from wallet.errors import (
    AlreadyHeld,
    BookingKeyReused,
    BookingOver,
    BookingUnpaid,
    MeansChanged,
    MeansExceedSeats,
    ScreeningCancelled,
    ScreeningChanged,
    ScreeningFull,
    ScreeningPast,
    TooLateToCancel,
    TooManySeats,
)
from wallet.selectors.bookings import BookingDetail
from wallet.selectors.eligibility import Misfit, OtherCard, ScreeningFacts
from wallet.states import BookingEnd, BookingState, Technology

_REFUSED = {PaymentState.FAILED}
_PAYABLE = {OrderState.AWAITING_PAYMENT}
_RETURNING = {OrderState.REFUND_PENDING}


@dataclass(frozen=True)
class Progress:
    """Where a booking stands. `is_final`: the page has no reason to ask again by itself."""

    label: str
    tone: str
    is_final: bool
    has_ticket: bool
    is_held: bool
    is_late: bool
    bank_decides: bool
    in_review: bool
    was_refused: bool
    may_pay: bool
    may_cancel: bool
    may_keep: bool
    is_returning: bool
    checked_at: datetime


def progress_of(detail: BookingDetail, order: SeatOrder | None, *, at: datetime) -> Progress:
    """The state of a booking and of the order of its paid seats, in one look."""
    booking = detail.booking
    held = booking.state == BookingState.HELD
    confirmed = booking.state == BookingState.CONFIRMED
    pending = held and order is not None and order.payment_state == PaymentState.PENDING
    refused = held and order is not None and order.payment_state in _REFUSED
    review = held and order is not None and order.state == OrderState.PAYMENT_REVIEW
    late = held and booking.held_until is not None and booking.held_until <= at
    returning = order is not None and order.state in _RETURNING
    label, tone = status_words(
        state=booking.state,
        end=booking.end,
        is_moved=booking.moved_from is not None,
        is_over=detail.screening.ends_at <= at,
    )
    if refused:
        label, tone = gettext("Paiement refusé"), "bad"
    return Progress(
        label=label,
        tone=tone,
        is_final=not held and not returning,
        has_ticket=confirmed,
        is_held=held,
        is_late=late,
        bank_decides=pending,
        in_review=review,
        was_refused=refused,
        may_pay=held and not pending and not late and order is not None and order.state in _PAYABLE,
        may_cancel=(held and not pending and not review and not late) or detail.may_cancel(at),
        may_keep=confirmed and booking.moved_from is not None and not detail.screening.has_begun(at),
        is_returning=returning,
        checked_at=at,
    )


def status_words(*, state: str, end: str, is_moved: bool, is_over: bool) -> tuple[str, str]:
    """A booking's status as its customer reads it, and the tone. Never by colour alone."""
    if state == BookingState.CANCELLED and end == BookingEnd.SCREENING:
        return gettext("Séance annulée"), "bad"
    if state == BookingState.CONFIRMED:
        if is_over:
            return gettext("Passée"), ""
        if is_moved:
            return gettext("Séance déplacée"), "warn"
        return str(BookingState.CONFIRMED.label), "good"
    return str(BookingState(state).label), "warn" if state == BookingState.HELD else ""


def clock(instant: datetime) -> str:
    """`14:32`, in Paris."""
    return date_format(localtime(instant), "H:i")


def day_and_hour(instant: datetime) -> str:
    """`vendredi 27/11/2026 à 20:15`: the day and hour of Paris."""
    there = localtime(instant)
    return gettext("%(day)s à %(time)s") % {"day": date_format(there, "l d/m/Y"), "time": clock(instant)}


def evening_of(screening: ScreeningFacts) -> str:
    """For a screening after midnight, the evening of the programme that it belongs to; else nothing."""
    if screening.programme_on == local_date(screening.starts_at):
        return ""
    return gettext("Séance de nuit, au programme du %(day)s.") % {
        "day": date_format(screening.programme_on, "l d/m/Y")
    }


def technology_name(code: str) -> str:
    return str(Technology(code).label)


def why_not(card: OtherCard, screening: ScreeningFacts) -> str:
    """Why a card does not open this screening, in a sentence (S2.4 to S2.6)."""
    match card.reason:
        case Misfit.TOO_SHORT:
            return gettext("La séance a lieu après son dernier jour, le %(day)s.") % {
                "day": card.expires_on.strftime("%d/%m/%Y")
            }
        case Misfit.WEEKDAY:
            return gettext("Elle n'est pas valable le %(weekday)s.") % {
                "weekday": date_format(screening.programme_on, "l")
            }
        case Misfit.TECHNOLOGY:
            return gettext("Elle n'ouvre pas les séances %(technology)s.") % {
                "technology": technology_name(screening.technology)
            }
    return gettext(_PLAIN_REASONS[card.reason])


_PLAIN_REASONS = {
    Misfit.BLOCKED: gettext_noop("Elle est bloquée."),
    Misfit.VOID: gettext_noop("Elle est annulée."),
    Misfit.SENT: gettext_noop("Vous l'avez envoyée à quelqu'un."),
    Misfit.PENDING: gettext_noop("Ses places ne sont pas encore utilisables."),
    Misfit.CINEMA: gettext_noop("Elle ne vaut pas dans ce cinéma."),
    Misfit.LIMIT: gettext_noop("Elle a déjà donné à cette séance tout ce qu'elle peut."),
    Misfit.HELD: gettext_noop("Ses places attendent le paiement d'une autre réservation."),
    Misfit.EMPTY: gettext_noop("Il ne lui reste plus de place."),
}


def refusal_sentence(refusal: DomainError) -> str:
    """A refusal of booking, cancelling or keeping, in words that say what to do next."""
    match refusal:
        case ScreeningFull():
            return seats_short(refusal.left)
        case TooManySeats():
            return gettext("Choisissez de 1 à %(most)s fauteuils.") % {"most": refusal.maximum}
        case TotalTooSmall():
            return Wording("EUR").of(refusal)[1]
        case TooLateToCancel():
            return gettext("Le délai d'annulation est passé depuis le %(when)s.") % {
                "when": day_and_hour(refusal.limit)
            }
    if type(refusal) in _PLAIN_REFUSALS:
        return gettext(_PLAIN_REFUSALS[type(refusal)])
    raise refusal


_BANK_DECIDES = gettext_noop("Votre banque étudie le paiement. Attendez sa réponse, puis annulez.")
_PLAIN_REFUSALS: dict[type[DomainError], str] = {
    AlreadyHeld: gettext_noop(
        "Vous gardez déjà des fauteuils de cette séance : payez-les ou annulez-les d'abord."
    ),
    ScreeningPast: gettext_noop("La séance a commencé : elle ne se réserve plus."),
    ScreeningCancelled: gettext_noop("Cette séance est annulée. Choisissez-en une autre au programme."),
    ScreeningChanged: gettext_noop(
        "La séance vient de changer. La voici à jour : vérifiez le jour, l'heure et le prix."
    ),
    MeansChanged: gettext_noop(
        "Une de vos cartes a changé entre-temps. Voici ce qu'elle peut donner maintenant."
    ),
    MeansExceedSeats: gettext_noop("Vous avez choisi plus de places que de fauteuils. Retirez-en."),
    TermsNotCurrent: gettext_noop(
        "Les conditions générales de vente viennent de changer. Lisez-les, puis acceptez-les."
    ),
    BookingKeyReused: gettext_noop(
        "Vous avez déjà réservé depuis cette page. Confirmez pour réserver en plus."
    ),
    OrderingNotOpen: gettext_noop("Vous pourrez payer des fauteuils dès que votre compte sera validé."),
    BookingUnpaid: _BANK_DECIDES,
    OrderNotCancellable: _BANK_DECIDES,
    BookingOver: gettext_noop("Cette réservation est déjà terminée."),
}


def seats_short(left: int) -> str:
    """Fewer seats are left than were asked for."""
    if left < 1:
        return gettext("La séance est complète : d'autres ont pris les derniers fauteuils.")
    return ngettext(
        "Il ne reste plus que %(n)s fauteuil. Changez le nombre, ou choisissez une autre séance.",
        "Il ne reste plus que %(n)s fauteuils. Changez le nombre, ou choisissez une autre séance.",
        left,
    ) % {"n": left}
