"""Prepaid cards made to be printed and handed over: empty, in nobody's wallet until they are registered."""

from dataclasses import asdict
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from documents.selectors import Document, document, document_exists
from documents.services.store import discard, store
from ledger.services.open import open_accounts
from outbox.services.enqueue import enqueue, reschedule
from wallet.issuers.prepaid import draw_prepaid_number
from wallet.models import Card, PrepaidBatch
from wallet.services.cvc import draw_cvc, open_cvc
from wallet.services.number import open_number, seal_number
from wallet.services.prepaid import add_cvcs, product_name
from wallet.services.rows import insert_cards
from wallet.states import BATCH_PREFIX, NO_END, CardKind, CardState

SHEET = "prepaid_sheet"
DRAW_SHEET_JOB = "wallet.draw_prepaid_sheet"
ARTWORK = "alpine"


@transaction.atomic
def make_batch(*, label: str, size: int, made_by_id: int, at: datetime) -> int:
    """Make `size` empty cards to be handed over to `label`, and have their sheet drawn; the batch's id."""
    batch = PrepaidBatch.objects.create(label=label, size=size, made_by_id=made_by_id, made_at=at)
    cards = [_card(batch, at) for _ in range(size)]
    accounts = open_accounts(unit=settings.PREPAID_CURRENCY, holders=[f"card:{card.pk}" for card in cards])
    for card, account_id in zip(cards, accounts, strict=True):
        card.account_id = account_id
    insert_cards(cards)
    add_cvcs((card, draw_cvc()) for card in cards)
    enqueue(kind=DRAW_SHEET_JOB, ref=str(batch.pk), due_at=at)
    return batch.pk


def _card(batch: PrepaidBatch, at: datetime) -> Card:
    card = Card(
        kind=CardKind.PREPAID,
        face_minor=0,
        currency=settings.PREPAID_CURRENCY,
        product_name=product_name(settings.LANGUAGE_CODE),
        artwork=ARTWORK,
        batch=batch_name(batch.pk),
        issuer="prepaid",
        issued_at=at,
        expires_on=NO_END,
    )
    for field, value in asdict(seal_number(draw_prepaid_number(), card_id=card.pk)).items():
        setattr(card, field, value)
    return card


def batch_name(batch_id: int) -> str:
    return f"{BATCH_PREFIX}{batch_id}"


def draw_sheet(batch_id: int) -> None:
    """Draw and keep, sealed, the sheet of those cards of a batch that nobody has registered."""
    from documents.services.prepaid import CardSheetData, PrintedPrepaid, build_card_sheet_pdf

    batch = PrepaidBatch.objects.get(pk=batch_id)
    waiting = Card.objects.filter(
        batch=batch_name(batch_id), holder=None, prepaid__generation=1, state=CardState.ACTIVE
    )
    cards = tuple(
        PrintedPrepaid(
            number=open_number(card.number_sealed, card_id=card.pk),
            cvc=open_cvc(card.prepaid.cvc_sealed, card_id=card.pk),
        )
        for card in waiting.select_related("prepaid").order_by("pk")
    )
    if not cards:
        return
    content = build_card_sheet_pdf(
        CardSheetData(
            label=batch.label,
            product_name=product_name(settings.LANGUAGE_CODE),
            currency=settings.PREPAID_CURRENCY,
            artwork=ARTWORK,
            register_address=settings.SITE_URL + reverse("wallet:register"),
            cards=cards,
            language=settings.LANGUAGE_CODE,
        )
    )
    filename = f"cartes-prepayees-{batch_id}.pdf"
    store(kind=SHEET, ref=str(batch_id), content=content, filename=filename, secret=True)


def sheet_of(batch_id: int) -> Document | None:
    """The sheet, once a worker has drawn it and until somebody destroys it."""
    return document(SHEET, str(batch_id))


def sheet_exists(batch_id: int) -> bool:
    return document_exists(SHEET, str(batch_id))


def destroy_sheet(batch_id: int) -> None:
    """Nobody prints the cards a second time; `order_sheet` would draw what is not registered anew."""
    discard(kind=SHEET, refs=[str(batch_id)])


def order_sheet(batch_id: int, *, at: datetime) -> None:
    """Have the sheet drawn anew, of the cards that are still in nobody's wallet."""
    destroy_sheet(batch_id)
    if not reschedule(kind=DRAW_SHEET_JOB, ref=str(batch_id), due_at=at):
        enqueue(kind=DRAW_SHEET_JOB, ref=str(batch_id), due_at=at)
