"""The portal as issuer: it draws the number, and the value is in its ledger."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from wallet.issuers.base import IssuedNumber, IssueRequest

PREFIX = "5032"
RANDOM_DIGITS = 15


def luhn_digit(digits: str) -> str:
    """The check digit that makes `digits` pass ISO/IEC 7812 (Luhn)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if position % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def draw_number(prefix: str = PREFIX) -> str:
    """Twenty digits (S3.9): the prefix, fifteen random digits, a check digit."""
    body = f"{prefix}{secrets.randbelow(10**RANDOM_DIGITS):0{RANDOM_DIGITS}d}"
    return body + luhn_digit(body)


class OwnIssuer:
    in_process = True
    value_in_ledger = True

    def __init__(self, argument: str = "") -> None:
        self.argument = argument

    def issue(self, request: IssueRequest, *, at: datetime) -> IssuedNumber:
        return IssuedNumber(number=draw_number(), expires_on=request.expires_on)

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
        return draw_number()
