"""The portal as issuer of places: `places:cine-5` makes cards of the product `cine-5` (S2.2)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from kernel.calendar import last_valid_day, programme_day
from wallet.errors import IssuerRefused
from wallet.issuers.base import IssuedNumber, IssueRequest
from wallet.issuers.own import draw_number
from wallet.selectors.products import PlaceContent, place_content

PREFIX = "2004"


class PlacesIssuer:
    """What was paid stays with the order: the product says how many places are on the card."""

    in_process = True
    value_in_ledger = True

    def __init__(self, argument: str = "") -> None:
        self.slug = argument

    def issue(self, request: IssueRequest, *, at: datetime) -> IssuedNumber:
        return self.issue_all([request], at=at)[0]

    def issue_all(self, requests: Sequence[IssueRequest], *, at: datetime) -> list[IssuedNumber]:
        """Refuses `IssuerRefused` when there is no such product."""
        content = place_content(self.slug)
        if content is None:
            raise IssuerRefused(f"no product {self.slug}")
        return [self._made(request, content, at) for request in requests]

    def lookup(self, key: UUID) -> IssuedNumber | None:
        """Nothing exists outside the transaction that records the card."""
        return None

    def settle(self, keys: Sequence[UUID]) -> None:
        return None

    def release(self, keys: Sequence[UUID]) -> None:
        return None

    def renumber(self) -> str | None:
        return draw_number(PREFIX)

    def _made(self, request: IssueRequest, content: PlaceContent, at: datetime) -> IssuedNumber:
        """Good for as long as the product says, and never less than the buyer was promised (S3.11)."""
        own_day = last_valid_day(programme_day(at), content.product.validity_months)
        return IssuedNumber(draw_number(PREFIX), max(own_day, request.expires_on), content)
