"""The CVC, shown to the holder once; whoever has not kept it in mind draws another."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from wallet.errors import CvcShown
from wallet.models import PrepaidCard
from wallet.services.cvc import draw_cvc, open_cvc, seal_cvc
from wallet.services.freeze import refuse_unless_holders
from wallet.services.prepaid import lock_prepaid, note
from wallet.states import CardEventKind


@transaction.atomic
def show_cvc(*, card_id: UUID, holder_id: int, at: datetime) -> str:
    """The CVC in clear, once. The caller has made sure that it is the holder who asks.

    Refuses `CvcShown`, and what `services.freeze.refuse_unless_holders` refuses.
    """
    card = lock_prepaid(card_id, holder_id=holder_id)
    refuse_unless_holders(card)
    if card.prepaid.cvc_shown_at is not None:
        raise CvcShown(card.masked)
    PrepaidCard.objects.filter(pk=card_id).update(cvc_shown_at=at)
    note(card, CardEventKind.CVC_SHOWN, actor_id=holder_id, at=at)
    return open_cvc(card.prepaid.cvc_sealed, card_id=card_id)


@transaction.atomic
def renew_cvc(*, card_id: UUID, holder_id: int, at: datetime) -> str:
    """Another CVC, in clear, once; the old one is wrong from now on. Tries that were counted stay counted.

    The caller has made sure that it is the holder who asks. Refuses what
    `services.freeze.refuse_unless_holders` refuses.
    """
    card = lock_prepaid(card_id, holder_id=holder_id)
    refuse_unless_holders(card)
    cvc = _another(open_cvc(card.prepaid.cvc_sealed, card_id=card_id))
    PrepaidCard.objects.filter(pk=card_id).update(cvc_sealed=seal_cvc(cvc, card_id=card_id), cvc_shown_at=at)
    note(card, CardEventKind.CVC_RENEWED, actor_id=holder_id, at=at)
    return cvc


def _another(cvc: str) -> str:
    while (drawn := draw_cvc()) == cvc:
        pass
    return drawn
