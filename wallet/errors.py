"""Why the wallet says no."""

from datetime import datetime
from uuid import UUID

from kernel.errors import DomainError


class CardNotUsable(DomainError):
    """The card is blocked, void, expired, or waiting to be claimed.

    `why`, for a prepaid card: "frozen" by its holder, "blocked" or "void"; for a credit card also "lost",
    "stolen", "expired", "pin" (three wrong ones), "no_pin" (none was drawn).
    """

    def __init__(self, masked: str, *, why: str = "") -> None:
        super().__init__(masked)
        self.why = why


class CardContested(DomainError):
    """The bank contests the card's payment: nobody unblocks it before the bank has decided."""


class CardAlreadyUsed(DomainError):
    """Some of the card's value was spent, or the card was given away: it cannot be taken back."""


class NamedCardStays(DomainError):
    """A named card is good for the person named on it and is never given away."""


class AlreadySent(DomainError):
    """A link for this card is open: it must be revoked before another is sent."""


class CardNotRecognised(DomainError):
    """This number cannot be registered: unknown, of another kind or name, registered by somebody else,
    blocked or expired. One answer for all (S2.6)."""


class AlreadyInWallet(DomainError):
    """The customer holds the card `card_id` already."""

    def __init__(self, card_id: UUID) -> None:
        super().__init__(str(card_id))
        self.card_id = card_id


class ProductUnknown(DomainError):
    """There is no kind of card with this name."""


class LinkNotOpen(DomainError):
    """The link is unknown, expired, revoked or used. One answer for all."""


class TooManyLinks(DomainError):
    """The sender sent too many links today."""


class OutOfStock(DomainError):
    """No code of this value is left in the pool."""


class ImportRefused(DomainError):
    """The file cannot be read as a list of codes. The message says why, in the reader's language."""


class IssuerUnreachable(DomainError):
    """The issuer did not answer: nobody knows whether the card exists. Ask with `lookup`, same key."""


class IssuerRefused(DomainError):
    """The issuer said no for good. A person decides what comes next."""


# Prepaid cards (S0)


class CvcWrong(DomainError):
    """The CVC is not this card's; `tries_left` more wrong ones block it."""

    def __init__(self, tries_left: int) -> None:
        super().__init__(f"tries left: {tries_left}")
        self.tries_left = tries_left


class CardBlocked(DomainError):
    """Three wrong CVC in a row blocked the card until its holder unblocks it (S0.7); three wrong PIN, until
    it is replaced (S1.7)."""


class CvcShown(DomainError):
    """The CVC was shown before: whoever forgot it draws another."""


class LoadOverLimit(DomainError):
    """The balance would pass its limit (S0.1); `room` (minor units) may still be loaded."""

    def __init__(self, room: int) -> None:
        super().__init__(f"room: {room}")
        self.room = room


class ForeignCurrency(DomainError):
    """The card holds another currency than the one asked for. The message is the card's."""


# Credit cards (S1)


class PinWrong(DomainError):
    """The PIN is not this card's; `tries_left` more wrong ones block it (S1.7)."""

    def __init__(self, tries_left: int) -> None:
        super().__init__(f"tries left: {tries_left}")
        self.tries_left = tries_left


class PinShown(DomainError):
    """This PIN was shown, once: whoever forgot it asks for another, which costs a fee (S1.6)."""


class PinNotBlocked(DomainError):
    """No three wrong PIN block the card: it is replaced for another reason, or not at all."""


class CreditCardStays(DomainError):
    """A credit card is its holder's own: it is never given away."""


class CreditKeyReused(DomainError):
    """This key already stands for the card of somebody else."""


# The programme


class ScreeningPast(DomainError):
    """The screening has begun, or would begin in the past."""


class ScreeningCancelled(DomainError):
    """The screening does not take place."""


class RoomTaken(DomainError):
    """Another screening is in that room at that time. The message is its code."""


class CodeTaken(DomainError):
    """The code belongs to a screening of another cinema."""


class ScreeningSold(DomainError):
    """Seats are taken: what people booked (film, technology, version, time) stays as it is."""


class SeatsTaken(DomainError):
    """More seats are taken than the screening would have. The message is how many."""


# Booking


class ScreeningNotFound(DomainError):
    """There is no such screening."""


class ScreeningFull(DomainError):
    """Fewer seats than asked for are free: `left` are."""

    def __init__(self, left: int) -> None:
        super().__init__(f"left: {left}")
        self.left = left


class AlreadyHeld(DomainError):
    """The customer already keeps unpaid seats of this screening: those of the booking `number`."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class ScreeningChanged(DomainError):
    """Date, technology or price changed while the customer was booking: the page must be shown again."""


class TooManySeats(DomainError):
    """A booking has from 1 to `maximum` seats."""

    def __init__(self, maximum: int) -> None:
        super().__init__(str(maximum))
        self.maximum = maximum


class MeansExceedSeats(DomainError):
    """More places were chosen than there are seats to book."""


class MeansChanged(DomainError):
    """A card chosen does not fit the screening (any more), or gives fewer places: `card_id`, when known."""

    def __init__(self, card_id: UUID | None = None) -> None:
        super().__init__(str(card_id or ""))
        self.card_id = card_id


class BookingKeyReused(DomainError):
    """This key already stands for another booking."""


class BookingNotFound(DomainError):
    """There is no such booking of this customer."""


class BookingOver(DomainError):
    """The booking was given up or cancelled: its seats and places have gone back."""


class BookingUnpaid(DomainError):
    """The booking still waits for its payment: give up its order instead."""


class TooLateToCancel(DomainError):
    """The limit for cancelling has passed: `limit` was the last instant."""

    def __init__(self, limit: datetime) -> None:
        super().__init__(limit.isoformat())
        self.limit = limit
