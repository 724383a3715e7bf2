"""What an issuer of cards must do. Copy `own.py` or `stock.py` to add one, and name it in ISSUERS."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Protocol, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from wallet.selectors.products import PlaceContent


@dataclass(frozen=True)
class IssueRequest:
    """One card wanted. `key` is the same at every call for this card; `face_minor` in minor units."""

    key: UUID
    face_minor: int
    currency: str
    expires_on: date


@dataclass(frozen=True)
class IssuedNumber:
    """The number in clear, on its way to be sealed, and the last day on which the issuer honours it.

    `content`: the card holds these places (S2.1) instead of the value that was asked for. `cvc`, in clear
    like the number: it is a prepaid card (S0).
    """

    number: str
    expires_on: date
    content: PlaceContent | None = None
    cvc: str = ""


class Issuer(Protocol):
    """An issuer. `argument` is what follows the colon in `stock:cinema`.

    `in_process`: issuing does nothing outside the caller's transaction, so there is nothing to ask about;
    such an issuer is a `LocalIssuer`.
    `value_in_ledger`: the portal keeps the balance; otherwise the issuer does.
    """

    in_process: bool
    value_in_ledger: bool

    def __init__(self, argument: str = "") -> None: ...

    def issue(self, request: IssueRequest, *, at: datetime) -> IssuedNumber:
        """Create the card, or return the one that this key created before.

        Refuses `IssuerUnreachable` (unknown), `IssuerRefused` (final), `OutOfStock` (later).
        """

    def lookup(self, key: UUID) -> IssuedNumber | None:
        """The card that `key` created, or None if it created none. Refuses `IssuerUnreachable`."""

    def settle(self, keys: Sequence[UUID]) -> None:
        """Called inside the transaction that records the cards of `keys`."""

    def release(self, keys: Sequence[UUID]) -> None:
        """Called inside the transaction that gives up intents which never became cards."""

    def renumber(self) -> str | None:
        """A fresh number for a card that changes hands, or None if the issuer cannot."""


class LocalIssuer(Issuer, Protocol):
    """An in-process issuer, which makes the cards of a batch at once."""

    def issue_all(self, requests: Sequence[IssueRequest], *, at: datetime) -> list[IssuedNumber]:
        """As `issue` for each, in their order, in a fixed number of queries. Refuses `IssuerRefused`."""


def local_issuer_named(name: str) -> LocalIssuer | None:
    """The issuer called `name` when it is in-process."""
    issuer = issuer_named(name)
    return cast(LocalIssuer, issuer) if issuer.in_process else None


def issuer_named(name: str) -> Issuer:
    """The issuer called `name`, e.g. `own` or `stock:cinema`."""
    return _load(name, tuple(settings.ISSUERS.items()))


@lru_cache(maxsize=64)
def _load(name: str, issuers: tuple[tuple[str, str], ...]) -> Issuer:
    base, _, argument = name.partition(":")
    issuer: Issuer = import_string(dict(issuers)[base])(argument)
    return issuer
