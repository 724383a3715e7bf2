"""After a new key: open each secret with the key that sealed it, seal it with the newest."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from kernel.seal import newest_key_id, seal, unseal
from wallet.issuers.stock import code_binding
from wallet.models import Card, PrepaidCard, PrintedCard, StockCode, StockImportPiece
from wallet.services.cvc import cvc_binding
from wallet.services.number import binding
from wallet.services.printed import printed_binding
from wallet.services.stock import piece_binding


@dataclass(frozen=True)
class Secret:
    """A column of sealed values, and what each is bound to."""

    model: type[models.Model]
    column: str
    bound_to: Callable[[Any], str]


SECRETS = {
    "cards": Secret(Card, "number_sealed", lambda card: binding(card.pk)),
    "cvcs": Secret(PrepaidCard, "cvc_sealed", lambda row: cvc_binding(row.pk)),
    "stock codes": Secret(StockCode, "number_sealed", code_binding),
    "printed cards": Secret(PrintedCard, "number_sealed", printed_binding),
    "stock imports": Secret(StockImportPiece, "sealed", piece_binding),
}


def reseal(name: str, *, limit: int) -> int:
    """Reseal up to `limit` secrets that an older key sealed; how many were done. Zero: nothing is left.

    What is done needs no list: the key's id opens each token, so a run that was stopped goes on where it was.
    """
    secret = SECRETS[name]
    with transaction.atomic():
        stale = (
            secret.model._default_manager.select_for_update(of=("self",), skip_locked=True)
            .exclude(**{secret.column: ""})
            .exclude(**{f"{secret.column}__startswith": f"{newest_key_id()}."})
            .order_by("pk")[:limit]
        )
        rows = list(stale)
        for row in rows:
            bound_to = secret.bound_to(row)
            setattr(
                row,
                secret.column,
                seal(unseal(getattr(row, secret.column), bound_to=bound_to), bound_to=bound_to),
            )
        secret.model._default_manager.bulk_update(rows, [secret.column], batch_size=200)
    return len(rows)
