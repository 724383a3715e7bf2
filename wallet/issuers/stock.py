"""Codes bought from another issuer: reserved for one intent first, issued once afterwards."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from kernel.calendar import local_date
from kernel.seal import unseal_text
from wallet.errors import IssuerRefused, OutOfStock
from wallet.issuers.base import IssuedNumber, IssueRequest
from wallet.models import StockCode, StockPool
from wallet.states import CodeState

TRIES = 20


def code_binding(code: StockCode) -> str:
    return f"wallet.stockcode:{code.uid}"


class StockIssuer:
    in_process = False
    value_in_ledger = False

    def __init__(self, argument: str = "") -> None:
        self.pool_slug = argument or "stock"

    def issue(self, request: IssueRequest, *, at: datetime) -> IssuedNumber:
        """Reserve the soonest expiring code of this value that lasts as long as was promised (S3.11).

        Refuses `OutOfStock` and `IssuerRefused`.
        """
        code = self._reserved(request.key) or self._reserve(request, at=at)
        return _opened(code)

    def lookup(self, key: UUID) -> IssuedNumber | None:
        code = self._reserved(key)
        return _opened(code) if code else None

    def settle(self, keys: Sequence[UUID]) -> None:
        StockCode.objects.filter(intent_id__in=keys, state=CodeState.RESERVED).update(state=CodeState.ISSUED)

    def release(self, keys: Sequence[UUID]) -> None:
        """Codes that nobody has seen go back to the shelf."""
        StockCode.objects.filter(intent_id__in=keys, state=CodeState.RESERVED).update(
            state=CodeState.AVAILABLE, intent=None
        )

    def renumber(self) -> str | None:
        return None

    def _reserved(self, key: UUID) -> StockCode | None:
        return StockCode.objects.filter(intent_id=key).first()

    def _reserve(self, request: IssueRequest, *, at: datetime) -> StockCode:
        pool = StockPool.objects.filter(slug=self.pool_slug).first()
        if pool is None:
            raise IssuerRefused(f"no pool {self.pool_slug}")
        shelf = StockCode.objects.filter(
            pool=pool,
            state=CodeState.AVAILABLE,
            currency=request.currency,
            face_minor=request.face_minor,
            expires_on__gte=max(request.expires_on, local_date(at)),
        ).order_by("expires_on", "id")
        for _ in range(TRIES):
            with transaction.atomic():
                code = shelf.select_for_update(skip_locked=True).first()
                if code is None:
                    raise OutOfStock(self.pool_slug)
                # SKIP LOCKED is silent on SQLite: the condition on the state is what decides there.
                taken = StockCode.objects.filter(pk=code.pk, state=CodeState.AVAILABLE).update(
                    state=CodeState.RESERVED, intent_id=request.key
                )
            if taken:
                return code
        raise OutOfStock(self.pool_slug)


def _opened(code: StockCode) -> IssuedNumber:
    number = unseal_text(code.number_sealed, bound_to=code_binding(code))
    return IssuedNumber(number=number, expires_on=code.expires_on)
