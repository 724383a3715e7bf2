"""What happens on a random day: taps at tills, loads, wrong codes, frozen and replaced cards."""

from typing import Any
from uuid import UUID


def do(facts: dict[str, Any]) -> str:
    """Do it; "done", or what refused it. An outcome may be asked for again: the key is the same."""
    from kernel.errors import DomainError

    try:
        _DOING[facts["kind"]](facts)
    except DomainError as refusal:
        return type(refusal).__name__
    return "done"


def _sell(facts: dict[str, Any]) -> None:
    from django.utils import timezone

    from loyalty.services.code import issue_one_time_code
    from merchants.services.sell import debit_sale
    from merchants.states import SaleRequest
    from wallet.models import Card

    card, now = Card.objects.select_related("prepaid").get(pk=facts["card"]), timezone.now()
    code = issue_one_time_code(member_id=facts["member"], at=now).code if facts["points"] else ""
    sale = SaleRequest(
        key=UUID(facts["key"]),
        terminal_id=facts["terminal"],
        operator_id=facts["operator"],
        bill_minor=facts["amount"],
        card_id=card.pk,
        card_last4=card.last4,
        member_id=facts["member"],
        points_minor=facts["points"],
    )
    debit_sale(sale=sale, cvc=_cvc(card), code=code, at=now)


def _cvc(card: Any) -> str:
    from wallet.services.cvc import open_cvc

    return open_cvc(card.prepaid.cvc_sealed, card_id=card.pk)


def _undo(facts: dict[str, Any]) -> None:
    """The last transaction of the terminal; without the password, whose hash takes longer than the rest."""
    from django.utils import timezone

    from merchants.errors import SaleUnknown
    from merchants.models import Reversal, Terminal
    from merchants.services.undo import ReversalRequest, record_reversal

    known = Reversal.objects.filter(pk=facts["key"]).select_related("sale").first()
    rank = known.sale.rank if known else Terminal.objects.get(pk=facts["terminal"]).sales_made
    if not rank:
        raise SaleUnknown
    request = ReversalRequest(
        key=UUID(facts["key"]),
        terminal_id=facts["terminal"],
        device_id=facts["device"],
        operator_id=facts["operator"],
        rank=rank,
    )
    record_reversal(request=request, at=timezone.now())


def _load(facts: dict[str, Any]) -> None:
    from django.utils import timezone

    from wallet.services.load import load_card

    load_card(
        key=UUID(facts["key"]),
        card_id=UUID(facts["card"]),
        holder_id=facts["holder"],
        amount_minor=facts["amount"],
        at=timezone.now(),
    )


def _guess(facts: dict[str, Any]) -> None:
    """A wrong CVC; whoever blocked the card unblocks it sooner or later."""
    from django.utils import timezone

    from wallet.errors import CardBlocked
    from wallet.models import Card
    from wallet.services.freeze import unfreeze_card
    from wallet.services.till import check_cvc

    card, now = Card.objects.select_related("prepaid").get(pk=facts["card"]), timezone.now()
    try:
        check_cvc(card_id=card.pk, cvc=f"{(int(_cvc(card)) + 1) % 1000:03d}", at=now)
    except CardBlocked:
        unfreeze_card(card_id=card.pk, holder_id=facts["holder"], at=now)
        raise


def _freeze(facts: dict[str, Any]) -> None:
    from django.utils import timezone

    from wallet.services.freeze import freeze_card, unfreeze_card

    card_id, now = UUID(facts["card"]), timezone.now()
    freeze_card(card_id=card_id, holder_id=facts["holder"], at=now)
    unfreeze_card(card_id=card_id, holder_id=facts["holder"], at=now)


def _replace(facts: dict[str, Any]) -> None:
    from django.utils import timezone

    from wallet.models import PrepaidCard
    from wallet.services.replace import replace_card

    generation = PrepaidCard.objects.get(pk=facts["card"]).generation
    replace_card(
        card_id=UUID(facts["card"]), holder_id=facts["holder"], generation=generation, at=timezone.now()
    )


_DOING = {
    "sell": _sell,
    "points": _sell,
    "undo": _undo,
    "load": _load,
    "guess": _guess,
    "freeze": _freeze,
    "replace": _replace,
}
