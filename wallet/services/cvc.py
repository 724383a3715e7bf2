"""The three digits that a prepaid card's holder tells at the till: sealed and bound to the card (S0.3)."""

import hmac
import secrets
from uuid import UUID

from kernel.seal import seal, unseal_text


def draw_cvc() -> str:
    return f"{secrets.randbelow(1000):03d}"


def cvc_binding(card_id: UUID) -> str:
    return f"wallet.prepaidcard:{card_id}"


def seal_cvc(cvc: str, *, card_id: UUID) -> str:
    return seal(cvc, bound_to=cvc_binding(card_id))


def open_cvc(cvc_sealed: str, *, card_id: UUID) -> str:
    """The CVC in clear, for the holder's own eyes only."""
    return unseal_text(cvc_sealed, bound_to=cvc_binding(card_id))


def same_cvc(cvc_sealed: str, told: str, *, card_id: UUID) -> bool:
    """Whether `told` is the CVC, in the same time for any answer."""
    return hmac.compare_digest(open_cvc(cvc_sealed, card_id=card_id).encode(), told.encode())
