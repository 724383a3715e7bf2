"""Printed cards that nobody has registered: their numbers, and blocking them."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from kernel.seal import unseal_text
from wallet.models import PrintedCard
from wallet.selectors.numbers import number_index, tidy_number
from wallet.services.block import block_card
from wallet.services.number import mask
from wallet.states import PRINTED_MACHINE, PrintedState


def printed_binding(card: PrintedCard) -> str:
    return f"wallet.printedcard:{card.uid}"


def masked_number(card: PrintedCard) -> str:
    """`2004XXXXXXXX0736`, for operators. The number itself leaves this function only masked."""
    return mask(unseal_text(card.number_sealed, bound_to=printed_binding(card)))


def printed_with_number(number: str) -> int | None:
    """The printed card with this number, however it is written."""
    index = number_index(tidy_number(number))
    return PrintedCard.objects.filter(number_index=index).values_list("pk", flat=True).first()


def block_printed(*, printed_id: int, actor_id: int, at: datetime, note: str = "") -> UUID | None:
    """Nobody registers the card from now on. One that is registered is blocked in its wallet: that card's id.

    Blocking twice changes nothing. Refuses `CardNotUsable` when the wallet's card is void.
    """
    with transaction.atomic():
        printed = PrintedCard.objects.select_for_update(of=("self",)).get(pk=printed_id)
        if printed.card_id is not None:
            block_card(card_id=printed.card_id, actor_id=actor_id, at=at, note=note)
        elif printed.state != PrintedState.BLOCKED:
            _move(printed, PrintedState.BLOCKED)
        return printed.card_id


def unblock_printed(*, printed_id: int) -> None:
    """The card can be registered again. Refuses `TransitionRefused` unless it is blocked."""
    with transaction.atomic():
        printed = PrintedCard.objects.select_for_update(of=("self",)).get(pk=printed_id)
        _move(printed, PrintedState.AVAILABLE)


def _move(printed: PrintedCard, target: PrintedState) -> None:
    PRINTED_MACHINE.check(PrintedState(printed.state), target)
    printed.state = target
    printed.save(update_fields=["state"])
