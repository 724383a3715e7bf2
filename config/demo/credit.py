"""Camille's credit cards: one in use, and an older one that was told lost."""

from datetime import datetime, timedelta
from uuid import UUID

from config.demo.people import Cast
from wallet.services.credit_card import issue_credit_card
from wallet.services.pin import draw_pin
from wallet.services.stop import report_gone
from wallet.states import CreditStop

IN_USE, LOST = UUID("5a1c7c5e-2f0b-4b8e-9a55-0d1c0c0c0001"), UUID("5a1c7c5e-2f0b-4b8e-9a55-0d1c0c0c0002")
PRODUCT = "Carte de crédit Mirabelle"


def tell_credit(cast: Cast, *, at: datetime) -> None:
    """Cards only: what was bought with them is told by whoever keeps the account."""
    card_id = _issue(cast, IN_USE, "CC-1042", at=at - timedelta(days=200))
    draw_pin(card_id=card_id, holder_id=cast.member.pk, at=at - timedelta(days=196))
    lost_id = _issue(cast, LOST, "CC-1043", at=at - timedelta(days=150))
    draw_pin(card_id=lost_id, holder_id=cast.member.pk, at=at - timedelta(days=149))
    report_gone(
        card_id=lost_id, holder_id=cast.member.pk, why=CreditStop.LOST, at=at - timedelta(hours=5, minutes=20)
    )


def _issue(cast: Cast, key: UUID, label: str, *, at: datetime) -> UUID:
    return issue_credit_card(key=key, holder_id=cast.member.pk, product_name=PRODUCT, label=label, at=at)
