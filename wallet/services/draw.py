"""A card as PDF: drawn by a worker when the card is issued, sealed at rest, kept once per language."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import translation

from accounts.selectors import customer_identity
from documents.selectors import Document, document
from documents.services.store import discard, store
from outbox.services.enqueue import enqueue
from wallet.errors import CardNotUsable
from wallet.models import Card
from wallet.selectors.products import ProductTexts, product_texts
from wallet.services.number import open_number
from wallet.states import CardKind

DRAWING = "ecard"
DRAW_CARD_JOB = "wallet.draw_card"


def drawing_of(card: Card, *, language: str) -> Document:
    """The card's PDF in `language`; drawn now if no worker has drawn it yet."""
    kept = document(DRAWING, _ref(card, language))
    return kept or draw_card(card, language=language)


def draw_card(card: Card, *, language: str) -> Document:
    """Draw and keep the PDF. Drawing it again gives the one that was kept first.

    Refuses `CardNotUsable` for a credit card: its number stands on no sheet.
    """
    if card.kind == CardKind.CREDIT:
        raise CardNotUsable(card.masked)
    # WeasyPrint is heavy to load: only the process that draws pays for it.
    if card.kind == CardKind.PREPAID:
        from documents.services.prepaid import PrepaidData, build_prepaid_pdf

        content = build_prepaid_pdf(PrepaidData(**_facts_of_prepaid(card, language)))
    else:
        from documents.services.ecard import EcardData, build_ecard_pdf

        content = build_ecard_pdf(EcardData(**_facts(card, language)))
    ref = _ref(card, language)
    store(kind=DRAWING, ref=ref, content=content, filename=_filename(card), secret=True)
    kept = document(DRAWING, ref)
    assert kept is not None
    return kept


def _facts(card: Card, language: str) -> dict[str, Any]:
    facts = {
        "number": open_number(card.number_sealed, card_id=card.pk),
        "product_name": card.product_name,
        "face_minor": card.face_minor,
        "currency": card.currency,
        "expires_on": card.expires_on,
        "where_usable": card.where_text,
        "exclusions": card.restriction_text,
        "holder": _holder(card),
        "artwork": card.artwork,
        "order_number": card.label,
        "language": language,
    }
    return facts | (_facts_of_places(card, language) if card.product_id else {})


def _facts_of_prepaid(card: Card, language: str) -> dict[str, Any]:
    return {
        "number": open_number(card.number_sealed, card_id=card.pk),
        "product_name": card.product_name,
        "currency": card.currency,
        "holder": _holder(card),
        "artwork": card.artwork,
        "order_number": card.label,
        "language": language,
    }


def _holder(card: Card) -> str:
    return card.bearer or (customer_identity(card.holder_id).full_name if card.holder_id else "")


def _facts_of_places(card: Card, language: str) -> dict[str, Any]:
    assert card.product_id is not None
    with translation.override(language):
        texts = product_texts([card.product_id])[card.product_id]
    return {
        "product_name": texts.name,
        "where_usable": _screenings(texts),
        "exclusions": texts.conditions,
        "order_number": card.label if card.intent_id else "",
    }


def _screenings(texts: ProductTexts) -> str:
    """Technologies, days and cinemas, a line each."""
    return "\n".join(filter(None, (texts.technologies, texts.weekdays, texts.cinemas)))


def _filename(card: Card) -> str:
    name = "carte" if card.kind == CardKind.PREPAID else "places" if card.product_id else "e-carte"
    return f"{name}-{card.last4}.pdf"


def draw_batch(batch: str) -> None:
    """Draw every card of `batch` in its holder's language; those drawn already are left alone."""
    for card in Card.objects.filter(batch=batch).order_by("pk"):
        drawing_of(card, language=_language(card))


def draw_renumbered(ref: str) -> None:
    """Draw the card of a `order_drawing` job, unless its number changed again since."""
    card_id, _, mark = ref.partition(":")
    card = Card.objects.get(pk=card_id)
    if _mark(card) == mark:
        drawing_of(card, language=_language(card))


def order_drawing(card: Card, *, at: datetime) -> None:
    """Have a worker draw the card with the number that it has now."""
    enqueue(kind=DRAW_CARD_JOB, ref=f"{card.pk}:{_mark(card)}", due_at=at)


def forget_drawings(card: Card) -> None:
    """Forget the sheets of the card's present number and holder."""
    discard(kind=DRAWING, refs=[_ref(card, language) for language, _ in settings.LANGUAGES])


def _language(card: Card) -> str:
    return customer_identity(card.holder_id).language if card.holder_id else settings.LANGUAGE_CODE


def _ref(card: Card, language: str) -> str:
    return f"{card.pk}:{_mark(card)}:{language}"


def _mark(card: Card) -> str:
    """Tells one number of a card from the next without telling the number."""
    return card.number_index[:16]
