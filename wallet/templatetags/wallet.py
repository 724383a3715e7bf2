"""Cards as HTML. A summary never changes, so its drawing is kept, per process and language."""

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from wallet.selectors import CardSummary, PlaceSummary

register = template.Library()

KEPT = 4096


@register.simple_tag
def ecard(card: CardSummary) -> SafeString:
    """A card of the wallet's list, with its tags and the way to the till."""
    return _drawn("wallet/_ecard.html", card, get_language() or "fr")


@register.simple_tag
def place_card(card: PlaceSummary) -> SafeString:
    """A card with places, with its seats drawn and what it opens."""
    return _drawn("wallet/_place.html", card, get_language() or "fr")


@register.simple_tag
def prepaid_card(card: CardSummary) -> SafeString:
    """A prepaid card, which is good for ever."""
    return _drawn("wallet/_prepaid.html", card, get_language() or "fr")


@register.simple_tag
def credit_card(card: CardSummary) -> SafeString:
    """A credit card, with the way to stop it."""
    return _drawn("wallet/_credit.html", card, get_language() or "fr")


@register.simple_tag
def past_ecard(card: CardSummary) -> SafeString:
    """A card that is used up, expired or void."""
    return _drawn("wallet/_past_ecard.html", card, get_language() or "fr")


@lru_cache(maxsize=KEPT)
def _drawn(template_name: str, card: CardSummary, language: str) -> SafeString:
    return render_to_string(template_name, {"card": card})
