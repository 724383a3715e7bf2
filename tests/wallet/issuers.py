"""An issuer at the other end of a bad line: it creates cards and sometimes fails to say so."""

from datetime import datetime
from uuid import UUID

from wallet.errors import IssuerRefused, IssuerUnreachable
from wallet.issuers.base import IssuedNumber, IssueRequest
from wallet.issuers.own import draw_number


class FaultyIssuer:
    """Keeps its cards by key. `script` says what the next calls do; when it is over, all is well."""

    in_process = False
    value_in_ledger = True
    cards: dict[UUID, IssuedNumber] = {}
    script: list[str] = []
    calls: list[tuple[str, UUID]] = []

    def __init__(self, argument: str = "") -> None:
        self.argument = argument

    @classmethod
    def reset(cls, *script: str) -> None:
        cls.cards, cls.script, cls.calls = {}, list(script), []

    def issue(self, request: IssueRequest, *, at: datetime) -> IssuedNumber:
        self.calls.append(("issue", request.key))
        fault = self._next()
        if fault == "refuse":
            raise IssuerRefused("no contract")
        if fault == "drop before":
            raise IssuerUnreachable("time-out")
        number = self.cards.setdefault(request.key, IssuedNumber(draw_number(), request.expires_on))
        if fault == "drop after":
            raise IssuerUnreachable("time-out")
        return number

    def lookup(self, key: UUID) -> IssuedNumber | None:
        self.calls.append(("lookup", key))
        if self._next() == "drop before":
            raise IssuerUnreachable("time-out")
        return self.cards.get(key)

    def settle(self, keys) -> None:
        return None

    def release(self, keys) -> None:
        return None

    def renumber(self) -> str | None:
        return None

    def _next(self) -> str:
        return self.script.pop(0) if self.script else ""
