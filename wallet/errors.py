"""Why the wallet says no."""

from uuid import UUID

from kernel.errors import DomainError


class CardNotUsable(DomainError):
    """The card is blocked, void, expired, or waiting to be claimed."""


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
