"""The portal as issuer of prepaid cards: a number, a CVC, no end, and the value in the ledger (S0.1)."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from wallet.issuers.base import IssuedNumber, IssueRequest
from wallet.issuers.own import luhn_digit
from wallet.services.cvc import draw_cvc
from wallet.states import NO_END

PREFIX = "97"
RANDOM_DIGITS = 16


def draw_prepaid_number() -> str:
    """Nineteen digits, the most that ISO/IEC 7812 knows: the prefix, sixteen random digits, a check digit."""
    body = f"{PREFIX}{secrets.randbelow(10**RANDOM_DIGITS):0{RANDOM_DIGITS}d}"
    return body + luhn_digit(body)


class PrepaidIssuer:
    in_process = True
    value_in_ledger = True

    def __init__(self, argument: str = "") -> None:
        self.argument = argument

    def issue(self, request: IssueRequest, *, at: datetime) -> IssuedNumber:
        return IssuedNumber(draw_prepaid_number(), NO_END, cvc=draw_cvc())

    def issue_all(self, requests: Sequence[IssueRequest], *, at: datetime) -> list[IssuedNumber]:
        return [self.issue(request, at=at) for request in requests]

    def lookup(self, key: UUID) -> IssuedNumber | None:
        """Nothing exists outside the transaction that records the card."""
        return None

    def settle(self, keys: Sequence[UUID]) -> None:
        return None

    def release(self, keys: Sequence[UUID]) -> None:
        return None

    def renumber(self) -> str | None:
        return draw_prepaid_number()
