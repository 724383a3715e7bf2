"""A prepaid card that was handed over enters the wallet of whoever has its number and its CVC."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.selectors import customer_language
from kernel.seal import seal
from wallet.errors import AlreadyInWallet, CardBlocked, CardNotRecognised, CardNotUsable, CvcWrong
from wallet.models import Card
from wallet.selectors.numbers import number_index, tidy_number
from wallet.services.cvc import cvc_binding, same_cvc
from wallet.services.draw import order_drawing
from wallet.services.prepaid import note, product_name
from wallet.services.till import check_cvc
from wallet.states import BATCH_PREFIX, CardEventKind, CardKind, CardState

NO_CARD = UUID(int=0)


def register_prepaid(*, customer_id: int, number: str, cvc: str, at: datetime) -> UUID:
    """Put the card into the customer's wallet; its id. Tries of the CVC are counted as at a till (S0.7).

    Refuses `AlreadyInWallet`, and `CardNotRecognised` for everything else that is wrong: unknown, in
    somebody's wallet, blocked, another CVC. One answer after one opened seal; counting a try is the only
    work that an unknown number is spared.
    """
    card = Card.objects.filter(kind=CardKind.PREPAID, number_index=number_index(tidy_number(number))).first()
    if card is not None and card.holder_id == customer_id:
        raise AlreadyInWallet(card.pk)
    if card is None or not _is_waiting(card):
        same_cvc(seal("", bound_to=cvc_binding(NO_CARD)), cvc, card_id=NO_CARD)
        raise CardNotRecognised
    try:
        check_cvc(card_id=card.pk, cvc=cvc, at=at)
    except (CvcWrong, CardBlocked, CardNotUsable) as refusal:
        raise CardNotRecognised from refusal
    _enter(card.pk, card.number_index, customer_id, at=at)
    return card.pk


def _is_waiting(card: Card) -> bool:
    """Made to be handed over and in nobody's wallet yet; cards received by a link have other batches, or
    another number than the printed one."""
    return card.holder_id is None and card.batch.startswith(BATCH_PREFIX) and card.state == CardState.ACTIVE


@transaction.atomic
def _enter(card_id: UUID, index: str, customer_id: int, *, at: datetime) -> None:
    """Under the card's lock: of two who hold the card, one gets it."""
    card = Card.objects.select_for_update(of=("self",)).get(pk=card_id)
    if card.holder_id is not None or card.number_index != index or card.state != CardState.ACTIVE:
        raise CardNotRecognised
    card.holder_id = customer_id
    card.product_name = product_name(customer_language(customer_id))
    card.save(update_fields=["holder", "product_name"])
    note(card, CardEventKind.REGISTERED, actor_id=customer_id, at=at)
    order_drawing(card, at=at)
