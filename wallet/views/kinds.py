"""Addresses that cards of several kinds share: each kind has a view of its own behind them."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from kernel.access import Audience, allow
from wallet.selectors import cards_of
from wallet.states import CardKind
from wallet.views import cards, credit, prepaid
from wallet.views.cards import reader

METHODS = ["GET", "HEAD", "POST"]
View = Callable[[HttpRequest, UUID], HttpResponse]


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
def block(request: HttpRequest, card_id: UUID) -> HttpResponse:
    return _behind(request, card_id, credit.block, cards.block)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
def unfreeze(request: HttpRequest, card_id: UUID) -> HttpResponse:
    return _behind(request, card_id, credit.unfreeze, prepaid.unfreeze)


@allow(Audience.SIGNED_IN)
@never_cache
@require_http_methods(METHODS)
def replace(request: HttpRequest, card_id: UUID) -> HttpResponse:
    return _behind(request, card_id, credit.replace, prepaid.replace)


def _behind(request: HttpRequest, card_id: UUID, of_credit: View, of_others: View) -> HttpResponse:
    """What the credit card's view answers, or the others', which also says that there is no such card."""
    mine = cards_of(reader(request)).filter(pk=card_id, kind=CardKind.CREDIT)
    view = of_credit if mine.exists() else of_others
    return view(request, card_id)
